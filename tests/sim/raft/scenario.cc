// What a seed means. Invariant: everything is drawn whether or not it counts, in one order, so that
// a run with fewer kinds of trouble is the same run otherwise. A draw that is added or moved gives
// every seed another meaning, and the tables of known seeds (planted_bugs.cc) want an update.
#include "tests/sim/raft/scenario.h"

#include <array>

namespace ringroad::raft::sim {

namespace {

template <typename T, std::size_t N>
T pick(Prng& prng, const T (&values)[N]) {
  return values[prng.below(N)];
}

constexpr std::array<std::string_view, kTroubles> kTroubleNames = {
    "loss",       "duplicate",  "reorder",    "partition",  "pause",       "crash",
    "kill",       "tripwire",   "torn-write", "misdirect",  "rot",         "slow-disk",
    "stuck-disk", "full-disk",  "disk-error", "read-error", "clock-drift", "membership",
    "transfer",   "compaction", "forget",     "campaign",   "versions",    "lease-edge"};

// Each kind is in about every other seed; in a third of the seeds there are fewer, so that more of
// each happens; changes of the membership are in most; a few seeds have none at all.
TroubleSet draw_troubles(Prng& prng) {
  TroubleSet all{static_cast<std::uint32_t>(prng.next()) & kAllTroubles.bits()};
  const std::uint64_t sparse = prng.next();
  if (prng.below(3) == 0) all = TroubleSet{all.bits() & static_cast<std::uint32_t>(sparse)};
  if (prng.below(2) == 0) all = all.with(Trouble::kMembership);
  return prng.below(40) == 0 ? TroubleSet{} : all;
}

// Several to one zone, so that a quorum can be found in one.
Zone draw_zone(std::uint64_t layout, std::size_t id) {
  switch (layout) {
    case 0:
      return Zone{static_cast<std::uint8_t>(id % 3 + 1)};
    case 1:
      return Zone{static_cast<std::uint8_t>(id % 2 + 1)};
    case 2:
      return Zone{static_cast<std::uint8_t>(id % 4 == 0 ? 2 : 1)};
    default:  // some stand in none
      return id % 5 == 2 ? kNoZone : Zone{static_cast<std::uint8_t>(id % 2 + 1)};
  }
}

void draw_raft(Prng& prng, Scenario& s) {
  Config& raft = s.raft;
  raft.election_timeout = milliseconds(100);
  raft.heartbeat_interval = milliseconds(pick(prng, {20, 30, 45}));
  raft.async_storage_writes = prng.below(2) == 0;
  raft.pre_vote = prng.below(4) != 0;
  // A node whose log is too short to win can keep the others from campaigning for long.
  if (!raft.pre_vote) s.recovery_time_max = seconds(60);
  raft.check_quorum = prng.below(4) != 0;
  if (raft.check_quorum && prng.below(3) != 0) raft.read_mode = ReadMode::kLease;
  raft.clock_drift_ppm_max = pick(prng, {25'000u, 100'000u, 200'000u});
  raft.append_bytes_max = pick(prng, {200u, 2'000u, 30'000u});
  raft.append_entries_max = pick(prng, {1u, 4u, 64u});
  raft.inflight_messages_max = pick(prng, {1u, 4u, 64u});
  // One entry in flight and a long way: what a follower lacks takes its time.
  if (raft.append_entries_max * raft.inflight_messages_max <= 4) s.recovery_time_max = seconds(60);
  raft.uncommitted_bytes_max = pick(prng, {kNoLimit, kNoLimit, std::uint64_t{600}});
  raft.applying_bytes_max = pick(prng, {kNoLimit, std::uint64_t{500}});
  raft.snapshot_chunk_bytes_max = pick(prng, {64u, 256u, 5'000u});
  raft.forward_proposals = prng.below(8) != 0;
  s.zones = prng.below(4) == 0;
  const std::uint64_t layout = prng.below(4);
  if (!s.zones) return;
  for (std::size_t id = 1; id <= kNodesMax; ++id) raft.zones[id] = draw_zone(layout, id);
  raft.zone_loss = prng.below(2) == 0 ? ZoneLossPolicy::kDegrade : ZoneLossPolicy::kWait;
}

void draw_faults(Prng& prng, Scenario& s) {
  const auto if_has = [&s](Trouble trouble, std::uint32_t ppm) {
    return s.troubles.has(trouble) ? ppm : 0;
  };
  // Drawn whether or not they count, so that a smaller set of troubles changes nothing else.
  s.wire_faults.loss_ppm = if_has(Trouble::kLoss, pick(prng, {1'000u, 20'000u, 150'000u}));
  s.wire_faults.duplicate_ppm = if_has(Trouble::kDuplicate, pick(prng, {10'000u, 200'000u}));
  s.wire_faults.reorder_ppm = if_has(Trouble::kReorder, pick(prng, {10'000u, 300'000u}));
  s.wire_faults.reorder_delay_max = milliseconds(pick(prng, {2, 30, 300}));
  s.disk_faults.write_error_ppm = if_has(Trouble::kDiskError, pick(prng, {200u, 2'000u}));
  s.disk_faults.flush_error_ppm = if_has(Trouble::kDiskError, pick(prng, {200u, 2'000u}));
  s.disk_faults.read_error_ppm = if_has(Trouble::kReadError, 200'000);
  s.disk_faults.read_flip_ppm = if_has(Trouble::kReadError, 200'000);
  // The fastest of +-d against the slowest: (1 + d) / (1 - d) is what leases allow for.
  const std::uint32_t allowed = s.raft.clock_drift_ppm_max;
  s.drift_ppm_max = if_has(
      Trouble::kClockDrift,
      static_cast<std::uint32_t>(std::uint64_t{allowed} * 1'000'000 / (2'000'000 + allowed)));
  s.drifts_at_bound = prng.below(2) == 0 && s.troubles.has(Trouble::kClockDrift);
}

}  // namespace

std::string_view name_of(Trouble trouble) {
  return kTroubleNames[static_cast<std::size_t>(trouble)];
}

std::string describe(TroubleSet troubles) {
  std::string all;
  for (std::size_t i = 0; i < kTroubles; ++i) {
    if (!troubles.has(static_cast<Trouble>(i))) continue;
    if (!all.empty()) all += ',';
    all += kTroubleNames[i];
  }
  return all.empty() ? "none" : all;
}

Scenario draw_scenario(std::uint64_t seed, Mode mode, TroubleSet allowed) {
  Prng prng{seed};
  Scenario s;
  s.seed = seed;
  s.mode = mode;
  s.troubles = TroubleSet{draw_troubles(prng).bits() & allowed.bits()};
  s.voters = pick(prng, {1u, 2u, 3u, 3u, 3u, 3u, 4u, 5u, 5u, 7u});
  s.clients = 1 + static_cast<std::uint32_t>(prng.below(5));
  s.keys = pick(prng, {1u, 2u, 5u});
  s.think_us_max = pick(prng, {2'000u, 20'000u, 60'000u});
  s.patience = milliseconds(pick(prng, {30, 100, 250}));
  if (prng.below(3) == 0) {
    // Many requests for one thing: whoever answers what is no longer so, is found out.
    s.keys = 1;
    s.clients = 5;
    s.think_us_max = 2'000;
  }
  s.padding_bytes_max = pick(prng, {0u, 64u, 64u, 1'000u});
  s.snapshot_every = s.troubles.has(Trouble::kCompaction) ? pick(prng, {7u, 40u, 150u}) : 1'000'000;
  s.snapshot_bytes_min = pick(prng, {0u, 1'000u});
  s.trouble_interval_us = pick(prng, {20'000u, 60'000u, 200'000u});
  s.apply_delay_max = pick(prng, {Nanos{}, Nanos{}, milliseconds(2), milliseconds(10)});
  s.wire.latency_min = microseconds(pick(prng, {20, 200}));
  s.wire.latency_max = microseconds(pick(prng, {250, 2'000, 12'000}));
  draw_raft(prng, s);
  draw_faults(prng, s);
  const NodeSet not_upgraded{prng.next()};
  if (s.troubles.has(Trouble::kVersions)) s.not_upgraded = not_upgraded;
  return s;
}

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

std::string describe(const Scenario& s) {
  return std::to_string(s.voters) + " voters, " + std::to_string(s.clients) + " clients, " +
         (s.raft.async_storage_writes ? "async" : "sync") + " writes, " +
         (s.raft.read_mode == ReadMode::kLease ? "lease" : "safe") + " reads" +
         (s.raft.pre_vote ? "" : ", no pre-vote") +
         (s.raft.check_quorum ? "" : ", no quorum check") + (s.zones ? ", zones" : "") +
         ", troubles: " + describe(s.troubles);
}

}  // namespace ringroad::raft::sim
