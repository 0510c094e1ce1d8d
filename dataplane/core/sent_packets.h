// What this end has sent and not yet heard of, and when to call it lost: RFC 9002 without
// congestion control. A packet is lost when one sent three or more later was acknowledged, or one
// later was and 9/8 of a round trip have passed (section 6.1); when nothing is acknowledged for a
// probe timeout (section 6.2) the owner sends again by itself.
//
// Only frames that ask for an acknowledgement are kept; the others merely use up a number.
// Invariant: kept packets lie within one ring's length of each other, so that a number finds its
// slot. Cost: proportional to the packets newly acknowledged or lost, never to those in flight.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/base/ids.h"
#include "dataplane/core/bit_ring.h"
#include "dataplane/core/frame_codec.h"

namespace ringroad {

inline constexpr std::size_t kPacketRunsMax = 6;
inline constexpr std::uint64_t kPacketThreshold = 3;

// Consecutive messages of one priority that a frame carried, or the outcomes of such.
struct SequenceRun {
  std::uint64_t first;
  std::uint32_t count;
  std::uint8_t priority;
  bool is_fragment;  // fragment SentPacket::fragment_index of message `first`
};

struct SentPacket {
  Nanos sent{};
  std::uint64_t largest_acked = 0;  // in the ack it carried; valid if has_ack
  std::uint32_t fragment_index = 0;
  std::uint8_t run_count = 0;
  std::uint8_t outcome_run_count = 0;
  std::uint8_t windows = 0;  // a bit a priority
  bool has_ack = false;
  bool asks_ack_soon = false;  // the peer answers at once: good for measuring the round trip
  // The first run_count and outcome_run_count of them; the others are not even cleared.
  std::array<SequenceRun, kPacketRunsMax> runs;
  std::array<SequenceRun, kPacketRunsMax> outcome_runs;

  void clear() {
    sent = {};
    largest_acked = 0;
    fragment_index = 0;
    run_count = outcome_run_count = windows = 0;
    has_ack = asks_ack_soon = false;
  }
};

class RoundTrip {
 public:
  RoundTrip(Nanos initial, Nanos probe_timeout_min)
      : smoothed_(initial), variation_(initial / 2), latest_(initial), min_(probe_timeout_min) {}

  // RFC 9002, section 5.3.
  void sample(Nanos rtt) {
    rtt = std::max(rtt, Nanos{1});
    latest_ = rtt;
    if (!measured_) {
      measured_ = true;
      smoothed_ = smallest_ = rtt;
      variation_ = rtt / 2;
      return;
    }
    smallest_ = std::min(smallest_, rtt);
    const Nanos off = smoothed_ > rtt ? smoothed_ - rtt : rtt - smoothed_;
    variation_ = (variation_ * 3 + off) / 4;
    smoothed_ = (smoothed_ * 7 + rtt) / 8;
  }
  Nanos smoothed() const { return smoothed_; }
  Nanos smallest() const { return smallest_; }
  Nanos latest() const { return latest_; }
  Nanos loss_delay() const {
    return std::max(std::max(smoothed_, latest_) * 9 / 8, microseconds(1));
  }
  Nanos probe_timeout() const { return std::max(smoothed_ + variation_ * 4, min_); }

 private:
  Nanos smoothed_, variation_, latest_, smallest_{}, min_;
  bool measured_ = false;
};

class SentPackets {
 public:
  explicit SentPackets(std::uint32_t flight_frames_max)
      : in_flight_(flight_frames_max),
        mask_(flight_frames_max - 1),
        packets_(std::make_unique_for_overwrite<SentPacket[]>(flight_frames_max)) {}

  std::uint64_t next_number() const { return next_; }
  std::uint32_t count() const { return count_; }
  bool has_room() const { return count_ == 0 || next_ - oldest_ <= mask_; }

