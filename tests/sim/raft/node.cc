#include "tests/sim/raft/node.h"

#include <algorithm>
#include <stdexcept>

#include "consensus/core/planted.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::sim {

namespace {
constexpr std::size_t kSnapshotsHeld = 3;
constexpr std::size_t kReadsMax = 64;
constexpr std::size_t kInputsMax = 2'000;  // of a node that is paused or waits for its disk
}  // namespace

std::string_view name_of(Node::State state) {
  static constexpr std::array<std::string_view, 5> kNames = {"off", "starting", "running", "failed",
                                                             "damaged"};
  return kNames[static_cast<std::size_t>(state)];
}

Node::Node(NodeId id, Surroundings surroundings, const ConfState& first_members, Prng prng)
    : id_(id),
      around_(std::move(surroundings)),
      prng_(prng),
      disk_(prng_.fork()),
      storage_(disk_, around_.scheduler, prng_.fork(),
               {.on_failed =
                    [this] {
                      around_.timeline.record(id_, "its disk failed");
                      stop(std::nullopt);
                      state_ = State::kFailed;
                      around_.on_stopped(id_);
                    },
                .on_durable = [this] { around_.invariants.on_durable(id_, disk_); },
                .on_tripwire =
                    [this] {
                      around_.timeline.record(id_, "crashes at an operation of its disk");
                      stop(CrashFaults{.torn = around_.scenario.troubles.has(Trouble::kTornWrite)});
                      around_.on_stopped(id_);
                    }}) {
  const auto bound = static_cast<std::uint64_t>(around_.scenario.drift_ppm_max);
  const auto drift =
      static_cast<std::int64_t>(prng_.below(2 * bound + 1)) - static_cast<std::int64_t>(bound);
  clock_ = Clock{Nanos{static_cast<std::int64_t>(prng_.below(1'000'000'000'000))}, drift};
  storage_.pace = around_.scenario.disk_pace;
  disk_.faults = around_.scenario.disk_faults;
  storage_.format(first_members);
}

void Node::start() {
  ++incarnation_;
  const Recovery recovery = storage_.recover();
  if (recovery == Recovery::kDamaged) {
    state_ = State::kDamaged;
    around_.timeline.record(id_, "finds its disk damaged");
    around_.on_damaged(id_);
    return;
  }
  if (recovery == Recovery::kUnreadable) {
    state_ = State::kFailed;
    around_.on_stopped(id_);
    return;
  }
  state_ = State::kStarting;
  storage_.rewrite_log([this] { run(); });
}

void Node::run() {
  Config config = around_.scenario.raft;
  config.id = id_;
  const std::vector<Entry> entries = storage_.entries();
  Restored restored{.hard_state = storage_.hard_state(),
                    .snapshot = storage_.snapshot(),
                    .entries = entries,
                    .applied = storage_.snapshot().index};
  if (restored.snapshot.empty()) restored.snapshot.conf = storage_.first_members();
  machine_ = {};
  conf_ = restored.snapshot.conf;
  snapshots_.clear();
  if (!restored.snapshot.empty()) load_snapshot(restored.snapshot, storage_.machine());
  try {
    raft_ = std::make_unique<Raft>(config, restored, prng_.fork(),
                                   clock_.local(around_.scheduler.now()));
  } catch (const std::invalid_argument& e) {
    around_.invariants.fail(id_, e.what());
    state_ = State::kOff;
    return;
  }
  state_ = State::kRunning;
  around_.timeline.record(id_, "starts, term " + std::to_string(raft_->term().value) + ", log to " +
                                   std::to_string(raft_->log().last_index().value) +
                                   ", messages of version " +
                                   std::to_string(static_cast<int>(version_)));
  around_.network.start(id_);
  around_.invariants.on_start(id_, *raft_);
  follow_up();
}

void Node::stop(const std::optional<CrashFaults>& crash) {
  ++incarnation_;
  around_.network.stop(id_);
  storage_.crash();
  if (crash) disk_.lose_power(*crash);
  raft_.reset();
  inputs_.clear();
  applying_.clear();
  reads_.clear();
  writes_ = {};
  arriving_.clear();
  is_applying_ = is_saving_ = waits_for_disk_ = is_following_up_ = false;
  paused_until_ = {};
  wake_at_ = kNever;
  if (state_ != State::kDamaged) state_ = State::kOff;
}

