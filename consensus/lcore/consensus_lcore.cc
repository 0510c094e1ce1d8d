#include "consensus/lcore/consensus_lcore.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "consensus/machine/answer.h"
#include "dataplane/base/check.h"
#include "dataplane/clock.h"
#include "dataplane/host/registry_protocol.h"
#include "dataplane/host/spin.h"

namespace ringroad::consensus {

namespace {

constexpr std::uint32_t kParcels = 256;
constexpr Nanos kPatienceMax = seconds(600);
// Of a message's bytes, beside the payload of one entry: headers, and the entry's envelope.
constexpr std::uint32_t kMessageOverheadMax = 512;
constexpr std::uint64_t kUncommittedBytesMax = 64 << 20;
constexpr std::uint64_t kInflightBytesMax = 4 << 20;
constexpr Nanos kPublishEvery = milliseconds(100);  // and so long it sleeps at most
static_assert(ConsensusCounts::kOutcomes == kRequestOutcomes);

absl::Status no_log(const std::string& directory, const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat("/consensus/directory: ", directory, ": ", status.message(),
                   "; mend: a node of a new cluster is made by ringroad-log format"));
}

}  // namespace

LcoreConfig lcore_config(const NodeConfig& config) {
  LcoreConfig lcore;
  lcore.cluster = config.cluster_name;
  lcore.directory = config.consensus.directory;
  lcore.never_sleeps = config.cpu.idle == IdlePolicy::kPoll && config.cpu.consensus.has_value();
  ReplicaConfig& replica = lcore.replica;
  replica.compaction_entries = config.consensus.compaction_entries;
  replica.kept_entries = replica.compaction_entries / 2;
  replica.batch_bytes_max = config.limits.message_bytes_max / 2;
  raft::Config& raft = replica.raft;
  raft.id = config.local_node.node_id;
  raft.election_timeout = milliseconds(config.consensus.election_timeout_ms);
  raft.heartbeat_interval = milliseconds(config.consensus.heartbeat_interval_ms);
  // What the links carry as one message.
  raft.append_bytes_max = config.limits.message_bytes_max - kMessageOverheadMax;
  raft.snapshot_chunk_bytes_max = config.limits.message_bytes_max / 2;
  raft.uncommitted_bytes_max = kUncommittedBytesMax;
  raft.inflight_bytes_max = kInflightBytesMax;
  return lcore;
}

ConsensusLcore::ConsensusLcore(const LcoreConfig& config, Node& node, IoLoop& io)
    : config_(config),
      node_(node),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      loop_([this] { (void)eventfd_write(bell_, 1); }),
      io_([&io] { io.wake(); }),
      log_done_(loop_),
      askers_(config.replica.requests.requests_max) {
  free_askers_.reserve(askers_.size());
  for (std::size_t i = askers_.size(); i > 0; --i) {
    free_askers_.push_back(static_cast<std::uint32_t>(i - 1));
  }
}

