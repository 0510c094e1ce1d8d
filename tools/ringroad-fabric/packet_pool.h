// Fixed buffers for whole frames, shared by reference: a flooded frame lies in one buffer however
// many ports it waits for.
//
// All memory is reserved at construction; pages are touched on first use. The free list is last in,
// first out, so that a switch that keeps up works in a few buffers that stay in the cache. Owned by
// the fabric's loop. Invariant: a buffer is free exactly when nobody refers to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"

namespace ringroad::fabric {

using BufferId = StrongId<struct BufferIdTag, std::uint32_t>;

class PacketPool {
 public:
  PacketPool(std::size_t count, std::uint32_t buffer_bytes)
      : buffer_bytes_((buffer_bytes + 63) / 64 * 64),
        // Left uninitialised: zeroing would touch every page.
        memory_(new std::byte[count * buffer_bytes_]),
        references_(count),
        lengths_(count) {
    free_.reserve(count);
    for (std::size_t i = count; i-- > 0;) free_.push_back(static_cast<std::uint32_t>(i));
  }

  // With one reference. Whoever sizes the pool sees to it that there is one.
  [[nodiscard]] BufferId take() {
    RR_CHECK(!free_.empty());
    const std::uint32_t index = free_.back();
    free_.pop_back();
    references_[index] = 1;
    return BufferId{index};
  }
  void share(BufferId id) { ++references_[id.value]; }
  void release(BufferId id) {
    RR_CHECK(references_[id.value] > 0);
    if (--references_[id.value] == 0) free_.push_back(id.value);
  }

  [[nodiscard]] std::byte* data(BufferId id) const {
    return memory_.get() + std::size_t{id.value} * buffer_bytes_;
  }
  [[nodiscard]] std::uint32_t length(BufferId id) const { return lengths_[id.value]; }
  void set_length(BufferId id, std::uint32_t bytes) {
    RR_CHECK(bytes <= buffer_bytes_);
    lengths_[id.value] = bytes;
  }
  [[nodiscard]] std::uint32_t buffer_bytes() const { return buffer_bytes_; }
  [[nodiscard]] std::size_t count() const { return references_.size(); }
  [[nodiscard]] std::size_t free_count() const { return free_.size(); }

 private:
  std::uint32_t buffer_bytes_;
  std::unique_ptr<std::byte[]> memory_;
  std::vector<std::uint32_t> references_;
  std::vector<std::uint32_t> lengths_;
  std::vector<std::uint32_t> free_;
};

}  // namespace ringroad::fabric
