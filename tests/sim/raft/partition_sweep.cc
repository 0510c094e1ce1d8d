// Partitions one by one, in direct mode: what of the cluster a cut leaves able to work has to work.
//
//   partition_sweep [--seeds N]     N partitions of five nodes (default: 3,000)
//
// All 64 sets of cut directed pairs among three nodes, and N drawn ones among five, each from a
// cluster that has a leader and clients. When some majority is connected both ways throughout, then
// three maximum election timeouts after the cut
//
// - exactly one node leads, and a majority follows it in its term;
// - it leads until the end of the window, five such timeouts long: nobody is elected meanwhile;
// - what is proposed to it in the window commits.
//
// Whatever is cut, no two entries are ever committed at one index, nor is any other invariant
// (invariants.h) broken, and the cluster recovers when it is healed. The other troubles of a
// cluster are raft_sim's business, larger ones that of large_clusters.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "tests/sim/raft/tap.h"
#include "tests/sim/raft/world.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;
using namespace ringroad::raft::sim;

constexpr std::int64_t kTimeoutsToElect = 3;
constexpr std::int64_t kTimeoutsWatched = 5;

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

struct Leadership {
  std::uint32_t leaders = 0;
  // The foremost of them, and how far it is.
  NodeId leader;
  Term term;
  Index commit;
};
Leadership look(const World& world) {
  Leadership seen;
  for (const NodeId id : world.running()) {
    seen.leaders += world.node(id).raft().role() == Role::kLeader;
  }
  seen.leader = world.leader();
  if (seen.leader == kNoNode) return seen;
  const Raft& foremost = world.node(seen.leader).raft();
  seen.term = foremost.term();
  seen.commit = foremost.log().committed();
  return seen;
}

// Lets the window pass. What is wrong with the leader of a majority that is connected, or nothing.
std::string watch_leader(World& world, Nanos window) {
  const Leadership before = look(world);
  const std::uint32_t following = world.following().count();
  const std::uint64_t elections = world.elections();
  if (before.leaders == 1) {
    // The clients may still be waiting for nodes that hear nobody.
    world.node(before.leader).act([](Raft& raft) {
      const Entry nothing;
      (void)raft.propose({&nothing, 1});
    });
  }
  world.advance(window);
  const Leadership after = look(world);
  if (before.leaders != 1) return std::to_string(before.leaders) + " leaders, not one, in time";
  if (following < majority_of(world.nodes().count())) {
    return "the leader is followed by " + std::to_string(following) + " only, itself included";
  }
  const bool stays = after.leader == before.leader && after.term == before.term;
  if (!stays || world.elections() != elections) return "the leader does not stay";
  if (after.leaders != 1) return std::to_string(after.leaders) + " leaders in the end";
  if (after.commit <= before.commit) return "nothing commits under a stable leader";
  return {};
}

// What went wrong, or nothing.
std::string try_partition(std::uint64_t seed, std::uint32_t nodes, Cuts cuts) {
  const Scenario scenario = calm_scenario(seed, nodes);
  const Nanos timeout_max = election_timeout_max(scenario);
  World world(scenario);
  world.begin();
  world.advance(timeout_max * kTimeoutsToElect);
  if (world.leader() == kNoNode) return "no leader to begin with";
  for (const NodeId a : world.nodes()) {
    for (const NodeId b : world.nodes()) {
      if (is_cut(cuts, nodes, a, b)) world.network().cut(a, b);
    }
  }
  world.advance(timeout_max * kTimeoutsToElect);
  const std::string wrong = watch_leader(world, timeout_max * kTimeoutsWatched);
  const std::string broken = world.finish().failure;
  if (!broken.empty()) return broken;
  return has_connected_majority(cuts, nodes) ? wrong : std::string{};
}

Cuts draw_cuts(Prng& prng, std::uint32_t nodes) {
  Cuts cuts = 0;
  const std::uint64_t one_in = 2 + prng.below(4);
  for (std::uint32_t bit = 0; bit < nodes * nodes; ++bit) {
    if (bit / nodes != bit % nodes && prng.below(one_in) == 0) cuts |= Cuts{1} << bit;
  }
  return cuts;
}

void sweep_three(Tap& tap) {
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
  tap.tell(wrong == 0, "each of 64 partitions of three nodes keeps its promises");
}

void sweep_five(Tap& tap, std::uint64_t seeds) {
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
  tap.tell(wrong == 0, "each drawn partition of five nodes keeps its promises");
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 3'000;
  CLI::App app{"Directed partitions of small clusters"};
  app.add_option("--seeds", seeds, "partitions of five nodes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Tap tap;
  sweep_three(tap);
  sweep_five(tap, seeds);
  return tap.finish();
}
