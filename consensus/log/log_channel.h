// What an lcore wants stored, and whoever writes it: a ring of jobs with one producer and one
// consumer.
//
//     polled     completed      submitted
//   ----|------------|--------------|---->   the lcore claims and submits, and polls what is done;
//                                            a LogService completes, in order
//
// Neither waits for the other. The lcore takes a mutex only to wake a writer that sleeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consensus/log/log_writer.h"

namespace ringroad::raft::durable {

// What one Ready wants stored, or what there is to do with snapshots, in this order. Payloads and
// pieces stay where they are until the job is polled. A job's vector keeps its room.
struct LogJob {
  std::uint64_t ticket = 0;  // the lcore's own
  bool must_sync = true;

  // A piece of a snapshot, the first of which forgets any other, the last of which makes it durable
  // as `snapshot`; before anything below is written.
  struct Piece {
    EntryId id;
    bool is_first = false;
    bool is_last = false;
    std::span<const std::byte> bytes;
  };
  std::vector<Piece> pieces;
  std::optional<Snapshot> snapshot;
  bool restores = false;  // the snapshot was received: it replaces all entries

  std::optional<HardState> hard_state;
  std::vector<Entry> entries;
  std::optional<AppliedConfiguration> configuration;
  Index release;  // segments below are not needed any more; 0: nothing new
  bool readmits = false;

  // A part of a snapshot that is to be sent to a peer. That it cannot be read fails no log.
  struct Reading {
    EntryId id;
    std::uint64_t offset = 0;
    std::span<std::byte> to;  // as many bytes as there are from `offset` on, or fewer
    bool is_done = false;     // when polled: whether `to` holds them
  };
  std::optional<Reading> reading;

  Outcome outcome = Outcome::kOk;  // when polled

  void clear();
};

// Whoever is to be woken when there is a job.
class Waker {
 public:
  virtual void wake() = 0;

 protected:
  ~Waker() = default;
};

class LogChannel {
 public:
  explicit LogChannel(std::size_t jobs) : slots_(jobs) {}

  // The lcore's side. nullptr while all slots are under way.
  LogJob* claim();
  // Jobs claimed so far are the writer's; wakes it if it sleeps.
  void submit();
  // The next one that is done, until the next claim(); nullptr when there is none.
  const LogJob* poll();
  bool wants_room() const { return wants_room_.load(std::memory_order_relaxed); }
  // Why nothing is written any more; of a channel from which such a job was polled.
  const std::string& why() const { return why_; }

  // Who is to be woken when jobs are done, null for nobody. Before a writer serves the channel.
  void set_owner(Waker* owner) { owner_ = owner; }
  // Whether poll() has something.
  bool has_done() const { return polled_ != completed_.load(std::memory_order_acquire); }

  // The writer's side: whom to wake, null for nobody.
  void set_waker(Waker* waker) { waker_.store(waker, std::memory_order_release); }
  // Whether there are jobs that were not completed.
  bool has_jobs() const {
    return submitted_.load(std::memory_order_seq_cst) != completed_.load(std::memory_order_relaxed);
  }

 private:
  friend class LogService;

  std::vector<LogJob> slots_;
  std::uint64_t claimed_ = 0;  // the lcore's
  std::uint64_t polled_ = 0;   // the lcore's
  alignas(64) std::atomic<std::uint64_t> submitted_{0};
  alignas(64) std::atomic<std::uint64_t> completed_{0};
  std::atomic<bool> wants_room_{false};
  std::string why_;  // the writer's, until the failure is completed; constant then
  std::atomic<Waker*> waker_{nullptr};
  Waker* owner_ = nullptr;
};

}  // namespace ringroad::raft::durable
