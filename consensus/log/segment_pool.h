// The files that are segments: making them ahead of need, handing out the next, taking back those
// that nobody needs. Owned by one LogWriter; every call does a bounded amount of work, so that a
// pool in the writer's idle moments stalls nothing.
//
// A segment is made by filling a temporary file with zeros, flushing it and renaming it to the name
// of an epoch to come: writing to it later changes no metadata, and fdatasync has nothing to add.
// One wholly below the latest snapshots is renamed to an epoch to come as it is: its records carry
// their old epoch and position and mean nothing there.
//
// Invariants: epochs are used in ascending order without a gap, and a name is durable before
// anything is written to the segment. Want of room is met here and nowhere else.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "consensus/core/ids.h"
#include "consensus/log/file_system.h"
#include "consensus/log/layout.h"

namespace ringroad::raft::durable {

std::string segment_name(std::uint64_t epoch);
// The epoch in a segment's name; 0 for any other name.
std::uint64_t epoch_of(const std::string& name);

// A segment that has been written to.
struct UsedSegment {
  std::uint64_t epoch = 0;
  Position base = 0;
  std::uint64_t bytes = 0;
  Index highest;  // of the entries it holds or held
};

enum class PoolStep : std::uint8_t {
  kIdle,    // nothing to do
  kMore,    // call again
  kNoRoom,  // as kIdle, but segments are wanted
  kFailed,
};

class SegmentPool {
 public:
  // At most `ahead_min` are made ahead of need; of recycled ones `ahead_max` are kept.
  SegmentPool(FileSystem& files, std::uint64_t segment_bytes, std::uint32_t ahead_min,
              std::uint32_t ahead_max);

  // What a recovery has found: `used` by epoch, the last of them active; made up to `epoch_made`.
  void adopt(std::span<const UsedSegment> used, std::uint64_t epoch_made);

  // The next bounded piece of work. Segments without an entry above `released` may go.
  [[nodiscard]] PoolStep step(Index released);
  // Makes what is missing to have `count` ahead, now.
  [[nodiscard]] PoolStep ensure(std::uint64_t count);
  // The next segment, open for writing; one is there (Invariant).
  [[nodiscard]] absl::StatusOr<std::unique_ptr<File>> take();
  // The segment taken before has been left for the next.
  void retire(const UsedSegment& segment) { used_.push_back(segment); }

  std::uint64_t ahead() const { return epoch_made_ - epoch_taken_; }
  std::uint64_t epoch_taken() const { return epoch_taken_; }
  // Left and not taken back yet.
  std::size_t retired() const { return used_.size(); }
  // Why step() or ensure() failed.
  const absl::Status& failure() const { return failure_; }

 private:
  PoolStep recycle();
  PoolStep make();
  PoolStep abandon(const absl::Status& why);

  FileSystem& files_;
  std::uint64_t segment_bytes_;
  std::uint32_t ahead_min_;
  std::uint32_t ahead_max_;
  std::vector<std::byte> zeros_;
  std::deque<UsedSegment> used_;
  std::uint64_t epoch_taken_ = 0;
  std::uint64_t epoch_made_ = 0;
  std::unique_ptr<File> making_;
  std::uint64_t made_bytes_ = 0;
  absl::Status failure_;
};

}  // namespace ringroad::raft::durable
