// A node over time: how it begins with what was on its disk, what it is in each term (follower,
// candidate, leader: thesis figure 3.3), its timers, and by which way a message of its own leaves.
// What comes from others is in step.cc.
#include "consensus/core/raft.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "consensus/core/planted.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

namespace {

bool is_election(MessageType type) {
  return type == MessageType::kVote || type == MessageType::kPreVote ||
         type == MessageType::kVoteResponse || type == MessageType::kPreVoteResponse;
}

void require(bool condition, const std::string& what) {
  if (!condition)
    throw std::invalid_argument("raft: what was restored contradicts itself: " + what);
}

// Thesis 3.8: a machine that outlives its node is not given again what it has applied. So nobody
// will apply the changes among it, and by an older configuration this node might elect itself.
Configuration with_applied_changes(Configuration configuration, const Restored& restored) {
  for (const Entry& e : restored.entries) {
    if (e.index > restored.applied || !e.is_conf_change()) continue;
    const auto change = decode_conf_change(e.payload());
    require(change.has_value(), absl::StrCat("entry ", e.index.value, " was applied, and is no ",
                                             "change of the membership"));
    // One that could not be applied was refused by every node alike.
    const auto changed = apply(configuration, *change);
    if (changed.ok()) configuration = changed->configuration;
  }
  return configuration;
}

}  // namespace

Raft::Raft(const Config& config, const Restored& restored, Prng prng, Nanos now)
    : config_(config),
      prng_(prng),
      log_(config.applying_bytes_max),
      tracker_({config.inflight_messages_max,
                config.inflight_bytes_max == kNoLimit ? 0 : config.inflight_bytes_max}),
      now_(now) {
  RR_CHECK(config_.validate().ok());
  Index expected = restored.snapshot.index;
  Term term_before = restored.snapshot.term;
  for (const Entry& e : restored.entries) {
    expected = next(expected);
    require(e.index == expected,
            absl::StrCat("entry ", e.index.value, " stands at the place of ", expected.value));
    require(e.term >= term_before, absl::StrCat("entry ", e.index.value, " has a term below that ",
                                                "of the one before it"));
    term_before = e.term;
  }
  log_.load(restored.snapshot.last(), restored.entries);

  const HardState& hard = restored.hard_state;
  require(hard.commit <= log_.last_index(),
          absl::StrCat("commit ", hard.commit.value, " is beyond the last entry ",
                       log_.last_index().value));
  // A node that has only a snapshot may start with it, before any term of its own.
  require(hard.term >= log_.last().term || (hard.term == Term{} && restored.entries.empty()),
          "the term is below that of the last entry");
  require(hard.vote == kNoNode || is_node(hard.vote), "the vote is for no node");
  require(restored.applied <= log_.last_index(),
          absl::StrCat("applied ", restored.applied.value, " is beyond the last entry ",
                       log_.last_index().value));
  const auto of_snapshot = raft::restore(restored.snapshot.conf);
  require(of_snapshot.ok(), std::string(of_snapshot.status().message()));
  const Configuration configuration = with_applied_changes(of_snapshot->configuration, restored);

  tracker_.set_zones({config_.zones, {}});
  tracker_.apply({configuration, configuration.members(), {}}, log_.last_index());
  configuration_index_ = std::max(restored.applied, restored.snapshot.index);
  snapshot_ = restored.snapshot;
  // What was applied was committed, though the commit index need not have reached the disk.
  log_.commit_to(std::max(hard.commit, restored.applied));
  log_.applied_to(std::max(restored.applied, log_.applied()), 0);
  term_ = hard.term;
  vote_ = hard.vote;
  awaited_ = restored.awaited;
  // It may have promised its leader, before it went down, not to vote (thesis 6.4.1).
  if (config_.read_mode == ReadMode::kLease && !planted(Bug::kNoPromiseAfterRestart)) {
    promised_until_ = now_ + config_.election_timeout;
  }
  become_follower(term_, kNoNode);
  previous_hard_state_ = {term_, vote_, log_.committed()};
  previous_soft_state_ = {leader_, role_};
}

Raft::~Raft() {
  for (const auto* entries : {&forwarded_, &ready_forwarded_}) {
    for (const Entry& e : *entries) log_.arena().release(e.data);
  }
  for (const auto* chunks : {&chunks_, &ready_chunks_}) {
    for (const SnapshotChunk& c : *chunks) log_.arena().release(c.bytes.data());
  }
}

// Responses about votes and appends wait until the state that they speak of is durable (thesis
// 3.8); everything else may leave at once, also what the leader sends before its own disk has it
// (thesis 10.2.1).
void Raft::send(Message message) {
  if (message.from == kNoNode) message.from = config_.id;
  if (is_election(message.type)) {
    RR_CHECK(message.term > Term{});
  } else if (!is_without_term(message.type)) {
    message.term = term_;
  }
  switch (message.type) {
    case MessageType::kAppendResponse:
    case MessageType::kVoteResponse:
    case MessageType::kPreVoteResponse:
    case MessageType::kSnapshotResponse:
      if (message.to != config_.id &&
          (message.type == MessageType::kVoteResponse ? planted(Bug::kVoteNotDurable)
                                                      : planted(Bug::kAcknowledgedBeforeFlush))) {
        outgoing_.push_back({.message = message});
        return;
      }
      after_append_.push_back(message);
      return;
    default:
      RR_CHECK(message.to != config_.id);
      outgoing_.push_back({.message = message});
  }
}

