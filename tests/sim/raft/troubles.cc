// Each kind of trouble, and whom it hits: the leader every other time, since most can go wrong
// there. World owns the one object; it draws from its own randomness. Invariant: nothing is begun
// once all is healed, and whatever was, ends by itself or in World::heal. Rates of faults on wires
// and disks are the scenario's, and whether a disk may be ruined is for World::may_damage to say.
#include "tests/sim/raft/troubles.h"

namespace ringroad::raft::sim {

namespace {
constexpr Trouble kCaused[] = {Trouble::kPartition, Trouble::kPause,    Trouble::kCrash,
                               Trouble::kKill,      Trouble::kTripwire, Trouble::kMisdirect,
                               Trouble::kRot,       Trouble::kSlowDisk, Trouble::kStuckDisk,
                               Trouble::kFullDisk,  Trouble::kTransfer, Trouble::kForget,
                               Trouble::kCampaign,  Trouble::kVersions, Trouble::kLeaseEdge};
constexpr std::uint32_t kTriesToRuin = 40;
}  // namespace

Troubles::Troubles(World& world, Prng prng) : world_(world), prng_(prng) {
  for (const Trouble trouble : kCaused) {
    if (world_.scenario().troubles.has(trouble)) kinds_.push_back(trouble);
  }
}

Nanos Troubles::some_time(Nanos most) {
  return Nanos{static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(most.count) + 1))};
}

void Troubles::start() {
  if (kinds_.empty()) return;
  world_.scheduler().after(some_time(microseconds(2 * world_.scenario().trouble_interval_us)),
                           [this] {
                             if (world_.is_healed()) return;
                             cause(kinds_[prng_.below(kinds_.size())]);
                             start();
                           });
}

NodeId Troubles::some_node() {
  // The leader is where most can go wrong.
  const NodeId leading = world_.leader();
  if (leading != kNoNode && prng_.below(2) == 0) return leading;
  return NodeId{static_cast<std::uint16_t>(1 + prng_.below(world_.nodes().count()))};
}

void Troubles::cause(Trouble trouble) {
  Node& node = world_.node(some_node());
  switch (trouble) {
    case Trouble::kPartition:
      partition();
      break;
    case Trouble::kPause:
      world_.note(node.id(), "is paused");
      world_.tally().add(Fault::kPaused);
      node.pause(world_.scheduler().now() + some_time(milliseconds(400)));
      break;
    case Trouble::kCrash:
      world_.crash(node.id(),
                   {.misdirects = world_.scenario().troubles.has(Trouble::kMisdirect),
                    .rots = world_.scenario().troubles.has(Trouble::kRot) && prng_.below(4) == 0});
      break;
    case Trouble::kKill:
      world_.crash(node.id(), {.power = false});
      break;
    case Trouble::kTripwire:
      trip(node);
      break;
    case Trouble::kMisdirect:
    case Trouble::kRot:
      ruin(trouble, kTriesToRuin);
      break;
    case Trouble::kLeaseEdge:
      end_a_lease();
      break;
    case Trouble::kVersions:
      change_version(node);
      break;
    case Trouble::kTransfer:
      transfer(node);
      break;
    case Trouble::kForget:
      forget(node);
      break;
    case Trouble::kCampaign:
      world_.tally().add(Fault::kCampaigned);
      node.act([](Raft& raft) { raft.campaign(); });
      break;
    default:
      disk_trouble(trouble, node);
  }
}

// An upgrade, as a rule; sometimes the way back.
void Troubles::change_version(Node& node) {
  const bool is_back = prng_.below(4) == 0;
  node.install(is_back ? MessageVersion::kPrevious : MessageVersion::kCurrent);
  world_.note(node.id(), is_back ? "is taken back a version" : "is upgraded");
  world_.tally().add(is_back ? Fault::kTakenBack : Fault::kUpgraded);
  world_.crash(node.id(), {.power = false});
}

// At the n-th operation of its disk from now on, or the n-th of one kind.
void Troubles::trip(Node& node) {
  static constexpr Fault kPlaces[] = {Fault::kCrashAtWrite, Fault::kCrashAtFlush,
                                      Fault::kCrashAtRename, Fault::kCrashAtDirectoryFlush};
  if (prng_.below(2) == 0) {
    node.storage().set_tripwire(static_cast<std::uint32_t>(1 + prng_.below(12)));
  } else {
    // Drawn one after the other: in what order a call's arguments are is the compiler's choice.
    const auto nth = static_cast<std::uint32_t>(1 + prng_.below(3));
    node.storage().set_tripwire(nth, kPlaces[prng_.below(std::size(kPlaces))]);
  }
}

// Waits for a moment at which the cluster can do without some node's disk. A write goes astray when
// the power goes before it is flushed.
void Troubles::ruin(Trouble trouble, std::uint32_t tries) {
  if (world_.is_healed()) return;
  const NodeId id = some_node();
  if (!world_.may_damage(id)) {
    if (tries == 0) return;
    world_.scheduler().after(milliseconds(10),
                             [this, trouble, tries] { ruin(trouble, tries - 1); });
  } else if (trouble == Trouble::kRot) {
    world_.crash(id, {.rots = true});
  } else {
    world_.node(id).storage().set_tripwire(static_cast<std::uint32_t>(1 + prng_.below(3)),
                                           Fault::kCrashAtFlush);
  }
}

