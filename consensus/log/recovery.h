// What a node's folder still says after whatever has happened to it. Reads only; the writer that is
// opened on the result does what there is to do (LogWriter::open).
//
// The rules:
// - A record that is missing or not intact, at or beyond the highest position that any intact
// record
//   calls durable, was never acknowledged: the log is cut there. Below, it was promised: that is
//   damage, nothing is cut, and what it held is told as faulty.
// - What an unreadable stretch did to the log is read off the next intact header. If it dropped
//   entries, which ones is not known, and all that were not committed before it are faulty.
// - Where the disk cannot read, nothing is ever taken for a torn tail. When the latest records may
//   lie there, the hard state is not known.
// - `faulty` is all between the base and the last entry that is not there intact; the last index is
//   what the latest header says, so a lost entry is never just shorter log.
//
// A node that lost anything carries it in `state.awaited` (and hard_state_lost), which every later
// record repeats until LogWriter::readmit(): falling again does not make it forget.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consensus/log/file_system.h"
#include "consensus/log/identity.h"
#include "consensus/log/log_state.h"
#include "consensus/log/segment_pool.h"
#include "consensus/log/snapshot_store.h"

namespace ringroad::raft::durable {

enum class Standing : std::uint8_t {
  kFresh,    // nothing was ever promised from here
  kKnown,    // a node's, with a log
  kDamaged,  // identity or log is gone: nothing here can be gone on from
};
const char* name_of(Standing standing);

struct IndexRange {
  Index first, last;
  bool operator==(const IndexRange&) const = default;
};

struct Damage {
  std::string file;
  std::uint64_t offset = 0;
  std::string what;
  // The entries it may have held; none when first > last.
  IndexRange entries{Index{1}, Index{0}};
};

// Intact entries that stand in one record.
struct EntryRun {
  Index first, last;
  std::uint64_t epoch = 0;
  std::uint64_t offset = 0;
};

// Bytes of records that were cut.
struct CutExtent {
  std::uint64_t epoch = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

struct SegmentFile {
  std::uint64_t epoch = 0;
  std::uint64_t bytes = 0;
};

struct Recovered {
  Standing standing = Standing::kFresh;
  std::string why;  // kDamaged
  Identity identity;

  // The log as its last record has it, after the snapshot was taken into account.
  LogState state;
  // Empty when the latest is not known: the node must not vote until it is admitted anew. The
  // latest that is known stands in `state`.
  std::optional<HardState> hard_state;
  // Whether the latest configuration is state.configuration, and the first members are known: both
  // stand in each segment's header.
  bool configuration_is_certain = true;
  bool first_members_are_known = false;
  // The latest intact one (index 0: none), whose bytes SnapshotReader gives.
  Snapshot snapshot;
  std::vector<EntryRun> runs;  // ascending, behind the snapshot
  std::vector<IndexRange> faulty;
  std::vector<Damage> damages;

  EntryId base() const { return snapshot.last(); }
  Index first_index() const { return next(snapshot.index); }
  Index last_index() const { return state.last.index; }
  // Up to which there is no faulty entry: what a core can be started with.
  Index intact_last() const;
  bool is_intact() const { return standing != Standing::kDamaged && damages.empty(); }

  // For the writer.
  std::vector<UsedSegment> segments;  // the last is active
  std::uint64_t offset = 0;           // in it, where writing goes on
  std::vector<SegmentFile> ahead;     // files of epochs to come, ascending
  std::vector<CutExtent> cut;
  bool snapshot_not_in_log = false;
  bool snapshot_replaces = false;
};

// Fails only when the folder cannot be read at all.
[[nodiscard]] absl::StatusOr<Recovered> recover(FileSystem& files);

// Gives the entries that are there, record by record.
class EntryReader {
 public:
  EntryReader(FileSystem& files, const Recovered& recovered) : files_(files), rec_(recovered) {}
  // The next ones; empty at the end. They live until the next call. kDataLoss when the disk does
  // not say now what it said during recovery.
  [[nodiscard]] absl::StatusOr<std::span<const Entry>> next();

 private:
  FileSystem& files_;
  const Recovered& rec_;
  std::size_t run_ = 0;
  std::unique_ptr<File> file_;
  std::uint64_t epoch_ = 0;
  std::vector<std::byte> record_;
  std::vector<std::byte> scratch_;
  std::vector<Entry> entries_;
};

// For LogWriter::open(). Zeroes what was cut, removes what is unfinished, and segments made ahead
// that are of another size or beyond a gap.
[[nodiscard]] absl::Status clear_leftovers(FileSystem& files, const Recovered& recovered,
                                           std::uint64_t segment_bytes);
// Up to which epoch segments are there after that.
std::uint64_t epoch_made_for(const Recovered& recovered, std::uint64_t segment_bytes);

}  // namespace ringroad::raft::durable
