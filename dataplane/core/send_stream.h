// The messages of one priority on their way out: a ring from the oldest unresolved one to the
// newest offered, with the peer's credits. Owned by a link.
//
//   base ........ next ........ tail
//   | sent, unresolved | queued |
//
// Message `next` may be partly sent (fragments 0 to fragment_next). What was lost is a bit a
// message, or an entry of the lost-fragment ring: bounded, each thing once, oldest first.
// Invariant: base <= next <= tail <= base + capacity. Invariant: a lost bit is set only for an
// unresolved message below `next`. Invariant: payload is null once a message was cancelled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/core/bit_ring.h"
#include "dataplane/core/message.h"

namespace ringroad {

struct LostFragment {
  std::uint64_t sequence = 0;
  std::uint32_t index = 0;
};

class SendStream {
 public:
  // `lost_fragments_max`: every kept packet holds at most one fragment, and new ones are sent only
  // when none waits to be repeated, so twice the packets in flight never overflow.
  SendStream(std::uint32_t capacity, std::uint32_t lost_fragments_max)
      : resolved_(capacity),
        lost_(capacity),
        mask_(capacity - 1),
        fragments_mask_(lost_fragments_max - 1),
        slots_(std::make_unique_for_overwrite<OutboundMessage[]>(capacity)),
        fragments_(std::make_unique_for_overwrite<LostFragment[]>(lost_fragments_max)) {
    RR_CHECK(std::has_single_bit(lost_fragments_max));
  }

  std::uint64_t base = 0;
  std::uint64_t next = 0;
  std::uint64_t tail = 0;
  std::uint32_t fragment_next = 0;
  std::uint64_t message_limit = 0;  // credits, absolute
  std::uint64_t byte_limit = 0;
  std::uint64_t bytes_charged = 0;  // payload of every message whose sending began
  // The peer's endpoint does not read and the peer has no room left for what waits for it: until
  // something moves, one frame goes at each retry_time.
  bool is_held_back = false;
  Nanos retry_time = kNever;

  OutboundMessage& slot(std::uint64_t sequence) { return slots_[sequence & mask_]; }
  const OutboundMessage& slot(std::uint64_t sequence) const { return slots_[sequence & mask_]; }
  bool is_full() const { return tail - base > mask_; }
  std::uint32_t unresolved() const { return static_cast<std::uint32_t>(tail - base); }

  bool has_message_credit() const { return next < message_limit; }
  bool has_byte_credit() const {
    return fragment_next > 0 || bytes_charged + slot(next).length <= byte_limit;
  }
  bool can_send_new() const { return next < tail && has_message_credit() && has_byte_credit(); }
  bool has_lost() const { return lost_count_ > 0 || fragments_head_ != fragments_tail_; }

  // True when it had left, in whole or in part.
  bool was_sent(std::uint64_t sequence) const {
    return sequence < next || (sequence == next && fragment_next > 0);
  }
  bool is_resolved(std::uint64_t sequence) const {
    return sequence < base || resolved_.test(sequence);
  }
  // The first ended message in [from, end), or `end`.
  std::uint64_t first_resolved(std::uint64_t from, std::uint64_t end) const {
    return resolved_.find_set(from, end);
  }
  // Messages [from, end) as they lie side by side in the ring: fewer where it wraps.
  std::span<const OutboundMessage> slots(std::uint64_t from, std::uint64_t end) const {
    const std::uint64_t until_wrap = mask_ + 1 - (from & mask_);
    return {&slots_[from & mask_], std::min(end - from, until_wrap)};
  }
  // Free places side by side, from `tail` on.
  std::span<OutboundMessage> free_slots() {
    const std::uint64_t until_wrap = mask_ + 1 - (tail & mask_);
    return {&slots_[tail & mask_], std::min(mask_ + 1 - (tail - base), until_wrap)};
  }
  // Marks sent messages [from, end), none of them ended before, ended, and frees what it can of the
  // ring.
  void resolve(std::uint64_t from, std::uint64_t end) {
    for (std::uint64_t at = from; lost_count_ > 0 && at < end; ++at) unmark_lost(at);
    if (from == base) {
      base = end;
      while (base < next && resolved_.test(base)) resolved_.clear(base++);
    } else {
      resolved_.set_range(from, end - from);
    }
  }

  void mark_lost(std::uint64_t sequence) {
    if (is_resolved(sequence) || lost_.test(sequence)) return;
    lost_.set(sequence);
    lost_low_ = lost_count_ == 0 ? sequence : std::min(lost_low_, sequence);
    ++lost_count_;
  }
  void unmark_lost(std::uint64_t sequence) {
    if (!lost_.test(sequence)) return;
    lost_.clear(sequence);
    --lost_count_;
  }
  // The oldest message to be sent again, or `next`.
  std::uint64_t first_lost() {
    if (lost_count_ == 0) return next;
    lost_low_ = lost_.find_set(std::max(lost_low_, base), next);
    return lost_low_;
  }
  bool is_lost(std::uint64_t sequence) const { return lost_.test(sequence); }

  void push_lost_fragment(LostFragment fragment) {
    RR_CHECK(fragments_tail_ - fragments_head_ <= fragments_mask_);
    // In order of sequence, which is mostly the order of loss: the peer may have room for nothing
    // but its next message.
    std::uint64_t at = fragments_tail_++;
    for (; at != fragments_head_; --at) {
      const LostFragment& before = fragments_[(at - 1) & fragments_mask_];
      if (before.sequence <= fragment.sequence) break;
      fragments_[at & fragments_mask_] = before;
    }
    fragments_[at & fragments_mask_] = fragment;
  }
  // The next fragment worth sending again, or null. Those of ended messages are discarded.
  const LostFragment* first_lost_fragment() {
    for (; fragments_head_ != fragments_tail_; ++fragments_head_) {
      const LostFragment& fragment = fragments_[fragments_head_ & fragments_mask_];
      if (!is_resolved(fragment.sequence) && !slot(fragment.sequence).cancelled) return &fragment;
    }
    return nullptr;
  }
  void pop_lost_fragment() { ++fragments_head_; }

  void reset() {
    base = next = tail = 0;
    fragment_next = 0;
    message_limit = byte_limit = bytes_charged = 0;
    is_held_back = false;
    retry_time = kNever;
    resolved_.clear_all();
    lost_.clear_all();
    lost_count_ = 0;
    lost_low_ = 0;
    fragments_head_ = fragments_tail_ = 0;
  }

 private:
  BitRing resolved_;
  BitRing lost_;
  std::uint64_t mask_;
  std::uint64_t fragments_mask_;
  std::unique_ptr<OutboundMessage[]> slots_;
  std::unique_ptr<LostFragment[]> fragments_;
  std::uint64_t lost_low_ = 0;
  std::uint32_t lost_count_ = 0;
  std::uint64_t fragments_head_ = 0;
  std::uint64_t fragments_tail_ = 0;
};

}  // namespace ringroad
