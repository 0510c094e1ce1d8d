// Switches classic mistakes on, one at a time (consensus/core/planted.h), and demands that the
// simulator finds each: otherwise its silence about the real core would be worth little.
//
//   planted_bugs [--search N] [--bug NAME] [--explain]
//
// Each bug is looked for from the seed that found it last on, in at most N seeds (default: 3,000).
// A change of the core or of the simulator may move it; then the line tells where it is now, and
// the table below wants an update. Seeds that find nothing cost the time that is to be saved.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "consensus/core/planted.h"
#include "tests/sim/raft/explain.h"
#include "tests/sim/raft/runner.h"
#include "tests/sim/raft/tap.h"

namespace {

using namespace ringroad::raft::sim;
using ringroad::raft::Bug;

struct Planted {
  Bug bug;
  const char* name;
  std::uint64_t seed;  // in direct mode
};

constexpr Planted kPlanted[] = {
    {Bug::kVoteNotDurable, "vote_not_durable", 8},
    {Bug::kLeadsBeforeOwnVoteIsDurable, "leads_before_own_vote_is_durable", 7},
    {Bug::kTermNotDurable, "term_not_durable", 7},
    {Bug::kAcknowledgedBeforeFlush, "acknowledged_before_flush", 19},
    {Bug::kOldTermCommittedByCounting, "old_term_committed_by_counting", 7},
    {Bug::kNoUpToDateCheck, "no_up_to_date_check", 2},
    {Bug::kUpToDateByLengthOnly, "up_to_date_by_length_only", 87},
    {Bug::kPreVoteSkipped, "pre_vote_skipped", 5},
    {Bug::kVotesTwice, "votes_twice", 7},
    {Bug::kNoPreviousCheck, "no_previous_check", 49},
    {Bug::kRejectCounted, "reject_counted", 3},
    {Bug::kHeartbeatCommitsBeyondMatch, "heartbeat_commits_beyond_match", 7},
    {Bug::kAppendCommitsBeyondMatch, "append_commits_beyond_match", 3},
    {Bug::kConflictKept, "conflict_kept", 15},
    {Bug::kStaleLeaderReads, "stale_leader_reads", 289},
    {Bug::kReadBeforeFirstCommit, "read_before_first_commit", 626},
    {Bug::kLeaseWithoutDrift, "lease_without_drift", 1641},
    {Bug::kLeaseNotPromised, "lease_not_promised", 2189},
    {Bug::kNoPromiseAfterRestart, "no_promise_after_restart", 7},
    {Bug::kLeaseKeptInTransfer, "lease_kept_in_transfer", 743},
    {Bug::kZoneRuleIgnored, "zone_rule_ignored", 1},
    {Bug::kJointOutgoingIgnored, "joint_outgoing_ignored", 90},
    {Bug::kLearnersVote, "learners_vote", 36},
    {Bug::kChangeBeforeLastIsApplied, "change_before_last_is_applied", 36},
    {Bug::kChunkGapTaken, "chunk_gap_taken", 768},
    {Bug::kSnapshotOverNewer, "snapshot_over_newer", 163},
    {Bug::kSnapshotTakenForMatch, "snapshot_taken_for_match", 304},
    {Bug::kSessionsLostInSnapshot, "sessions_lost_in_snapshot", 4},
    {Bug::kReadBeforeApplied, "read_before_applied", 5},
    {Bug::kClockReadBeforePause, "clock_read_before_pause", 1731},
    {Bug::kRenameBeforeFlush, "rename_before_flush", 33},
    {Bug::kDamageTakenForTornTail, "damage_taken_for_torn_tail", 122},
    {Bug::kFailedFlushIgnored, "failed_flush_ignored", 34},
};
static_assert(std::size(kPlanted) == ringroad::raft::kBugs - 1, "one line for each");

struct Found {
  std::uint64_t seed = 0;  // 0: not found
  std::uint64_t seeds = 0;
  std::string failure;
};

Found look_for(const Planted& planted, std::uint64_t search) {
  ringroad::raft::planted_bug = planted.bug;
  Found found;
  run_seeds(
      planted.seed, search, 1,  // in order, so that every machine finds it at the same place
      [](std::uint64_t seed) { return draw_scenario(seed, Mode::kDirect); },
      [&found](std::uint64_t seed, const Report& report) {
        ++found.seeds;
        // None of them is about progress: a world that only stands still has not found it.
        if (report.failure.empty() || kind_of(report.failure) == "no recovery") return true;
        found.seed = seed;
        found.failure = report.failure.substr(0, report.failure.find('\n'));
        return false;
      });
  ringroad::raft::planted_bug = Bug::kNone;
  return found;
}

void explain_found(const Planted& planted, const Found& found) {
  ringroad::raft::planted_bug = planted.bug;
  Report report;
  report.failure = found.failure;
  explain("", draw_scenario(found.seed, Mode::kDirect), report);
  ringroad::raft::planted_bug = Bug::kNone;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t search = 3'000;
  std::string only;
  bool explains = false;
  CLI::App app{"Planted bugs, and whether the simulator finds them"};
  app.add_option("--search", search, "in how many seeds each is looked for")->capture_default_str();
  app.add_option("--bug", only, "only this one");
  app.add_flag("--explain", explains, "print the smallest run that finds it, and its last events");
  CLI11_PARSE(app, argc, argv);
  Tap tap;
  for (const Planted& planted : kPlanted) {
    if (!only.empty() && only != planted.name) continue;
    const Found found = look_for(planted, search);
    tap.tell(found.seed != 0, std::string(planted.name) + " is found");
    if (found.seed == 0) {
      std::printf("# not in %" PRIu64 " seeds\n", found.seeds);
    } else {
      std::printf("# by seed %" PRIu64 ", after %" PRIu64 ": %s\n", found.seed, found.seeds,
                  found.failure.c_str());
      if (explains) explain_found(planted, found);
    }
    std::fflush(stdout);
  }
  return tap.finish();
}
