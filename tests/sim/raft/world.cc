// Puts the pieces together and lets events happen one after the other. Everything is owned here and
// runs in this thread. Invariants: nothing depends on anything but the scenario; after healing no
// trouble is begun; and a disk is ruined only where the others can go on without it.
#include "tests/sim/raft/world.h"

#include <algorithm>

#include "tests/sim/history/linearizability.h"
#include "tests/sim/raft/membership.h"
#include "tests/sim/raft/troubles.h"

namespace ringroad::raft::sim {

namespace {
constexpr std::uint32_t kNodesOfARunMax = 24;
constexpr std::uint32_t kNewcomersMax = 8;
constexpr std::uint16_t kReplacementsMax = 8;  // of those
constexpr Nanos kDownMax = milliseconds(600);
constexpr Nanos kQuickRestart = milliseconds(20);
}  // namespace

World::World(const Scenario& scenario, std::size_t lines_max)
    : scenario_(scenario),
      prng_(scenario.seed),
      timeline_(scheduler_, lines_max),
      invariants_(scheduler_, scenario_.raft, tally_),
      clients_(
          scenario_, scheduler_, prng_.fork(),
          {.some_node = [this] { return some_node(); },
           .deliver = [this](NodeId id, const Request& request) { node(id).request(request); }}) {
  const auto make = scenario_.mode == Mode::kLinks ? make_link_network : make_direct_network;
  network_ = make(
      scheduler_, prng_.fork(), scenario_.wire,
      {.on_message = [this](NodeId from, NodeId to,
                            std::span<const std::byte> bytes) { node(to).receive(from, bytes); },
       .on_unreachable = [this](
                             NodeId from, NodeId to,
                             bool was_snapshot) { node(from).peer_unreachable(to, was_snapshot); }},
      tally_);
  network_->set_faults(scenario_.wire_faults);
  for (std::uint16_t id = 1; id <= scenario_.voters; ++id) first_members_.voters.insert(NodeId{id});
  for (const NodeId id : first_members_.voters) make_node(id).start();
}

World::~World() = default;

Node& World::make_node(NodeId id) {
  nodes_.insert(id);
  node_[id.value] = std::make_unique<Node>(
      id,
      Surroundings{.scenario = scenario_,
                   .scheduler = scheduler_,
                   .invariants = invariants_,
                   .timeline = timeline_,
                   .network = *network_,
                   .tally = tally_,
                   .reply = [this](const Reply& reply) { clients_.on_reply(reply); },
                   .on_stopped = [this](NodeId stopped) { restart_later(stopped, kDownMax); },
                   .on_tripwire =
                       [this](NodeId victim, Fault at) {
                         tally_.add(at);
                         note(victim, std::string(name_of(at)));
                         crash(victim, {.misdirects = scenario_.troubles.has(Trouble::kMisdirect)});
                       },
                   .on_running = [this](NodeId up) { ruined_.erase(up); },
                   .on_damaged = [this](NodeId found) { on_damaged(found); }},
      first_members_, prng_.fork());
  if (scenario_.not_upgraded.contains(id)) node(id).install(MessageVersion::kPrevious);
  return node(id);
}

// In the end clients know whom to leave alone: those that are gone for good would take up their
// time.
NodeId World::some_node() {
  const NodeSet known = is_healed_ && !running().empty() ? running() : nodes_;
  auto left = prng_.below(known.count());
  for (const NodeId id : known) {
    if (left-- == 0) return id;
  }
  return kNoNode;
}

NodeId World::add_node(bool is_replacement) {
  const auto id = static_cast<std::uint16_t>(nodes_.count() + 1);
  const auto most =
      std::min(std::uint32_t{kNodesMax},
               std::max(kNodesOfARunMax, scenario_.voters + kNewcomersMax + kReplacementsMax));
  if (id > most - (is_replacement ? 0 : kReplacementsMax)) return kNoNode;
  make_node(NodeId{id}).start();
  return NodeId{id};
}

NodeId World::leader() const {
  NodeId best = kNoNode;
  for (const NodeId id : running()) {
    const Raft& raft = node_[id.value]->raft();
    if (raft.role() != Role::kLeader) continue;
    if (best == kNoNode || raft.term() > node_[best.value]->raft().term()) best = id;
  }
  return best;
}

NodeSet World::following() const {
  NodeSet all;
  const NodeId leading = leader();
  if (leading == kNoNode) return all;
  const Term term = node(leading).raft().term();
  for (const NodeId id : running()) {
    const Raft& raft = node(id).raft();
    if (raft.term() == term && raft.leader() == leading) all.insert(id);
  }
  return all;
}

NodeSet World::running() const {
  NodeSet all;
  for (const NodeId id : nodes_) {
    if (node_[id.value]->is_running()) all.insert(id);
  }
  return all;
}

NodeSet World::damaged() const {
  NodeSet all;
  for (const NodeId id : nodes_) {
    if (node_[id.value]->state() == Node::State::kDamaged) all.insert(id);
  }
  return all;
}

void World::restart_later(NodeId id, Nanos down_max) {
  Nanos delay = milliseconds(1);
  if (!is_healed_) {
    // Every fourth is back before the others have missed it.
    const bool is_quick = down_max <= kQuickRestart || prng_.below(4) == 0;
    const Nanos most = is_quick ? std::min(down_max, kQuickRestart) : down_max;
    delay = Nanos{static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(most.count)))};
    if (is_quick) tally_.add(Fault::kRestartedAtOnce);
  }
  scheduler_.after(delay, [this, id] {
    const Node::State state = node(id).state();
    if (state == Node::State::kOff || state == Node::State::kFailed) node(id).start();
  });
}