void Node::pause(Nanos until) {
  if (!is_running()) return;
  paused_until_ = until;
  around_.scheduler.at(until, [this, incarnation = incarnation_] {
    if (incarnation == incarnation_ && is_running()) drain_inputs();
  });
}

void Node::when_awake(std::function<void()> action) {
  if (around_.scheduler.now() >= paused_until_) {
    action();
    return;
  }
  around_.scheduler.at(paused_until_, [this, incarnation = incarnation_, then = std::move(action)] {
    if (incarnation == incarnation_) when_awake(then);
  });
}

bool Node::must_wait() const { return waits_for_disk_ || around_.scheduler.now() < paused_until_; }

void Node::input(std::function<void()> action) {
  if (inputs_.size() < kInputsMax) own_input(std::move(action));
}

void Node::own_input(std::function<void()> action) {
  if (!is_running()) return;
  inputs_.push_back(std::move(action));
  drain_inputs();
}

// Each input finds the time told and leaves nothing undone.
void Node::drain_inputs() {
  if (is_following_up_) return;
  while (is_running() && !must_wait()) {
    tick();
    if (inputs_.empty()) {
      follow_up();
      return;
    }
    const auto action = std::move(inputs_.front());
    inputs_.pop_front();
    action();
    observe();
    follow_up();
  }
}

void Node::tick() {
  if (planted(Bug::kClockReadBeforePause) && !inputs_.empty()) return;
  raft_->tick(clock_.local(around_.scheduler.now()));
  observe();
}

void Node::observe() {
  Invariants& invariants = around_.invariants;
  invariants.observe(id_, *raft_);
  if (raft_->role() != Role::kLeader || invariants.last_led() == raft_->term()) return;
  const Nanos now = clock_.local(around_.scheduler.now());
  if (raft_->status().lease_until > now) invariants.on_lease(id_, raft_->term());
}

void Node::follow_up() {
  if (is_following_up_) return;
  is_following_up_ = true;
  while (!must_wait() && raft_->has_ready()) {
    take(raft_->ready());
    observe();
  }
  is_following_up_ = false;
  maybe_compact();
  schedule_wake();
}

void Node::schedule_wake() {
  const Nanos deadline = clock_.when(raft_->next_deadline());
  if (deadline == kNever || wake_at_ <= deadline) return;
  wake_at_ = std::max(deadline, around_.scheduler.now() + microseconds(1));
  around_.scheduler.at(wake_at_, [this, incarnation = incarnation_, at = wake_at_] {
    if (incarnation != incarnation_ || at != wake_at_) return;
    wake_at_ = kNever;
    drain_inputs();
  });
}

void Node::receive(NodeId from, std::span<const std::byte> message) {
  if (!is_running()) return;
  if (!must_wait() && inputs_.empty() && !is_following_up_) {
    tick();
    handle(from, message);
    observe();
    follow_up();
    return;
  }
  input([this, from, copy = Bytes(message.begin(), message.end())] { handle(from, copy); });
}

void Node::handle(NodeId from, std::span<const std::byte> bytes) {
  Message message;
  const DecodeResult result = decode(bytes, decoded_, message, version_);
  if (result != DecodeResult::kOk || message.to != id_ ||
      (message.from != from && message.type != MessageType::kTransferLeader)) {
    around_.invariants.fail(id_, "a message does not decode: " + std::string(name_of(result)));
    return;
  }
  around_.timeline.mix(crc32c(bytes));
  if (around_.timeline.is_recording() && message.type != MessageType::kHeartbeat &&
      message.type != MessageType::kHeartbeatResponse) {
    around_.timeline.record(
        id_, "gets " + std::string(name_of(message.type)) + " from " + std::to_string(from.value) +
                 ", term " + std::to_string(message.term.value) + ", index " +
                 std::to_string(message.index.value) + ", log term " +
                 std::to_string(message.log_term.value) + ", entries " +
                 std::to_string(message.entries.size()) + ", commit " +
                 std::to_string(message.commit.value) + (message.reject ? ", rejected" : ""));
  }
  around_.invariants.on_receive(id_, message);
  step(message);
}

