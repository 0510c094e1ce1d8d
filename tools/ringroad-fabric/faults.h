// What happens to a frame on its way from one port to another: nothing, or the faults asked for.
//
// Each directed pair of ports has its own settings, its own seeded generator and its own rate
// limiter, so that what befalls the k-th frame of a pair depends on the seed and on that pair's
// frames alone: a run replays whatever else the switch carries. Order within a pair is kept by
// delay, jitter and rate; only `reorder` breaks it. Pure; the time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

struct FaultSettings {
  std::uint32_t loss_ppm = 0;
  std::uint32_t corrupt_ppm = 0;    // one bit of the frame is flipped
  std::uint32_t duplicate_ppm = 0;  // the frame arrives twice
  std::uint32_t reorder_ppm = 0;    // the frame is held back, later ones overtake it
  Nanos reorder_delay = microseconds(100);
  Nanos delay;
  Nanos jitter;                            // uniform in [0, jitter], on top of the delay
  std::uint64_t rate_bits_per_s = 0;       // 0: unlimited
  std::uint32_t queue_bytes = 512 * 1024;  // waiting for the rate; more is dropped
  bool partitioned = false;

  bool operator==(const FaultSettings&) const = default;

  // True when every frame passes at once and as it is.
  [[nodiscard]] bool is_clear() const {
    return loss_ppm == 0 && corrupt_ppm == 0 && duplicate_ppm == 0 && reorder_ppm == 0 &&
           delay == Nanos{} && jitter == Nanos{} && rate_bits_per_s == 0 && !partitioned;
  }
};

struct FaultCounts {
  std::uint64_t lost = 0, partitioned = 0, rate_dropped = 0;
  std::uint64_t corrupted = 0, duplicated = 0, reordered = 0, delayed = 0;
};

// What to do with one frame.
struct Verdict {
  std::optional<Drop> drop;               // set: nothing else counts
  Nanos departure;                        // not before this
  std::optional<std::uint32_t> flip_bit;  // bit of the frame, from its first byte's lowest
  bool duplicate = false;
};

class Faults {
 public:
  Faults(std::size_t ports, std::uint64_t seed);

  // Every pair's generator starts again from this seed; settings and counts stay.
  void reseed(std::uint64_t seed);
  [[nodiscard]] std::uint64_t seed() const { return seed_; }

  [[nodiscard]] const FaultSettings& settings(PortId from, PortId to) const {
    return pair(from, to).settings;
  }
  void set(PortId from, PortId to, const FaultSettings& settings);
  [[nodiscard]] const FaultCounts& counts(PortId from, PortId to) const {
    return pair(from, to).counts;
  }

  // The fast path's question: may judge() be skipped?
  [[nodiscard]] bool is_clear(PortId from, PortId to) const { return pair(from, to).clear; }
  [[nodiscard]] Verdict judge(PortId from, PortId to, std::uint32_t frame_bytes, Nanos now);

 private:
  struct Pair {
    bool clear = true;
    FaultSettings settings;
    Prng random{0};
    Nanos rate_free_at;    // when the rate limiter has sent all it took
    Nanos last_departure;  // of a frame that kept its place
    FaultCounts counts;
  };
  [[nodiscard]] const Pair& pair(PortId from, PortId to) const {
    return pairs_[index_of(from) * ports_ + index_of(to)];
  }
  Pair& pair(PortId from, PortId to) { return pairs_[index_of(from) * ports_ + index_of(to)]; }

  std::size_t ports_;
  std::uint64_t seed_;
  std::vector<Pair> pairs_;
};

}  // namespace ringroad::fabric
