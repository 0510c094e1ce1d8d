// The log as the core holds it: every entry after the last compaction, in memory, with its payload.
//
//   compacted            applied   committed   stable     in progress      last
//   |------ entries -------|-----------|----------|------------|-------------|
//
// `compacted` names the entry before the first one held (0 at the beginning of time): its term is
// remembered, so that an append right behind it can be checked. `stable` is what the log writer
// has confirmed, `in progress` what it was handed. Only the tail above `committed` is ever replaced
// (Invariant), and compaction stays at or below `applied` (Invariant).
//
// Owned by one Raft. Descriptors stand in one growing array whose room is kept, payloads in an
// arena (payload_arena.h): in the steady state appending allocates nothing. A span of entries is
// valid until the next call that is not const; a payload as long as its chunk is referenced.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "consensus/core/entry.h"
#include "consensus/core/message.h"
#include "consensus/core/payload_arena.h"

namespace ringroad::raft {

class Log {
 public:
  // `applying_bytes_max`: how much may be handed to the machine and not yet be applied.
  explicit Log(std::uint64_t applying_bytes_max) : applying_bytes_max_(applying_bytes_max) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // The state after a restart: everything given is durable. Entries follow `compacted` directly.
  void load(EntryId compacted, std::span<const Entry> entries);

  Index first_index() const { return next(compacted_.index); }
  Index last_index() const { return Index{compacted_.index.value + size()}; }
  EntryId last() const { return {*term(last_index()), last_index()}; }
  // Empty for what was compacted away or is not there yet.
  std::optional<Term> term(Index index) const;
  bool matches(EntryId id) const { return term(id.index) == id.term; }
  // Thesis 3.6.1: the later last term wins, then the longer log.
  bool is_up_to_date(EntryId candidate_last) const;
  // The highest entry at or below `index` whose term is at most `term`: beyond it the two logs must
  // differ. Its term is 0 when that is no longer known. Thesis 3.5, end: one probe a term.
  EntryId find_conflict_by_term(Index index, Term term) const;

  // At most `entries_max` entries from `from` on, of at most `bytes_max` stored bytes together, but
  // at least one when there is any. `from` is in [first_index, last_index + 1].
  std::span<const Entry> entries(Index from, std::uint64_t bytes_max,
                                 std::uint64_t entries_max) const;
  std::span<const Entry> range(Index first, std::uint64_t count) const;

  // The leader's own: copies the payloads, sets term and index. Returns the last index.
  Index append(Term term, std::span<const Entry> proposals);
  // A follower's: the entries follow `previous`. Refuses (empty) when `previous` does not match.
  // Entries that are there already stay; from the first that differs on, the tail is replaced.
  // Returns the index of the last new entry.
  std::optional<Index> maybe_append(EntryId previous, std::span<const Entry> entries);
  // Everything is replaced by a snapshot that is not yet durable.
  void restore(const Snapshot& snapshot);

  void commit_to(Index index);
  Index committed() const { return committed_; }

  // What the log writer has not been handed yet.
  std::span<const Entry> next_unstable() const;
  bool has_unstable() const { return last_index() > stable_; }
  const Snapshot* next_snapshot() const;
  bool has_pending_snapshot() const { return !pending_snapshot_.empty(); }
  void accept_unstable();
  void stable_to(EntryId id);
  void snapshot_stable(Index index);
  Index stable() const { return stable_; }

  // What is committed and not handed to the machine yet. `unstable_too`: also what is not durable
  // here, which is safe once a quorum has it (thesis 10.2.1), if the driver writes before applying.
  std::span<const Entry> next_committed(bool unstable_too) const;
  void accept_applying(Index up_to, std::uint64_t bytes, bool unstable_too);
  void applied_to(Index index, std::uint64_t bytes);
  Index applied() const { return applied_; }
  Index applying() const { return applying_; }

  // Forgets entries up to `index`, which is applied (Invariant) and not below the last compaction.
  void compact(Index index);
  Index compacted() const { return compacted_.index; }

  PayloadArena& arena() { return arena_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t size() const { return entries_.size() - head_; }
  const Entry& at(Index index) const {
    return entries_[head_ + (index.value - compacted_.index.value - 1)];
  }
  void push(std::span<const Entry> entries);
  void truncate_after(Index index);
  Index appliable(bool unstable_too) const;

  PayloadArena arena_;
  std::vector<Entry> entries_;
  std::size_t head_ = 0;  // of entries_; what stands before it is forgotten
  EntryId compacted_;
  Index committed_, applied_, applying_, stable_, in_progress_;
  Snapshot pending_snapshot_;
  bool snapshot_in_progress_ = false;
  std::uint64_t bytes_ = 0;  // stored, of all entries held
  std::uint64_t applying_bytes_max_;
  std::uint64_t applying_bytes_ = 0;
  bool applying_paused_ = false;
};

}  // namespace ringroad::raft
