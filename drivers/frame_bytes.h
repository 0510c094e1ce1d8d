// How many bytes of a packet buffer a frame takes.
#pragma once

#include <cstdint>

namespace ringroad {

// Ethernet header and one VLAN tag, without FCS.
inline constexpr std::uint32_t kEthernetBytesMax = 14 + 4;

constexpr std::uint32_t frame_bytes(std::uint32_t mtu) { return mtu + kEthernetBytesMax; }

}  // namespace ringroad
