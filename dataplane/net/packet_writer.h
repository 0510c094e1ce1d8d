// Writes the headers of headers.h, for the two halves of the stack. Spans are long enough: that is
// the caller's invariant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace ringroad {

inline void write_ethernet(std::span<std::byte> out, MacAddress to, MacAddress from,
                           std::uint16_t type) {
  store_mac(&out[ethernet::kDestination], to);
  store_mac(&out[ethernet::kSource], from);
  store_be<std::uint16_t>(&out[ethernet::kType], type);
}

// A header of 20 bytes, complete with its checksum. "Don't fragment" and identification 0: RFC 6864
// section 4.1.
inline void write_ipv4(std::span<std::byte> out, Ipv4Address from, Ipv4Address to,
                       std::uint8_t protocol, std::size_t total_bytes) {
  constexpr std::uint8_t kTimeToLive = 64;
  const auto header = out.first(ipv4::kBytes);
  std::memset(header.data(), 0, header.size());
  header[ipv4::kVersionAndWords] = std::byte{0x45};
  store_be<std::uint16_t>(&header[ipv4::kTotalLength], static_cast<std::uint16_t>(total_bytes));
  store_be<std::uint16_t>(&header[ipv4::kFlagsAndOffset], ipv4::kDontFragment);
  header[ipv4::kTimeToLive] = std::byte{kTimeToLive};
  header[ipv4::kProtocol] = std::byte{protocol};
  store_ipv4(&header[ipv4::kSource], from);
  store_ipv4(&header[ipv4::kDestination], to);
  store_be<std::uint16_t>(&header[ipv4::kChecksum], internet_checksum(header));
}

// RFC 768: the UDP checksum covers the addresses, the protocol and the length besides the datagram.
[[nodiscard]] inline std::uint64_t udp_pseudo_header_sum(Ipv4Address from, Ipv4Address to,
                                                         std::size_t udp_bytes) {
  std::array<std::byte, 12> header{};
  store_ipv4(&header[0], from);
  store_ipv4(&header[4], to);
  store_be<std::uint16_t>(&header[8], ipv4::kProtocolUdp);
  store_be<std::uint16_t>(&header[10], static_cast<std::uint16_t>(udp_bytes));
  return checksum_add(0, header);
}

}  // namespace ringroad
