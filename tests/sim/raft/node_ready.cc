// What a node does with a Ready, in the order that raft.h demands: messages leave, the disk gets
// what it is owed, responses follow when that is durable, and the machine applies what is
// committed. Here is also what the machine's state costs the log: snapshots, made and received.
#include <algorithm>

#include "tests/sim/raft/node.h"

namespace ringroad::raft::sim {

namespace {
constexpr std::size_t kSnapshotsHeld = 3;
}  // namespace

void Node::take(const Ready& ready) {
  if (ready.soft_state) {
    around_.timeline.mix(mixed(id_.value, static_cast<std::uint64_t>(ready.soft_state->role)));
    around_.timeline.record(id_, "is " + std::string(name_of(ready.soft_state->role)) +
                                     " in term " + std::to_string(raft_->term().value) +
                                     ", follows " + std::to_string(ready.soft_state->leader.value));
  }
  around_.invariants.on_entries(id_, ready.entries, *raft_);
  for (const Message& message : ready.messages) send(message);
  for (const SnapshotChunk& chunk : ready.chunks) {
    if (chunk.is_first) arriving_.clear();
    if (chunk.offset != arriving_.size()) {
      around_.invariants.fail(id_, "a piece of a snapshot does not follow the one before it");
    }
    storage_.write_piece(chunk.offset, chunk.bytes, chunk.is_first);
    arriving_.insert(arriving_.end(), chunk.bytes.begin(), chunk.bytes.end());
  }
  for (const ReadState& state : ready.reads) {
    const auto read = std::ranges::find(reads_, state.context, &Read::context);
    if (read != reads_.end()) read->index = state.index;
  }
  if (around_.scenario.raft.async_storage_writes) {
    queue_apply(ready);
    answer_reads();
    take_responses(ready);
  } else {
    waits_for_disk_ = true;
    // What the Ready points to stays: nothing is done to the core until then.
    store(ready, [this, &ready] { when_awake([this, &ready] { finish_waiting(ready); }); });
  }
}

void Node::store(const Ready& ready, Storage::Done done) {
  if (ready.snapshot == nullptr) {
    storage_.append(ready.hard_state, ready.entries, ready.must_sync, std::move(done));
    return;
  }
  // A snapshot without bytes has no pieces either; every machine here has some.
  storage_.install(*ready.snapshot, arriving_, ready.hard_state, ready.entries,
                   [this, snapshot = *ready.snapshot, machine = arriving_, then = std::move(done)] {
                     around_.tally.add(Fault::kSnapshotInstalled);
                     load_snapshot(snapshot, machine);
                     then();
                   });
  arriving_.clear();
}

void Node::finish_waiting(const Ready& ready) {
  for (const Message& message : ready.responses) send(message);
  queue_apply(ready);
  waits_for_disk_ = false;
  while (!applying_.empty()) {
    const ApplyBatch batch = std::move(applying_.front());
    applying_.pop_front();
    apply(batch);
  }
  raft_->advance();
  observe();
  answer_reads();
  if (!is_following_up_) drain_inputs();
}

void Node::take_responses(const Ready& ready) {
  if (ready.responses.empty() && !ready.hard_state && ready.entries.empty() &&
      ready.snapshot == nullptr) {
    return;
  }
  std::vector<Message> responses(ready.responses.begin(), ready.responses.end());
  store(ready, [this, responses = std::move(responses)] {
    if (is_following_up_) {
      respond(responses);
    } else {
      own_input([this, responses] { respond(responses); });
    }
  });
}

void Node::respond(std::span<const Message> responses) {
  for (const Message& message : responses) {
    if (message.to == id_) {
      around_.invariants.on_send(id_, message);
      step(message);
    } else {
      send(message);
    }
  }
}

void Node::send(const Message& message) {
  Message outgoing = message;
  if (message.chunk_bytes > 0) {
    const auto held = std::ranges::find_if(snapshots_, [&message](const HeldSnapshot& s) {
      return s.what.last() == message.snapshot.last();
    });
    if (held == snapshots_.end()) {  // too old: there is a newer one to send
      inputs_.push_back([this, to = message.to] { raft_->report_snapshot(to, false); });
      return;
    }
    outgoing.chunk = held->machine.data() + message.chunk_offset;
  }
  around_.invariants.on_send(id_, outgoing);
  Bytes bytes(encoded_bytes(outgoing, version_));
  encode(outgoing, bytes, version_);
  around_.network.send(id_, message.to, std::move(bytes));
}

void Node::queue_apply(const Ready& ready) {
  if (ready.committed.empty()) return;
  ApplyBatch batch;
  batch.payloads.resize(payload_bytes(ready.committed));
  std::byte* at = batch.payloads.data();
  for (Entry e : ready.committed) {
    std::copy(e.payload().begin(), e.payload().end(), at);
    e.data = at;
    at += e.size_bytes;
    batch.entries.push_back(e);
  }
  batch.applied = ready.applied;
  applying_.push_back(std::move(batch));
  if (around_.scenario.raft.async_storage_writes) apply_next();
}

// With asynchronous writes the machine takes its time, too.
void Node::apply_next() {
  if (is_applying_ || applying_.empty()) return;
  is_applying_ = true;
  const auto most = static_cast<std::uint64_t>(around_.scenario.apply_delay_max.count);
  const Nanos delay{static_cast<std::int64_t>(prng_.below(most + 1))};
  around_.scheduler.after(delay, [this, incarnation = incarnation_] {
    if (incarnation != incarnation_) return;
    own_input([this] {
      is_applying_ = false;
      const ApplyBatch batch = std::move(applying_.front());
      applying_.pop_front();
      apply(batch);
      if (batch.applied) step(*batch.applied);
      apply_next();
      answer_reads();
    });
  });
}

void Node::apply(const ApplyBatch& batch) {
  for (const Entry& entry : batch.entries) {
    if (entry.index <= machine_.applied()) continue;  // a snapshot was faster
    if (entry.index != next(machine_.applied())) {
      around_.invariants.fail(
          id_, "an entry to apply is missing before " + to_string({entry.term, entry.index}));
      return;
    }
    machine_.apply(entry);
    const bool is_first = around_.invariants.on_apply(id_, entry, machine_.digest());
    around_.timeline.mix(machine_.digest());
    if (entry.is_conf_change()) {
      apply_conf_change(entry, is_first);
    } else if (entry.size_bytes > 0) {
      answer_write(decode_command(entry.payload()));
    }
  }
}

// Of a change that the first of all nodes applies.
void Node::count_change(const Configuration& before, const Configuration& after) {
  Tally& tally = around_.tally;
  const NodeSet new_voters = after.voters - before.voters;
  const NodeSet left_voters = before.voters - after.voters;
  const NodeSet new_learners = after.learners - before.learners - before.all_voters();
  const NodeSet demoted = left_voters & (after.learners | after.learners_next);
  tally.add(Fault::kVoterAdded, (new_voters - before.learners).count());
  tally.add(Fault::kLearnerPromoted, (new_voters & before.learners).count());
  tally.add(Fault::kVoterRemoved, (left_voters - demoted).count());
  tally.add(Fault::kVoterDemoted, demoted.count());
  tally.add(Fault::kLearnerAdded, new_learners.count());
  tally.add(Fault::kLearnerRemoved, (before.learners - after.members()).count());
  if (after.joint() && !before.joint()) tally.add(Fault::kJointEntered);
  if (before.joint() && !after.joint()) tally.add(Fault::kJointLeft);
}

void Node::apply_conf_change(const Entry& entry, bool is_first) {
  const auto change = decode_conf_change(entry.payload());
  if (!change) {
    around_.invariants.fail(id_, "a change of membership does not decode");
    return;
  }
  const Configuration before = raft_->tracker().configuration();
  const auto conf = raft_->apply_conf_change(entry.index, *change);
  observe();
  if (conf.ok()) conf_ = *conf;
  if (is_first && conf.ok()) count_change(before, raft_->tracker().configuration());
  if (is_first && !conf.ok()) around_.tally.add(Fault::kChangeRefused);
  around_.timeline.record(id_, "applies " + to_string({entry.term, entry.index}) + ": " +
                                   raft_->tracker().configuration().describe());
}

void Node::load_snapshot(const Snapshot& snapshot, std::span<const std::byte> machine) {
  if (!machine_.load(machine, snapshot.index)) {
    around_.invariants.fail(id_, "a snapshot at " + std::to_string(snapshot.index.value) +
                                     " is not what its sender made");
    return;
  }
  around_.timeline.record(id_, "loads a snapshot at " + std::to_string(snapshot.index.value));
  around_.invariants.on_machine_loaded(id_, snapshot.index, machine_.digest());
  conf_ = snapshot.conf;
  snapshots_.push_back({snapshot, Bytes(machine.begin(), machine.end())});
  if (snapshots_.size() > kSnapshotsHeld) snapshots_.pop_front();
}

// The log keeps some of what a snapshot covers, for followers that are a little behind.
void Node::maybe_compact() {
  const std::uint64_t every = around_.scenario.snapshot_every;
  const Log& log = raft_->log();
  const Index at = log.applied();
  if (is_saving_ || at != machine_.applied() ||
      at.value < storage_.snapshot().index.value + every || log.has_pending_snapshot() ||
      log.stable() < at) {
    return;
  }
  is_saving_ = true;
  const Snapshot snapshot{.index = at,
                          .term = *log.term(at),
                          .conf = conf_,
                          .size_bytes = machine_.save(around_.scenario.snapshot_bytes_min).size()};
  Bytes machine = machine_.save(around_.scenario.snapshot_bytes_min);
  snapshots_.push_back({snapshot, machine});
  if (snapshots_.size() > kSnapshotsHeld) snapshots_.pop_front();
  storage_.save(snapshot, std::move(machine), [this, snapshot] {
    is_saving_ = false;
    around_.tally.add(Fault::kSnapshotMade);
    const std::uint64_t kept = prng_.below(around_.scenario.snapshot_every);
    const Index to{snapshot.index.value - std::min(kept, snapshot.index.value)};
    own_input([this, snapshot, to] {
      if (snapshot.index < storage_.snapshot().index) return;  // a newer one came from the leader
      raft_->snapshot_made(snapshot);
      if (to > raft_->log().compacted()) raft_->compact(to);
    });
  });
}

}  // namespace ringroad::raft::sim
