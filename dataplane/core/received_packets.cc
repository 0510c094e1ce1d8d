#include "dataplane/core/received_packets.h"

#include <algorithm>

namespace ringroad {

void ReceivedPackets::add(std::uint64_t number) {
  if (number >= next_) {
    const std::uint64_t skipped = number - next_;
    if (skipped >= kPacketWindow) {
      seen_.clear_all();
    } else {
      seen_.clear_range(next_, skipped + 1);
    }
    next_ = number + 1;
  }
  seen_.set(number);
  insert(number);
}

void ReceivedPackets::insert(std::uint64_t number) {
  // Almost always the newest range grows by one.
  std::size_t after = count_;  // ranges_[after - 1] is the last one that begins at or below number
  while (after > 0 && ranges_[after - 1].first > number) --after;
  const bool joins_below = after > 0 && ranges_[after - 1].last + 1 >= number;
  const bool joins_above = after < count_ && ranges_[after].first == number + 1;
  if (joins_below && joins_above) {
    ranges_[after - 1].last = ranges_[after].last;
    std::copy(ranges_.begin() + after + 1, ranges_.begin() + count_, ranges_.begin() + after);
    --count_;
  } else if (joins_below) {
    ranges_[after - 1].last = std::max(ranges_[after - 1].last, number);
  } else if (joins_above) {
    ranges_[after].first = number;
  } else if (count_ < ranges_.size()) {
    std::copy_backward(ranges_.begin() + after, ranges_.begin() + count_,
                       ranges_.begin() + count_ + 1);
    ranges_[after] = {number, number};
    ++count_;
  } else if (after > 0) {
    // Full: the oldest range makes room. (Older than all of them: not told.)
    std::copy(ranges_.begin() + 1, ranges_.begin() + after, ranges_.begin());
    ranges_[after - 1] = {number, number};
  }
}

void ReceivedPackets::forget_through(std::uint64_t number) {
  std::size_t gone = 0;
  // The newest range stays, so that an acknowledgement can always be written.
  while (gone + 1 < count_ && ranges_[gone].last <= number) ++gone;
  if (gone == 0) return;
  std::copy(ranges_.begin() + gone, ranges_.begin() + count_, ranges_.begin());
  count_ -= gone;
}

std::size_t ReceivedPackets::newest_ranges(std::span<PacketRange> out) const {
  const std::size_t count = std::min(out.size(), count_);
  for (std::size_t i = 0; i < count; ++i) out[i] = ranges_[count_ - 1 - i];
  return count;
}

void ReceivedPackets::reset() {
  seen_.clear_all();
  next_ = 0;
  count_ = 0;
}

}  // namespace ringroad
