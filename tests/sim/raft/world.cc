#include "tests/sim/raft/world.h"

#include <algorithm>

#include "tests/sim/history/linearizability.h"
#include "tests/sim/raft/membership.h"
#include "tests/sim/raft/troubles.h"

namespace ringroad::raft::sim {

namespace {
constexpr std::uint16_t kNodesOfARunMax = 24;
}  // namespace

World::World(const Scenario& scenario, std::size_t lines_max)
    : scenario_(scenario),
      prng_(scenario.seed),
      timeline_(scheduler_, lines_max),
      invariants_(scheduler_, scenario_.raft.pre_vote),
      clients_(
          scenario_, scheduler_, prng_.fork(),
          {.some_node =
               [this] {
                 const auto count = static_cast<std::uint32_t>(nodes_.count());
                 return NodeId{static_cast<std::uint16_t>(1 + prng_.below(count))};
               },
           .deliver = [this](NodeId id, const Request& request) { node(id).request(request); }}) {
  const auto make = scenario_.mode == Mode::kLinks ? make_link_network : make_direct_network;
  network_ = make(
      scheduler_, prng_.fork(), scenario_.wire,
      {.on_message = [this](NodeId from, NodeId to,
                            std::span<const std::byte> bytes) { node(to).receive(from, bytes); },
       .on_unreachable =
           [this](NodeId from, NodeId to, bool was_snapshot) {
             node(from).peer_unreachable(to, was_snapshot);
           }});
  network_->set_faults(scenario_.wire_faults);
  for (std::uint16_t id = 1; id <= scenario_.voters; ++id) first_members_.voters.insert(NodeId{id});
  for (const NodeId id : first_members_.voters) make_node(id).start();
}

World::~World() = default;

Node& World::make_node(NodeId id) {
  nodes_.insert(id);
  node_[id.value] = std::make_unique<Node>(
      id,
      Surroundings{scenario_, scheduler_, invariants_, timeline_, *network_,
                   [this](const Reply& reply) { clients_.on_reply(reply); },
                   [this](NodeId stopped) { restart_later(stopped); },
                   [this](NodeId found) {
                     if (!ruined_.contains(found)) {
                       invariants_.fail(found, "durability: a damaged disk that nobody damaged");
                     }
                   }},
      first_members_, prng_.fork());
  if (scenario_.not_upgraded.contains(id)) node(id).install(MessageVersion::kPrevious);
  return node(id);
}

NodeId World::add_node() {
  const auto id = static_cast<std::uint16_t>(nodes_.count() + 1);
  if (id > kNodesOfARunMax) return kNoNode;
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

void World::restart_later(NodeId id) {
  const auto delay = milliseconds(is_healed_ ? 1 : 5 + std::int64_t(prng_.below(600)));
  scheduler_.after(delay, [this, id] {
    const Node::State state = node(id).state();
    if (state == Node::State::kOff || state == Node::State::kFailed) node(id).start();
  });
}

// One at a time, out of three voters or more that all know of each other and nothing else: then
// those that are left can elect a leader and replace it.
bool World::may_damage(NodeId id) const {
  ConfState conf;
  for (const NodeId other : running()) {
    if (other != id && node_[other.value]->raft().role() == Role::kLeader) {
      conf = node_[other.value]->conf();
    }
  }
  if (conf.voters.count() < 3 || !conf.voters_outgoing.empty()) return false;
  if (!(conf.voters & damaged()).empty()) return false;
  // Members that do not know the configuration yet could count by an older one.
  for (const NodeId other : conf.voters) {
    if (other == id) continue;
    if (!node_[other.value]->is_running() || node_[other.value]->conf() != conf) return false;
  }
  return true;
}

void World::crash(NodeId id, bool power) {
  Node& victim = node(id);
  if (victim.state() == Node::State::kOff || victim.state() == Node::State::kDamaged) return;
  ++report_.crashes;
  note(id, power ? "loses power" : "is killed");
  if (!power) {
    victim.stop(std::nullopt);
  } else {
    const bool may = may_damage(id);
    CrashFaults crash{.torn = scenario_.troubles.has(Trouble::kTornWrite)};
    const std::uint64_t proven = victim.storage().proven_bytes();
    if (may && scenario_.troubles.has(Trouble::kMisdirect)) crash.misdirect_below = proven;
    if (may) ruined_.insert(id);
    victim.stop(crash);
    if (may && proven > 0 && scenario_.troubles.has(Trouble::kRot) && prng_.below(4) == 0) {
      victim.disk().rot("log", prng_.below(proven));
    }
  }
  restart_later(id);
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
  clients_.close();
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
    heal();
    const Nanos from = scheduler_.now();
    run_until(from + scenario_.recovery_time_max, true);
    report_.recovery = scheduler_.now() - from;
    const std::string why = why_not_recovered();
    if (!why.empty()) invariants_.fail(kNoNode, "no recovery: " + why);
  }
  if (invariants_.failure().empty()) check_history();
  report_.failure = invariants_.failure();
  report_.hash = timeline_.hash();
  report_.events = scheduler_.events();
  report_.elections = invariants_.elections();
  report_.committed = invariants_.committed().value;
  report_.requests = clients_.completed();
  report_.damaged = damaged().count();
  for (const NodeId id : nodes_) report_.snapshots += node(id).snapshots_installed();
  return report_;
}

}  // namespace ringroad::raft::sim
