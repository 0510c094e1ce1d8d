// A run of the simulated cluster, as data: everything that chance decides beforehand follows from
// the seed. Which kinds of trouble a seed has is a random subset (swarm testing: Groce and others,
// 2012), since faults mask each other; a subset of those can be chosen to find out which of them a
// failure needs.
#pragma once

#include <cstdint>
#include <string>

#include "consensus/core/raft.h"
#include "tests/sim/raft/network.h"
#include "tests/sim/raft/storage.h"

namespace ringroad::raft::sim {

enum class Mode : std::uint8_t { kLinks, kDirect };

enum class Trouble : std::uint8_t {
  kLoss,
  kDuplicate,
  kReorder,
  kPartition,
  kPause,
  kCrash,      // the power goes: unflushed writes are lost, or some of them
  kKill,       // the process goes, the disk does not notice
  kTripwire,   // a crash at a chosen operation of the disk
  kTornWrite,  // crashes leave parts of writes
  kMisdirect,  // crashes leave writes in the wrong place
  kRot,        // what was durable changes while the power is off
  kSlowDisk,
  kStuckDisk,
  kFullDisk,
  kDiskError,
  kReadError,
  kClockDrift,
  kMembership,
  kTransfer,
  kCompaction,
  kForget,     // chunks, leaders and peers are forgotten or reported lost for no reason
  kCampaign,   // nodes campaign for no reason
  kVersions,   // nodes speak two versions of the messages, and are upgraded and taken back
  kLeaseEdge,  // the leader is cut off, and another is made one just before its lease ends
};
inline constexpr std::size_t kTroubles = 24;
std::string_view name_of(Trouble trouble);

class TroubleSet {
 public:
  constexpr TroubleSet() = default;
  constexpr explicit TroubleSet(std::uint32_t bits) : bits_(bits) {}
  constexpr bool has(Trouble t) const { return (bits_ >> static_cast<unsigned>(t) & 1) != 0; }
  constexpr TroubleSet with(Trouble t) const {
    return TroubleSet{bits_ | 1u << static_cast<unsigned>(t)};
  }
  constexpr TroubleSet without(Trouble t) const {
    return TroubleSet{bits_ & ~(1u << static_cast<unsigned>(t))};
  }
  constexpr std::uint32_t bits() const { return bits_; }

 private:
  std::uint32_t bits_ = 0;
};
inline constexpr TroubleSet kAllTroubles{(1u << kTroubles) - 1};
std::string describe(TroubleSet troubles);

struct Scenario {
  std::uint64_t seed = 1;
  Mode mode = Mode::kDirect;
  TroubleSet troubles;

  std::uint32_t voters = 3;
  std::uint32_t clients = 3;
  std::uint32_t keys = 3;
  std::uint32_t think_us_max = 20'000;  // between two requests of a client
  Nanos patience = milliseconds(250);   // of a client with a node that does not answer
  std::uint32_t padding_bytes_max = 0;  // of a command
  std::uint32_t snapshot_every = 200;   // entries
  std::uint32_t snapshot_bytes_min = 0;
  std::uint32_t trouble_interval_us = 50'000;  // on average
  std::int64_t drift_ppm_max = 0;
  bool drifts_at_bound = false;  // every clock is as fast or as slow as it may be
  Config raft;                   // but for id
  bool zones = false;
  // Whose messages are of the previous version at first. What the trouble leaves is what recovers.
  NodeSet not_upgraded;
  Nanos apply_delay_max{};
  WireTiming wire;
  WireFaults wire_faults;
  DiskFaults disk_faults;
  DiskPace disk_pace;

  Nanos trouble_time = seconds(4);  // then all is healed
  // From healing on: a write commits, all members catch up, all machines are equal.
  Nanos recovery_time_max = seconds(10);
};

Scenario draw_scenario(std::uint64_t seed, Mode mode, TroubleSet allowed = kAllTroubles);
// Nothing goes wrong but what its owner does. Snapshots are frequent, and several chunks long.
Scenario calm_scenario(std::uint64_t seed, std::uint32_t voters);
// The longest timeout that a node may draw.
inline Nanos election_timeout_max(const Scenario& scenario) {
  return scenario.raft.election_timeout * 2;
}
std::string describe(const Scenario& scenario);

}  // namespace ringroad::raft::sim
