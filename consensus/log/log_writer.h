// Appends to a node's log. Single-threaded, without a clock: whoever owns it calls append() for
// what a Ready asks to be stored, then flush(), and only when that said kOk is any of it durable.
// Several append()s share one flush: that is group commit (writer_thread.h).
//
// In the steady state nothing is allocated: records are encoded into one buffer, written with one
// pwrite and flushed with one fdatasync. A batch that does not compress is not tried again for a
// while.
//
// Invariants:
// - a record says of no position that it is durable before a flush has said so;
// - a segment is left only when all of it is durable;
// - after kFailed nothing is written or called durable any more: the page cache may have forgotten
//   what it could not write, so that a later flush would succeed and mean nothing.
//
// kNoRoom changes nothing: the same append() can be tried again when prepare() has made room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "consensus/log/file_system.h"
#include "consensus/log/log_state.h"
#include "consensus/log/segment_pool.h"

namespace ringroad::raft::durable {

struct Identity;
struct Recovered;

// What one Ready wants stored. All of it lives until append() returns.
struct Work {
  std::optional<HardState> hard_state;
  // They replace all from the first one's index on, and follow what is before it directly.
  std::span<const Entry> entries;
  // A snapshot that has been installed, and is durable: it replaces all entries. Those of `entries`
  // follow it.
  const Snapshot* restored = nullptr;
  // A snapshot of the node's own, and durable: entries stay.
  const Snapshot* saved = nullptr;
  std::optional<AppliedConfiguration> configuration;
};

enum class Outcome : std::uint8_t {
  kOk,
  kNoRoom,    // nothing was taken: the disk has no room for another segment
  kTooLarge,  // nothing was taken: an entry that no record or segment holds
  kFailed,    // and so for good; failure() says why
};
const char* name_of(Outcome outcome);

class LogWriter {
 public:
  // Goes on behind what was recovered: zeroes what the recovery cut, so that no half of it is ever
  // taken for a later record.
  static absl::StatusOr<std::unique_ptr<LogWriter>> open(FileSystem& files, const LogConfig& config,
                                                         const Recovered& recovered);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  [[nodiscard]] Outcome append(const Work& work);
  // All appended so far is durable.
  [[nodiscard]] Outcome flush();
  // Writes, without a flush, that all is durable, if no record says so yet: for idle moments.
  // Damage to the last records can be told from a torn tail only with it.
  [[nodiscard]] Outcome mark();
  // Segments without an entry above `index` are not needed any more; prepare() takes them back.
  void release(Index index) { released_ = std::max(released_, index); }
  // A bounded piece of work on segments; kMore as long as there is some.
  [[nodiscard]] PoolStep prepare();
  // The node has all it had lost again, or was admitted anew. Written with the next record.
  void readmit();

  const LogState& state() const { return state_; }
  Position durable() const { return durable_; }
  Position end() const { return base_ + offset_; }
  // Marks do not count.
  bool has_unflushed() const { return content_end_ > durable_; }
  const absl::Status& failure() const { return failure_; }
  // The largest payload that append() takes.
  std::uint64_t entry_bytes_max() const;

 private:
  friend absl::Status format(FileSystem&, const LogConfig&, const Identity&, const ConfState&);
  LogWriter(FileSystem& files, const LogConfig& config);

  std::size_t record_entries(std::span<const Entry> entries) const;
  std::uint64_t segments_wanted(const Work& work) const;
  Outcome fail(const absl::Status& status);
  Outcome write_pending();
  Outcome flush_file();
  Outcome next_segment();
  Outcome make_room(std::uint64_t record_bytes);
  RecordHeader header_of(RecordKind kind);
  std::byte* body_room(std::uint64_t body_bytes);
  void finish(RecordHeader header, std::uint64_t stored_bytes);
  void append_segment_begin();
  Outcome append_snapshot(const Snapshot& snapshot, bool replaces);
  Outcome append_configuration(const AppliedConfiguration& configuration);
  Outcome append_entries(std::span<const Entry> entries);
  Outcome append_empty(RecordKind kind);
  std::uint64_t compress(std::byte* body, std::uint64_t bytes);

  FileSystem& files_;
  LogConfig config_;
  SegmentPool pool_;
  LogState state_;
  std::optional<HardState> next_hard_state_;  // of the batch, until its first record
  absl::Status failure_;

  std::unique_ptr<File> file_;
  Position base_ = 0;                // of the active segment
  std::uint64_t segment_bytes_ = 0;  // of the active segment
  std::uint64_t offset_ = 0;         // where the next record goes
  Index highest_;                    // of the active segment
  Position durable_ = 0;
  Position claimed_ = 0;      // the highest durable position that a record names
  Position content_end_ = 0;  // of the last record that is no mark
  Index released_;

  std::unique_ptr<std::byte[]> pending_;  // from offset_ - pending_bytes_ on
  std::uint64_t pending_bytes_ = 0;
  std::uint64_t pending_capacity_ = 0;
  std::unique_ptr<std::byte[]> compressed_;
  std::uint64_t compressed_capacity_ = 0;
  std::unique_ptr<std::byte[]> lz4_state_;
  std::uint32_t skip_ = 0;       // batches not to be tried
  std::uint32_t skip_next_ = 1;  // after another that does not compress
};

// Makes the log of a node that never was: its first segment, which says who the first members are,
// and then its identity. Nothing of a folder that has an identity is touched (kAlreadyExists).
[[nodiscard]] absl::Status format(FileSystem& files, const LogConfig& config,
                                  const Identity& identity, const ConfState& members);

}  // namespace ringroad::raft::durable
