// Splitting a scenario file into cases, and putting new outputs into it (datadriven.h has the
// format).
//
// Lines gives out one line at a time and knows its number and offset; every case remembers where in
// the text its output stands, so that rewriting replaces those bytes and no others, comments and
// line ends included.
#include "datadriven.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"

namespace ringroad::scenarios {
namespace {

constexpr absl::string_view kFence = "----";

class Lines {
 public:
  explicit Lines(absl::string_view text) : text_(text) {}

  // Without its end; nothing behind the last one.
  std::optional<absl::string_view> next() {
    if (at_ == text_.size()) return std::nullopt;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    absl::string_view line = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    ++number_;
    if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
    return line;
  }
  std::optional<absl::string_view> peek() const { return Lines(*this).next(); }

  std::size_t offset() const { return at_; }
  std::size_t number() const { return number_; }

 private:
  absl::string_view text_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
};

// Takes what stands before any of `stops` off the front.
absl::string_view take_until(absl::string_view& rest, absl::string_view stops) {
  const absl::string_view taken = rest.substr(0, rest.find_first_of(stops));
  rest.remove_prefix(taken.size());
  return taken;
}

// Behind the opening parenthesis: values up to the one that closes it. Parentheses may nest.
bool take_values(absl::string_view& rest, std::vector<std::string>& values) {
  std::size_t depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '(') ++depth;
    if (depth == 0 && (c == ',' || c == ')')) {
      values.emplace_back(absl::StripAsciiWhitespace(rest.substr(begin, i - begin)));
      begin = i + 1;
    }
    if (c == ')' && depth-- == 0) {
      rest.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool take_argument(absl::string_view& rest, Argument& argument) {
  argument.key = std::string(take_until(rest, " ="));
  if (argument.key.empty()) return false;
  if (!absl::StartsWith(rest, "=")) return true;
  rest.remove_prefix(1);
  if (!absl::StartsWith(rest, "(")) {
    argument.values.emplace_back(take_until(rest, " "));
    return true;
  }
  rest.remove_prefix(1);
  return take_values(rest, argument.values);
}

// What stands behind the first fence: up to an empty line, or between two pairs of fences.
absl::Status read_expected(Lines& lines, Case& c) {
  c.output_begin = c.output_end = lines.offset();
  if (lines.peek() != kFence) {
    for (auto line = lines.next(); line; line = lines.next()) {
      if (absl::StripAsciiWhitespace(*line).empty()) break;
      absl::StrAppend(&c.expected, *line, "\n");
      c.output_end = lines.offset();
    }
    return absl::OkStatus();
  }
  lines.next();
  for (auto line = lines.next(); line; line = lines.next()) {
    if (line == kFence && lines.peek() == kFence) {
      lines.next();
      c.output_end = lines.offset();
      return absl::OkStatus();
    }
    absl::StrAppend(&c.expected, *line, "\n");
  }
  return absl::InvalidArgumentError("the output has no closing pair of ----");
}

absl::Status read_case(Lines& lines, Case& c) {
  std::string input;
  for (auto line = lines.next(); line; line = lines.next()) {
    if (line == kFence) {
      c.command.input = std::string(absl::StripAsciiWhitespace(input));
      return read_expected(lines, c);
    }
    absl::StrAppend(&input, *line, "\n");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the command \"", c.command.name, "\" has no ---- behind it"));
}

bool has_blank_line(absl::string_view text) {
  Lines lines(text);
  for (auto line = lines.next(); line; line = lines.next()) {
    if (absl::StripAsciiWhitespace(*line).empty()) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Command> parse_directive(absl::string_view line) {
  const absl::string_view whole = absl::StripAsciiWhitespace(line);
  absl::string_view rest = whole;
  Command command;
  command.name = std::string(take_until(rest, " "));
  for (rest = absl::StripLeadingAsciiWhitespace(rest); !rest.empty();
       rest = absl::StripLeadingAsciiWhitespace(rest)) {
    if (!take_argument(rest, command.arguments.emplace_back())) {
      return absl::InvalidArgumentError(absl::StrCat("cannot read the command at column ",
                                                     whole.size() - rest.size() + 1, ": ", whole));
    }
  }
  return command;
}

absl::StatusOr<std::vector<Case>> parse_scenario(absl::string_view name, absl::string_view text) {
  std::vector<Case> cases;
  Lines lines(text);
  for (auto line = lines.next(); line; line = lines.next()) {
    std::string directive(absl::StripAsciiWhitespace(*line));
    if (directive.empty() || directive.front() == '#') continue;
    Case c;
    c.line = lines.number();
    const std::string position = absl::StrCat(name, ":", c.line);
    while (absl::EndsWith(directive, "\\") && lines.peek()) {
      directive.back() = ' ';
      absl::StrAppend(&directive, absl::StripAsciiWhitespace(*lines.next()));
    }
    auto command = parse_directive(directive);
    absl::Status status = command.status();
    if (status.ok()) {
      c.command = *std::move(command);
      c.command.position = position;
      // A headline: nothing is run, nothing is expected.
      if (c.command.name == "subtest") continue;
      status = read_case(lines, c);
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(position, ": ", status.message()));
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

std::string closed(std::string output) {
  if (output.empty() || output.back() != '\n') output += '\n';
  return output;
}

std::string with_outputs(absl::string_view text, std::span<const Case> cases,
                         std::span<const std::string> outputs) {
  RR_CHECK(cases.size() == outputs.size());
  std::string result;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    const std::string& output = outputs[i];
    if (output == c.expected) continue;
    absl::StrAppend(&result, text.substr(copied, c.output_begin - copied));
    copied = c.output_end;
    // The last fence may be all there is of its line.
    if (!absl::EndsWith(result, "\n")) result += '\n';
    if (has_blank_line(output)) {
      absl::StrAppend(&result, kFence, "\n", output, kFence, "\n", kFence, "\n");
    } else {
      result += output;
      // Without fences an empty line is what ends an output.
      if (copied < text.size() && text[copied] != '\n' && text[copied] != '\r') result += '\n';
    }
  }
  absl::StrAppend(&result, text.substr(copied));
  return result;
}

}  // namespace ringroad::scenarios
