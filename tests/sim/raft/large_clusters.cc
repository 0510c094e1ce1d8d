// Clusters of 7, 9, 33 and 64 nodes, in direct mode: that what scales with the number of nodes ends
// within bounds when there are many.
//
//   large_clusters [--seeds N] [--every-fault]
//
// runs N worlds of 7 and of 9 nodes (default: 80), and a quarter of that of 33 and of 64.
//
// A world elects a leader on a wire that loses messages, goes through a second of crashes,
// partitions, pauses, slow disks, transfers and changes of the membership, and is healed. Then,
// with clients going on, it is measured how long it takes until
//
// - there is a leader that a majority of its voters follows;
// - there is another one, when that one has lost its power;
// - a voter is removed, another made a learner, and a third node, if there is one, made a voter;
// - the node that lost its power, and needs a snapshot by now, has all that was committed when it
//   returned;
// - all members are alike (World::finish).
//
// For each size the shortest and the longest time of all worlds are printed with the bound that
// they are held to, and how often each kind of trouble happened; with --every-fault, one that never
// did is a failure. Every invariant has to hold as well. Of a world no more is kept than these
// times and counts. Partitions of small clusters are partition_sweep's business.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "tests/sim/raft/tap.h"
#include "tests/sim/raft/world.h"

namespace {

using namespace ringroad;
using namespace ringroad::raft;
using namespace ringroad::raft::sim;

constexpr Nanos kTroubleTime = seconds(1);

Scenario large_scenario(std::uint64_t seed, std::uint32_t size) {
  Scenario s = calm_scenario(seed, size);
  for (const Trouble trouble :
       {Trouble::kPartition, Trouble::kPause, Trouble::kCrash, Trouble::kKill, Trouble::kTornWrite,
        Trouble::kSlowDisk, Trouble::kMembership, Trouble::kTransfer}) {
    s.troubles = s.troubles.with(trouble);
  }
  s.wire_faults = {.loss_ppm = 10'000, .duplicate_ppm = 10'000, .reorder_ppm = 10'000};
  s.trouble_interval_us = 40'000;
  s.raft.async_storage_writes = seed % 2 == 0;
  return s;
}

// How long one thing took in all worlds of a size.
class Measure {
 public:
  Measure(std::string what, Nanos bound) : what_(std::move(what)), bound_(bound) {}

  Nanos bound() const { return bound_; }
  // kNever: longer than the bound.
  void take(Nanos took) {
    least_ = std::min(least_, took);
    most_ = std::max(most_, took);
    ++times_;
  }
  void tell(Tap& tap, const std::string& size) const {
    std::printf("# %s: %s: %" PRIu32 " times, in %s to %s of at most %s\n", size.c_str(),
                what_.c_str(), times_, text(least_).c_str(), text(most_).c_str(),
                text(bound_).c_str());
    tap.tell(times_ > 0 && most_ <= bound_, size + ": " + what_ + " in time");
  }

 private:
  static std::string text(Nanos span) {
    return span == kNever ? "forever" : std::to_string(span.count / 1'000'000) + " ms";
  }

  std::string what_;
  Nanos bound_;
  Nanos least_ = kNever, most_{};
  std::uint32_t times_ = 0;
};

struct Measures {
  Nanos timeout_max = election_timeout_max(calm_scenario(1, 1));
  Measure first_leader{"the first leader", timeout_max * 3};
  Measure healed{"a leader after the troubles", timeout_max * 3};
  Measure next_leader{"a leader after the last one's crash", timeout_max * 3};
  Measure replaced{"members replaced", seconds(1)};
  Measure caught_up{"a node caught up by a snapshot", milliseconds(500)};
  Measure recovered{"all members alike", seconds(2)};
  Tally tally;
};

// One cluster's way through all that is measured.
class Course {
 public:
  Course(std::uint64_t seed, std::uint32_t size, Measures& measures)
      : world_(large_scenario(seed, size)), measures_(measures) {}

  // What went wrong, or nothing.
  std::string run() {
    if (!measure(measures_.first_leader, [this] { return world_.leader() != kNoNode; })) {
      return "no first leader";
    }
    world_.begin();
    world_.advance(kTroubleTime);
    world_.heal();
    if (!measure(measures_.healed, [this] { return has_leader(); })) return "no leader when healed";
    world_.advance(Crash{}.down_max);  // who was to be started again by now, was
    const bool all = lose_leader() && replace_members() && bring_back();
    const Report report = world_.finish();
    if (!report.failure.empty()) return report.failure;
    measures_.recovered.take(report.recovery);
    measures_.tally.add(report.tally);
    return all ? "" : "not in time";
  }

 private:
  template <typename Done>
  bool measure(Measure& measure, const Done& done) {
    const Nanos begun = world_.scheduler().now();
    while (!done() && world_.scheduler().now() - begun <= measure.bound()) {
      world_.advance(milliseconds(1));
    }
    const Nanos took = world_.scheduler().now() - begun;
    measure.take(done() ? took : kNever);
    return took <= measure.bound();
  }

  const Configuration& configuration() const {
    return world_.node(world_.leader()).raft().tracker().configuration();
  }

  bool has_leader() const {
    if (world_.leader() == kNoNode) return false;
    const NodeSet voters = configuration().voters;
    return (world_.following() & voters).count() >= majority_of(voters.count());
  }

  bool lose_leader() {
    away_ = world_.leader();
    last_of_away_ = world_.node(away_).raft().log().last_index();
    (void)world_.node(away_).stop(CrashFaults{});
    return measure(measures_.next_leader, [this] { return has_leader(); });
  }

  // Invariant: there is a leader.
  // Of those that may change places: not the leader, nor who is away.
  NodeId some_voter(NodeId but) const {
    for (const NodeId id : configuration().voters) {
      if (id != world_.leader() && id != away_ && id != but) return id;
    }
    return kNoNode;
  }

  bool replace_members() {
    const NodeId removed = some_voter(kNoNode);
    const NodeId demoted = some_voter(removed);
    const NodeSet former = world_.nodes() - configuration().members();
    const NodeId added = former.empty() ? world_.add_node(false) : *former.begin();
    ConfChange change;
    (void)change.add({ConfChangeType::kRemoveNode, removed});
    (void)change.add({ConfChangeType::kAddLearner, demoted});
    if (added != kNoNode) (void)change.add({ConfChangeType::kAddNode, added});
    return measure(measures_.replaced, [&] {
      if (world_.leader() == kNoNode) return false;
      const Configuration& now = configuration();
      if (now.joint()) return false;
      const bool is_done = !now.members().contains(removed) && now.learners.contains(demoted) &&
                           (added == kNoNode || now.voters.contains(added));
      if (!is_done) {
        world_.node(world_.leader()).act([&change](Raft& raft) {
          (void)raft.propose_conf_change(change, EntryType::kConfChangeV2);
        });
      }
      return is_done;
    });
  }

  bool bring_back() {
    // Until the leader's log begins behind all that the node can have.
    for (std::uint32_t proposed = 0; !is_behind(); ++proposed) {
      if (proposed == kEntriesMax) return false;
      if (world_.leader() != kNoNode) {
        world_.node(world_.leader()).act([](Raft& raft) {
          const Entry nothing;
          (void)raft.propose({&nothing, 1});
        });
      }
      world_.advance(microseconds(200));
    }
    const Index target = world_.node(world_.leader()).raft().log().committed();
    Node& node = world_.node(away_);
    node.start();
    return measure(measures_.caught_up,
                   [&] { return node.is_running() && node.machine().applied() >= target; });
  }

  bool is_behind() const {
    return world_.leader() != kNoNode &&
           world_.node(world_.leader()).raft().log().compacted() > last_of_away_;
  }

  static constexpr std::uint32_t kEntriesMax = 5'000;

  World world_;
  Measures& measures_;
  NodeId away_;
  Index last_of_away_;
};

// Whether each kind happened.
bool print_troubles(const std::string& size, const Tally& tally) {
  bool all = true;
  for (const Fault fault :
       {Fault::kPowerLost, Fault::kKilled, Fault::kPaused, Fault::kDiskSlow, Fault::kLost,
        Fault::kCutInTwo, Fault::kCutBridge, Fault::kCutAlone, Fault::kCutPairs, Fault::kVoterAdded,
        Fault::kVoterRemoved, Fault::kJointEntered, Fault::kSnapshotInstalled,
        Fault::kTransferTaken}) {
    all &= tally[fault] > 0;
    std::printf("# %s: %" PRIu64 " times %s\n", size.c_str(), tally[fault],
                std::string(name_of(fault)).c_str());
  }
  return all;
}

void try_size(Tap& tap, std::uint32_t size, std::uint64_t seeds, bool every_fault) {
  Measures measures;
  const std::string name = std::to_string(size) + " nodes";
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::string failure = Course(seed, size, measures).run();
    if (failure.empty()) continue;
    ++wrong;
    std::printf("# %s, seed %" PRIu64 ": %s\n", name.c_str(), seed, failure.c_str());
  }
  for (const Measure* measure : {&measures.first_leader, &measures.healed, &measures.next_leader,
                                 &measures.replaced, &measures.caught_up, &measures.recovered}) {
    measure->tell(tap, name);
  }
  tap.tell(wrong == 0, name + ": every invariant holds");
  const bool all = print_troubles(name, measures.tally);
  if (every_fault) tap.tell(all, name + ": every kind of trouble happened");
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 80;
  bool every_fault = false;
  CLI::App app{"Large clusters, and how long they take"};
  app.add_option("--seeds", seeds, "worlds of 7 and of 9 nodes")->capture_default_str();
  app.add_flag("--every-fault", every_fault, "fail when a kind of trouble never happened");
  CLI11_PARSE(app, argc, argv);
  Tap tap;
  for (const std::uint32_t size : {7u, 9u}) try_size(tap, size, seeds, every_fault);
  for (const std::uint32_t size : {33u, 64u}) try_size(tap, size, (seeds + 3) / 4, every_fault);
  return tap.finish();
}
