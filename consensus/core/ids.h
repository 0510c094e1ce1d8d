// The two numbers Raft counts by. Both start at 1; 0 is "before everything".
#pragma once

#include <cstdint>

#include "dataplane/base/ids.h"

namespace ringroad::raft {

// Thesis 3.3: terms act as a logical clock.
using Term = StrongId<struct TermTag, std::uint64_t>;
// A position in the replicated log.
using Index = StrongId<struct IndexTag, std::uint64_t>;

constexpr Index next(Index i) { return Index{i.value + 1}; }
constexpr Index previous(Index i) { return Index{i.value - 1}; }

}  // namespace ringroad::raft
