// What an answer says about a register, and which unknown operations can matter at all. Operations
// of unknown outcome are what makes checking expensive: each may take effect at any later time or
// never, so k of them multiply the search by 2^k. Most can be settled beforehand.
//
// Nobody could see it: an unknown write is left out when no other operation could be answered as it
// was by reading what that one wrote. That changes no verdict. Take an order that explains all
// answers and in which the write takes effect. Between it and the next write there stands no
// operation whose answer rests on its value, so that without it all of them are answered as before.
// (A failed CAS does rest on a value: on any that it did not expect. So it keeps unknown writes
// alive, but only those that it could follow.)
//
// Somebody saw it: an unknown write is taken as done when its value was read and no other operation
// could have written it. It took effect before the first of its readers returned, and that is its
// deadline from then on.
//
// Each settled operation may settle others (a CAS that never happened reads nothing; one that did
// happen read what it expected), so this goes on until nothing changes. What stays unknown has a
// value that several operations write (deletes above all), or serves other unknown ones only.
#pragma once

#include <span>
#include <vector>

#include "tests/sim/history/history.h"

namespace ringroad::sim {

// What an operation's answer, or its taking effect, demands of the value that it meets.
enum class Demand : std::uint8_t { kNothing, kEqual, kOther };

Demand demand(const Operation& operation);
// What the value was compared with, for a demand other than kNothing.
std::uint64_t compared(const Operation& operation);
// Whether it writes when it takes effect.
bool writes(const Operation& operation);

// Whether `witness` may owe its answer to `write`: it accepts the value and may come after the
// write and before anything that completes as late as `overwritten`.
bool could_see(const Operation& witness, const Operation& write, EventNumber overwritten);

// The operations of one key that have to be ordered, in the order of their invocation. Those that
// are still unknown may take effect; all others must, those that were unknown by a deadline.
std::vector<Operation> settle(std::span<const Operation> of_one_key);

}  // namespace ringroad::sim
