// The batch of things to do; see raft.h for what the driver owes it. Handing it out marks all of it
// as under way: entries and committed entries are not handed out twice, and neither is a message.
#include <algorithm>

#include "consensus/core/planted.h"
#include "consensus/core/raft.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

bool Raft::has_ready() const {
  const HardState hard{term_, vote_, log_.committed()};
  return read_round_due_ || !outgoing_.empty() || !after_append_.empty() || !read_states_.empty() ||
         !chunks_.empty() || log_.next_snapshot() != nullptr || !log_.next_unstable().empty() ||
         !log_.next_committed(!config_.async_storage_writes).empty() ||
         (!hard.empty() && hard != previous_hard_state_) ||
         SoftState{leader_, role_} != previous_soft_state_;
}

// Spans into the log and into forwarded_ are made only now: until here both could still move.
void Raft::resolve_messages() {
  ready_messages_.clear();
  for (const Outgoing& out : outgoing_) {
    ready_messages_.push_back(out.message);
    if (out.count == 0) continue;
    ready_messages_.back().entries =
        out.is_forwarded
            ? std::span<const Entry>{ready_forwarded_}.subspan(out.first.value, out.count)
            : log_.range(out.first, out.count);
  }
  outgoing_.clear();
}

// What says that all handed out so far is durable. It names the last entry even when this batch
// has none: an earlier answer is ignored once the term has changed, since the entries it spoke of
// may have been replaced in between and replaced back, with writes of either still under way.
Message Raft::storage_response() const {
  Message m{.type = MessageType::kStorageAppendResponse,
            .from = config_.id,
            .to = config_.id,
            .term = term_};
  if (log_.has_unstable()) {
    m.log_term = log_.last().term;
    m.index = log_.last().index;
  }
  if (const Snapshot* snapshot = log_.next_snapshot()) m.snapshot = *snapshot;
  return m;
}

const Ready& Raft::ready() {
  RR_CHECK(steps_on_advance_.empty());
  start_read_round();
  for (const Entry& e : ready_forwarded_) log_.arena().release(e.data);
  for (const SnapshotChunk& c : ready_chunks_) log_.arena().release(c.bytes.data());
  ready_forwarded_.clear();
  ready_chunks_.clear();
  ready_forwarded_.swap(forwarded_);
  ready_chunks_.swap(chunks_);
  resolve_messages();
  ready_reads_.clear();
  ready_reads_.swap(read_states_);

  ready_ = {};
  const HardState hard{term_, vote_, log_.committed()};
  const SoftState soft{leader_, role_};
  if (soft != previous_soft_state_) ready_.soft_state = soft;
  if (!hard.empty() && hard != previous_hard_state_) ready_.hard_state = hard;
  ready_.entries = log_.next_unstable();
  if (const Snapshot* snapshot = log_.next_snapshot()) {
    ready_snapshot_ = *snapshot;
    ready_.snapshot = &ready_snapshot_;
  }
  ready_.committed = log_.next_committed(!config_.async_storage_writes);
  // Thesis 3.8: a vote, a term or an entry must not be lost; a commit index is found again.
  ready_.must_sync = !ready_.entries.empty() || ready_.snapshot != nullptr ||
                     (hard.term != previous_hard_state_.term && !planted(Bug::kTermNotDurable)) ||
                     hard.vote != previous_hard_state_.vote;

  ready_responses_.clear();
  for (const Message& m : after_append_) {
    const bool is_own = m.to == config_.id;
    (is_own && !config_.async_storage_writes ? steps_on_advance_ : ready_responses_).push_back(m);
  }
  after_append_.clear();
  // Without anything to write, an earlier response says it.
  const bool writes = ready_.hard_state || !ready_.entries.empty() || ready_.snapshot != nullptr ||
                      !ready_responses_.empty();
  if ((log_.has_unstable() || ready_.snapshot != nullptr) &&
      (writes || !config_.async_storage_writes)) {
    (config_.async_storage_writes ? ready_responses_ : steps_on_advance_)
        .push_back(storage_response());
  }
  if (!ready_.committed.empty()) {
    ready_.applied = {.type = MessageType::kStorageApplyResponse,
                      .from = config_.id,
                      .to = config_.id,
                      .index = ready_.committed.back().index,
                      .context = payload_bytes(ready_.committed),
                      .size_bytes = stored_bytes(ready_.committed)};
    if (!config_.async_storage_writes) steps_on_advance_.push_back(*ready_.applied);
    log_.accept_applying(ready_.committed.back().index, ready_.applied->size_bytes,
                         !config_.async_storage_writes);
  }
  log_.accept_unstable();
  previous_hard_state_ = hard;
  previous_soft_state_ = soft;
  ready_.messages = ready_messages_;
  ready_.responses = ready_responses_;
  ready_.chunks = ready_chunks_;
  ready_.reads = ready_reads_;
  return ready_;
}

// Steps may add responses of their own, but never to this batch.
void Raft::advance() {
  RR_CHECK(!config_.async_storage_writes);
  advancing_.swap(steps_on_advance_);
  for (const Message& m : advancing_) (void)dispatch(m);
  advancing_.clear();
}

}  // namespace ringroad::raft
