// Partitions one by one, and large clusters, in direct mode.
//
//   partition_sweep [--seeds N]     N partitions of five nodes (default: 3,000)
//
// 1. All 64 sets of cut directed pairs among three nodes, and N drawn ones among five, each from a
//    cluster that has a leader. As long as some majority is connected both ways throughout, there
//    is one leader three maximum election timeouts later, it stays, and a write commits; whatever
//    is cut, all invariants hold, and the cluster recovers when it is healed.
// 2. Clusters of 7, 9, 33 and 64 nodes: elect a leader, replace members, bring back a node that was
//    away, each within a bound that is printed.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "tests/sim/raft/world.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;
using namespace ringroad::raft::sim;

Scenario calm_scenario(std::uint64_t seed, std::uint32_t voters) {
  Scenario s;
  s.seed = seed;
  s.voters = voters;
  s.clients = 2;
  s.raft.election_timeout = milliseconds(100);
  s.raft.heartbeat_interval = milliseconds(20);
  s.snapshot_every = 100;
  s.snapshot_bytes_min = 1'000;
  s.raft.snapshot_chunk_bytes_max = 400;
  return s;
}

constexpr Nanos kElectionMax = milliseconds(200);  // the longest timeout that is drawn

using Cuts = std::uint64_t;  // bit (from - 1) * nodes + (to - 1)

bool is_cut(Cuts cuts, std::uint32_t nodes, NodeId from, NodeId to) {
  return (cuts >> ((from.value - 1u) * nodes + (to.value - 1u)) & 1) != 0;
}

bool has_connected_majority(Cuts cuts, std::uint32_t nodes) {
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << nodes; ++bits) {
    const NodeSet group{bits};
    if (group.count() < majority_of(nodes)) continue;
    bool is_connected = true;
    for (const NodeId a : group) {
      for (const NodeId b : group) is_connected &= a == b || !is_cut(cuts, nodes, a, b);
    }
    if (is_connected) return true;
  }
  return false;
}

struct Followed {
  NodeId leader;
  Term term;
  std::uint64_t commit = 0;
};
Followed look(World& world) {
  const NodeId leader = world.leader();
  if (leader == kNoNode) return {};
  const Raft& raft = world.node(leader).raft();
  return {leader, raft.term(), raft.log().committed().value};
}

// What went wrong, or nothing.
std::string try_partition(std::uint64_t seed, std::uint32_t nodes, Cuts cuts) {
  World world(calm_scenario(seed, nodes));
  world.begin();
  world.advance(kElectionMax * 3);
  if (world.leader() == kNoNode) return "no leader to begin with";
  for (const NodeId a : world.nodes()) {
    for (const NodeId b : world.nodes()) {
      if (is_cut(cuts, nodes, a, b)) world.network().cut(a, b);
    }
  }
  world.advance(kElectionMax * 3);
  const Followed before = look(world);
  if (before.leader != kNoNode) {
    // The clients may still be waiting for nodes that hear nobody.
    world.node(before.leader).act([](Raft& raft) {
      const Entry nothing;
      (void)raft.propose({&nothing, 1});
    });
  }
  world.advance(kElectionMax * 2);
  const Followed after = look(world);
  if (has_connected_majority(cuts, nodes)) {
    if (before.leader == kNoNode) return "no leader though a majority is connected";
    if (before.leader != after.leader || before.term != after.term) return "the leader changes";
    if (after.commit <= before.commit) return "nothing commits under a stable leader";
  }
  return world.finish().failure;
}

Cuts draw_cuts(Prng& prng, std::uint32_t nodes) {
  Cuts cuts = 0;
  const std::uint64_t one_in = 2 + prng.below(4);
  for (std::uint32_t bit = 0; bit < nodes * nodes; ++bit) {
    if (bit / nodes != bit % nodes && prng.below(one_in) == 0) cuts |= Cuts{1} << bit;
  }
  return cuts;
}

int number = 0, failures = 0;
void tell(bool ok, const std::string& what) {
  failures += !ok;
  std::printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, what.c_str());
  std::fflush(stdout);
}

