#include "tests/sim/raft/troubles.h"

namespace ringroad::raft::sim {

namespace {
constexpr Trouble kCaused[] = {Trouble::kPartition, Trouble::kPause,    Trouble::kCrash,
                               Trouble::kKill,      Trouble::kTripwire, Trouble::kSlowDisk,
                               Trouble::kStuckDisk, Trouble::kFullDisk, Trouble::kTransfer,
                               Trouble::kForget,    Trouble::kCampaign, Trouble::kVersions};
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
      node.pause(world_.scheduler().now() + some_time(milliseconds(400)));
      break;
    case Trouble::kCrash:
    case Trouble::kKill:
      world_.crash(node.id(), trouble == Trouble::kCrash);
      break;
    case Trouble::kTripwire:
      node.storage().set_tripwire(static_cast<std::uint32_t>(1 + prng_.below(12)));
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
  world_.crash(node.id(), false);
}

// Sometimes the old leader is told nothing of what follows.
void Troubles::transfer(Node& node) {
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
  switch (prng_.below(6)) {
    case 0:
      world_.note(kNoNode, "all cuts are mended");
      return;
    case 1:  // in two
      for (const NodeId a : half) {
        for (const NodeId b : all - half) {
          cut(a, b);
          cut(b, a);
        }
      }
      break;
    case 2:  // in two, but for a node that sees both
      for (const NodeId a : half) {
        for (const NodeId b : all - half) {
          if (a == special || b == special) continue;
          cut(a, b);
          cut(b, a);
        }
      }
      break;
    case 3:  // one alone
      for (const NodeId a : all) {
        cut(a, special);
        cut(special, a);
      }
      break;
    case 4:  // one hears nobody, or nobody hears it
      for (const NodeId a : all) prng_.below(2) == 0 ? cut(a, special) : cut(special, a);
      break;
    default:  // any directed pairs
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
    storage.pace.stuck_until = until;
    return;
  }
  if (trouble == Trouble::kFullDisk) {
    node.disk().faults.full = true;
    world_.scheduler().at(until, [&node] { node.disk().faults.full = false; });
    return;
  }
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
