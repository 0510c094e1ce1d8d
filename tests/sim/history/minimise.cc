#include "tests/sim/history/minimise.h"

#include <algorithm>

#include "tests/sim/history/key_search.h"
#include "tests/sim/history/settle.h"

namespace ringroad::sim {
namespace {

using Kind = Invocation::Kind;

// A trial that takes longer than this keeps what it tried to take away.
constexpr std::uint64_t kTrialStepsMax = 20'000;

std::vector<Operation> end_at(std::span<const Operation> operations, EventNumber last) {
  std::vector<Operation> begun;
  for (Operation operation : operations) {
    if (operation.invoked_event > last || operation.definitely_failed) continue;
    if (operation.returned_event > last) operation.returned_event = kNoEvent;
    if (operation.is_unknown()) operation.returned = kNever;
    if (operation.is_unknown() && !writes(operation)) continue;
    begun.push_back(operation);
  }
  return begun;
}

Operation as_searched(const Clue& clue) {
  Operation operation = clue.operation;
  if (clue.is_any_expected) operation.kind = Kind::kPut;
  return operation;
}

class Minimiser {
 public:
  Minimiser(std::span<const Operation> operations, std::uint64_t steps_max)
      : all_(operations.begin(), operations.end()),
        steps_max_(std::min(steps_max, kTrialStepsMax)) {}

  std::vector<Clue> run() {
    cut_end();
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < clues_.size();) {
        const bool removed = maybe_remove(i);
        changed |= removed || maybe_expect_any(i);
        if (!removed) ++i;
      }
    }
    return clues_;
  }

 private:
  bool is_wrong(std::span<const Operation> operations) const {
    return search(operations, steps_max_) == Verdict::kNotLinearizable;
  }
  void cut_end();
  bool could_be_seen(const Operation& write) const;
  bool says_where_from(const Operation& write) const;
  bool maybe_remove(std::size_t index);
  bool maybe_expect_any(std::size_t index);
  bool is_still_wrong() const;

  std::vector<Operation> all_;
  std::uint64_t steps_max_;
  std::vector<Clue> clues_;
};

// Linearizable histories stay so when their end is cut off: the first moment can be bisected.
void Minimiser::cut_end() {
  std::vector<EventNumber> returns;
  for (const Operation& operation : all_) {
    if (operation.returned_event != kNoEvent) returns.push_back(operation.returned_event);
  }
  std::sort(returns.begin(), returns.end());
  const auto first_wrong =
      std::partition_point(returns.begin(), returns.end(),
                           [&](EventNumber last) { return !is_wrong(end_at(all_, last)); });
  const EventNumber last = first_wrong == returns.end() ? kNoEvent : *first_wrong;
  for (const Operation& operation : end_at(all_, last)) clues_.push_back({operation});
}

bool Minimiser::could_be_seen(const Operation& write) const {
  EventNumber overwritten = kNoEvent;
  for (const Clue& clue : clues_) {
    const Operation& other = clue.operation;
    if (!writes(other) || other.is_unknown()) continue;
    if (other.invoked_event < write.returned_event) continue;
    overwritten = std::min(overwritten, other.returned_event);
  }
  return std::any_of(clues_.begin(), clues_.end(), [&](const Clue& clue) {
    return clue.operation.invoked_event != write.invoked_event &&
           could_see(as_searched(clue), write, overwritten);
  });
}

// Whether it is the last to tell a reader of the account where a value was read from.
bool Minimiser::says_where_from(const Operation& write) const {
  bool is_read = false;
  for (const Clue& clue : clues_) {
    const Operation other = as_searched(clue);
    if (other.invoked_event == write.invoked_event) continue;
    if (writes(other) && other.written() == write.written()) return false;
    is_read |= demand(other) == Demand::kEqual && compared(other) == write.written();
  }
  return is_read && write.written() != 0;
}

bool Minimiser::maybe_remove(std::size_t index) {
  const Clue clue = clues_[index];
  if (writes(clue.operation)) {
    if (could_be_seen(clue.operation) || says_where_from(clue.operation)) return false;
  }
  const auto at = clues_.begin() + static_cast<std::ptrdiff_t>(index);
  clues_.erase(at);
  if (is_still_wrong()) return true;
  clues_.insert(at, clue);
  return false;
}

bool Minimiser::maybe_expect_any(std::size_t index) {
  Clue& clue = clues_[index];
  const Operation& operation = clue.operation;
  if (operation.kind != Kind::kCompareAndSwap || !writes(operation)) return false;
  if (operation.is_unknown() || clue.is_any_expected) return false;
  clue.is_any_expected = true;
  clue.is_any_expected = is_still_wrong();
  return clue.is_any_expected;
}

bool Minimiser::is_still_wrong() const {
  std::vector<Operation> operations;
  for (const Clue& clue : clues_) operations.push_back(as_searched(clue));
  return is_wrong(operations);
}

}  // namespace

std::vector<Clue> minimise(std::span<const Operation> of_one_key, std::uint64_t steps_max) {
  return Minimiser(of_one_key, steps_max).run();
}

}  // namespace ringroad::sim
