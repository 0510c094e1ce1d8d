// The cluster under virtual time: nodes, the network between them, clients, someone who changes the
// membership, and someone who breaks things. First all that the scenario has goes wrong for a
// while; then everything is healed, and the cluster has to recover within a bound. Deterministic: a
// scenario gives the same run, event for event, with every compiler.
//
// Owns everything. The order of its members is the order of their dependence.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "tests/sim/raft/clients.h"
#include "tests/sim/raft/invariants.h"
#include "tests/sim/raft/network.h"
#include "tests/sim/raft/node.h"
#include "tests/sim/raft/scenario.h"
#include "tests/sim/raft/scheduler.h"
#include "tests/sim/raft/timeline.h"

namespace ringroad::raft::sim {

struct Report {
  std::string failure;  // empty: all held
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::uint64_t elections = 0;
  std::uint64_t committed = 0;
  std::uint64_t requests = 0;  // answered
  // Damage hit more voters than the cluster could do without: it kept its promises, and stays
  // silent.
  bool is_quorum_lost = false;
  Nanos recovery{};  // from healing until all were alike
  Tally tally;
};

// How a node goes down.
struct Crash {
  bool power = true;  // else only the process
  // May ruin what is on its disk, where the cluster can do without that.
  bool misdirects = false;
  bool rots = false;
  Nanos down_max = milliseconds(600);
};

class Membership;
class Troubles;

class World {
 public:
  // `lines_max`: of the timeline.
  explicit World(const Scenario& scenario, std::size_t lines_max = 0);
  ~World();

  Report run();
  // The same in steps, for who has other troubles in mind: begin, let time pass, heal, finish by
  // recovery and the check of the history.
  void begin();
  void advance(Nanos span) { run_until(scheduler_.now() + span, false); }
  // No trouble from now on, but clients go on; finish() does it where nobody has.
  void heal();
  Report finish();
  const Timeline& timeline() const { return timeline_; }

  // For those who move things in it (troubles.h, membership.h).
  const Scenario& scenario() const { return scenario_; }
  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return *network_; }
  NodeSet nodes() const { return nodes_; }
  Node& node(NodeId id) { return *node_[id.value]; }
  const Node& node(NodeId id) const { return *node_[id.value]; }
  // The running leader of the highest term, or none.
  NodeId leader() const;
  // Those that follow it in its term, itself among them.
  NodeSet following() const;
  NodeSet running() const;
  // Times that anyone began to lead, so far.
  std::uint64_t elections() const { return invariants_.elections(); }
  NodeSet damaged() const;
  // A node that never was, with an empty disk. kNoNode when there is no id left; those that replace
  // others have some of their own.
  NodeId add_node(bool is_replacement);
  void note(NodeId node, std::string text) { timeline_.record(node, std::move(text)); }
  void crash(NodeId id, const Crash& how);
  Tally& tally() { return tally_; }
  // May this node's disk be ruined without making the cluster's recovery impossible?
  bool may_damage(NodeId id) const;
  // Those whose disks were ruined and who have not been up since.
  NodeSet ruined() const { return ruined_; }
  bool is_healed() const { return is_healed_; }

 private:
  Node& make_node(NodeId id);
  NodeId some_node();
  void restart_later(NodeId id, Nanos down_max);
  void on_damaged(NodeId id);
  bool rot(Node& victim, std::uint64_t proven_bytes);
  bool can_commit(NodeSet voters, NodeSet alive) const;
  bool is_quorum_lost() const;
  void check_leases();
  bool is_recovered() const;
  std::string why_not_recovered() const;
  void run_until(Nanos end, bool until_recovered);
  void check_history();

  Scenario scenario_;
  Prng prng_;
  Scheduler scheduler_;
  Tally tally_;
  Timeline timeline_;
  Invariants invariants_;
  std::unique_ptr<Network> network_;
  NodeSet nodes_;
  NodeSet ruined_;
  std::uint32_t times_ruined_ = 0;
  std::uint64_t elections_seen_ = 0;
  // Every node is told, also one that joins later: what the log says of the membership are changes
  // of this.
  ConfState first_members_;
  std::array<std::unique_ptr<Node>, kNodesMax + 1> node_;
  Clients clients_;
  std::unique_ptr<Troubles> troubles_;
  std::unique_ptr<Membership> membership_;
  Report report_;
  bool is_healed_ = false;
};

}  // namespace ringroad::raft::sim
