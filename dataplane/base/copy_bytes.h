// Copying payloads and packets. Most are small, and for those a call into memcpy and its dispatch
// costs more than the copy: up to 256 bytes go inline in 16-byte pieces, the last of them
// overlapping the one before. Reads and writes exactly [0, size); the two do not overlap.
//
// Longer ones mostly move between cores: what is read lies in the other core's cache, and so does
// what is overwritten. memcpy waits for a few of those lines at a time; here they are asked for
// kCopyAheadBytes early, for reading or for writing. perf/run --only p2p.memif shows what comes of
// it; the farther apart the cores, the more. A line asked for past the end is harmless: a prefetch
// never faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringroad {

inline constexpr std::size_t kCopyAheadBytes = 512;

// Asks for the line to be in this core's cache, and in no other's. (The builtin asks for reading
// only, unless the compiler may assume more than x86-64-v2; where the instruction is missing it
// does nothing.)
inline void prefetch_to_write(const void* line) {
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
}

template <std::size_t N>
inline void copy_fixed(std::byte* to, const std::byte* from) {
  struct Block {
    std::byte bytes[N];
  } block;
  std::memcpy(&block, from, N);
  std::memcpy(to, &block, N);
}

// At least 16 bytes.
inline void copy_blocks(std::byte* to, const std::byte* from, std::size_t size) {
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    copy_fixed<16>(to + at, from + at);
    copy_fixed<16>(to + at + 16, from + at + 16);
    copy_fixed<16>(to + at + 32, from + at + 32);
    copy_fixed<16>(to + at + 48, from + at + 48);
  }
  for (; at + 16 <= size; at += 16) copy_fixed<16>(to + at, from + at);
  if (at < size) copy_fixed<16>(to + size - 16, from + size - 16);
}

[[gnu::noinline]] inline void copy_long(std::byte* to, const std::byte* from, std::size_t size) {
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    __builtin_prefetch(from + at + kCopyAheadBytes);
    prefetch_to_write(to + at + kCopyAheadBytes);
    copy_fixed<16>(to + at, from + at);
    copy_fixed<16>(to + at + 16, from + at + 16);
    copy_fixed<16>(to + at + 32, from + at + 32);
    copy_fixed<16>(to + at + 48, from + at + 48);
  }
  if (at < size) copy_blocks(to + size - 64, from + size - 64, 64);
}

[[gnu::always_inline]] inline void copy_bytes(std::byte* to, const std::byte* from,
                                              std::size_t size) {
  if (size > 256) {
    copy_long(to, from, size);
  } else if (size >= 16) {
    copy_blocks(to, from, size);
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
