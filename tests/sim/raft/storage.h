// A node's log writer and its snapshots on a simulated disk. Work is queued and done in order, each
// operation at a moment of its own, so that a crash can fall between any two; what an operation was
// for is told to its owner only when all before it has succeeded. The first failure ends all work:
// nothing queued is acknowledged any more until the node starts again.
//
// Files: `log` (records.h), replaced as a whole after each snapshot and at each start by way of
// `log.new`; `snapshot`, replaced by way of `snapshot.part`. Each: write, flush, rename, flush the
// directory.
//
// Owned by one node and outlives its crashes, as the disk does. Invariant: what is in memory here
// is what the log will hold once the queue is done.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/raft/disk.h"
#include "tests/sim/raft/records.h"
#include "tests/sim/raft/scheduler.h"

namespace ringroad::raft::sim {

struct DiskPace {
  Nanos write = microseconds(5);
  Nanos flush_min = microseconds(50);
  Nanos flush_max = microseconds(500);
  Nanos stuck_until{};
};

enum class Recovery : std::uint8_t {
  kOk,
  kDamaged,     // something that was durable is not as it was: this node may not speak
  kUnreadable,  // for now
};

class Storage {
 public:
  using Done = std::function<void()>;
  // All outlive the storage.
  struct Hooks {
    std::function<void()> on_failed;         // a write or a flush did not succeed
    std::function<void()> on_durable;        // the disk surely holds more than before
    std::function<void(Fault)> on_tripwire;  // the operation that set_tripwire() named
  };

  Storage(Disk& disk, Scheduler& scheduler, Prng prng, Hooks hooks)
      : disk_(disk), scheduler_(scheduler), prng_(prng), hooks_(std::move(hooks)) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  DiskPace pace;

  // A node that never was: what its first log says of the membership before index 1.
  void format(const ConfState& first_members) { base_ = {{}, first_members, 0}; }
  // Reads the disk again, as after a crash. On kOk the rest of this object says what was found.
  Recovery recover();
  const HardState& hard_state() const { return hard_state_; }
  const Snapshot& snapshot() const { return snapshot_; }
  const Bytes& machine() const { return machine_; }
  const ConfState& first_members() const { return base_.conf; }
  // Payloads live until the next call that changes something.
  std::vector<Entry> entries() const;

  void rewrite_log(Done done);
  // `flush`: done only when it is durable. Without anything to write it is done when all before is.
  void append(const std::optional<HardState>& hard_state, std::span<const Entry> entries,
              bool flush, Done done);
  // A piece of a snapshot on its way in.
  void write_piece(std::uint64_t offset, std::span<const std::byte> bytes, bool is_first);
  // All pieces are there; the log begins anew behind it, with what append() would be given.
  void install(const Snapshot& snapshot, Bytes machine, const std::optional<HardState>& hard_state,
               std::span<const Entry> entries, Done done);
  // The node's own snapshot; the log then forgets what it covers.
  void save(const Snapshot& snapshot, Bytes machine, Done done);

  // What is queued is gone. The operation under way may still have happened.
  void crash();
  bool is_idle() const { return queue_.empty(); }
  // The n-th operation from now on is where the node dies: of those that are crashed at as `at`
  // says, or of all. 0: nowhere.
  void set_tripwire(std::uint32_t operations, std::optional<Fault> at = std::nullopt) {
    tripwire_ = operations;
    tripwire_at_ = at;
  }
  // Below this, later records tell that the log was durable.
  std::uint64_t proven_bytes() const { return proven_bytes_; }

 private:
  struct Operation {
    enum class Kind : std::uint8_t { kWrite, kFlush, kRename, kFlushDirectory, kDone };
    Kind kind = Kind::kDone;
    std::string file;
    std::string to;
    std::uint64_t offset = 0;
    Bytes bytes;
    bool is_new_file = false;
    std::uint32_t generation = 0;  // of the log, when it changes how much of it is flushed
    std::uint64_t log_bytes = 0;
    std::uint64_t proves = 0;  // what its records say was flushed before
    Done done;
  };
  struct Kept {
    Term term;
    EntryType type = EntryType::kNormal;
    Bytes payload;
  };

  void keep(std::span<const Entry> entries);
  DiskResult read_surely(const std::string& name, Bytes& file);
  void read_log(LogScan& scan);
  void queue_snapshot_file(const std::string& file, Bytes bytes, bool is_new_file);
  void queue(Operation operation);
  void start_next();
  static Fault crash_at(const Operation& operation);
  bool trips(Fault crash);
  void run();
  [[nodiscard]] DiskResult perform(const Operation& operation);
  Nanos duration(const Operation& operation);

  Disk& disk_;
  Scheduler& scheduler_;
  Prng prng_;
  Hooks hooks_;

  HardState hard_state_;
  LogBase base_;
  std::vector<Kept> kept_;
  Snapshot snapshot_;
  Bytes machine_;

  std::uint32_t generation_ = 0;
  std::uint64_t log_bytes_ = 0;      // when the queue is done
  std::uint64_t flushed_bytes_ = 0;  // of the log of this generation
  std::uint64_t proven_bytes_ = 0;

  std::deque<Operation> queue_;
  bool is_running_ = false;
  bool has_failed_ = false;
  std::uint32_t incarnation_ = 0;
  std::uint32_t tripwire_ = 0;
  std::optional<Fault> tripwire_at_;
};

}  // namespace ringroad::raft::sim