void Raft::draw_election_timeout() {
  const std::int64_t steps = config_.election_timeout.count / config_.timeout_step.count;
  const std::uint64_t drawn = prng_.below(static_cast<std::uint64_t>(steps));
  randomized_timeout_ =
      config_.election_timeout + config_.timeout_step * static_cast<std::int64_t>(drawn);
  // A node of lower priority leaves the first move to the others, but never waits for good.
  std::uint8_t highest = 0;
  for (const NodeId id : tracker_.configuration().all_voters()) {
    highest = std::max(highest, config_.priorities[id.value]);
  }
  const int below = std::min(highest - config_.priorities[config_.id.value], kPriorityLevelsMax);
  if (below > 0) {
    randomized_timeout_ = randomized_timeout_ + config_.election_timeout * below / 2;
  }
}

void Raft::reset(Term term) {
  if (term != term_) {
    RR_CHECK(term > term_);
    term_ = term;
    vote_ = kNoNode;
  }
  leader_ = kNoNode;
  election_since_ = heartbeat_since_ = now_;
  draw_election_timeout();
  transfer_to_ = kNoNode;
  campaigns_when_applied_ = false;
  leaves_at_ = {};
  tracker_.reset_votes();
  for (const NodeId id : tracker_.members()) {
    Progress& p = tracker_.progress(id);
    p.match = id == config_.id ? log_.last_index() : Index{};
    p.next = next(log_.last_index());
    p.sent_commit = p.pending_snapshot = Index{};
    p.state = ProgressState::kProbe;
    p.recent_active = p.append_flow_paused = false;
    p.inflights.reset();
    transfers_[id.value] = {};
  }
  pending_conf_index_ = {};
  uncommitted_bytes_ = 0;
  drop_reads();
}

void Raft::become_follower(Term term, NodeId leader) {
  reset(term);
  leader_ = leader;
  role_ = Role::kFollower;
}

void Raft::become_candidate() {
  RR_CHECK(role_ != Role::kLeader);
  reset(next_term());
  vote_ = config_.id;
  role_ = Role::kCandidate;
}

// Thesis 9.6: asks whether it could win, without a new term or a vote of its own.
void Raft::become_pre_candidate() {
  RR_CHECK(role_ != Role::kLeader);
  tracker_.reset_votes();
  leader_ = kNoNode;
  role_ = Role::kPreCandidate;
}

void Raft::become_leader() {
  RR_CHECK(role_ != Role::kFollower && is_promotable());
  reset(term_);
  leader_ = config_.id;
  role_ = Role::kLeader;
  Progress& own = tracker_.progress(config_.id);
  own.become_replicate();
  own.recent_active = true;
  acked_sent_at_.fill(Nanos{});
  acked_round_.fill(0);
  known_commit_.fill(Index{});
  heard_at_.fill(now_);
  lease_forbidden_ = false;
  tracker_.set_zones({config_.zones, {}});
  // There may be a change among the entries not yet applied; none is proposed before they are.
  pending_conf_index_ = log_.last_index();
  // Thesis 3.6.2, 6.4: an entry of its own term, so that those of earlier ones can commit and reads
  // can be answered.
  const Entry nothing;
  RR_CHECK(append_own({&nothing, 1}));
}

// Thesis 3.4: who hears of no leader for its timeout, or of no winner, begins another election.
void Raft::tick(Nanos now) {
  now_ = std::max(now_, now);
  if (role_ == Role::kLeader) {
    tick_leader();
  } else if (is_promotable() && now_ - election_since_ >= randomized_timeout_) {
    election_since_ = now_;
    hup(config_.pre_vote && !planted(Bug::kPreVoteSkipped) ? Campaign::kPreElection
                                                           : Campaign::kElection);
  }
}

void Raft::tick_leader() {
  if (now_ - election_since_ >= config_.election_timeout) {
    election_since_ = now_;
    if (config_.check_quorum) on_check_quorum();
    // Thesis 3.10: a successor that has not taken over by now is given up.
    if (transfer_to_ != kNoNode) {
      transfer_to_ = kNoNode;
      maybe_leave_joint();
    }
  }
  if (role_ != Role::kLeader) return;
  if (now_ - heartbeat_since_ >= config_.heartbeat_interval) {
    heartbeat_since_ = now_;
    observe_zones();
    broadcast_heartbeat();
  }
}

Nanos Raft::next_deadline() const {
  if (role_ == Role::kLeader) {
    return std::min(heartbeat_since_ + config_.heartbeat_interval,
                    election_since_ + config_.election_timeout);
  }
  return is_promotable() ? election_since_ + randomized_timeout_ : kNever;
}

StepResult Raft::propose(std::span<const Entry> entries) {
  return step({.type = MessageType::kPropose, .from = config_.id, .entries = entries});
}

void Raft::campaign() { (void)step({.type = MessageType::kHup, .from = config_.id}); }

void Raft::report_unreachable(NodeId peer) {
  (void)step({.type = MessageType::kUnreachable, .from = peer});
}

void Raft::report_snapshot(NodeId peer, bool sent) {
  (void)step({.type = MessageType::kSnapshotStatus, .from = peer, .reject = !sent});
}

void Raft::forget_leader() { (void)step({.type = MessageType::kForgetLeader}); }

Status Raft::status() const {
  return {.id = config_.id,
          .hard_state = {term_, vote_, log_.committed()},
          .soft_state = {leader_, role_},
          .applied = log_.applied(),
          .first = log_.first_index(),
          .last = log_.last_index(),
          .stable = log_.stable(),
          .transfer_to = transfer_to_,
          .zone_rule_degraded = is_zone_rule_degraded(),
          .awaited = awaited_,
          .lease_until = lease_until(),
          .tracker = &tracker_};
}

}  // namespace ringroad::raft