absl::StatusOr<std::unique_ptr<ConsensusLcore>> ConsensusLcore::create(
    const LcoreConfig& config, Node& node, IoLoop& io, durable::WriterThread& writer,
    std::uint64_t seed, Nanos now) {
  std::unique_ptr<ConsensusLcore> made(new ConsensusLcore(config, node, io));
  if (made->bell_ < 0) return absl::ErrnoToStatus(errno, "eventfd");
  auto files = durable::PosixFileSystem::open_folder(config.directory);
  if (!files.ok()) return no_log(config.directory, files.status());
  made->files_ = *std::move(files);
  const auto recovered = durable::recover(*made->files_);
  if (!recovered.ok()) return no_log(config.directory, recovered.status());
  if (recovered->standing == durable::Standing::kFresh) {
    return no_log(config.directory, absl::NotFoundError("there is no log here yet"));
  }
  if (recovered->standing == durable::Standing::kKnown &&
      recovered->identity.cluster != config.cluster) {
    return absl::FailedPreconditionError(
        absl::StrCat("/consensus/directory: ", config.directory, ": the log is of cluster \"",
                     recovered->identity.cluster, "\", not of \"", config.cluster,
                     "\"; mend: another directory, or the other cluster's /cluster/name"));
  }
  for (const durable::Damage& damage : recovered->damages) {
    made->findings_.push_back(
        absl::StrCat(damage.file, " at byte ", damage.offset, ": ", damage.what));
  }
  auto log = durable::LogWriter::open(*made->files_, config.log, *recovered);
  if (!log.ok()) return log.status();
  made->log_ = *std::move(log);

  const std::string name = absl::StrCat("consensus-", config.replica.raft.id.value);
  const std::uint32_t bytes = node.config().limits.message_bytes_max;
  auto inbound = Parcels::create(absl::StrCat(name, "-in").c_str(), kParcels, bytes);
  if (!inbound.ok()) return inbound.status();
  made->inbound_ = *std::move(inbound);
  auto outbound = Parcels::create(absl::StrCat(name, "-out").c_str(), kParcels, bytes);
  if (!outbound.ok()) return outbound.status();
  made->outbound_ = *std::move(outbound);

  Outbox& outbox = *made;
  RequestSink& sink = *made;
  auto replica = Replica::start(config.replica, *made->files_, *recovered, made->channel_, outbox,
                                sink, Prng{seed}, now);
  if (!replica.ok()) return no_log(config.directory, replica.status());
  made->replica_ = *std::move(replica);
  made->endpoint_ = std::make_unique<ConsensusEndpoint>(node, *made->inbound_, *made->outbound_,
                                                        made->loop_, made->io_);
  made->channel_.set_owner(&made->log_done_);
  writer.attach(*made->log_, *made->files_, made->channel_);
  made->writer_ = &writer;
  return made;
}

ConsensusLcore::~ConsensusLcore() {
  if (writer_ != nullptr) writer_->detach(channel_);
  replica_.reset();
  if (bell_ >= 0) close(bell_);
}

// ---- the loop ----

void ConsensusLcore::run() {
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const host::Spin spin = host::spin_on(2);
  const Nanos patience = microseconds(spin.us);
  Nanos last_work = monotonic_now();
  while (!is_stopping_.load(std::memory_order_relaxed)) {
    const std::size_t taken = take_parcels();
    const Nanos now = monotonic_now();
    if (now - published_at_ >= kPublishEvery) publish(now);
    if (pass(taken, now) > 0) {
      last_work = now;
    } else if (!config_.never_sleeps && now - last_work >= patience) {
      sleep(now);
      last_work = monotonic_now();
    } else {
      spin.pause();
    }
  }
}

void ConsensusLcore::stop() {
  is_stopping_.store(true, std::memory_order_relaxed);
  (void)eventfd_write(bell_, 1);
}

std::uint32_t ConsensusLcore::pass(std::size_t taken, Nanos now) {
  replica_->tick(now);
  for (Parcel* const parcel : std::span(taken_).first(taken)) {
    if (parcel->kind == Parcel::Kind::kPeerMessage) {
      replica_->on_message(parcel->node, parcel->bytes());
    } else {
      take_request(*parcel, now);
    }
    inbound_->give_empty(parcel);
  }
  auto work = static_cast<std::uint32_t>(taken);
  for (std::uint64_t lost = endpoint_->take_unreachable(); lost != 0; lost &= lost - 1) {
    replica_->on_unreachable(NodeId{static_cast<std::uint16_t>(std::countr_zero(lost) + 1)});
  }
  work += replica_->poll(now);
  if (work > 0) io_.wake();
  return work;
}