void sweep_three() {
  int wrong = 0;
  for (std::uint64_t set = 0; set < 64; ++set) {
    Cuts cuts = 0;
    std::uint64_t left = set;
    for (std::uint32_t bit = 0; bit < 9; ++bit) {
      if (bit / 3 == bit % 3) continue;
      if ((left & 1) != 0) cuts |= Cuts{1} << bit;
      left >>= 1;
    }
    const std::string failure = try_partition(1 + set, 3, cuts);
    if (failure.empty()) continue;
    ++wrong;
    std::printf("# three nodes, cuts %03" PRIx64 ": %s\n", cuts, failure.c_str());
  }
  tell(wrong == 0, "each of 64 partitions of three nodes has its leader");
}

void sweep_five(std::uint64_t seeds) {
  std::uint64_t wrong = 0, with_majority = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Prng prng{seed};
    const Cuts cuts = draw_cuts(prng, 5);
    with_majority += has_connected_majority(cuts, 5);
    const std::string failure = try_partition(seed, 5, cuts);
    if (seed % 1'000 == 0) {
      std::printf("# %" PRIu64 " partitions of five nodes\n", seed);
      std::fflush(stdout);
    }
    if (failure.empty()) continue;
    if (++wrong <= 10) {
      std::printf("# five nodes, seed %" PRIu64 ", cuts %07" PRIx64 ": %s\n", seed, cuts,
                  failure.c_str());
    }
  }
  std::printf("# %" PRIu64 " of %" PRIu64 " partitions leave a majority connected\n", with_majority,
              seeds);
  tell(wrong == 0, "each drawn partition of five nodes has its leader");
}

// Virtual time until `done`, or kNever after `bound`.
template <typename Done>
Nanos wait(World& world, Nanos bound, const Done& done) {
  const Nanos begun = world.scheduler().now();
  while (!done()) {
    if (world.scheduler().now() - begun > bound) return kNever;
    world.advance(milliseconds(1));
  }
  return world.scheduler().now() - begun;
}

void try_size(std::uint32_t size) {
  Scenario scenario = calm_scenario(size, size);
  World world(scenario);
  const std::string name = std::to_string(size) + " nodes";
  const auto show = [&](const char* what, Nanos took, Nanos bound) {
    std::printf("# %s: %s in %" PRId64 " ms of at most %" PRId64 "\n", name.c_str(), what,
                took == kNever ? -1 : took.count / 1'000'000, bound.count / 1'000'000);
    tell(took <= bound, name + ": " + what + " in time");
  };
  world.begin();
  const Nanos election_bound = kElectionMax * 5;
  show("elect a leader", wait(world, election_bound, [&] { return world.leader() != kNoNode; }),
       election_bound);
  if (world.leader() == kNoNode) return;

  const NodeId away = world.leader() == NodeId{1} ? NodeId{2} : NodeId{1};
  world.node(away).stop(std::nullopt);
  world.advance(seconds(2));

  const NodeId leading = world.leader();
  const NodeId leaving = leading == NodeId{3} ? NodeId{4} : NodeId{3};
  ConfChange change;
  (void)change.add({ConfChangeType::kRemoveNode, leaving});
  (void)change.add({ConfChangeType::kAddLearner, leading == NodeId{5} ? NodeId{6} : NodeId{5}});
  world.node(leading).act(
      [change](Raft& raft) { (void)raft.propose_conf_change(change, EntryType::kConfChangeV2); });
  const Nanos change_bound = seconds(1);
  show("replace members",
       wait(world, change_bound,
            [&] {
              const Configuration& c = world.node(leading).raft().tracker().configuration();
              return !c.joint() && c.voters.count() == size - 2;
            }),
       change_bound);

  world.node(away).start();
  const Nanos catch_up_bound = seconds(2);
  show("bring a node back",
       wait(world, catch_up_bound,
            [&] {
              return world.node(away).is_running() &&
                     world.node(away).machine().applied().value + 20 >= look(world).commit;
            }),
       catch_up_bound);
  const std::string failure = world.finish().failure;
  if (!failure.empty()) std::printf("# %s: %s\n", name.c_str(), failure.c_str());
  tell(failure.empty(), name + ": every invariant holds");
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 3'000;
  CLI::App app{"Directed partitions of small clusters, and large clusters"};
  app.add_option("--seeds", seeds, "partitions of five nodes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sweep_three();
  sweep_five(seeds);
  for (const std::uint32_t size : {7u, 9u, 33u, 64u}) try_size(size);
  std::printf("1..%d\n", number);
  return failures > 0;
}
