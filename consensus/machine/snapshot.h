// Snapshots: the whole state as a stream of bytes, written and read a piece at a time, so that
// neither holds up an lcore.
//
// A SnapshotWriter fixes the moment it is made at; the state goes on, and what changes before it is
// written is kept aside until then (snapshot_map.h, snapshot_queue.h). A SnapshotReader is fed the
// stream in pieces of any size and believes nothing: every bound, order and relation is checked, a
// record at a time, and it holds no more memory than what it was fed, times a small factor. What it
// makes is whole or nothing, and hashes as the state did that was written.
//
// The stream, little-endian, without gaps:
//
//   header         magic 8, level 4, zero 4, limits 10 x 8 (in the order of Limits), applied 8,
//                  clock 8, revision 8, compacted revision 8, first position of the log 8, then how
//                  many records follow: leases 8, sessions 8, keys 8, events 8, log entries 8
//   leases         id 8, time to live 8, expires at 8
//   sessions       id 8, time to live 8, expires at 8, answered 8, highest 8, count 4, zero 4, and
//                  for each answer: number 8, status 1, more 1, zero 2, count 4, revision 8, value
//                  8
//   keys, events,  as in answers (answer.h)
//   log entries
//   trailer        the state's hash 8
//
// Leases, sessions and keys stand in ascending order, all once. A time of 2^63 - 1 is none: the
// next reading of the clock decides.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "consensus/machine/state.h"
#include "consensus/machine/state_hash.h"

namespace ringroad::machine {

// Of the state as it is. Equal states hash alike; the time it takes grows with the state.
std::uint64_t hash_of(const State& state);

enum class Section : std::uint8_t {
  kHeader,
  kLeases,
  kSessions,
  kKeys,
  kEvents,
  kLog,
  kTrailer,
  kEnd,
};
constexpr Section next(Section s) { return static_cast<Section>(static_cast<int>(s) + 1); }

struct SnapshotHeader {
  static constexpr std::size_t kCounts = 5;

  std::uint64_t magic = 0;
  Level level;
  Limits limits;
  Index applied;
  Nanos clock;
  Revision revision;
  Revision compacted;
  LogPosition log_first;
  std::array<std::uint64_t, kCounts> counts{};  // from kLeases on

  std::uint64_t count(Section s) const {
    return counts[static_cast<std::size_t>(s) - static_cast<std::size_t>(Section::kLeases)];
  }
};

struct LeaseItem;
struct SessionItem;

class SnapshotWriter {
 public:
  // Invariant: no other one is at work on this state. The state outlives this.
  explicit SnapshotWriter(State& state);
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // The entry up to which the snapshot reaches.
  Index index() const { return index_; }
  // Writes the next bytes and returns how many; fewer than there is room for only at the end.
  std::size_t write(std::span<std::byte> to);
  bool is_done() const { return section_ == Section::kEnd && taken_ == record_.size(); }

 private:
  void next_record();
  bool read_out();
  template <typename Item>
  void set_record(const Item& item);

  State* state_;
  Index index_;
  SnapshotHeader header_;
  Section section_ = Section::kHeader;
  StateHash hash_;
  std::vector<std::byte> record_;  // being written
  std::size_t taken_ = 0;
};

class SnapshotReader {
 public:
  // False when this is no snapshot, and from then on.
  [[nodiscard]] bool feed(Bytes bytes);
  // The state, once all of it was fed and is right; nullptr otherwise.
  std::unique_ptr<State> finish();

 private:
  enum class Taken : std::uint8_t { kRecord, kNeedsMore, kBad };

  Taken take_record(Bytes& rest);
  Taken take_header(Bytes& rest);
  Taken take_trailer(Bytes& rest);
  template <typename Item, typename Load>
  Taken take(Bytes& rest, Load load);
  // Enters a record into the state; false when it contradicts what came before.
  bool load_lease(const LeaseItem& item);
  bool load_session(SessionItem& item);
  bool load_key(const KeyItem& item);
  bool load_event(const EventItem& item);
  bool load_log(const LogItem& item);
  void skip_empty_sections();
  // Of all records together.
  bool is_consistent() const;

  std::unique_ptr<State> state_;
  SnapshotHeader header_;
  Section section_ = Section::kHeader;
  std::uint64_t records_ = 0;  // of the section
  bool is_bad_ = false;
  StateHash hash_;
  std::vector<std::byte> pending_;  // a record that has not come to its end
};

}  // namespace ringroad::machine