  // The next frame's packet, cleared, to be filled in where it will stay.
  SentPacket& draft() {
    SentPacket& packet = has_room() ? packets_[next_ & mask_] : roomless_;
    packet.clear();
    return packet;
  }
  // The next number is used by a frame that needs no acknowledgement.
  void skip() { ++next_; }
  // The next number is used by the draft. Needs has_room().
  void push(Nanos now) {
    RR_CHECK(has_room());
    if (count_ == 0) oldest_ = next_;
    packets_[next_ & mask_].sent = now;
    in_flight_.set(next_);
    end_ = ++next_;
    ++count_;
    last_sent_ = now;
  }

  // Calls on_acked(packet) for each newly acknowledged one, largest range first. Returns how many.
  template <typename OnAcked>
  std::uint32_t acknowledge(std::span<const PacketRange> ranges, Nanos now, RoundTrip& round_trip,
                            OnAcked on_acked) {
    const std::uint64_t largest = ranges.front().last;
    if (largest >= next_) return 0;  // of what was never sent
    std::uint32_t newly = 0;
    for (const PacketRange range : ranges) {
      if (count_ == 0) break;
      const std::uint64_t last = std::min(range.last + 1, end_);
      for (std::uint64_t at = std::max(range.first, oldest_);
           (at = in_flight_.find_set(at, last)) < last; ++at) {
        const SentPacket& packet = packets_[at & mask_];
        if (at == largest && packet.asks_ack_soon) round_trip.sample(now - packet.sent);
        take(at);
        ++newly;
        on_acked(packet);
      }
    }
    if (newly > 0 && (!any_acked_ || largest > largest_acked_)) {
      largest_acked_ = largest;
      any_acked_ = true;
    }
    advance_oldest();
    return newly;
  }

  // Calls on_lost(packet) for each that is lost by now, oldest first. Returns how many.
  template <typename OnLost>
  std::uint32_t detect_lost(Nanos now, const RoundTrip& round_trip, OnLost on_lost) {
    loss_time_ = kNever;
    if (!any_acked_ || count_ == 0) return 0;
    std::uint32_t lost = 0;
    const std::uint64_t end = std::min(largest_acked_ + 1, end_);
    for (std::uint64_t at = oldest_; (at = in_flight_.find_set(at, end)) < end; ++at) {
      const SentPacket& packet = packets_[at & mask_];
      const Nanos due = packet.sent + round_trip.loss_delay();
      if (at + kPacketThreshold > largest_acked_ && due > now) {
        loss_time_ = due;  // Sent in order: those after it are due later.
        break;
      }
      take(at);
      ++lost;
      on_lost(packet);
    }
    advance_oldest();
    return lost;
  }

  // Gives up on the oldest packet, as a probe does to send its content again.
  template <typename OnLost>
  void lose_oldest(OnLost on_lost) {
    if (count_ == 0) return;
    const SentPacket& packet = packets_[oldest_ & mask_];
    take(oldest_);
    on_lost(packet);
    advance_oldest();
  }

  Nanos loss_time() const { return loss_time_; }
  Nanos last_sent() const { return last_sent_; }

  void reset() {
    in_flight_.clear_all();
    next_ = oldest_ = end_ = largest_acked_ = 0;
    count_ = 0;
    any_acked_ = false;
    loss_time_ = kNever;
  }

 private:
  void take(std::uint64_t number) {
    in_flight_.clear(number);
    --count_;
  }
  void advance_oldest() {
    if (count_ == 0) {
      oldest_ = next_;
      loss_time_ = kNever;
    } else {
      oldest_ = in_flight_.find_set(oldest_, end_);
    }
  }

  BitRing in_flight_;
  std::uint64_t mask_;
  std::unique_ptr<SentPacket[]> packets_;
  SentPacket roomless_;  // the draft of a frame that nothing will be kept of
  std::uint64_t next_ = 0;
  std::uint64_t oldest_ = 0;  // of those kept
  std::uint64_t end_ = 0;     // one past the newest kept
  std::uint64_t largest_acked_ = 0;
  std::uint32_t count_ = 0;
  bool any_acked_ = false;
  Nanos loss_time_ = kNever;
  Nanos last_sent_{};
};

}  // namespace ringroad
