#include "tests/sim/history/account.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ringroad::sim {
namespace {

using Kind = Invocation::Kind;

constexpr std::size_t kBarColumnsMax = 72;

std::string value_text(std::uint64_t value) {
  return value == 0 ? "absent" : std::to_string(value);
}

std::string deed(const Clue& clue) {
  const Operation& operation = clue.operation;
  const std::string unknown = operation.is_unknown() ? ": unknown" : "";
  switch (operation.kind) {
    case Kind::kGet:
      return absl::StrCat("get -> ", value_text(operation.result));
    case Kind::kPut:
      return absl::StrCat("put ", value_text(operation.argument), unknown);
    case Kind::kDelete:
      return absl::StrCat("delete", unknown);
    case Kind::kCompareAndSwap:
      break;
  }
  const std::string expected = clue.is_any_expected ? "?" : value_text(operation.expected);
  const std::string outcome = operation.result == 1 ? ": swapped" : ": not swapped";
  return absl::StrCat("cas ", expected, " to ", value_text(operation.argument),
                      operation.is_unknown() ? unknown : outcome);
}

std::string span_text(const Operation& operation) {
  const std::string until = operation.is_unknown() ? "?" : std::to_string(operation.returned.count);
  return absl::StrCat(operation.invoked.count, "..", until);
}

// Gives each event its column.
class Columns {
 public:
  explicit Columns(std::span<const Clue> clues) {
    for (const Clue& clue : clues) {
      events_.push_back(clue.operation.invoked_event);
      if (!clue.operation.is_unknown()) events_.push_back(clue.operation.returned_event);
    }
    std::sort(events_.begin(), events_.end());
  }
  std::string bar(const Operation& operation) const {
    const std::size_t from = column(operation.invoked_event);
    const std::size_t to = std::max(column(operation.returned_event), from + 1);
    return std::string(from, ' ') + "|" + std::string(to - from - 1, '=') +
           (operation.is_unknown() ? "?" : "|");
  }

 private:
  std::size_t column(EventNumber event) const {
    const auto rank = static_cast<std::size_t>(
        std::lower_bound(events_.begin(), events_.end(), event) - events_.begin());
    return std::min(rank * 3, rank * kBarColumnsMax / events_.size());
  }

  std::vector<EventNumber> events_;
};

}  // namespace

std::string timeline(std::span<const Clue> clues) {
  std::size_t deed_width = 0;
  std::size_t span_width = 0;
  for (const Clue& clue : clues) {
    deed_width = std::max(deed_width, deed(clue).size());
    span_width = std::max(span_width, span_text(clue.operation).size());
  }
  const Columns columns(clues);
  std::string text;
  for (const Clue& clue : clues) {
    absl::StrAppendFormat(&text, "  client %d  %-*s  %-*s  %s\n", clue.operation.client,
                          static_cast<int>(deed_width), deed(clue), static_cast<int>(span_width),
                          span_text(clue.operation), columns.bar(clue.operation));
  }
  return text;
}

}  // namespace ringroad::sim
