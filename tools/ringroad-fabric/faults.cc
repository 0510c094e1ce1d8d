#include "tools/ringroad-fabric/faults.h"

#include <algorithm>

namespace ringroad::fabric {
namespace {

// What a frame occupies of a wire beside itself: preamble 8, FCS 4, gap 12 bytes (IEEE 802.3).
constexpr std::uint64_t kWireOverheadBytes = 24;

// Bytes of a frame or a queue, at most 2^30: the product fits 64 bits.
Nanos wire_time(std::uint64_t bytes, std::uint64_t bits_per_s) {
  return Nanos{static_cast<std::int64_t>(bytes * 8 * 1'000'000'000 / bits_per_s)};
}

}  // namespace

Faults::Faults(std::size_t ports, std::uint64_t seed)
    : ports_(ports), seed_(seed), pairs_(ports * ports) {
  reseed(seed);
}

void Faults::reseed(std::uint64_t seed) {
  seed_ = seed;
  Prng root{seed};
  for (Pair& pair : pairs_) pair.random = root.fork();
}

void Faults::set(PortId from, PortId to, const FaultSettings& settings) {
  Pair& p = pair(from, to);
  // A wait that no setting asks for any more must not hold back what comes next.
  if (settings.rate_bits_per_s != p.settings.rate_bits_per_s) p.rate_free_at = Nanos{};
  p.settings = settings;
  p.clear = settings.is_clear();
}

Verdict Faults::judge(PortId from, PortId to, std::uint32_t frame_bytes, Nanos now) {
  Pair& p = pair(from, to);
  const FaultSettings& s = p.settings;
  Verdict verdict;
  verdict.departure = now;
  if (s.partitioned) {
    ++p.counts.partitioned;
    verdict.drop = Drop::kPartition;
    return verdict;
  }
  if (s.loss_ppm != 0 && p.random.chance_ppm(s.loss_ppm)) {
    ++p.counts.lost;
    verdict.drop = Drop::kLoss;
    return verdict;
  }
  if (s.rate_bits_per_s != 0) {
    const Nanos start = std::max(now, p.rate_free_at);
    if (start - now > wire_time(s.queue_bytes, s.rate_bits_per_s)) {
      ++p.counts.rate_dropped;
      verdict.drop = Drop::kRateQueue;
      return verdict;
    }
    p.rate_free_at = start + wire_time(frame_bytes + kWireOverheadBytes, s.rate_bits_per_s);
    verdict.departure = p.rate_free_at;
  }
  if (s.corrupt_ppm != 0 && p.random.chance_ppm(s.corrupt_ppm)) {
    ++p.counts.corrupted;
    verdict.flip_bit = static_cast<std::uint32_t>(p.random.below(std::uint64_t{frame_bytes} * 8));
  }
  if (s.duplicate_ppm != 0 && p.random.chance_ppm(s.duplicate_ppm)) {
    ++p.counts.duplicated;
    verdict.duplicate = true;
  }
  verdict.departure = verdict.departure + s.delay;
  if (s.jitter != Nanos{}) {
    const auto spread = static_cast<std::uint64_t>(s.jitter.count) + 1;
    verdict.departure =
        verdict.departure + Nanos{static_cast<std::int64_t>(p.random.below(spread))};
  }
  if (s.reorder_ppm != 0 && p.random.chance_ppm(s.reorder_ppm)) {
    ++p.counts.reordered;
    verdict.departure = verdict.departure + s.reorder_delay;
  } else {
    verdict.departure = std::max(verdict.departure, p.last_departure);
    p.last_departure = verdict.departure;
  }
  if (verdict.departure > now) ++p.counts.delayed;
  return verdict;
}

}  // namespace ringroad::fabric
