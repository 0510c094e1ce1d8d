// How a replica starts from what its folder holds, what comes in, and its passes.
#include "consensus/replica/replica.h"

#include <algorithm>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "consensus/log/snapshot_store.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

namespace {

constexpr std::size_t kAnswerBytes = machine::kValueBytesMax + 64 * 1024;
constexpr std::uint32_t kReadysPerPass = 16;

// Payloads are the restored log's, for as long as it takes to make a Raft of them.
struct RestoredLog {
  std::deque<std::vector<std::byte>> payloads;
  std::vector<raft::Entry> entries;
};

absl::StatusOr<RestoredLog> read_entries(durable::FileSystem& files,
                                         const durable::Recovered& recovered) {
  RestoredLog log;
  durable::EntryReader reader(files, recovered);
  for (;;) {
    const auto run = reader.next();
    if (!run.ok()) return run.status();
    if (run->empty()) return log;
    for (raft::Entry e : *run) {
      // What stands behind a lost entry is sent again with it.
      if (e.index > recovered.intact_last()) return log;
      log.payloads.emplace_back(e.payload().begin(), e.payload().end());
      e.data = log.payloads.back().data();
      log.entries.push_back(e);
    }
  }
}

absl::StatusOr<std::unique_ptr<machine::Machine>> read_machine(durable::FileSystem& files,
                                                               const raft::Snapshot& snapshot,
                                                               const machine::Limits& limits) {
  if (snapshot.empty()) return std::make_unique<machine::Machine>(limits);
  auto source = durable::SnapshotReader::open(files, snapshot.last());
  if (!source.ok()) return source.status();
  machine::SnapshotReader reader;
  for (std::size_t i = 0; i < (*source)->chunks(); ++i) {
    const auto chunk = (*source)->chunk(i);
    if (!chunk.ok()) return chunk.status();
    if (!reader.feed(*chunk)) break;
  }
  std::unique_ptr<machine::State> state = reader.finish();
  if (state == nullptr || state->applied != snapshot.index) {
    return absl::DataLossError(absl::StrCat("the snapshot at ", snapshot.index.value,
                                            " holds no state that this program understands"));
  }
  return std::make_unique<machine::Machine>(std::move(state));
}

absl::Status may_take_part(const durable::Recovered& recovered, NodeId self) {
  if (recovered.standing == durable::Standing::kFresh) {
    return absl::FailedPreconditionError("there is no log here yet");
  }
  if (recovered.standing == durable::Standing::kDamaged) {
    return absl::FailedPreconditionError(recovered.why);
  }
  if (recovered.identity.node != self) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the log is node ", recovered.identity.node.value, "'s, not node ", self.value, "'s"));
  }
  if (!recovered.hard_state) {
    return absl::FailedPreconditionError(absl::StrCat(
        "its latest term and vote cannot be read, so it might vote twice; mend: ringroad cluster "
        "remove ",
        self.value,
        ", empty the folder, make it again with ringroad-log format, ringroad cluster "
        "add ",
        self.value));
  }
  if (recovered.snapshot.empty() && !recovered.first_members_are_known) {
    return absl::DataLossError("neither the cluster's first members nor a snapshot can be read");
  }
  return absl::OkStatus();
}

}  // namespace

Replica::Replica(const ReplicaConfig& config, durable::LogChannel& channel, Outbox& outbox,
                 RequestSink& requests)
    : config_(config),
      channel_(channel),
      outbox_(outbox),
      sink_(requests),
      requests_(config.requests),
      answer_buffer_(kAnswerBytes) {
  config_.raft.async_storage_writes = true;
}

absl::StatusOr<std::unique_ptr<Replica>> Replica::start(
    const ReplicaConfig& config, durable::FileSystem& files, const durable::Recovered& recovered,
    durable::LogChannel& channel, Outbox& outbox, RequestSink& requests, Prng prng, Nanos now) {
  if (absl::Status status = may_take_part(recovered, config.raft.id); !status.ok()) return status;
  auto log = read_entries(files, recovered);
  if (!log.ok()) return log.status();
  auto state = read_machine(files, recovered.snapshot, config.limits);
  if (!state.ok()) return state.status();

  std::unique_ptr<Replica> replica(new Replica(config, channel, outbox, requests));
  replica->now_ = now;
  replica->life_ = static_cast<std::uint32_t>(prng.next());
  replica->last_context_ = std::uint64_t{replica->life_} << 32;
  replica->machine_ = std::move(*state);
  raft::Restored restored{.hard_state = recovered.hard_state.value_or(raft::HardState{}),
                          .snapshot = recovered.snapshot,
                          .entries = log->entries,
                          .applied = recovered.snapshot.index,
                          .awaited = recovered.state.awaited};
  restored.hard_state.commit =
      std::min(restored.hard_state.commit, std::max(recovered.intact_last(), restored.applied));
  if (restored.snapshot.empty()) restored.snapshot.conf = recovered.state.first_members;
  replica->conf_ = restored.snapshot.conf;
  replica->snapshot_ = recovered.snapshot;
  try {
    replica->raft_ =
        std::make_unique<raft::Raft>(replica->config_.raft, restored, prng.fork(), now);
  } catch (const std::invalid_argument& e) {
    return absl::DataLossError(e.what());
  }
  return replica;
}

