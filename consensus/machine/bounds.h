// How much of anything the replicated state holds. Clients are not trusted and the state lives in
// memory, so everything has a bound, and what meets one is refused (or, in histories, the oldest
// goes) alike on every node.
//
// The bounds of the format, kKeyBytesMax and its neighbours, belong to the level (see Machine).
// Limits belong to the state itself: the first nodes of a cluster begin with the same ones, and a
// snapshot brings its own along, whatever the node that reads it was built with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/ids.h"

namespace ringroad::machine {

inline constexpr std::size_t kKeyBytesMax = 1024;
inline constexpr std::size_t kValueBytesMax = 1024 * 1024;
inline constexpr std::size_t kPayloadBytesMax = 1024 * 1024;
// Of one command. What is left waits for the next one, so that no command holds up an lcore.
inline constexpr std::uint32_t kDeletesMax = 1024;
inline constexpr std::uint32_t kExpirationsMax = 1024;
// Looked at by one query; an answer may hold fewer, and says where to go on.
inline constexpr std::uint32_t kScanMax = 4096;
// Of leases and sessions.
inline constexpr Nanos kTimeToLiveMin = milliseconds(10);
inline constexpr Nanos kTimeToLiveMax = seconds(86'400);
// The clock stops here, after more than a century.
inline constexpr Nanos kClockMax{std::int64_t{1} << 62};
// What a key, an event or an entry of the log counts for beside its bytes.
inline constexpr std::uint64_t kOverheadBytes = 64;

struct Limits {
  std::uint64_t keys_max = 1 << 20;
  std::uint64_t registry_bytes_max = 256 << 20;
  std::uint64_t leases_max = 16'384;
  std::uint64_t lease_keys_max = 1024;  // attached to one lease
  std::uint64_t history_events_max = 65'536;
  std::uint64_t history_bytes_max = 64 << 20;
  std::uint64_t sessions_max = 1024;
  std::uint64_t session_window = 1024;  // requests of a session not yet known to be answered
  std::uint64_t log_entries_max = 65'536;
  std::uint64_t log_bytes_max = 64 << 20;

  constexpr bool operator==(const Limits&) const = default;
};

// More than this no snapshot may ask of a node.
inline constexpr Limits kLimitsCeiling = {.keys_max = 1 << 24,
                                          .registry_bytes_max = std::uint64_t{16} << 30,
                                          .leases_max = 1 << 18,
                                          .lease_keys_max = 1024,
                                          .history_events_max = 1 << 20,
                                          .history_bytes_max = std::uint64_t{1} << 30,
                                          .sessions_max = 16'384,
                                          .session_window = 1024,
                                          .log_entries_max = 1 << 20,
                                          .log_bytes_max = std::uint64_t{1} << 30};

// In the order in which they are written down.
template <typename L>
constexpr auto fields_of(L& l) {
  return std::array{&l.keys_max,       &l.registry_bytes_max, &l.leases_max,
                    &l.lease_keys_max, &l.history_events_max, &l.history_bytes_max,
                    &l.sessions_max,   &l.session_window,     &l.log_entries_max,
                    &l.log_bytes_max};
}

// Every limit at least 1 and at most its ceiling.
constexpr bool is_valid(const Limits& limits) {
  const auto fields = fields_of(limits);
  const auto ceilings = fields_of(kLimitsCeiling);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (*fields[i] < 1 || *fields[i] > *ceilings[i]) return false;
  }
  return true;
}

}  // namespace ringroad::machine
