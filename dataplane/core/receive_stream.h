// The messages of one priority on their way in: which one comes next, what arrived early, what has
// been granted to the peer, and which outcomes it has still to be told. Owned by a link.
//
// Early messages sit in a ring of slots indexed by sequence, each naming a span of a held frame or
// a list of pieces. Outcomes are three bits a message: `to_tell` (in no packet in flight),
// `unconfirmed` (the peer may not know), `refused` (no receiver, or cancelled).
// Invariant: every arrived sequence is below message_limit <= expected + window, and below
// confirmed + outcome window, so that no ring ever wraps onto what is still needed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "dataplane/core/bit_ring.h"
#include "dataplane/core/message.h"
#include "dataplane/core/reassembly.h"

namespace ringroad {

enum class SlotState : std::uint8_t { kWhole, kPartial, kCancelled };

struct ReceiveSlot {
  const std::byte* data = nullptr;  // kWhole
  std::uint32_t frame = 0;          // kWhole: the held frame `data` lies in
  std::uint32_t type = 0;
  std::uint32_t length = 0;  // kCancelled: the bytes it was charged for
  SlotState state = SlotState::kWhole;
  PieceList pieces;  // kPartial
};

class ReceiveStream {
 public:
  explicit ReceiveStream(std::uint32_t window_messages, std::uint64_t window_bytes)
      : window_messages_(window_messages),
        window_bytes_(window_bytes),
        present_(window_messages),
        to_tell_(outcome_window()),
        unconfirmed_(outcome_window()),
        refused_(outcome_window()),
        slots_(std::make_unique_for_overwrite<ReceiveSlot[]>(window_messages)) {}

  std::uint64_t expected = 0;        // the next to deliver
  std::uint64_t bytes_consumed = 0;  // payload of all before it
  std::uint64_t message_limit = 0;   // granted
  std::uint64_t byte_limit = 0;

  bool has_slot(std::uint64_t sequence) const { return present_.test(sequence); }
  bool has_slots() const { return slot_count_ > 0; }
  ReceiveSlot& slot(std::uint64_t sequence) { return slots_[sequence & (window_messages_ - 1)]; }
  ReceiveSlot& make_slot(std::uint64_t sequence) {
    present_.set(sequence);
    ++slot_count_;
    return slot(sequence) = ReceiveSlot{};
  }
  void free_slot(std::uint64_t sequence) {
    present_.clear(sequence);
    --slot_count_;
  }
  bool is_complete(std::uint64_t sequence) {
    if (!present_.test(sequence)) return false;
    const ReceiveSlot& s = slot(sequence);
    return s.state != SlotState::kPartial || s.pieces.received == s.length;
  }

  // Raises the grant; false when it would move by less than a quarter of a window.
  bool raise_limits() {
    const std::uint64_t messages =
        std::min(expected + window_messages_, confirmed_ + outcome_window());
    const std::uint64_t bytes = bytes_consumed + window_bytes_;
    if (messages < message_limit + std::max(1u, window_messages_ / 4) &&
        bytes < byte_limit + window_bytes_ / 4) {
      return false;
    }
    message_limit = std::max(message_limit, messages);
    byte_limit = std::max(byte_limit, bytes);
    return true;
  }

  // Messages [first, first + count) have just ended.
  void add_outcomes(std::uint64_t first, std::uint32_t count, bool refused) {
    to_tell_.set_range(first, count);
    unconfirmed_.set_range(first, count);
    if (refused) {
      refused_.set_range(first, count);
    } else {
      refused_.clear_range(first, count);
    }
  }
  // Takes the oldest run of like outcomes to be told: {first, count}, count 0 when there is none.
  // `end` bounds it: no outcome at or above it has been added.
  std::uint32_t take_outcomes(std::uint64_t end, std::uint64_t& first, bool& refused) {
    tell_low_ = to_tell_.find_set(std::max(tell_low_, confirmed_), end);
    if (tell_low_ == end) return 0;
    first = tell_low_;
    refused = refused_.test(first);
    std::uint64_t last = to_tell_.find_clear(first, end);
    last = refused ? refused_.find_clear(first, last) : refused_.find_set(first, last);
    to_tell_.clear_range(first, last - first);
    tell_low_ = last;
    return static_cast<std::uint32_t>(last - first);
  }
  // The packet that told [first, first + count) was acknowledged.
  void confirm_outcomes(std::uint64_t first, std::uint32_t count) {
    clip(first, count);
    if (count == 0) return;
    unconfirmed_.clear_range(first, count);
    // Told twice and confirmed once is enough.
    to_tell_.clear_range(first, count);
    confirmed_ = unconfirmed_.find_set(confirmed_, expected);
  }
  // It was lost: tell again what is not confirmed. Returns whether there is any.
  bool repeat_outcomes(std::uint64_t first, std::uint32_t count) {
    clip(first, count);
    bool any = false;
    for (std::uint64_t i = first; i < first + count; ++i) {
      if (!unconfirmed_.test(i)) continue;
      to_tell_.set(i);
      any = true;
    }
    if (any) tell_low_ = std::min(tell_low_, first);
    return any;
  }

  void reset() {
    expected = bytes_consumed = message_limit = byte_limit = 0;
    confirmed_ = tell_low_ = 0;
    slot_count_ = 0;
    present_.clear_all();
    to_tell_.clear_all();
    unconfirmed_.clear_all();
    refused_.clear_all();
  }

 private:
  std::uint32_t outcome_window() const { return std::max(64u, window_messages_ * 4); }

  void clip(std::uint64_t& first, std::uint32_t& count) const {
    if (first >= confirmed_) return;
    const std::uint64_t gone = std::min<std::uint64_t>(count, confirmed_ - first);
    first += gone;
    count -= static_cast<std::uint32_t>(gone);
  }

  std::uint32_t window_messages_;
  std::uint64_t window_bytes_;
  BitRing present_;
  BitRing to_tell_;
  BitRing unconfirmed_;
  BitRing refused_;
  std::unique_ptr<ReceiveSlot[]> slots_;
  std::uint32_t slot_count_ = 0;
  std::uint64_t confirmed_ = 0;  // every outcome below it is known to the peer
  std::uint64_t tell_low_ = 0;   // no to_tell bit is set below it
};

}  // namespace ringroad
