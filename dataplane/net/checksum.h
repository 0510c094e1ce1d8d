// The internet checksum (RFC 1071) of IPv4, UDP and ICMP: the one's complement of the one's
// complement sum of 16-bit words. Portable, and fast enough for what is not offloaded: four bytes a
// step into a 64-bit accumulator, so that carries are folded once at the end. RFC 1071 section 2(B)
// allows summing in the machine's own byte order; only the finished value is in host order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/byte_order.h"

namespace ringroad {

// Adds `bytes` to a running sum. Every part but the last of one checksum has an even length.
// The sum cannot overflow: 64 KB hold 2^14 words of 32 bits.
[[nodiscard]] inline std::uint64_t checksum_add(std::uint64_t sum,
                                                std::span<const std::byte> bytes) {
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    sum += (word & 0xffffffff) + (word >> 32);
  }
  if (left > 0) {
    std::uint64_t word = 0;  // the rest, padded with zeros at its end
    std::memcpy(&word, p, left);
    sum += (word & 0xffffffff) + (word >> 32);
  }
  return sum;
}

// Adds one 16-bit field given in host order.
[[nodiscard]] inline std::uint64_t checksum_add(std::uint64_t sum, std::uint16_t field) {
  return sum + (std::endian::native == std::endian::big ? field : byte_swap(field));
}

// Folds and complements: the value to store with store_be. 0 when the summed bytes held a checksum
// and it was right.
[[nodiscard]] inline std::uint16_t checksum_finish(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  const auto folded = static_cast<std::uint16_t>(~sum);
  return std::endian::native == std::endian::big ? folded : byte_swap(folded);
}

[[nodiscard]] inline std::uint16_t internet_checksum(std::span<const std::byte> bytes) {
  return checksum_finish(checksum_add(0, bytes));
}

}  // namespace ringroad
