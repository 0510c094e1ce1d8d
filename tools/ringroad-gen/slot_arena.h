// Payload memory of a role: equal slots, taken before a send and given back at its outcome. The
// slot given back last is taken first, so that a lightly loaded run stays in few cache lines. Sized
// by its owner to fit L2 together with the rings and packet buffers it feeds. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "dataplane/base/check.h"
#include "dataplane/base/limits.h"

namespace ringroad::gen {

class SlotArena {
 public:
  // A slot begins on a cache line and takes an odd number of them, so that the first lines of all
  // slots spread over the whole L1.
  SlotArena(std::uint32_t slot_bytes, std::uint32_t slots)
      : slot_bytes_(slot_bytes),
        stride_(((slot_bytes + kCacheLineBytes - 1) / kCacheLineBytes | 1) * kCacheLineBytes),
        memory_(static_cast<std::byte*>(
            ::operator new(stride_ * slots, std::align_val_t{kCacheLineBytes}))),
        free_(std::make_unique_for_overwrite<std::uint32_t[]>(slots)),
        slots_(slots) {
    std::memset(memory_.get(), 0x5a, stride_ * slots);
    for (std::uint32_t slot = slots; slot > 0; --slot) free_[free_count_++] = slot - 1;
  }

  // As many slots as `bytes` hold, at least `least`, at most `most`.
  static std::uint32_t slots_for(std::uint32_t slot_bytes, std::size_t bytes, std::uint32_t least,
                                 std::uint32_t most) {
    const std::size_t fit = bytes / (slot_bytes + kCacheLineBytes);
    return static_cast<std::uint32_t>(
        std::min<std::size_t>(most, std::max<std::size_t>(least, fit)));
  }

  bool empty() const { return free_count_ == 0; }
  bool all_free() const { return free_count_ == slots_; }
  std::uint32_t slots() const { return slots_; }
  std::uint32_t slot_bytes() const { return slot_bytes_; }
  std::byte* data(std::uint32_t slot) const { return memory_.get() + stride_ * slot; }

  // Not when empty().
  std::uint32_t take() { return free_[--free_count_]; }

  void give_back(std::uint32_t slot) {
    RR_CHECK(slot < slots_ && free_count_ < slots_);
    free_[free_count_++] = slot;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{kCacheLineBytes}); }
  };

  std::uint32_t slot_bytes_;
  std::size_t stride_;
  std::unique_ptr<std::byte, Free> memory_;
  std::unique_ptr<std::uint32_t[]> free_;  // a stack
  std::uint32_t free_count_ = 0;
  std::uint32_t slots_;
};

}  // namespace ringroad::gen
