// A node's life, its inputs and its clock: start and stop, pauses, messages, requests of clients,
// the next moment at which the core wants to be woken. World owns the nodes. Invariant: inputs wait
// while the node is paused or waits for its disk, and are taken in order. What is done with a Ready
// is in node_ready.cc.
#include "tests/sim/raft/node.h"

#include <algorithm>
#include <stdexcept>

#include "consensus/core/planted.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::sim {

namespace {
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
      disk_(prng_.fork(), around_.tally),
      storage_(disk_, around_.scheduler, prng_.fork(),
               {.on_failed =
                    [this] {
                      around_.timeline.record(id_, "its disk failed");
                      (void)stop(std::nullopt);
                      state_ = State::kFailed;
                      around_.on_stopped(id_);
                    },
                .on_durable = [this] { around_.invariants.on_durable(id_, disk_); },
                .on_tripwire = [this](Fault at) { around_.on_tripwire(id_, at); }}) {
  set_clock();
  storage_.pace = around_.scenario.disk_pace;
  disk_.faults = around_.scenario.disk_faults;
  storage_.format(first_members);
}

void Node::set_clock() {
  const std::int64_t bound = around_.scenario.drift_ppm_max;
  std::int64_t drift =
      static_cast<std::int64_t>(prng_.below(2 * static_cast<std::uint64_t>(bound) + 1)) - bound;
  if (around_.scenario.drifts_at_bound) {
    drift = prng_.below(2) == 0 ? bound : -bound;
    around_.tally.add(drift > 0 ? Fault::kClockFast : Fault::kClockSlow);
  }
  clock_ = Clock{Nanos{static_cast<std::int64_t>(prng_.below(1'000'000'000'000))}, drift};
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
  around_.on_running(id_);
  around_.invariants.on_start(id_, *raft_);
  follow_up();
}

bool Node::stop(const std::optional<CrashFaults>& crash) {
  ++incarnation_;
  around_.network.stop(id_);
  storage_.crash();
  const bool is_ruined = crash && disk_.lose_power(*crash);
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
  return is_ruined;
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
  if (holds_lease()) invariants.on_lease(id_, raft_->term());
}

bool Node::holds_lease() const {
  return raft_->status().lease_until > clock_.local(around_.scheduler.now());
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
  if (message.type == MessageType::kTimeoutNow) around_.tally.add(Fault::kTransferTaken);
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
