// A scripted peer's view of a memif region: the small layout that the hostile tests agree on, and
// rings and descriptors that a liar may write into.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "drivers/memif/region.h"
#include "drivers/memif/rings.h"

namespace ringroad::memif {

inline constexpr std::uint8_t kLog2 = 4;
inline constexpr std::uint16_t kSlots = 1 << kLog2;
inline constexpr std::uint32_t kBufferBytes = 256;
inline constexpr SlaveLayout kLayout{kLog2, kBufferBytes};

struct Mapping {
  std::byte* base = nullptr;
  std::uint64_t size = 0;
  explicit Mapping(int fd, std::uint64_t bytes) : size(bytes) {
    base =
        static_cast<std::byte*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT_NE(base, MAP_FAILED);
  }
  ~Mapping() { ::munmap(base, size); }
  RingHeader& ring(std::uint32_t offset) const {
    return *reinterpret_cast<RingHeader*>(base + offset);
  }
  Descriptor& slot(std::uint32_t offset, std::uint32_t index) const {
    return reinterpret_cast<Descriptor*>(base + offset + sizeof(RingHeader))[index];
  }
};

}  // namespace ringroad::memif
