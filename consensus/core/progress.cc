// How what a leader knows of a follower moves from one state to the next; the states and invariants
// are in progress.h.
//
// `match` only grows, since a leader learns of agreement and never unlearns it within its term,
// unless the follower itself says that it has lost something (lose());
// `next` is a guess that runs ahead and comes back, and the only way below what was sent is a
// rejection or the loss of the pipeline. Every change of state empties Inflights: outside
// kReplicate nothing is counted as under way. Stale answers are told from fresh ones here, by
// comparison with `match` and `next` alone, so that the rules in replication.cc need no clock and
// no list of what was sent.
#include "consensus/core/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {
namespace {

const char* state_name(ProgressState state) {
  switch (state) {
    case ProgressState::kProbe:
      return "StateProbe";
    case ProgressState::kReplicate:
      return "StateReplicate";
    case ProgressState::kSnapshot:
      return "StateSnapshot";
  }
  return "StateUnknown";
}

}  // namespace

void Inflights::add(Index last, std::uint64_t bytes) {
  RR_CHECK(!full());
  RR_CHECK(count_ == 0 || at(count_ - 1).last < last);
  const std::size_t end = start_ + count_;
  ring_[end < ring_.size() ? end : end - ring_.size()] = {last, bytes};
  ++count_;
  bytes_ += bytes;
}

void Inflights::free_le(Index index) {
  while (count_ > 0 && at(0).last <= index) {
    bytes_ -= at(0).bytes;
    --count_;
    start_ = start_ + 1 == ring_.size() ? 0 : start_ + 1;
  }
}

void Inflights::reset() {
  start_ = 0;
  count_ = 0;
  bytes_ = 0;
}

const Inflights::Inflight& Inflights::at(std::size_t i) const {
  const std::size_t place = start_ + i;
  return ring_[place < ring_.size() ? place : place - ring_.size()];
}

void Progress::reset_to(ProgressState to) {
  append_flow_paused = false;
  pending_snapshot = Index{0};
  state = to;
  inflights.reset();
}

void Progress::become_probe() {
  const Index known = std::max(match, pending_snapshot);
  reset_to(ProgressState::kProbe);
  next = raft::next(known);
  sent_commit = std::min(sent_commit, known);
}

void Progress::become_replicate() {
  reset_to(ProgressState::kReplicate);
  next = raft::next(match);
}

void Progress::become_snapshot(Index snapshot) {
  reset_to(ProgressState::kSnapshot);
  pending_snapshot = snapshot;
  next = raft::next(snapshot);
  RR_CHECK(match < next);
  sent_commit = snapshot;
}

void Progress::sent_entries(std::size_t entries, std::uint64_t bytes) {
  RR_CHECK(state != ProgressState::kSnapshot);
  if (state == ProgressState::kProbe) {
    // An empty append asks nothing that needs an answer before the next.
    if (entries > 0) append_flow_paused = true;
    return;
  }
  if (entries > 0) {
    next = Index{next.value + entries};
    inflights.add(previous(next), bytes);
  }
  append_flow_paused = inflights.full();
}

bool Progress::can_bump_commit(Index commit) const {
  return commit > sent_commit && sent_commit < previous(next);
}

bool Progress::maybe_update(Index acked) {
  if (acked <= match) return false;
  match = acked;
  next = std::max(next, raft::next(acked));
  RR_CHECK(match < next);
  append_flow_paused = false;
  return true;
}

bool Progress::maybe_decrease_to(Index rejected, Index match_hint) {
  // Whatever was rejected, it was sent before the snapshot.
  if (state == ProgressState::kSnapshot) return false;
  if (state == ProgressState::kReplicate) {
    // Appends overtake each other: what matches by now was rejected before it did.
    if (rejected <= match) return false;
    next = raft::next(match);
  } else {
    // A probe has one append under way, so only the answer to that one counts.
    if (previous(next) != rejected) return false;
    const Index hinted = match_hint < rejected ? raft::next(match_hint) : rejected;
    next = std::max(hinted, raft::next(match));
    append_flow_paused = false;
  }
  // What was sent with the rejected append hardly took effect.
  sent_commit = std::min(sent_commit, previous(next));
  return true;
}

// The one way in which `match` goes back. What the leader has committed by it stays committed: the
// follower takes no part in elections until it has all of that again.
bool Progress::lose(Index kept) {
  if (state == ProgressState::kSnapshot) return false;
  match = std::min(match, kept);
  pending_snapshot = Index{0};
  become_probe();
  return true;
}

bool Progress::is_paused() const { return state == ProgressState::kSnapshot || append_flow_paused; }

std::string Progress::describe() const {
  std::string text = absl::StrCat(state_name(state), " match=", match.value, " next=", next.value);
  if (is_learner) text += " learner";
  if (is_paused()) text += " paused";
  if (pending_snapshot != Index{0}) absl::StrAppend(&text, " pendingSnap=", pending_snapshot.value);
  if (!recent_active) text += " inactive";
  if (inflights.count() > 0) {
    absl::StrAppend(&text, " inflight=", inflights.count(), inflights.full() ? "[full]" : "");
  }
  return text;
}

}  // namespace ringroad::raft
