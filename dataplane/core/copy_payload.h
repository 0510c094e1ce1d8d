// Copying a payload into a frame. Most messages are small, and for those a call into memcpy and its
// dispatch costs more than the copy: up to 256 bytes go inline in 16-byte pieces, the last of them
// overlapping the one before. Reads and writes exactly [0, size).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringroad {

template <std::size_t N>
inline void copy_fixed(std::byte* to, const std::byte* from) {
  struct Block {
    std::byte bytes[N];
  } block;
  std::memcpy(&block, from, N);
  std::memcpy(to, &block, N);
}

inline void copy_payload(std::byte* to, const std::byte* from, std::size_t size) {
  if (size > 256) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::size_t at = 0;
    for (; at + 64 <= size; at += 64) {
      copy_fixed<16>(to + at, from + at);
      copy_fixed<16>(to + at + 16, from + at + 16);
      copy_fixed<16>(to + at + 32, from + at + 32);
      copy_fixed<16>(to + at + 48, from + at + 48);
    }
    for (; at + 16 <= size; at += 16) copy_fixed<16>(to + at, from + at);
    if (at < size) copy_fixed<16>(to + size - 16, from + size - 16);
  } else if (size >= 8) {
    copy_fixed<8>(to, from);
    copy_fixed<8>(to + size - 8, from + size - 8);
  } else if (size >= 4) {
    copy_fixed<4>(to, from);
    copy_fixed<4>(to + size - 4, from + size - 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace ringroad