void ConsensusLcore::publish(Nanos now) {
  published_at_ = now;
  const ReplicaStatus status = replica_->status();
  const ReplicaStatistics& counted = replica_->statistics();
  const auto sum = [](const auto& reasons) {
    // The first is what went well.
    return std::accumulate(reasons.begin() + 1, reasons.end(), std::uint64_t{0});
  };
  ConsensusCounts counts;
  counts.is_leader = status.raft.soft_state.role == raft::Role::kLeader;
  counts.is_voter = status.raft.tracker->configuration().all_voters().contains(status.raft.id);
  counts.is_stopped = !status.stopped.empty();
  counts.wants_room = status.wants_room;
  counts.leader = status.raft.soft_state.leader;
  counts.term = status.raft.hard_state.term.value;
  counts.first_index = status.raft.first.value;
  counts.last_index = status.raft.last.value;
  counts.stable_index = status.raft.stable.value;
  counts.commit_index = status.raft.hard_state.commit.value;
  counts.applied_index = status.machine_applied.value;
  counts.elections_won = counted.elections_won;
  counts.batches_stored = counted.batches_stored;
  counts.entries_stored = counted.entries_stored;
  counts.entries_applied = counted.entries_applied;
  counts.proposals_sent = counted.proposals_sent;
  counts.reads_answered = counted.reads_answered;
  counts.requests_waiting = status.requests_waiting;
  counts.answers = counted.answers;
  counts.undecodable = sum(counted.undecodable);
  counts.refused = sum(counted.refused);
  counts.misaddressed = counted.misaddressed;
  counts.not_sent = outbound_full_;
  counts.answers_lost = unanswered_;
  counts.snapshot_index = status.snapshot.value;
  counts.snapshot_bytes = status.snapshot_bytes;
  counts.snapshots_made = counted.snapshots_made;
  counts.snapshots_installed = counted.snapshots_installed;
  counts.snapshots_refused = counted.snapshots_refused;
  counts.snapshot_chunks_sent = counted.snapshot_chunks_sent;
  counts.snapshot_time = counted.snapshot_time;
  counts.log_write = counted.log_write;
  endpoint_->publish(counts);
}

void ConsensusLcore::sleep(Nanos now) {
  loop_.fall_asleep();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const Nanos deadline = std::min(replica_->next_deadline(), now + kPublishEvery);
  const bool may = !inbound_->has_full() && !channel_.has_done() && deadline > now &&
                   !is_stopping_.load(std::memory_order_relaxed);
  if (may) {
    const std::int64_t wait = (deadline - now).count;
    const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
    pollfd bell{bell_, POLLIN, 0};
    (void)ppoll(&bell, 1, &timeout, nullptr);
  }
  loop_.wake_up();
  eventfd_t rung = 0;
  (void)eventfd_read(bell_, &rung);
}

// Before the clock is read, so that nothing is looked at as of a time before it came.
std::size_t ConsensusLcore::take_parcels() {
  std::size_t taken = 0;
  while (taken < taken_.size() && (taken_[taken] = inbound_->take_full()) != nullptr) ++taken;
  return taken;
}

// ---- peers ----

void ConsensusLcore::send(const raft::Message& message) {
  const std::size_t bytes = raft::encoded_bytes(message);
  Parcel* const parcel = bytes <= outbound_->bytes_each() ? outbound_->take_empty() : nullptr;
  if (parcel == nullptr) {
    ++outbound_full_;
    return;
  }
  parcel->kind = Parcel::Kind::kPeerMessage;
  parcel->node = message.to;
  parcel->length = static_cast<std::uint32_t>(raft::encode(message, {parcel->data, bytes}));
  outbound_->give_full(parcel);
}

bool ConsensusLcore::is_connected(NodeId peer) const {
  return (node_.links_up() & std::uint64_t{1} << (peer.value - 1)) != 0;
}

// ---- programs ----

void ConsensusLcore::take_request(const Parcel& parcel, Nanos now) {
  host::RegistryRequestHeader header;
  std::memcpy(&header, parcel.data, sizeof header);
  const auto rest = std::span<const std::byte>(parcel.bytes()).subspan(sizeof header);
  if (header.version != host::kRegistryVersion) return;  // it runs into its own patience
  switch (header.verb) {
    case host::RegistryVerb::kAsk:
      return ask(parcel, rest, now);
    case host::RegistryVerb::kStatus:
      return report(parcel, now);
    case host::RegistryVerb::kChange:
      return change(parcel, rest);
  }
}

host::RegistryReplyHeader ConsensusLcore::reply_header(std::uint64_t token, host::RegistryVerb verb,
                                                       std::uint8_t outcome,
                                                       std::uint8_t refusal) const {
  return {.token = token,
          .version = host::kRegistryVersion,
          .verb = verb,
          .outcome = outcome,
          .refusal = refusal,
          .leader = replica_->raft().leader().value,
          .zero = 0};
}

