// The simulated node's files as bytes: what a log and a snapshot look like, and what can be known
// of a damaged one. The real log (consensus/log) has its own format; this one is the smallest that
// can tell a torn tail from damage.
//
// A log is a file of records:
//
//   crc, 4 | payload size, 4 | generation, 4 | type, 4 | own offset, 8 | durable, 8 | payload
//
// padded to 8 bytes. `durable` is how much of the file was known to be flushed when the record was
// written; the first record, kBase, says how much was written before the file got its name. Damage
// at or beyond the highest of these is a tail that never was acknowledged, and is cut. Damage below
// is damage: nothing of that file may be believed to be complete.
//
// One kBatch holds what one Ready asked for, hard state and entries, under one checksum: both are
// there or neither. An entry replaces whatever stood at its index and after.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "consensus/core/entry.h"
#include "consensus/core/raft.h"
#include "tests/sim/raft/disk.h"

namespace ringroad::raft::sim {

// What a log begins with: everything before it is in the snapshot.
struct LogBase {
  EntryId id;
  ConfState conf;  // of a cluster's first nodes, whose base is index 0
  std::uint64_t written_bytes = 0;
};

struct Batch {
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;  // payloads in the file's bytes
};

void append_base(Bytes& to, std::uint32_t generation, const LogBase& base);
// `file_offset`: where to's first byte stands in the file.
void append_batch(Bytes& to, std::uint64_t file_offset, std::uint32_t generation,
                  std::uint64_t durable, const std::optional<HardState>& hard_state,
                  std::span<const Entry> entries);

// Reads records one after another, as far as they are whole.
class LogScan {
 public:
  explicit LogScan(std::span<const std::byte> file, std::uint64_t from = 0) : at_(from) {
    file_ = file;
  }
  // The next record; false at the end or at the first that is not whole.
  bool next();
  bool is_base() const { return is_base_; }
  const LogBase& base() const { return base_; }
  const Batch& batch() const { return batch_; }
  std::uint64_t at() const { return at_; }
  std::uint32_t generation() const { return generation_; }
  // How much of the file was promised to be durable, as far as read.
  std::uint64_t proven() const { return proven_; }
  // Behind the first record that is not whole: does a later one tell that more had been durable?
  bool is_damaged() const;

 private:
  std::span<const std::byte> payload_at(std::uint64_t at) const;
  void read_batch(std::span<const std::byte> payload);

  std::span<const std::byte> file_;
  std::uint64_t at_;
  std::uint64_t proven_ = 0;
  std::uint32_t generation_ = 0;
  bool is_base_ = false;
  LogBase base_;
  Batch batch_;
};

// A snapshot's file: what it is, a checksum, and the machine's bytes.
Bytes snapshot_file(const Snapshot& snapshot, std::span<const std::byte> machine);
// What the file is; empty when it is damaged. The machine's bytes are behind the header.
std::optional<Snapshot> read_snapshot_file(std::span<const std::byte> file);
inline constexpr std::size_t kSnapshotFileHeaderBytes = 72;

}  // namespace ringroad::raft::sim
