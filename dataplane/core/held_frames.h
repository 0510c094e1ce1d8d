// Received frames that are kept, uncopied, because something in them cannot be delivered yet.
//
// Each priority has `reserve` of the frames_max to itself, for the fragments of the message it must
// deliver next; the rest is shared by whatever came early, a priority whose receiver does not read
// taking no more than half of it. So a message of at most `reserve` fragments can always be
// completed, however much the others hold, and the others keep room to reorder in. (Lending unused
// reserves would let early messages of several priorities wait for each other forever.)
// Invariant: no more than frames_max are held; a frame is released exactly once, when its last
// reference goes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/base/limits.h"
#include "dataplane/core/frame_sizes.h"

namespace ringroad {

class HeldFrames {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit HeldFrames(std::uint32_t frames_max) : shared_max_(frames_max), entries_(frames_max) {
    free_.reserve(frames_max);
    for (std::uint32_t i = frames_max; i-- > 0;) free_.push_back(i);
  }

  // Chooses the reserve: `fragments_max` frames, of the longest message, if there are as many for
  // each priority. Only while nothing is held.
  void reserve_for(std::uint32_t fragments_max) {
    RR_CHECK(held() == 0);
    const auto frames_max = static_cast<std::uint32_t>(entries_.size());
    reserve_ = fragments_max < 2 ? 0 : std::min(held_frames_share(frames_max), fragments_max);
    shared_max_ = frames_max - reserve_ * static_cast<std::uint32_t>(kPriorities);
  }

  std::uint32_t reserve() const { return reserve_; }
  std::uint32_t held() const { return static_cast<std::uint32_t>(entries_.size() - free_.size()); }

  // A place for one more frame with one reference, or kNone. `may_use_reserve`: the frame holds
  // nothing but a part of the next message of `priority`. `is_stalled`: its receiver does not read.
  [[nodiscard]] std::uint32_t hold(std::uintptr_t handle, std::uint8_t priority,
                                   bool may_use_reserve, bool is_stalled) {
    if (free_.empty()) return kNone;
    const std::uint32_t share = is_stalled ? (shared_max_ + 1) / 2 : shared_max_;
    bool is_reserved = false;
    if (may_use_reserve && reserved_[priority] < reserve_) {
      ++reserved_[priority];
      is_reserved = true;
    } else if (shared_total_ < shared_max_ && shared_[priority] < share) {
      ++shared_total_;
      ++shared_[priority];
    } else {
      return kNone;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    entries_[index] = {handle, 1, priority, is_reserved};
    return index;
  }
  void add_reference(std::uint32_t index) { ++entries_[index].references; }
  std::uint32_t references(std::uint32_t index) const { return entries_[index].references; }

  // Drops a reference; with the last one calls release(handle).
  template <typename Release>
  void drop(std::uint32_t index, Release release) {
    Entry& entry = entries_[index];
    RR_CHECK(entry.references > 0);
    if (--entry.references > 0) return;
    if (entry.is_reserved) {
      --reserved_[entry.priority];
    } else {
      --shared_total_;
      --shared_[entry.priority];
    }
    free_.push_back(index);
    release(entry.handle);
  }

  // Lets go of one frame however many references it has; its buffer is the caller's again.
  void forget(std::uint32_t index) {
    entries_[index].references = 1;
    drop(index, [](std::uintptr_t) {});
  }

  // Drops everything.
  template <typename Release>
  void clear(Release release) {
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].references == 0) continue;
      entries_[i].references = 1;
      drop(i, release);
    }
  }

 private:
  struct Entry {
    std::uintptr_t handle = 0;
    std::uint32_t references = 0;
    std::uint8_t priority = 0;  // on whose account
    bool is_reserved = false;
  };

  std::uint32_t reserve_ = 0;
  std::uint32_t shared_max_;
  std::uint32_t shared_total_ = 0;
  std::array<std::uint32_t, kPriorities> shared_{};
  std::array<std::uint32_t, kPriorities> reserved_{};
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace ringroad