Parcel* ConsensusLcore::begin_answer(std::uint16_t owner, std::uint32_t generation) {
  Parcel* const parcel = outbound_->take_empty();
  if (parcel == nullptr) {
    ++unanswered_;
    return nullptr;
  }
  parcel->kind = Parcel::Kind::kAnswer;
  parcel->owner = owner;
  parcel->generation = generation;
  return parcel;
}

void ConsensusLcore::finish_answer(Parcel* parcel, std::uint32_t length) {
  parcel->length = length;
  outbound_->give_full(parcel);
}

void ConsensusLcore::ask(const Parcel& parcel, std::span<const std::byte> request, Nanos now) {
  host::RegistryRequestHeader header;
  std::memcpy(&header, parcel.data, sizeof header);
  const auto refuse = [&](RequestOutcome outcome) {
    Parcel* const out = begin_answer(parcel.owner, parcel.generation);
    if (out == nullptr) return;
    const auto reply =
        reply_header(header.token, host::RegistryVerb::kAsk, static_cast<std::uint8_t>(outcome), 0);
    std::memcpy(out->data, &reply, sizeof reply);
    finish_answer(out, sizeof reply);
  };
  if (header.consistency > static_cast<std::uint8_t>(Consistency::kStale) || free_askers_.empty()) {
    return refuse(RequestOutcome::kLogFull);
  }
  if (request.size() > outbound_->bytes_each() - kMessageOverheadMax) {
    return refuse(RequestOutcome::kTooLarge);
  }
  const std::uint32_t place = free_askers_.back();
  Asker& asker = askers_[place];
  asker = {
      .generation = asker.generation + 1,
      .is_used = true,
      .owner = parcel.owner,
      .owner_generation = parcel.generation,
      .token = header.token,
      .kind = request.size() > 1 ? static_cast<machine::Kind>(request[1]) : machine::Kind::kNone};
  free_askers_.pop_back();
  const Nanos patience =
      std::min(milliseconds(static_cast<std::int64_t>(header.patience_ms)), kPatienceMax);
  const bool is_taken =
      replica_->submit({.client = std::uint64_t{asker.generation} << 32 | place,
                        .bytes = request,
                        .consistency = static_cast<Consistency>(header.consistency),
                        .waits = header.waits != 0,
                        .deadline = now + patience},
                       now);
  if (!is_taken) {
    asker.is_used = false;
    free_askers_.push_back(place);
    refuse(RequestOutcome::kLogFull);
  }
}

void ConsensusLcore::on_answer(std::uint64_t client, RequestOutcome outcome,
                               const machine::Answer& answer, std::span<const std::byte> bytes) {
  const auto place = static_cast<std::uint32_t>(client);
  Asker& asker = askers_[place];
  RR_CHECK(asker.is_used && asker.generation == client >> 32);
  asker.is_used = false;
  free_askers_.push_back(place);
  Parcel* const out = begin_answer(asker.owner, asker.owner_generation);
  if (out == nullptr) return;
  const auto reply =
      reply_header(asker.token, host::RegistryVerb::kAsk, static_cast<std::uint8_t>(outcome), 0);
  std::memcpy(out->data, &reply, sizeof reply);
  const std::span<std::byte> room{out->data + sizeof reply, outbound_->bytes_each() - sizeof reply};
  std::size_t length = sizeof reply;
  if (!bytes.empty() && bytes.size() <= room.size()) {
    std::ranges::copy(bytes, room.begin());
    length += bytes.size();
  } else if (outcome == RequestOutcome::kAnswered) {
    // A command's, or one that is larger than a message.
    machine::Answer told = answer;
    if (!bytes.empty()) {
      told = {
          .status = machine::Status::kTooLarge, .revision = answer.revision, .value = bytes.size()};
    }
    machine::AnswerWriter writer(room);
    length += writer.finish(asker.kind, told);
  }
  finish_answer(out, static_cast<std::uint32_t>(length));
}

