// What clients ask: commands go through the log and are answered when they are applied here;
// queries wait until this node has applied what they have to see. A request has one answer, at its
// deadline at the latest; what may still happen to a command then is said by the answer.
#include <algorithm>

#include "consensus/replica/replica.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

namespace {

// A command of a session that has no answer by then is proposed again: doing it twice is harmless,
// and it may have been lost on the way to the leader.
constexpr std::int64_t kElectionsUntilAgain = 4;
constexpr Nanos kExpireInterval = milliseconds(5);

}  // namespace

bool Replica::submit(const ClientRequest& request, Nanos now) {
  now_ = std::max(now_, now);
  machine::Request decoded;
  machine::Status status = machine::decode(request.bytes, machine_->level(), decoded);
  if (status == machine::Status::kOk && machine::is_internal(decoded.kind)) {
    status = machine::Status::kBadRequest;
  }
  const auto tell = [&](RequestOutcome outcome, const machine::Answer& answer) {
    ++statistics_.answers[static_cast<std::size_t>(outcome)];
    sink_.on_answer(request.client, outcome, answer, {});
  };
  if (status != machine::Status::kOk) {
    tell(RequestOutcome::kAnswered, {.status = status});
    return true;
  }
  if (is_stopped()) {
    tell(RequestOutcome::kStopped, {});
    return true;
  }
  const auto slot = requests_.add(request, config_.raft.id, life_);
  if (!slot) return false;
  Request& waiting = requests_.at(*slot);
  waiting.kind = decoded.kind;
  // Opened twice, a session that nobody knows of ends with its time to live.
  waiting.may_repeat =
      decoded.session != machine::kNoClient || decoded.kind == machine::Kind::kOpenSession;
  waiting.asked_at = now_;
  if (machine::is_query(decoded.kind)) {
    waiting.state = Request::State::kReading;
    if (request.consistency == Consistency::kStale) {
      if (!answer_query(*slot)) parked_.push_back(*slot);
    } else {
      to_read_.push_back(*slot);
    }
  } else {
    to_propose_.push_back(*slot);
  }
  return true;
}

// ---- commands ----

std::uint32_t Replica::propose_requests() {
  std::uint32_t proposed = 0;
  while (!to_propose_.empty() && leader_ != kNoNode) {
    proposal_.clear();
    std::uint64_t bytes = 0;
    std::size_t taken = 0;
    for (const RequestSlot slot : to_propose_) {
      if (proposal_.size() == config_.batch_requests_max) break;
      const Request* const request = requests_.find(slot);
      if (request != nullptr) {
        if (!proposal_.empty() && bytes + request->entry.size() > config_.batch_bytes_max) break;
        bytes += request->entry.size();
        proposal_.push_back({.data = request->entry.data(),
                             .size_bytes = static_cast<std::uint32_t>(request->entry.size())});
      }
      ++taken;
    }
    const auto end = to_propose_.begin() + static_cast<std::ptrdiff_t>(taken);
    const raft::StepResult result =
        proposal_.empty() ? raft::StepResult::kOk : raft_->propose(proposal_);
    const bool is_refused = result == raft::StepResult::kNotMember;
    if (result != raft::StepResult::kOk && !is_refused) {
      const bool is_full = result == raft::StepResult::kUncommittedBound;
      for (auto at = to_propose_.begin(); at != end; ++at) {
        if (Request* const request = requests_.find(*at)) request->met_full_log = is_full;
      }
      return proposed;
    }
    for (auto at = to_propose_.begin(); at != end; ++at) {
      Request* const request = requests_.find(*at);
      if (request == nullptr) continue;
      if (is_refused) {
        answer(*at, RequestOutcome::kNotMember, {});
        continue;
      }
      request->state = Request::State::kProposed;
      request->proposed_at = now_;
      ++proposed;
    }
    to_propose_.erase(to_propose_.begin(), end);
  }
  statistics_.proposals_sent += proposed;
  return proposed;
}

// A new leader: what the old one was sent may be lost. Only what is done once however often it is
// asked may be asked again.
void Replica::propose_again() {
  for (std::size_t i = 0; i < requests_.slots(); ++i) {
    const auto slot = requests_.used(i);
    if (!slot) continue;
    Request& request = requests_.at(*slot);
    if (request.state != Request::State::kProposed || !request.may_repeat) continue;
    request.state = Request::State::kQueued;
    to_propose_.push_back(*slot);
  }
}

void Replica::answer_command(std::span<const std::byte> entry, const machine::Answer& result) {
  const auto envelope = read_envelope(entry);
  if (!envelope || envelope->node != config_.raft.id || envelope->life != life_) return;
  Request* const request = requests_.find(envelope->slot);
  if (request != nullptr && !machine::is_query(request->kind)) {
    answer(envelope->slot, RequestOutcome::kAnswered, result);
  }
}

// ---- queries ----

// All that wait share one question to the leader.
std::uint32_t Replica::start_reads() {
  if (to_read_.empty() || leader_ == kNoNode) return 0;
  const std::uint64_t context = last_context_ + 1;
  if (raft_->read_index(context) != raft::StepResult::kOk) return 0;
  last_context_ = context;
  reads_.push_back({.context = context, .asked_at = now_, .index = {}, .members = {}});
  reads_.back().members.swap(to_read_);
  return 1;
}

// Dropped ones ask again.
void Replica::on_reads(std::span<const raft::ReadState> reads) {
  for (const raft::ReadState& read : reads) {
    const auto group = std::ranges::find(reads_, read.context, &ReadGroup::context);
    if (group == reads_.end() || group->index) continue;
    if (read.index != Index{}) {
      group->index = read.index;
    } else {
      to_read_.insert(to_read_.end(), group->members.begin(), group->members.end());
      reads_.erase(group);
    }
  }
}

