// Which of the peer's packet numbers have arrived: to refuse what comes twice, and to tell the peer
// in ranges. Invariants: ranges are disjoint, not adjacent, ascending; at most kAckRangesMax are
// kept (the oldest are forgotten: the peer then sends their content once more, and it is discarded
// as a duplicate). A number more than kPacketWindow below the largest counts as seen.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/core/bit_ring.h"
#include "dataplane/core/frame_codec.h"

namespace ringroad {

inline constexpr std::uint32_t kPacketWindow = 4'096;

class ReceivedPackets {
 public:
  ReceivedPackets() : seen_(kPacketWindow) {}

  [[nodiscard]] bool is_new(std::uint64_t number) const {
    if (number >= next_) return true;
    return next_ - number <= kPacketWindow && !seen_.test(number);
  }
  // Records a number for which is_new() held.
  void add(std::uint64_t number);
  // The peer has read an acknowledgement up to `number`: older ranges need no more telling.
  void forget_through(std::uint64_t number);

  bool has_ranges() const { return count_ > 0; }
  // Fills `out` with up to its size of ranges, newest first; returns how many.
  std::size_t newest_ranges(std::span<PacketRange> out) const;
  void reset();

 private:
  void insert(std::uint64_t number);

  BitRing seen_;
  std::uint64_t next_ = 0;  // largest seen, plus one
  std::array<PacketRange, kAckRangesMax> ranges_{};
  std::size_t count_ = 0;
};

}  // namespace ringroad
