// From two outputs to the first line in which they differ, in the sense of the mode asked for
// (comparison.h). Both outputs go through the same reader (observed.h), which skips what it does
// not know and may thereby hide a difference: so kAll stays the mode for our own files.
#include "comparison.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ringroad::scenarios {
namespace {

constexpr std::size_t kContextLines = 4;

std::string line_or_end(const std::vector<std::string>& lines, std::size_t at) {
  return at < lines.size() ? lines[at] : "(nothing)";
}

std::optional<std::string> first_difference(const std::vector<std::string>& expected,
                                            const std::vector<std::string>& actual) {
  if (expected == actual) return std::nullopt;
  const auto found = std::ranges::mismatch(expected, actual);
  const auto at = static_cast<std::size_t>(found.in1 - expected.begin());
  std::string text;
  for (std::size_t i = at - std::min(at, kContextLines); i < at; ++i) {
    absl::StrAppend(&text, "             ", expected[i], "\n");
  }
  absl::StrAppend(&text, "  expected:  ", line_or_end(expected, at),
                  "\n  found:     ", line_or_end(actual, at), "\n");
  return text;
}

bool stabilizes(const Command& command) {
  return command.name == "stabilize" || absl::StartsWith(command.input, "stabilize") ||
         absl::StrContains(command.input, "\nstabilize");
}

// All that is known of a node, so that the first line that differs tells enough.
std::vector<std::string> lines_of(const NodeView& view) {
  std::vector<std::string> lines = {absl::StrCat("HardState ", view.hard_state),
                                    absl::StrCat("SoftState ", view.soft_state),
                                    absl::StrCat("Snapshot ", view.snapshot)};
  lines.push_back("has stored");
  for (const auto& [index, entry] : view.log) lines.push_back(entry);
  lines.push_back("has applied");
  for (const auto& [index, entry] : view.applied) lines.push_back(entry);
  return lines;
}

// Nothing is known of a node that no batch was told of.
std::optional<std::string> states_difference(const std::map<std::string, NodeView>& expected,
                                             const std::map<std::string, NodeView>& actual) {
  std::map<std::string, std::pair<NodeView, NodeView>> both;
  for (const auto& [name, view] : expected) both[name].first = view;
  for (const auto& [name, view] : actual) both[name].second = view;
  for (const auto& [name, views] : both) {
    const auto found = first_difference(lines_of(views.first), lines_of(views.second));
    if (found) return absl::StrCat("  the state that node ", name, " has reached:\n", *found);
  }
  return std::nullopt;
}

}  // namespace

std::optional<CompareMode> compare_mode(absl::string_view name) {
  if (name == "all") return CompareMode::kAll;
  if (name == "messages") return CompareMode::kMessages;
  if (name == "outcome") return CompareMode::kOutcome;
  return std::nullopt;
}

std::optional<std::string> Comparison::text_difference(const Case& c,
                                                       absl::string_view actual) const {
  std::vector<std::string> expected_lines = absl::StrSplit(c.expected, '\n');
  std::vector<std::string> actual_lines = absl::StrSplit(actual, '\n');
  if (mode_ != CompareMode::kAll) {
    for (auto* lines : {&expected_lines, &actual_lines}) {
      for (std::string& line : *lines) line = progress_line(line).value_or(line);
    }
  }
  return first_difference(expected_lines, actual_lines);
}

std::optional<std::string> Comparison::difference(const Case& c, absl::string_view actual) {
  if (mode_ == CompareMode::kAll) return text_difference(c, actual);
  const Observed expected_now = expected_.observe(c.command, c.expected);
  const Observed actual_now = actual_.observe(c.command, actual);
  if (auto found = first_difference(expected_now.prints, actual_now.prints)) return found;
  if (mode_ == CompareMode::kMessages) {
    if (auto found = first_difference(expected_now.messages, actual_now.messages)) return found;
  }
  if (!stabilizes(c.command)) return std::nullopt;
  return states_difference(expected_.nodes(), actual_.nodes());
}

}  // namespace ringroad::scenarios
