// A contradiction as text: a line for each operation with what it did, when in nanoseconds, and a
// bar that shows which overlap. The bars are drawn over the order of the events, not to scale.
//
//   client 1  put 7          100..200  |==|
//   client 2  put 8          210..300        |==|
//   client 1  get -> 7       310..400              |==|
#pragma once

#include <span>
#include <string>

#include "tests/sim/history/minimise.h"

namespace ringroad::sim {

// "?" ends what is of unknown outcome, and stands for what a CAS expected when that plays no part.
std::string timeline(std::span<const Clue> clues);

}  // namespace ringroad::sim
