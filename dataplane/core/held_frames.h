// Received frames that are kept, uncopied, because something in them cannot be delivered yet.
//
// Of `frames_max` frames each priority has `reserve` to itself, for the fragments of the message it
// must deliver next; the rest is shared by whatever came early. So a message of at most `reserve`
// fragments can always be completed, however much the other priorities hold.
// Invariant: no more than frames_max are held; a frame is released exactly once, when its last
// reference goes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/base/limits.h"

namespace ringroad {

class HeldFrames {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // `fragments_max`: of the longest message, as frames go here.
  HeldFrames(std::uint32_t frames_max, std::uint32_t fragments_max)
      : reserve_(choose_reserve(frames_max, fragments_max)),
        shared_left_(frames_max - reserve_ * static_cast<std::uint32_t>(kPriorities)),
        entries_(frames_max) {
    reserve_left_.fill(reserve_);
    free_.reserve(frames_max);
    for (std::uint32_t i = frames_max; i-- > 0;) free_.push_back(i);
  }

  std::uint32_t reserve() const { return reserve_; }
  std::uint32_t held() const { return static_cast<std::uint32_t>(entries_.size() - free_.size()); }

  // A place for one more frame with one reference, or kNone. `may_use_reserve`: the frame holds
  // nothing but a part of the next message of `priority`.
  [[nodiscard]] std::uint32_t hold(std::uintptr_t handle, std::uint8_t priority,
                                   bool may_use_reserve) {
    std::uint8_t account = kShared;
    if (may_use_reserve && reserve_left_[priority] > 0) {
      --reserve_left_[priority];
      account = priority;
    } else if (shared_left_ > 0) {
      --shared_left_;
    } else {
      return kNone;
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    entries_[index] = {handle, 1, account};
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
    if (entry.account == kShared) {
      ++shared_left_;
    } else {
      ++reserve_left_[entry.account];
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
  static constexpr std::uint8_t kShared = 0xff;
  struct Entry {
    std::uintptr_t handle = 0;
    std::uint32_t references = 0;
    std::uint8_t account = 0;
  };

  static std::uint32_t choose_reserve(std::uint32_t frames_max, std::uint32_t fragments_max) {
    const std::uint32_t share = frames_max / static_cast<std::uint32_t>(kPriorities);
    const std::uint32_t reserve = std::min(share, fragments_max);
    return reserve < 2 ? 0 : reserve;  // One fragment is a whole message: nothing to wait for.
  }

  std::uint32_t reserve_;
  std::uint32_t shared_left_;
  std::array<std::uint32_t, kPriorities> reserve_left_{};
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace ringroad
