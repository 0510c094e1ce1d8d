// Whether the operations on one key can be put into an order that explains every answer: the search
// of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the memory of Lowe
// ("Testing for linearizability", 2016), which never looks twice at the same set of ordered
// operations with the same value in the register.
//
// The search holds a prefix of an order. An operation is eligible when every operation that
// returned before its invocation is in the prefix. What follows is tried depth first, and four
// rules keep that narrow. Each says: if some order completes the prefix, so does one of this shape.
//   1. An eligible operation that only looks, and would be answered so by the present value, comes
//      next, and nothing else is tried. (Put first, it delays nobody and changes nothing.)
//   2. Of eligible blind writes of one value, the one that returned first. (Two of them can change
//      places: both are eligible, and the later place was in time for the more urgent one.)
//   3. A write of unknown outcome only where an eligible operation that the present value does not
//      answer is answered by what it writes; of several alike the one invoked first. (Whatever
//      stands between it and the first that needs it may stand before it; and where nobody does,
//      it may as well have had no effect.)
//   4. A value is not left while operations not yet ordered demand it and none will write it again.
// Values that nobody compares anything with are one value to all this.
//
// Pure and deterministic. The memory grows with the steps, which are bounded.
#pragma once

#include <cstdint>
#include <span>

#include "tests/sim/history/history.h"

namespace ringroad::sim {

enum class Verdict : std::uint8_t { kLinearizable, kNotLinearizable, kExhausted };

// `of_one_key` in the order of invocation, as the history has them: refused and unknown ones, too.
// kExhausted after `steps_max` writes tried.
[[nodiscard]] Verdict search(std::span<const Operation> of_one_key, std::uint64_t steps_max);

}  // namespace ringroad::sim