Replica::~Replica() {
  for (std::size_t i = 0; i < jobs_; ++i) release(stored_[(first_job_ + i) % kJobs]);
}

// ---- inputs ----

void Replica::tick(Nanos now) {
  now_ = std::max(now_, now);
  if (!is_stopped()) raft_->tick(now_);
}

void Replica::on_message(NodeId from, std::span<const std::byte> bytes) {
  if (is_stopped()) return;
  raft::Message message;
  const raft::DecodeResult result = raft::decode(bytes, decoded_, message);
  if (result != raft::DecodeResult::kOk) {
    ++statistics_.undecodable[static_cast<std::size_t>(result)];
    return;
  }
  // A request for a transfer names the successor as its sender.
  if (message.to != config_.raft.id ||
      (message.from != from && message.type != raft::MessageType::kTransferLeader)) {
    ++statistics_.misaddressed;
    return;
  }
  if (message.type == raft::MessageType::kSnapshot && !check_arrival(message)) return;
  step(message);
}

void Replica::step(const raft::Message& message) {
  const raft::StepResult result = raft_->step(message);
  if (result == raft::StepResult::kOk) return;
  ++statistics_.refused[static_cast<std::size_t>(result)];
  if (result == raft::StepResult::kLostLog) {
    stop("the leader knows of entries that this node has stored and no longer has");
  }
}

void Replica::on_unreachable(NodeId peer) {
  if (!is_stopped()) raft_->report_unreachable(peer);
}

raft::StepResult Replica::propose_conf_change(const raft::ConfChange& change) {
  if (is_stopped()) return raft::StepResult::kNotMember;
  return raft_->propose_conf_change(change, raft::EntryType::kConfChangeV2);
}

void Replica::transfer_leader(NodeId to) {
  if (!is_stopped()) raft_->transfer_leader(to);
}

// For good: what is on the disk is not known any more, so nothing may be said that relies on it.
void Replica::stop(std::string why) {
  if (is_stopped()) return;
  stopped_ = why.empty() ? "its log could not be written" : std::move(why);
  writing_.reset();
  reads_.clear();
  parked_.clear();
  for (std::size_t i = 0; i < requests_.slots(); ++i) {
    if (const auto slot = requests_.used(i)) answer(*slot, RequestOutcome::kStopped, {});
  }
}

// Without room for another segment nothing can be written here: somebody else should lead.
void Replica::make_room() {
  if (!channel_.wants_room()) {
    is_giving_way_ = false;
    return;
  }
  if (raft_->role() != raft::Role::kLeader || is_giving_way_) return;
  const NodeId successor = raft_->best_successor();
  if (successor == kNoNode) return;
  is_giving_way_ = true;
  raft_->transfer_leader(successor);
}

// All that was lost is here again: from now on it counts as any other node, also after a restart.
std::uint32_t Replica::maybe_readmit() {
  if (!raft_->has_awaited() || !can_take_ready()) return 0;
  raft_->readmit();
  Stored* stored = nullptr;
  claim(stored).readmits = true;
  channel_.submit();
  return 1;
}

// ---- passes ----

// Time first: a heartbeat that is due never waits for what else there is.
std::uint32_t Replica::poll(Nanos now) {
  now_ = std::max(now_, now);
  if (is_stopped()) return finish_jobs();
  raft_->tick(now_);
  std::uint32_t work = finish_jobs();
  if (is_stopped()) return work;
  make_room();
  work += maybe_readmit();
  work += propose_requests();
  work += start_reads();
  propose_clock();
  for (std::uint32_t i = 0; i < kReadysPerPass && can_take_ready() && raft_->has_ready(); ++i) {
    take_ready();
    ++work;
    if (is_stopped()) return work;
  }
  work += answer_reads();
  work += write_snapshot();
  work += expire();
  return work;
}

Nanos Replica::next_deadline() const {
  if (is_stopped()) return kNever;
  if (writing_ != nullptr && can_take_ready()) return now_;
  Nanos deadline = raft_->next_deadline();
  if (requests_.size() > 0) deadline = std::min(deadline, now_ + milliseconds(10));
  return deadline;
}

ReplicaStatus Replica::status() const {
  return {.raft = raft_->status(),
          .stopped = stopped_,
          .wants_room = channel_.wants_room(),
          .snapshot = snapshot_.index,
          .snapshot_bytes = snapshot_.size_bytes,
          .machine_applied = machine_->applied(),
          .requests_waiting = requests_.size()};
}

}  // namespace ringroad::consensus
