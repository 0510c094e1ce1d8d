// What a leader knows of one member's log, and how much it may send it unanswered. The leader's
// Tracker owns one Progress a member; nothing here sends or waits.
//
// The leader keeps two indexes a follower (thesis 3.3, 3.5): `match`, up to where the logs are
// known to agree, and `next`, what to send next. How it gets from one to the other is the state:
//
//   kProbe      where the logs part is not known: one append at a time, `next` goes back with each
//               rejection (thesis 3.5)
//   kReplicate  the logs agree: appends are pipelined, `next` runs ahead of the answers
//               (thesis 10.2.2), bounded by Inflights
//   kSnapshot   what it needs is no longer in the log: a snapshot is on its way (thesis 5), and
//               nothing else is sent
//
// Invariants: match < next; in kSnapshot, next is the one after pending_snapshot, or match if that
// is further.
// What comes from outside is checked by the caller: no acknowledgement beyond the leader's own log
// reaches maybe_update().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "consensus/core/ids.h"

namespace ringroad::raft {

// The most a follower is sent unanswered. The bytes are a soft limit: a message that starts below
// it may end above. 0 bytes: no limit.
struct InflightLimits {
  std::uint32_t messages_max = 0;
  std::uint64_t bytes_max = 0;

  bool operator==(const InflightLimits&) const = default;
};

// The appends under way to one follower, oldest first, each by its last entry's index and its
// entries' bytes. Its memory is that for `messages_max`, from construction on.
class Inflights {
 public:
  Inflights() = default;
  explicit Inflights(InflightLimits limits)
      : bytes_max_(limits.bytes_max), ring_(limits.messages_max) {}

  // Invariant: not full(), and `last` is above all that are under way.
  void add(Index last, std::uint64_t bytes);
  // Frees all up to and with `index`: their acknowledgement has come.
  void free_le(Index index);
  void reset();

  bool full() const { return count_ == ring_.size() || (bytes_max_ != 0 && bytes_ >= bytes_max_); }
  std::size_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }
  std::size_t capacity() const { return ring_.size(); }

 private:
  struct Inflight {
    Index last;
    std::uint64_t bytes = 0;
  };
  const Inflight& at(std::size_t i) const;

  std::uint64_t bytes_max_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t start_ = 0;
  std::size_t count_ = 0;
  std::vector<Inflight> ring_;
};

enum class ProgressState : std::uint8_t { kProbe, kReplicate, kSnapshot };

struct Progress {
  Index match{0};
  Index next{1};
  // The highest commit index sent and not taken back by a rejection; at times ahead of next.
  Index sent_commit{0};
  // In kSnapshot, the last index that the snapshot under way stands for.
  Index pending_snapshot{0};
  ProgressState state = ProgressState::kProbe;
  // Whether anything was heard of it since the leader last looked (thesis 6.2: a leader that
  // doesn't hear of a majority for an election timeout steps down).
  bool recent_active = false;
  // No append goes out until an answer or a heartbeat's response lets one through.
  bool append_flow_paused = false;
  bool is_learner = false;
  Inflights inflights;

  // One append at a time, from match on. Out of kSnapshot, the snapshot counts as received and the
  // probe starts behind it; of one that failed, set pending_snapshot to 0 first.
  void become_probe();
  void become_replicate();
  void become_snapshot(Index snapshot);

  // An append of `entries` entries from `next` on, of `bytes` in all, was sent. Not in kSnapshot.
  void sent_entries(std::size_t entries, std::uint64_t bytes);
  // Whether sending it `commit` may move its commit index: it commits at most what it was sent.
  bool can_bump_commit(Index commit) const;
  void note_sent_commit(Index commit) { sent_commit = commit; }

  // The follower's log agrees up to `acked`. Declines what was known before.
  bool maybe_update(Index acked);
  // The follower rejected the append after `rejected`, and holds nothing comparable above
  // `match_hint`. Declines a rejection that later answers have made stale.
  bool maybe_decrease_to(Index rejected, Index match_hint);

  // The follower has lost what it had above `kept`, or says so again. Declines while a snapshot is
  // on its way, whose end tells anew what the follower has.
  bool lose(Index kept);

  bool is_paused() const;
  // As for instance "StateReplicate match=3 next=7 learner paused inactive inflight=2[full]".
  std::string describe() const;

 private:
  void reset_to(ProgressState to);
};

}  // namespace ringroad::raft
