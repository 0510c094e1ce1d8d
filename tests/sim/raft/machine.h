// The replicated machine: a few registers, and for each client the last request it was answered and
// the answer, so that a request repeated after a failover takes effect once (thesis 6.3). The
// session table is part of the replicated state and of snapshots.
//
// Everything follows from the log: two machines that applied the same entries are equal, and their
// digests say so at every index, whichever way they got there.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "consensus/core/entry.h"
#include "tests/sim/history/history.h"
#include "tests/sim/raft/disk.h"

namespace ringroad::raft::sim {

using Kind = ::ringroad::sim::Invocation::Kind;

inline constexpr std::uint32_t kKeysMax = 8;
inline constexpr std::uint32_t kClientsMax = 8;

// A write, as a log entry's payload.
struct Command {
  std::uint32_t client = 0;
  Kind kind = Kind::kPut;
  std::uint32_t key = 0;
  std::uint64_t sequence = 0;  // of the client's session, from 1 on
  std::uint64_t argument = 0;
  std::uint64_t expected = 0;
};

// Followed by `padding_bytes` of nothing, so that entries have sizes.
Bytes encode_command(const Command& command, std::uint32_t padding_bytes);
Command decode_command(std::span<const std::byte> payload);

class Machine {
 public:
  struct Session {
    std::uint64_t sequence = 0;
    std::uint64_t result = 0;
  };

  // Invariant: the next index.
  void apply(const Entry& entry);
  Index applied() const { return applied_; }
  std::uint64_t value(std::uint32_t key) const { return values_[key]; }
  const Session& session(std::uint32_t client) const { return sessions_[client]; }
  // Of everything that was applied.
  std::uint64_t digest() const { return digest_; }

  // `bytes_min`: filled up to it, so that a snapshot takes many chunks.
  Bytes save(std::size_t bytes_min) const;
  // False when these are not the bytes of a machine at `index`.
  [[nodiscard]] bool load(std::span<const std::byte> bytes, Index index);

 private:
  void execute(const Command& command, Session& session);

  Index applied_;
  std::uint64_t digest_ = 0;
  std::array<std::uint64_t, kKeysMax> values_{};
  std::array<Session, kClientsMax> sessions_{};
};

// A hash step: order matters.
constexpr std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}
std::uint64_t hash_of(const Entry& entry);

}  // namespace ringroad::raft::sim