void ConsensusLcore::change(const Parcel& parcel, std::span<const std::byte> request) {
  host::MembershipRequest asked{};
  if (request.size() != sizeof asked) return;
  std::memcpy(&asked, request.data(), sizeof asked);
  const NodeId node{asked.node};
  raft::StepResult result = raft::StepResult::kMalformed;
  if (static_cast<std::uint8_t>(asked.verb) < host::kMembershipVerbs && raft::is_node(node)) {
    if (asked.verb == host::MembershipVerb::kTransfer) {
      replica_->transfer_leader(node);
      result = raft::StepResult::kOk;
    } else {
      const auto type = asked.verb == host::MembershipVerb::kAdd ? raft::ConfChangeType::kAddNode
                        : asked.verb == host::MembershipVerb::kRemove
                            ? raft::ConfChangeType::kRemoveNode
                            : raft::ConfChangeType::kAddLearner;
      result = replica_->propose_conf_change(raft::ConfChange({type, node}));
    }
  }
  Parcel* const out = begin_answer(parcel.owner, parcel.generation);
  if (out == nullptr) return;
  host::RegistryRequestHeader header;
  std::memcpy(&header, parcel.data, sizeof header);
  const auto reply =
      reply_header(header.token, host::RegistryVerb::kChange, 0, static_cast<std::uint8_t>(result));
  std::memcpy(out->data, &reply, sizeof reply);
  finish_answer(out, sizeof reply);
}

void ConsensusLcore::report(const Parcel& parcel, Nanos now) {
  Parcel* const out = begin_answer(parcel.owner, parcel.generation);
  if (out == nullptr) return;
  host::RegistryRequestHeader header;
  std::memcpy(&header, parcel.data, sizeof header);
  const ReplicaStatus status = replica_->status();
  const ReplicaStatistics& counted = replica_->statistics();
  const machine::State& state = replica_->machine().state();
  const raft::Tracker& tracker = *status.raft.tracker;
  const raft::Configuration& configuration = tracker.configuration();
  host::ConsensusReport report{};
  report.time_ns = static_cast<std::uint64_t>(now.count);
  report.node = status.raft.id.value;
  report.leader = status.raft.soft_state.leader.value;
  report.role = static_cast<std::uint8_t>(status.raft.soft_state.role);
  report.wants_room = status.wants_room ? 1 : 0;
  report.is_joint = configuration.joint() ? 1 : 0;
  report.zone_rule_degraded = status.raft.zone_rule_degraded ? 1 : 0;
  report.term = status.raft.hard_state.term.value;
  report.commit = status.raft.hard_state.commit.value;
  report.applied = status.machine_applied.value;
  report.first = status.raft.first.value;
  report.last = status.raft.last.value;
  report.stable = status.raft.stable.value;
  report.snapshot = status.snapshot.value;
  report.voters = configuration.all_voters().bits();
  report.learners = configuration.learners.bits();
  report.elections_won = counted.elections_won;
  report.proposals = counted.proposals_sent;
  report.entries_applied = counted.entries_applied;
  report.reads = counted.reads_answered;
  report.snapshots_made = counted.snapshots_made;
  report.snapshots_installed = counted.snapshots_installed;
  report.requests_waiting = status.requests_waiting;
  std::ranges::copy(counted.answers, std::begin(report.answers));
  report.revision = replica_->machine().revision().value;
  report.log_position = replica_->machine().log_last().value;
  report.keys = state.registry.keys().map().size();
  report.leases = state.registry.leases().size();
  report.sessions = state.sessions.map().size();
  for (const NodeId id : tracker.members()) {
    const raft::Progress& progress = tracker.progress(id);
    host::ConsensusReport::Member& member = report.members[id.value - 1];
    member.match = progress.match.value;
    member.next = progress.next.value;
    member.state = static_cast<std::uint8_t>(progress.state);
    member.is_active = progress.recent_active ? 1 : 0;
  }
  const std::size_t length = std::min(status.stopped.size(), sizeof report.stopped - 1);
  std::memcpy(report.stopped, status.stopped.data(), length);
  const auto reply = reply_header(header.token, host::RegistryVerb::kStatus, 0, 0);
  std::memcpy(out->data, &reply, sizeof reply);
  std::memcpy(out->data + sizeof reply, &report, sizeof report);
  finish_answer(out, sizeof reply + sizeof report);
}

}  // namespace ringroad::consensus