void World::on_damaged(NodeId id) {
  tally_.add(Fault::kDamageFound);
  if (ruined_.contains(id)) return;
  invariants_.fail(id, "durability: a damaged disk that nobody damaged");
}

// With the quorum and, where the zone rule waits, in the zones that it takes.
bool World::can_commit(NodeSet voters, NodeSet alive) const {
  if ((voters & alive).count() < majority_of(voters.count())) return false;
  return scenario_.raft.zone_loss == ZoneLossPolicy::kDegrade ||
         zones_of(scenario_.raft, voters & alive) >= std::min(2u, zones_of(scenario_.raft, voters));
}

// One at a time, out of voters that all know of each other and of nothing else, now or to come:
// then those that are left can elect a leader and replace it.
bool World::may_damage(NodeId id) const {
  if (is_healed_ || times_ruined_ >= kReplacementsMax) return false;
  const NodeId leading = leader();
  if (leading == kNoNode) return false;
  const ConfState& conf = node_[leading.value]->conf();
  if (!conf.voters_outgoing.empty() || !(conf.voters & ruined_).empty()) return false;
  NodeSet left = conf.voters;
  left.erase(id);
  if (!can_commit(conf.voters, left) || !(left - running()).empty()) return false;
  for (const NodeId other : running()) {
    if (conf.voters.contains(other) && node_[other.value]->conf() != conf) return false;
    const Log& log = node_[other.value]->raft().log();
    if (log.applied() < log.compacted()) return false;
    const std::uint64_t unapplied = log.last_index().value - log.applied().value;
    if (unapplied == 0) continue;
    const auto entries = log.range(next(log.applied()), unapplied);
    if (std::ranges::any_of(entries, &Entry::is_conf_change)) return false;
  }
  return true;
}

bool World::rot(Node& victim, std::uint64_t proven_bytes) {
  const std::uint64_t snapshot_bytes = victim.disk().durable("snapshot").bytes.size();
  if (snapshot_bytes > 0 && prng_.below(2) == 0) {
    tally_.add(Fault::kBitRotInSnapshot);
    return victim.disk().rot("snapshot", prng_.below(snapshot_bytes));
  }
  if (proven_bytes == 0 || !victim.disk().rot("log", prng_.below(proven_bytes))) return false;
  tally_.add(Fault::kBitRotInLog);
  return true;
}

void World::crash(NodeId id, const Crash& how) {
  Node& victim = node(id);
  if (victim.state() == Node::State::kOff || victim.state() == Node::State::kDamaged) return;
  tally_.add(how.power ? Fault::kPowerLost : Fault::kKilled);
  note(id, how.power ? "loses power" : "is killed");
  if (how.power) {
    const bool may = (how.misdirects || how.rots) && may_damage(id);
    const std::uint64_t proven = victim.storage().proven_bytes();
    CrashFaults faults{.torn = scenario_.troubles.has(Trouble::kTornWrite)};
    if (may && how.misdirects) {
      faults.misdirect_in = "log";
      faults.misdirect_below = proven;
    }
    bool is_ruined = victim.stop(faults);
    if (may && how.rots) is_ruined |= rot(victim, proven);
    if (is_ruined) {
      note(id, "has its disk damaged");
      ruined_.insert(id);
      ++times_ruined_;
    }
  } else {
    (void)victim.stop(std::nullopt);
  }
  restart_later(id, how.down_max);
}

