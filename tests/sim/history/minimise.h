// Takes away from a history on one key that is not linearizable what the contradiction does not
// need, by steps that could never make a linearizable history wrong. So what is left is wrong for a
// reason that the whole has as well, not because something was left out:
//   - the end: what is invoked after a moment goes, what returns after it is of unknown outcome;
//   - an operation that does not write;
//   - a write that no remaining operation can have seen (settle.h: could_see);
//   - what a successful CAS expected: it is a put from then on, so that nobody has to explain how
//     the register came by that value.
// Of the writes of a value that is read one stays, even where it was overwritten long before:
// whoever follows the account wants to know where the value was from. It ends with a history of
// which no further operation can go. There may be a smaller one still.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/sim/history/history.h"

namespace ringroad::sim {

struct Clue {
  Operation operation;
  bool is_any_expected = false;  // a successful CAS whatever it expected
};

// `of_one_key` is not linearizable, which search() finds within `steps_max`.
std::vector<Clue> minimise(std::span<const Operation> of_one_key, std::uint64_t steps_max);

}  // namespace ringroad::sim