// The leader hears and is heard by nobody but clients, who may read from it until its lease ends;
// one of the others campaigns around the moment at which the promises end that the lease rests on.
// Sometimes the others are restarted meanwhile: what they promised before still holds.
void Troubles::end_a_lease() {
  const NodeId leading = world_.leader();
  if (leading == kNoNode) return;
  world_.note(leading, "is cut off, until its lease ends");
  world_.tally().add(Fault::kLeaderCutAtLeaseEnd);
  world_.network().mend_all();
  const bool are_restarted = prng_.below(2) == 0;
  const NodeSet voters = world_.node(leading).raft().tracker().configuration().voters;
  std::vector<NodeId> others;
  for (const NodeId other : world_.nodes()) {
    if (other == leading) continue;
    if (voters.contains(other)) others.push_back(other);
    world_.network().cut(other, leading);
    world_.network().cut(leading, other);
    if (are_restarted) world_.crash(other, {.power = false, .down_max = milliseconds(10)});
  }
  if (others.empty()) return;
  // The last heartbeat that it rests on may be some time ago.
  constexpr std::int64_t kAttempts = 40;
  const NodeId candidate = others[prng_.below(others.size())];
  const Nanos timeout = world_.scenario().raft.election_timeout;
  const Nanos first = are_restarted ? milliseconds(5) : timeout * 2 / 5;
  for (std::int64_t i = 0; i < kAttempts; ++i) {
    world_.scheduler().after(first + timeout * (4 * i) / (5 * kAttempts), [this, candidate] {
      if (!world_.is_healed()) world_.node(candidate).act([](Raft& raft) { raft.campaign(); });
    });
  }
  world_.scheduler().after(timeout + some_time(timeout * 2), [this] {
    if (!world_.is_healed()) world_.network().mend_all();
  });
}

// Sometimes the old leader is told nothing of what follows.
void Troubles::transfer(Node& node) {
  world_.tally().add(Fault::kTransferAsked);
  node.act([to = some_node()](Raft& raft) { raft.transfer_leader(to); });
  if (!world_.scenario().troubles.has(Trouble::kPartition) || prng_.below(2) == 0) return;
  world_.scheduler().after(some_time(milliseconds(2)), [this, id = node.id()] {
    if (world_.is_healed()) return;
    world_.note(id, "hears nobody");
    for (const NodeId other : world_.nodes()) {
      if (other != id) world_.network().cut(other, id);
    }
  });
}

// Cuts stay until the next turn of this kind mends them, or replaces them.
void Troubles::partition() {
  Network& network = world_.network();
  network.mend_all();
  const auto cut = [&](NodeId a, NodeId b) {
    if (a != b) network.cut(a, b);
  };
  const NodeSet all = world_.nodes();
  const NodeId special = some_node();
  NodeSet half;
  for (const NodeId id : all) {
    if (prng_.below(2) == 0) half.insert(id);
  }
  switch (prng_.below(7)) {
    case 0:
      world_.note(kNoNode, "all cuts are mended");
      return;
    case 1:
      world_.tally().add(Fault::kCutInTwo);
      for (const NodeId a : half) {
        for (const NodeId b : all - half) {
          cut(a, b);
          cut(b, a);
        }
      }
      break;
    case 2:  // but for a node that sees both
      world_.tally().add(Fault::kCutBridge);
      for (const NodeId a : half) {
        for (const NodeId b : all - half) {
          if (a == special || b == special) continue;
          cut(a, b);
          cut(b, a);
        }
      }
      break;
    case 3:
      world_.tally().add(Fault::kCutAlone);
      for (const NodeId a : all) {
        cut(a, special);
        cut(special, a);
      }
      break;
    case 4:
      world_.tally().add(Fault::kCutDeaf);
      for (const NodeId a : all) cut(a, special);
      break;
    case 5:
      world_.tally().add(Fault::kCutMute);
      for (const NodeId a : all) cut(special, a);
      break;
    default:
      world_.tally().add(Fault::kCutPairs);
      for (const NodeId a : all) {
        for (const NodeId b : all) {
          if (prng_.below(3) == 0) cut(a, b);
        }
      }
  }
  {
    std::string text = "cuts:";
    for (const NodeId a : all) {
      for (const NodeId b : all) {
        if (network.is_cut(a, b)) {
          text += " " + std::to_string(a.value) + ">" + std::to_string(b.value);
        }
      }
    }
    world_.note(kNoNode, text);
  }
}

void Troubles::disk_trouble(Trouble trouble, Node& node) {
  Storage& storage = node.storage();
  const Nanos until = world_.scheduler().now() + some_time(milliseconds(500));
  world_.note(node.id(), "has a " + std::string(name_of(trouble)));
  if (trouble == Trouble::kStuckDisk) {
    world_.tally().add(Fault::kDiskStuck);
    storage.pace.stuck_until = until;
    return;
  }
  if (trouble == Trouble::kFullDisk) {
    node.disk().faults.full = true;
    world_.scheduler().at(until, [&node] { node.disk().faults.full = false; });
    return;
  }
  world_.tally().add(Fault::kDiskSlow);
  storage.pace.flush_min = milliseconds(5);
  storage.pace.flush_max = milliseconds(80);
  world_.scheduler().at(until, [&node, normal = world_.scenario().disk_pace] {
    const Nanos stuck_until = node.storage().pace.stuck_until;
    node.storage().pace = normal;
    node.storage().pace.stuck_until = stuck_until;
  });
}

void Troubles::forget(Node& node) {
  const NodeId peer = some_node();
  world_.tally().add(Fault::kForgot);
  switch (prng_.below(4)) {
    case 0:
      node.act([](Raft& raft) { raft.forget_chunks(); });
      break;
    case 1:
      node.act([](Raft& raft) { raft.forget_leader(); });
      break;
    case 2:
      node.act([peer](Raft& raft) { raft.report_unreachable(peer); });
      break;
    default:
      node.act(
          [peer, sent = prng_.below(2) == 0](Raft& raft) { raft.report_snapshot(peer, sent); });
  }
}

}  // namespace ringroad::raft::sim
