// Addresses of Ethernet and IPv4, their texts and their order. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringroad {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  constexpr auto operator<=>(const MacAddress&) const = default;
  constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
};
inline constexpr MacAddress kMacBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// Host order: 10.0.0.1 is 0x0a000001.
struct Ipv4Address {
  std::uint32_t value = 0;
  constexpr auto operator<=>(const Ipv4Address&) const = default;
};

std::optional<MacAddress> parse_mac(std::string_view text);    // "02:00:00:00:00:01"
std::optional<Ipv4Address> parse_ipv4(std::string_view text);  // dotted quad, no leading zeros
std::string to_string(MacAddress mac);
std::string to_string(Ipv4Address address);

}  // namespace ringroad
