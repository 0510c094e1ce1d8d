// Classic mistakes, planted on purpose: whether a simulator is worth its time is whether it finds
// them. Each is a branch `if (planted(Bug::...))` at the place where somebody could make it. In
// every build but one planted() is a constant, so that the branches are gone; the sources are
// compiled once more with RINGROAD_PLANTED_BUGS for tests/sim/raft, where one bug at a time is
// switched on before a run. The list of them, and what found each, is in tests/sim/README.md.
#pragma once

#include <cstdint>

namespace ringroad::raft {

enum class Bug : std::uint8_t {
  kNone,
  kVoteNotDurable,               // a vote leaves before it is on the disk
  kLeadsBeforeOwnVoteIsDurable,  // its own vote need not be among those that elect a leader
  kTermNotDurable,               // a term alone is not flushed
  kAcknowledgedBeforeFlush,      // an append is answered before it is on the disk
  kOldTermCommittedByCounting,   // thesis 3.6.2 left out
  kNoUpToDateCheck,              // anyone gets a vote
  kUpToDateByLengthOnly,         // the longer log wins, whatever its last term
  kPreVoteSkipped,               // nobody is asked before a campaign
  kVotesTwice,                   // a second candidate of the term gets a vote, too
  kNoPreviousCheck,              // an append is taken whatever stands before it
  kRejectCounted,                // a rejected append moves the match index
  kHeartbeatCommitsBeyondMatch,  // a follower is told of commits it may not have
  kAppendCommitsBeyondMatch,     // a follower commits beyond what the append has shown to match
  kConflictKept,                 // a conflicting entry stays if the log is long enough
  kStaleLeaderReads,             // a leader answers reads without asking anyone
  kReadBeforeFirstCommit,        // a leader answers reads before its first commit
  kLeaseWithoutDrift,            // a lease runs as long as a promise by the leader's own clock
  kLeaseNotPromised,             // a follower votes though it has just answered its leader
  kNoPromiseAfterRestart,        // a restarted node votes though it may have promised not to
  kLeaseKeptInTransfer,          // a leader that told a successor to campaign still has its lease
  kZoneRuleIgnored,              // a quorum in one zone commits where two zones were asked for
  kJointOutgoingIgnored,         // the old half does not decide while joint
  kLearnersVote,                 // learners count as voters
  kChangeBeforeLastIsApplied,    // a change is proposed while another is under way
  kChunkGapTaken,                // a chunk is taken that does not follow
  kSnapshotOverNewer,            // a snapshot older than what is committed replaces it
  kSnapshotTakenForMatch,        // an entry at a snapshot's index is taken for the snapshot's
  // In the driver.
  kSessionsLostInSnapshot,  // a snapshot leaves out who was answered what
  kReadBeforeApplied,       // a read is answered before the machine has got there
  kClockReadBeforePause,    // a node that was paused goes on with the time from before
  kRenameBeforeFlush,       // a snapshot gets its name before its bytes are durable
  kDamageTakenForTornTail,  // whatever does not read is cut
  kFailedFlushIgnored,      // a flush that failed is taken for one that did not
};
inline constexpr std::uint8_t kBugs = 34;

#ifdef RINGROAD_PLANTED_BUGS
inline Bug planted_bug = Bug::kNone;
inline bool planted(Bug bug) { return planted_bug == bug; }
#else
constexpr bool planted(Bug) { return false; }
#endif

}  // namespace ringroad::raft