// By the configuration of whoever is furthest: what any other knows is older.
bool World::is_quorum_lost() const {
  const Node* furthest = nullptr;
  for (const NodeId id : running()) {
    const Node& node = *node_[id.value];
    if (furthest == nullptr || node.machine().applied() > furthest->machine().applied()) {
      furthest = &node;
    }
  }
  if (furthest == nullptr) return !ruined_.empty();
  const Configuration& c = furthest->raft().tracker().configuration();
  const NodeSet alive = c.all_voters() - damaged();
  return !can_commit(c.voters, alive) || (c.joint() && !can_commit(c.outgoing, alive));
}

// The moment at which a lease has to be over, whether or not its holder looks.
void World::check_leases() {
  if (elections_seen_ == invariants_.elections()) return;
  elections_seen_ = invariants_.elections();
  for (const NodeId id : running()) {
    const Node& n = *node_[id.value];
    if (n.raft().role() == Role::kLeader && n.holds_lease()) {
      invariants_.on_lease(id, n.raft().term());
    }
  }
}

void World::heal() {
  is_healed_ = true;
  note(kNoNode, "everything is healed");
  network_->set_faults({});
  network_->mend_all();
  for (const NodeId id : nodes_) {
    Node& n = node(id);
    n.disk().faults = {};
    n.storage().pace = scenario_.disk_pace;
    n.storage().set_tripwire(0);
    n.pause(scheduler_.now());
    if (n.state() == Node::State::kOff || n.state() == Node::State::kFailed) n.start();
  }
}

std::string World::why_not_recovered() const {
  const NodeId leading = leader();
  if (leading == kNoNode) return "there is no leader";
  const Node& l = *node_[leading.value];
  const Configuration& configuration = l.raft().tracker().configuration();
  if (configuration.joint()) return "the configuration stays joint: " + configuration.describe();
  if (!clients_.are_resting()) return "requests are not answered";
  const Index commit = l.raft().log().committed();
  if (l.raft().log().last_index() != commit) return "not all entries are committed";
  for (const NodeId id : configuration.members()) {
    const Node& member = *node_[id.value];
    const std::string name = "node " + std::to_string(id.value);
    if (!member.is_running()) return name + " is " + std::string(name_of(member.state()));
    if (member.machine().applied() != commit) {
      return name + " does not catch up, from " + std::to_string(member.machine().applied().value) +
             "; its leader knows of " + std::to_string(leading.value) + ":\n" +
             l.raft().tracker().describe();
    }
    if (member.machine().digest() != l.machine().digest()) return name + " has another state";
  }
  return {};
}

void World::run_until(Nanos end, bool until_recovered) {
  std::uint64_t looked_at = 0;
  while (invariants_.failure().empty() && scheduler_.next_due() <= end) {
    scheduler_.run_next();
    check_leases();
    if (!until_recovered || scheduler_.events() < looked_at + 64) continue;
    looked_at = scheduler_.events();
    if (why_not_recovered().empty()) return;
  }
  scheduler_.pass_until(end);
}

void World::check_history() {
  const auto violation = ::ringroad::sim::check(clients_.history());
  if (!violation) return;
  invariants_.fail(kNoNode, "the history is not linearizable:\n" + violation->account);
}

void World::begin() {
  troubles_ = std::make_unique<Troubles>(*this, prng_.fork());
  membership_ = std::make_unique<Membership>(*this, prng_.fork());
  clients_.start();
  troubles_->start();
  membership_->start();
}

Report World::run() {
  begin();
  advance(scenario_.trouble_time);
  return finish();
}

Report World::finish() {
  if (invariants_.failure().empty()) {
    if (!is_healed_) heal();
    clients_.close();
    const Nanos from = scheduler_.now();
    run_until(from + scenario_.recovery_time_max, true);
    report_.recovery = scheduler_.now() - from;
    const std::string why = why_not_recovered();
    report_.is_quorum_lost = !why.empty() && is_quorum_lost();
    if (!why.empty() && !report_.is_quorum_lost) {
      invariants_.fail(kNoNode, "no recovery: " + why);
    }
  }
  if (invariants_.failure().empty()) check_history();
  report_.failure = invariants_.failure();
  report_.hash = timeline_.hash();
  report_.events = scheduler_.events();
  report_.elections = invariants_.elections();
  report_.committed = invariants_.committed().value;
  report_.requests = clients_.completed();
  report_.tally = tally_;
  return report_;
}

}  // namespace ringroad::raft::sim
