// Switches classic mistakes on, one at a time (consensus/core/planted.h), and demands that the
// simulator finds each: otherwise its silence about the real core would be worth little.
//
//   planted_bugs [--search N] [--bug NAME]
//
// Each bug is looked for from the seed that found it last on, in at most N seeds (default: 3,000).
// A change of the core or of the simulator may move it; then the line tells where it is now, and
// the table below wants an update. Seeds that find nothing cost the time that is to be saved.
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "consensus/core/planted.h"
#include "tests/sim/raft/runner.h"

namespace {

using namespace ringroad::raft::sim;
using ringroad::raft::Bug;

struct Planted {
  Bug bug;
  const char* name;
  std::uint64_t seed;  // in direct mode
};

constexpr Planted kPlanted[] = {
    {Bug::kVoteNotDurable, "vote_not_durable", 7},
    {Bug::kLeadsBeforeOwnVoteIsDurable, "leads_before_own_vote_is_durable", 4},
    {Bug::kTermNotDurable, "term_not_durable", 3},
    {Bug::kAcknowledgedBeforeFlush, "acknowledged_before_flush", 3},
    {Bug::kOldTermCommittedByCounting, "old_term_committed_by_counting", 2},
    {Bug::kNoUpToDateCheck, "no_up_to_date_check", 2},
    {Bug::kUpToDateByLengthOnly, "up_to_date_by_length_only", 59},
    {Bug::kPreVoteSkipped, "pre_vote_skipped", 5},
    {Bug::kVotesTwice, "votes_twice", 7},
    {Bug::kNoPreviousCheck, "no_previous_check", 40},
    {Bug::kRejectCounted, "reject_counted", 1},
    {Bug::kHeartbeatCommitsBeyondMatch, "heartbeat_commits_beyond_match", 3},
    {Bug::kAppendCommitsBeyondMatch, "append_commits_beyond_match", 2},
    {Bug::kConflictKept, "conflict_kept", 14},
    {Bug::kStaleLeaderReads, "stale_leader_reads", 77},
    {Bug::kReadBeforeFirstCommit, "read_before_first_commit", 177},
    {Bug::kLeaseWithoutDrift, "lease_too_long", 33},
    {Bug::kLeaseNotPromised, "lease_not_promised", 1724},
    {Bug::kLeaseKeptInTransfer, "lease_kept_in_transfer", 50},
    {Bug::kJointOutgoingIgnored, "joint_outgoing_ignored", 71},
    {Bug::kLearnersVote, "learners_vote", 29},
    {Bug::kChangeBeforeLastIsApplied, "change_before_last_is_applied", 29},
    {Bug::kChunkGapTaken, "chunk_gap_taken", 614},
    {Bug::kSnapshotOverNewer, "snapshot_over_newer", 75},
    {Bug::kSnapshotTakenForMatch, "snapshot_taken_for_match", 301},
    {Bug::kSessionsLostInSnapshot, "sessions_lost_in_snapshot", 4},
    {Bug::kReadBeforeApplied, "read_before_applied", 1},
    {Bug::kClockReadBeforePause, "clock_read_before_pause", 326},
    {Bug::kRenameBeforeFlush, "rename_before_flush", 13},
    {Bug::kDamageTakenForTornTail, "damage_taken_for_torn_tail", 120},
    {Bug::kFailedFlushIgnored, "failed_flush_ignored", 5},
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
      planted.seed, search, 2,
      [](std::uint64_t seed) { return draw_scenario(seed, Mode::kDirect); },
      [&found](std::uint64_t seed, const Report& report) {
        ++found.seeds;
        if (report.failure.empty()) return true;
        found.seed = seed;
        found.failure = report.failure.substr(0, report.failure.find('\n'));
        return false;
      });
  ringroad::raft::planted_bug = Bug::kNone;
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t search = 3'000;
  std::string only;
  CLI::App app{"Planted bugs, and whether the simulator finds them"};
  app.add_option("--search", search, "in how many seeds each is looked for")->capture_default_str();
  app.add_option("--bug", only, "only this one");
  CLI11_PARSE(app, argc, argv);
  std::printf("1..%zu\n", only.empty() ? std::size(kPlanted) : 1);
  int number = 0, missed = 0;
  for (const Planted& planted : kPlanted) {
    if (!only.empty() && only != planted.name) continue;
    const Found found = look_for(planted, search);
    if (found.seed == 0) {
      ++missed;
      std::printf("not ok %d - %s is found\n# not in %" PRIu64 " seeds\n", ++number, planted.name,
                  found.seeds);
    } else {
      std::printf("ok %d - %s is found\n# by seed %" PRIu64 ", after %" PRIu64 ": %s\n", ++number,
                  planted.name, found.seed, found.seeds, found.failure.c_str());
    }
    std::fflush(stdout);
  }
  return missed;
}
