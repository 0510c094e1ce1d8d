// What the operator does at each turn: ends a joint configuration that was left open, replaces a
// damaged member, or changes something while there is trouble. World owns the one object. Most
// requests go to the leader; any may be refused or lost, and it only ever looks at what has become
// of them. Whether a change is allowed is the core's to decide.
#include "tests/sim/raft/membership.h"

#include <algorithm>

namespace ringroad::raft::sim {

namespace {
// Unless there are more to begin with.
constexpr std::uint32_t kVotersMax = 7;
constexpr std::uint32_t kLearnersMax = 2;  // when all voters are there
constexpr std::uint64_t kPauseMs = 250;

ConfChangeSingle single(ConfChangeType type, NodeId node) { return {type, node}; }
}  // namespace

std::uint32_t Membership::voters_max() const {
  return std::max(kVotersMax, world_.scenario().voters);
}
std::uint32_t Membership::members_max() const { return voters_max() + kLearnersMax; }

NodeId Membership::some(NodeSet nodes) {
  auto left = prng_.below(nodes.count());
  for (const NodeId id : nodes) {
    if (left-- == 0) return id;
  }
  return kNoNode;
}

void Membership::start() {
  world_.scheduler().after(milliseconds(50 + std::int64_t(prng_.below(kPauseMs))), [this] {
    turn();
    start();
  });
}

void Membership::turn() {
  const NodeId leading = world_.leader();
  if (leading == kNoNode) return;
  const Node& leader = world_.node(leading);
  const Configuration& configuration = leader.raft().tracker().configuration();
  if (configuration.joint()) {
    // Whoever asked for an explicit end has to ask for it again when it was lost.
    if (!configuration.auto_leave && prng_.below(2) == 0) propose(ConfChange{});
    return;
  }
  const NodeSet lost = configuration.members() & world_.damaged();
  if (!lost.empty()) {
    replace(*lost.begin());
    return;
  }
  // A member that is away may not come back with what it had: until that is known, whoever is left
  // stays.
  if (!(configuration.members() & world_.ruined()).empty()) return;
  if (!world_.is_healed() && world_.scenario().troubles.has(Trouble::kMembership)) {
    change_something(leader);
    // One that has to wait, or to be refused.
    if (prng_.below(3) == 0) change_something(leader);
  }
}

void Membership::replace(NodeId damaged) {
  NodeId& replacement = replacements_[damaged.value];
  if (replacement == kNoNode) {
    replacement = world_.add_node(true);
    if (replacement == kNoNode) return;
    world_.tally().add(Fault::kDamagedReplaced);
  }
  ConfChange change;
  (void)change.add(single(ConfChangeType::kRemoveNode, damaged));
  (void)change.add(single(ConfChangeType::kAddNode, replacement));
  propose(change);
}

// One that was a member before, with its log as it is, or a new one.
NodeId Membership::newcomer(const Configuration& configuration) {
  const NodeSet former = world_.nodes() - configuration.members() - world_.ruined();
  if (!former.empty() && prng_.below(2) == 0) return some(former);
  return world_.add_node(false);
}

void Membership::change_something(const Node& leader) {
  const Configuration& c = leader.raft().tracker().configuration();
  ConfChange change;
  const auto set = [&change](ConfChangeType type, NodeId node) {
    if (node != kNoNode) change = ConfChange{single(type, node)};
  };
  const bool has_room = c.members().count() < members_max();
  switch (prng_.below(7)) {
    case 0:
      if (has_room) set(ConfChangeType::kAddLearner, newcomer(c));
      break;
    case 1:
      if (!c.learners.empty()) set(ConfChangeType::kAddNode, some(c.learners));
      break;
    case 2:
      if (has_room && c.voters.count() < voters_max()) set(ConfChangeType::kAddNode, newcomer(c));
      break;
    case 3:
      if (c.voters.count() > 1) set(ConfChangeType::kRemoveNode, some(c.voters));
      break;
    case 4:
      if (!c.learners.empty()) set(ConfChangeType::kRemoveNode, some(c.learners));
      break;
    case 5:  // which every node has to refuse alike
      if (prng_.below(2) != 0) break;
      change = ConfChange{ConfChangeTransition::kJointImplicit};
      for (const NodeId id : c.voters) (void)change.add(single(ConfChangeType::kRemoveNode, id));
      break;
    default:
      change_several(c, change);
  }
  if (!change.leaves_joint()) propose(change);
}

void Membership::change_several(const Configuration& c, ConfChange& change) {
  static constexpr ConfChangeTransition kTransitions[] = {ConfChangeTransition::kAuto,
                                                          ConfChangeTransition::kJointImplicit,
                                                          ConfChangeTransition::kJointExplicit};
  change = ConfChange{kTransitions[prng_.below(3)]};
  NodeSet staying = c.voters;
  for (auto n = 1 + prng_.below(2); n > 0 && staying.count() > 1; --n) {
    const NodeId leaving = some(staying);
    staying.erase(leaving);
    const bool is_demoted = prng_.below(3) == 0;
    (void)change.add(
        single(is_demoted ? ConfChangeType::kAddLearner : ConfChangeType::kRemoveNode, leaving));
  }
  NodeSet coming;
  for (auto n = 1 + prng_.below(2); n > 0 && c.members().count() < members_max(); --n) {
    const NodeId id = newcomer(c);
    if (id == kNoNode || coming.contains(id)) continue;
    coming.insert(id);
    (void)change.add(single(ConfChangeType::kAddNode, id));
  }
}

// To the leader or, sometimes, by way of another node.
void Membership::propose(const ConfChange& change) {
  const NodeId to = prng_.below(8) == 0 ? some(world_.running()) : world_.leader();
  if (to == kNoNode) return;
  world_.note(to, "is asked to change the membership: " +
                      (change.leaves_joint() ? "leave joint" : describe(change.changes())));
  world_.node(to).act([change](Raft& raft) {
    const bool is_simple = change.changes().size() == 1 && !change.enters_joint();
    (void)raft.propose_conf_change(change,
                                   is_simple ? EntryType::kConfChange : EntryType::kConfChangeV2);
  });
}

}  // namespace ringroad::raft::sim