void Node::step(const Message& message) {
  const StepResult result = raft_->step(message);
  observe();
  if (result == StepResult::kLostLog) {
    around_.invariants.fail(id_, "the leader knows of entries that this node has lost");
  }
}

void Node::peer_unreachable(NodeId peer, bool was_snapshot) {
  input([this, peer, was_snapshot] {
    raft_->report_unreachable(peer);
    if (was_snapshot) raft_->report_snapshot(peer, false);
  });
}

void Node::act(const std::function<void(Raft&)>& action) {
  input([this, action] { action(*raft_); });
}

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
    around_.invariants.on_apply(id_, entry, machine_.digest());
    around_.timeline.mix(machine_.digest());
    if (entry.is_conf_change()) {
      apply_conf_change(entry);
    } else if (entry.size_bytes > 0) {
      answer_write(decode_command(entry.payload()));
    }
  }
}

void Node::apply_conf_change(const Entry& entry) {
  const auto change = decode_conf_change(entry.payload());
  if (!change) {
    around_.invariants.fail(id_, "a change of membership does not decode");
    return;
  }
  const auto conf = raft_->apply_conf_change(*change);
  observe();
  if (conf.ok()) conf_ = *conf;
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
    const std::uint64_t kept = prng_.below(around_.scenario.snapshot_every);
    const Index to{snapshot.index.value - std::min(kept, snapshot.index.value)};
    own_input([this, snapshot, to] {
      if (snapshot.index < storage_.snapshot().index) return;  // a newer one came from the leader
      raft_->snapshot_made(snapshot);
      if (to > raft_->log().compacted()) raft_->compact(to);
    });
  });
}

// Clients and peers come by different ways: after a pause, either may be heard first.
void Node::request(const Request& request) {
  if (is_running() && must_wait() && prng_.below(2) == 0) {
    inputs_.push_front([this, request] { handle(request); });
  } else {
    input([this, request] { handle(request); });
  }
}

void Node::handle(const Request& request) {
  const Command& command = request.command;
  StepResult result;
  if (command.kind == Kind::kGet) {
    // Never that of an earlier life: an answer to it may still be under way.
    const std::uint64_t context =
        (std::uint64_t{id_.value} << 56) | (std::uint64_t{incarnation_} << 32) | ++last_context_;
    result = raft_->read_index(context);
    if (reads_.size() == kReadsMax) reads_.erase(reads_.begin());  // its client has long given up
    if (result == StepResult::kOk) reads_.push_back({context, request, std::nullopt});
  } else {
    const auto padding = static_cast<std::uint32_t>(
        prng_.below(std::uint64_t{around_.scenario.padding_bytes_max} + 1));
    const Bytes payload = encode_command(command, padding);
    const Entry entry{.data = payload.data(),
                      .size_bytes = static_cast<std::uint32_t>(payload.size())};
    result = raft_->propose({&entry, 1});
    if (result == StepResult::kOk) {
      writes_[command.client] = {command.sequence, request.operation};
    }
  }
  if (result != StepResult::kOk) around_.reply({command.client, request.operation, false, 0});
}

void Node::answer_write(const Command& command) {
  Waiting& waiting = writes_[command.client];
  if (waiting.sequence != command.sequence) return;
  const Machine::Session& session = machine_.session(command.client);
  if (session.sequence == command.sequence) {
    around_.reply({command.client, waiting.operation, true, session.result});
  }
  waiting = {};
}

void Node::answer_reads() {
  std::erase_if(reads_, [this](const Read& read) {
    const bool is_applied = read.index && *read.index <= machine_.applied();
    if (!read.index || !(is_applied || planted(Bug::kReadBeforeApplied))) return false;
    const bool is_done = *read.index != Index{};
    const Command& command = read.request.command;
    around_.reply({command.client, read.request.operation, is_done,
                   is_done ? machine_.value(command.key) : 0});
    return true;
  });
}

}  // namespace ringroad::raft::sim
