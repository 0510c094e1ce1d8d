// What a replica does with a Ready: messages leave, a job takes what is to be stored, responses
// follow when that is durable, and the machine applies what is committed. What a Ready points to is
// used up before the core is touched again; payloads that a job still needs are referenced until it
// is done.
#include <algorithm>

#include "consensus/replica/replica.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

void Replica::take_ready() {
  const raft::Ready& ready = raft_->ready();
  if (ready.soft_state) {
    leader_ = ready.soft_state->leader;
    if (ready.soft_state->role == raft::Role::kLeader) ++statistics_.elections_won;
  }
  if (leader_ != kNoNode && leader_term_ != raft_->term()) {
    leader_term_ = raft_->term();
    propose_again();
  }
  for (const raft::Message& message : ready.messages) send(message);
  store(ready);
  on_reads(ready.reads);
  // What follows changes the core, and with it what the Ready points to; the payloads stay.
  const std::optional<raft::Message> applied = ready.applied;
  committing_.assign(ready.committed.begin(), ready.committed.end());
  apply(committing_);
  if (applied && !is_stopped()) step(*applied);
}

durable::LogJob& Replica::claim(Stored*& stored) {
  RR_CHECK(jobs_ < kJobs);
  durable::LogJob* const job = channel_.claim();
  RR_CHECK(job != nullptr);
  stored = &stored_[(first_job_ + jobs_) % kJobs];
  stored->since = now_;
  job->ticket = first_job_ + jobs_;
  ++jobs_;
  return *job;
}

void Replica::store(const raft::Ready& ready) {
  if (ready.hard_state) hard_state_to_store_ = *ready.hard_state;
  const bool writes = ready.must_sync || !ready.chunks.empty() || ready.snapshot != nullptr;
  if (!writes) {
    // A new commit index alone goes with the next batch. What is to be said after all that was
    // handed out so far is durable waits for the last of it.
    if (ready.responses.empty()) return;
    if (jobs_ > 0) {
      Stored& last = stored_[(first_job_ + jobs_ - 1) % kJobs];
      last.responses.insert(last.responses.end(), ready.responses.begin(), ready.responses.end());
      return;
    }
  }
  Stored* stored = nullptr;
  durable::LogJob& job = claim(stored);
  job.must_sync = writes;
  if (writes) {
    job.hard_state = std::exchange(hard_state_to_store_, std::nullopt);
    job.configuration = std::exchange(conf_to_store_, std::nullopt);
    job.release = previous_snapshot_;
    job.entries.assign(ready.entries.begin(), ready.entries.end());
    ++statistics_.batches_stored;
    statistics_.entries_stored += ready.entries.size();
    stored->is_batch = true;
  }
  for (const raft::Entry& e : ready.entries) {
    raft_->arena().reference(e.data);
    stored->entries.push_back(e);
  }
  take_chunks(ready, job, *stored);
  stored->responses.assign(ready.responses.begin(), ready.responses.end());
  channel_.submit();
}

std::uint32_t Replica::finish_jobs() {
  std::uint32_t finished = 0;
  while (const durable::LogJob* const job = channel_.poll()) {
    RR_CHECK(jobs_ > 0 && job->ticket == first_job_);
    Stored& stored = stored_[first_job_ % kJobs];
    if (stored.is_batch) {
      statistics_.log_write.record(static_cast<std::uint64_t>((now_ - stored.since).count));
    }
    finish(stored, *job);
    release(stored);
    ++first_job_;
    --jobs_;
    ++finished;
  }
  return finished;
}

void Replica::finish(Stored& stored, const durable::LogJob& job) {
  if (is_stopped()) return;
  if (job.outcome != durable::Outcome::kOk) {
    stop(channel_.why());
    return;
  }
  if (stored.chunk) finish_chunk(stored, job.reading && job.reading->is_done);
  if (!stored.made.empty()) finish_snapshot(stored.made);
  if (stored.state != nullptr) {
    ++statistics_.snapshots_installed;
    conf_ = stored.installed.conf;
    previous_snapshot_ = snapshot_.index;
    snapshot_ = stored.installed;
    machine_ = std::make_unique<machine::Machine>(std::move(stored.state));
    is_installing_ = false;
  }
  for (const raft::Message& message : stored.responses) {
    if (message.to == config_.raft.id) {
      step(message);
      if (is_stopped()) return;
    } else {
      send(message);
    }
  }
}

void Replica::release(Stored& stored) {
  for (const raft::Entry& e : stored.entries) raft_->arena().release(e.data);
  for (const std::byte* const piece : stored.pieces) raft_->arena().release(piece);
  stored.entries.clear();
  stored.pieces.clear();
  stored.responses.clear();
  stored.state.reset();
  stored.is_batch = false;
  stored.installed = stored.made = {};
  stored.chunk.reset();
}

void Replica::send(const raft::Message& message) {
  if (message.chunk_bytes > 0 && message.chunk == nullptr) {
    read_chunk(message);
  } else {
    outbox_.send(message);
  }
}

void Replica::apply(std::span<const raft::Entry> entries) {
  for (const raft::Entry& entry : entries) {
    if (entry.index <= machine_->applied()) continue;  // a snapshot was faster
    ++statistics_.entries_applied;
    if (entry.is_conf_change()) {
      machine_->pass(entry.index);
      apply_conf_change(entry);
      continue;
    }
    const auto payload = entry.payload();
    const auto request = payload.size() < kEnvelopeBytes ? std::span<const std::byte>{}
                                                         : payload.subspan(kEnvelopeBytes);
    const machine::Answer answer = machine_->apply(entry.index, entry.term, request);
    if (machine_->is_halted()) {
      stop("the cluster uses commands that this program does not know: upgrade it");
      return;
    }
    answer_command(payload, answer);
    if (entry.term == raft_->term() && clock_term_ != entry.term) {
      clock_term_ = entry.term;
      clock_base_ = machine_->cluster_time();
      clock_since_ = now_;
    }
  }
}

void Replica::apply_conf_change(const raft::Entry& entry) {
  const auto change = raft::decode_conf_change(entry.payload());
  if (!change) return;  // refused by every node alike
  const auto conf = raft_->apply_conf_change(entry.index, *change);
  if (!conf.ok()) return;
  conf_ = *conf;
  conf_to_store_ = durable::AppliedConfiguration{entry.index, conf_};
}

}  // namespace ringroad::consensus
