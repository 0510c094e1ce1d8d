// One thread a process that writes the logs of all its nodes: what their lcores have asked for
// since it last looked is appended, and one flush a log answers all of it.
//
// An lcore and the thread share a LogChannel, a ring of jobs with one producer and one consumer:
//
//     polled     completed      submitted
//   ----|------------|--------------|---->   the lcore claims and submits, and polls what is done;
//                                            the thread completes, in order
//
// Neither waits for the other. The lcore takes a mutex only to wake a thread that sleeps.
//
// Want of room leaves a job where it is: the channel says wants_room(), so that a leader can step
// down, and the job is tried again until it succeeds. A write or flush that failed completes that
// job and all later ones with kFailed; so does an entry that is too large, since what follows it
// would leave a gap.
//
// Idle, it marks what is durable, makes segments ahead of need and takes back old ones, a bounded
// piece at a time between two looks at the rings.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "consensus/log/log_writer.h"
#include "consensus/log/snapshot_store.h"

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

  Outcome outcome = Outcome::kOk;  // when polled

  void clear();
};

class LogChannel {
 public:
  explicit LogChannel(std::size_t jobs) : slots_(jobs) {}

  // The lcore's side. nullptr while all slots are under way.
  LogJob* claim();
  // Jobs claimed so far are the thread's; wakes it if it sleeps.
  void submit();
  // The next one that is done, until the next claim(); nullptr when there is none.
  const LogJob* poll();
  bool wants_room() const { return wants_room_.load(std::memory_order_relaxed); }
  // Why nothing is written any more; of a channel from which such a job was polled.
  const std::string& why() const { return why_; }

 private:
  friend class WriterThread;

  std::vector<LogJob> slots_;
  std::uint64_t claimed_ = 0;  // the lcore's
  std::uint64_t polled_ = 0;   // the lcore's
  alignas(64) std::atomic<std::uint64_t> submitted_{0};
  alignas(64) std::atomic<std::uint64_t> completed_{0};
  std::atomic<bool> wants_room_{false};
  std::string why_;  // the thread's, until the failure is completed; constant then
  std::atomic<class WriterThread*> thread_{nullptr};
};

struct WriterThreadOptions {
  // Of SCHED_FIFO; 0: as any other thread. Pollers on the same CPU starve an ordinary one.
  int fifo_priority = 1;
  std::optional<int> cpu;  // its own
};

class WriterThread {
 public:
  explicit WriterThread(const WriterThreadOptions& options);
  // What was submitted is written before it ends.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // What the system refused, to be logged; empty when nothing.
  const std::string& warning() const { return warning_; }

  // All three outlive the attachment; until detach() returns, only the thread uses log and files.
  void attach(LogWriter& log, FileSystem& files, LogChannel& channel);
  // What was submitted before is completed when it returns, unless there is no room for it.
  void detach(LogChannel& channel);

 private:
  friend class LogChannel;

  struct Node {
    LogWriter* log;
    FileSystem* files;
    LogChannel* channel;
    std::unique_ptr<SnapshotWriter> snapshot;
    std::size_t pieces_done = 0;  // of the job at hand
    bool has_failed = false;
  };

  void run();
  bool pass();
  bool serve(Node& node);
  Outcome take(Node& node, LogJob& job);
  Outcome write_pieces(Node& node, const LogJob& job);
  static void stop(Node& node, std::string why);
  bool tidy_up(Node& node);
  bool has_work() const;
  void wake();
  void sleep();

  std::mutex nodes_mutex_;  // nodes_, for the length of a pass
  std::vector<Node> nodes_;
  std::mutex sleep_mutex_;
  std::condition_variable bell_;
  std::atomic<bool> is_asleep_{false};
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> is_changing_{false};
  std::string warning_;
  std::thread thread_;
};

}  // namespace ringroad::raft::durable
