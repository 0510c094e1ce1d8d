// Whether a history is linearizable: whether each operation can be thought to take effect at one
// moment between its invocation and its return, so that all answers are those of a store that
// served them one at a time. It is so if and only if it is so for each key by itself (Herlihy and
// Wing, 1990, theorem 1), which is how it is checked: key_search.h, after settle.h has dealt with
// most operations of unknown outcome.
//
// A violation comes with an account that a person can follow: first the shortest beginning of the
// history that is in the wrong already, then what is left of it when every operation is taken away
// that the contradiction does not need (minimise.h). The operations shown contradict each other
// without regard to the rest.
//
// The same history gives the same answer and the same text in every run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/history/history.h"

namespace ringroad::sim {

struct CheckBudget {
  // Writes tried in the search on one key. A history of unique values takes about one each.
  std::uint64_t steps_max_per_key = 500'000;
};

struct Violation {
  enum class Kind : std::uint8_t {
    kNotLinearizable,
    kUndecided,  // the budget ran out: neither right nor wrong, and not to be counted as right
  };

  Kind kind = Kind::kNotLinearizable;
  std::uint32_t key = 0;
  std::vector<Operation> operations;  // that contradict each other; kUndecided: all of the key
  std::string account;                // several lines, the last one ended
};

// Nothing when the history is linearizable. Otherwise of the lowest key that is not, or, if there
// is none, of the lowest that is undecided.
[[nodiscard]] std::optional<Violation> check(const History& history, CheckBudget budget = {});

}  // namespace ringroad::sim
