// The numbers that the replicated state counts by. All of them are given out by applying commands,
// so that every node gives out the same. 0 is "none" or "before everything".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "consensus/core/ids.h"
#include "dataplane/base/ids.h"

namespace ringroad::machine {

using raft::Index;
using raft::Term;

// Counts the changes of the registry; a command that changes something takes the next one, for all
// that it changes.
using Revision = StrongId<struct RevisionTag, std::uint64_t>;
constexpr Revision next(Revision r) { return Revision{r.value + 1}; }

// The index of the entry that granted it.
using LeaseId = StrongId<struct LeaseIdTag, std::uint64_t>;
inline constexpr LeaseId kNoLease{0};

// A client's session with the state: the index of the entry that opened it.
using ClientId = StrongId<struct ClientIdTag, std::uint64_t>;
inline constexpr ClientId kNoClient{0};

// A client's count of its own requests.
using RequestNumber = StrongId<struct RequestNumberTag, std::uint64_t>;

// A position in the application log, from 1 on.
using LogPosition = StrongId<struct LogPositionTag, std::uint64_t>;
constexpr LogPosition next(LogPosition p) { return LogPosition{p.value + 1}; }

// What kinds of commands the state understands; see Machine.
using Level = StrongId<struct LevelTag, std::uint32_t>;

using Bytes = std::span<const std::byte>;

}  // namespace ringroad::machine