std::uint32_t Replica::answer_reads() {
  std::uint32_t answered = 0;
  const Nanos patience = config_.raft.election_timeout * kElectionsUntilAgain;
  for (std::size_t i = 0; i < reads_.size();) {
    ReadGroup& group = reads_[i];
    const bool is_due = group.index && machine_->applied() >= *group.index;
    const bool is_lost = !group.index && now_ - group.asked_at > patience;
    if (!is_due && !is_lost) {
      ++i;
      continue;
    }
    const ReadGroup done = std::move(group);
    reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(i));
    for (const RequestSlot slot : done.members) {
      if (requests_.find(slot) == nullptr) continue;
      if (is_lost) {
        to_read_.push_back(slot);
      } else if (answer_query(slot)) {
        ++answered;
      } else {
        parked_.push_back(slot);
      }
    }
  }
  const std::uint64_t news = machine_->revision().value + machine_->log_last().value;
  if (news != parked_at_ && !parked_.empty()) {
    std::erase_if(parked_, [&](RequestSlot slot) {
      if (requests_.find(slot) != nullptr && !answer_query(slot)) return false;
      ++answered;
      return true;
    });
  }
  parked_at_ = news;
  statistics_.reads_answered += answered;
  return answered;
}

// False when there is nothing to tell yet and the asker would rather wait.
bool Replica::answer_query(RequestSlot slot) {
  const Request& request = requests_.at(slot);
  const std::size_t bytes = machine_->query(request.bytes(), answer_buffer_);
  const auto answer_bytes = std::span<const std::byte>(answer_buffer_).first(bytes);
  const machine::AnswerReader reader(answer_bytes);
  RR_CHECK(reader.is_good());
  if (request.waits && reader.answer().status == machine::Status::kOk &&
      reader.answer().count == 0 && !reader.answer().more) {
    return false;
  }
  answer(slot, RequestOutcome::kAnswered, reader.answer(), answer_bytes);
  return true;
}

// ---- ends ----

void Replica::answer(RequestSlot slot, RequestOutcome outcome, const machine::Answer& result,
                     std::span<const std::byte> bytes) {
  const std::uint64_t client = requests_.at(slot).client;
  requests_.remove(slot);
  ++statistics_.answers[static_cast<std::size_t>(outcome)];
  sink_.on_answer(client, outcome, result, bytes);
}

bool Replica::hears_quorum() const {
  const auto hears = [this](NodeId id) -> std::uint64_t {
    return id == config_.raft.id || outbox_.is_connected(id) ? 1 : 0;
  };
  return raft::committed_index(raft_->tracker().configuration().quorum(), hears) > 0;
}

RequestOutcome Replica::why_not_done(const Request& request) const {
  if (request.state == Request::State::kProposed) return RequestOutcome::kTimedOut;
  if (request.met_full_log) return RequestOutcome::kLogFull;
  return hears_quorum() ? RequestOutcome::kNoLeader : RequestOutcome::kNoQuorum;
}

// Also refuses, without waiting for its deadline, what this node can't do on this side of a
// partition; an election is no partition, so it is given the time of one.
std::uint32_t Replica::expire() {
  if (requests_.size() == 0 || now_ - expired_at_ < kExpireInterval) return 0;
  expired_at_ = now_;
  const Nanos again = config_.raft.election_timeout * kElectionsUntilAgain;
  const bool is_cut_off = leader_ == kNoNode && !hears_quorum();
  std::uint32_t ended = 0;
  for (std::size_t i = 0; i < requests_.slots(); ++i) {
    const auto slot = requests_.used(i);
    if (!slot) continue;
    Request& request = requests_.at(*slot);
    const bool is_proposed = request.state == Request::State::kProposed;
    const bool is_parked = request.waits && std::ranges::find(parked_, *slot) != parked_.end();
    if (now_ >= request.deadline) {
      // A watch that has seen nothing is answered with that.
      if (is_parked) {
        request.waits = false;
        (void)answer_query(*slot);
      } else {
        answer(*slot, why_not_done(request), {});
      }
      ++ended;
    } else if (is_cut_off && !is_proposed && !is_parked && now_ - request.asked_at > again) {
      answer(*slot, RequestOutcome::kNoQuorum, {});
      ++ended;
    } else if (is_proposed && request.may_repeat && now_ - request.proposed_at > again) {
      request.state = Request::State::kQueued;
      to_propose_.push_back(*slot);
    }
  }
  return ended;
}

// ---- the cluster's clock ----

void Replica::propose_clock() {
  if (raft_->role() != raft::Role::kLeader || clock_term_ != raft_->term() ||
      now_ - clock_proposed_at_ < config_.clock_interval) {
    return;
  }
  const machine::State& state = machine_->state();
  if (state.sessions.map().size() == 0 && state.registry.leases().size() == 0) return;
  clock_proposed_at_ = now_;
  const machine::Request request{.kind = machine::Kind::kAdvanceClock,
                                 .time = clock_base_ + (now_ - clock_since_),
                                 .term = clock_term_};
  clock_entry_.resize(kEnvelopeBytes + machine::encoded_bytes(request));
  write_envelope({.node = config_.raft.id, .life = 0, .slot = {}},
                 std::span(clock_entry_).first<kEnvelopeBytes>());
  machine::encode(request, std::span(clock_entry_).subspan(kEnvelopeBytes));
  const raft::Entry entry{.data = clock_entry_.data(),
                          .size_bytes = static_cast<std::uint32_t>(clock_entry_.size())};
  (void)raft_->propose({&entry, 1});
}

}  // namespace ringroad::consensus
