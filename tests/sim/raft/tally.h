// How often each kind of thing went wrong, or was done to the cluster, in a run or in many. A kind
// that was never made has not been tested, whatever the scenario meant to do: so each is counted
// where it takes effect (the write that was torn, the configuration that was applied), not where it
// was drawn. Everything that makes trouble adds to the one Tally of its World.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringroad::raft::sim {

enum class Fault : std::uint8_t {
  // Nodes.
  kPowerLost,
  kKilled,
  kRestartedAtOnce,  // within the time of a lease
  kPaused,
  kClockFast,  // nodes whose clocks run at the bound of what leases allow for
  kClockSlow,
  kUpgraded,
  kTakenBack,
  // Crashes at an operation of the disk.
  kCrashAtWrite,
  kCrashAtFlush,
  kCrashAtRename,
  kCrashAtDirectoryFlush,
  // What the disk did.
  kWriteLost,
  kWriteTorn,
  kWriteMisdirected,
  kRenameLost,
  kBitRotInLog,
  kBitRotInSnapshot,
  kDamageFound,
  kDiskFull,  // writes refused
  kDiskStuck,
  kDiskSlow,
  kWriteError,
  kFlushError,
  kRenameError,
  kReadError,
  kReadFlip,
  // The network: messages, or frames of links.
  kLost,
  kDuplicated,
  kReordered,
  kCutInTwo,
  kCutBridge,  // in two, but for one node
  kCutAlone,
  kCutDeaf,
  kCutMute,
  kCutPairs,
  kLeaderCutAtLeaseEnd,
  // The membership: changes that took effect.
  kVoterAdded,
  kVoterRemoved,
  kVoterDemoted,
  kLearnerAdded,
  kLearnerPromoted,
  kLearnerRemoved,
  kJointEntered,
  kJointLeft,
  kChangeRefused,
  kDamagedReplaced,
  // What leaders do.
  kSnapshotMade,
  kSnapshotInstalled,
  kTransferAsked,
  kTransferTaken,
  kForgot,
  kCampaigned,
  kZoneRuleDegraded,
};
inline constexpr std::size_t kFaults = 54;
std::string_view name_of(Fault fault);

class Tally {
 public:
  void add(Fault fault, std::uint64_t times = 1) { counts_[place(fault)] += times; }
  void add(const Tally& other) {
    for (std::size_t i = 0; i < kFaults; ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t operator[](Fault fault) const { return counts_[place(fault)]; }

 private:
  static std::size_t place(Fault fault) { return static_cast<std::size_t>(fault); }
  std::array<std::uint64_t, kFaults> counts_{};
};

}  // namespace ringroad::raft::sim
