// CRC32C (Castagnoli; RFC 3720, appendix B.4): initial value ~0, reflected, final inversion.
// crc32c("123456789") is 0xE3069283.
//
// Short buffers go through the crc32 instruction inline, long ones through ISA-L, whose folding is
// ahead from about 128 bytes on but costs a call. The baseline (x86-64-v2) has the instruction, so
// there is no dispatch here; ISA-L picks its own variant once. crc32c_portable is the plain table
// form that the others are tested against. All are pure functions.
#pragma once

#include <nmmintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringroad {

inline constexpr std::size_t kCrc32cInlineBytesMax = 128;

// Continues a checksum: crc32c_extend(crc32c(a), b) == crc32c(a followed by b).
// crc32c_extend(0, b) == crc32c(b).
std::uint32_t crc32c_portable_extend(std::uint32_t crc, std::span<const std::byte> bytes);
std::uint32_t crc32c_isal_extend(std::uint32_t crc, std::span<const std::byte> bytes);

inline std::uint32_t crc32c_inline_extend(std::uint32_t crc, std::span<const std::byte> bytes) {
  std::uint64_t state = ~crc;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    state = _mm_crc32_u64(state, word);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  if (left >= 4) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    narrow = _mm_crc32_u32(narrow, word);
    at += 4;
    left -= 4;
  }
  for (; left > 0; ++at, --left) {
    narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(*at));
  }
  return ~narrow;
}

inline std::uint32_t crc32c_extend(std::uint32_t crc, std::span<const std::byte> bytes) {
  return bytes.size() < kCrc32cInlineBytesMax ? crc32c_inline_extend(crc, bytes)
                                              : crc32c_isal_extend(crc, bytes);
}

inline std::uint32_t crc32c(std::span<const std::byte> bytes) { return crc32c_extend(0, bytes); }
inline std::uint32_t crc32c_portable(std::span<const std::byte> bytes) {
  return crc32c_portable_extend(0, bytes);
}

}  // namespace ringroad
