// The writing end of a node's channel: does the jobs in order, all that wait with one flush.
//
// Want of room leaves a job where it is: the channel says wants_room(), so that a leader can step
// down, and the job is tried again until it succeeds. A write or flush that failed completes that
// job and all later ones with kFailed; so does an entry that is too large, since what follows it
// would leave a gap.
//
// Without a thread or a clock of its own: the writer thread serves the nodes of a process with it
// (writer_thread.h), the simulator those of a world.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "consensus/log/log_channel.h"
#include "consensus/log/snapshot_store.h"

namespace ringroad::raft::durable {

class LogService {
 public:
  // All three outlive it.
  LogService(LogWriter& log, FileSystem& files, LogChannel& channel)
      : log_(&log), files_(&files), channel_(&channel) {}

  // All that was submitted, with one flush. False when there was nothing, or no room for it.
  bool serve();
  // For idle moments: marks what is durable, makes segments ahead of need and takes back old ones,
  // a bounded piece at a time. Returns whether there is more.
  bool tidy_up();

  LogChannel& channel() const { return *channel_; }

 private:
  Outcome take(LogJob& job);
  Outcome write_pieces(const LogJob& job);
  void read(LogJob::Reading& reading);
  bool hold_chunk(std::uint64_t number);
  void stop(std::string why);

  LogWriter* log_;
  FileSystem* files_;
  LogChannel* channel_;
  std::unique_ptr<SnapshotWriter> snapshot_;
  std::size_t pieces_done_ = 0;  // of the job at hand
  bool has_failed_ = false;
  // The snapshot that was read last, and the chunk of it that is at hand.
  std::unique_ptr<SnapshotReader> reader_;
  std::uint64_t chunk_number_ = 0;
  std::span<const std::byte> chunk_;
};

}  // namespace ringroad::raft::durable
