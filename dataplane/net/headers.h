// The layouts of the headers below a Ringroad frame, as byte offsets for load_be and store_be:
// packets are unaligned and big-endian, so no structure is laid over them. Lengths are checked by
// whoever reads; nothing here looks at a packet by itself.
//
// Sources: IEEE 802.3 and 802.1Q (Ethernet, VLAN), RFC 826 (ARP), RFC 791 (IPv4), RFC 768 (UDP),
// RFC 792 (ICMP).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/byte_order.h"
#include "dataplane/net/address.h"

namespace ringroad {

namespace ethernet {
inline constexpr std::size_t kDestination = 0;
inline constexpr std::size_t kSource = 6;
inline constexpr std::size_t kType = 12;
inline constexpr std::size_t kBytes = 14;
inline constexpr std::size_t kPacketBytesMin = 60;  // without FCS; shorter ones are padded

inline constexpr std::uint16_t kTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kTypeArp = 0x0806;
inline constexpr std::uint16_t kTypeVlan = 0x8100;
}  // namespace ethernet

// After the type 0x8100: the tag's control field, then the type of what follows.
namespace vlan {
inline constexpr std::size_t kControl = 14;
inline constexpr std::size_t kType = 16;
inline constexpr std::size_t kBytes = 4;
inline constexpr std::uint16_t kIdMask = 0x0fff;  // id 0: a priority, not a VLAN
}  // namespace vlan

// Offsets from the start of the ARP packet, for Ethernet and IPv4.
namespace arp {
inline constexpr std::size_t kHardwareType = 0;
inline constexpr std::size_t kProtocolType = 2;
inline constexpr std::size_t kHardwareLength = 4;
inline constexpr std::size_t kProtocolLength = 5;
inline constexpr std::size_t kOperation = 6;
inline constexpr std::size_t kSenderMac = 8;
inline constexpr std::size_t kSenderAddress = 14;
inline constexpr std::size_t kTargetMac = 18;
inline constexpr std::size_t kTargetAddress = 24;
inline constexpr std::size_t kBytes = 28;

inline constexpr std::uint16_t kHardwareEthernet = 1;
inline constexpr std::uint16_t kRequest = 1;
inline constexpr std::uint16_t kReply = 2;
}  // namespace arp

namespace ipv4 {
inline constexpr std::size_t kVersionAndWords = 0;
inline constexpr std::size_t kTotalLength = 2;
inline constexpr std::size_t kFlagsAndOffset = 6;
inline constexpr std::size_t kTimeToLive = 8;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kChecksum = 10;
inline constexpr std::size_t kSource = 12;
inline constexpr std::size_t kDestination = 16;
inline constexpr std::size_t kBytes = 20;  // without options

inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kFragmentMask = 0x3fff;  // more fragments, and the offset
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolUdp = 17;
}  // namespace ipv4

namespace udp {
inline constexpr std::size_t kSourcePort = 0;
inline constexpr std::size_t kDestinationPort = 2;
inline constexpr std::size_t kLength = 4;
inline constexpr std::size_t kChecksum = 6;
inline constexpr std::size_t kBytes = 8;
}  // namespace udp

namespace icmp {
inline constexpr std::size_t kType = 0;
inline constexpr std::size_t kCode = 1;
inline constexpr std::size_t kChecksum = 2;
inline constexpr std::size_t kBytes = 8;

inline constexpr std::uint8_t kEchoReply = 0;
inline constexpr std::uint8_t kEchoRequest = 8;
}  // namespace icmp

[[nodiscard]] inline MacAddress load_mac(const std::byte* p) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), p, mac.bytes.size());
  return mac;
}

inline void store_mac(std::byte* p, MacAddress mac) {
  std::memcpy(p, mac.bytes.data(), mac.bytes.size());
}

[[nodiscard]] inline Ipv4Address load_ipv4(const std::byte* p) {
  return Ipv4Address{load_be<std::uint32_t>(p)};
}

inline void store_ipv4(std::byte* p, Ipv4Address address) {
  store_be<std::uint32_t>(p, address.value);
}

// The bits of an address that name its network. A prefix has 0 to 32 bits.
[[nodiscard]] constexpr std::uint32_t prefix_mask(std::uint8_t prefix_length) {
  return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min<int>(prefix_length, 32));
}

}  // namespace ringroad
