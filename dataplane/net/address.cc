// Texts of addresses, strictly: no leading zeros (some programs read those as octal), no short
// forms. What is printed is what is parsed.
#include "dataplane/net/address.h"

namespace ringroad {
namespace {

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<MacAddress> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const auto high = hex_digit(text[3 * i]);
    const auto low = hex_digit(text[3 * i + 1]);
    if (!high || !low) return std::nullopt;
    if (i + 1 < mac.bytes.size() && text[3 * i + 2] != ':') return std::nullopt;
    mac.bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return mac;
}

std::optional<Ipv4Address> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint32_t number = 0;
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      number = number * 10 + static_cast<std::uint32_t>(text[digits] - '0');
      if (++digits > 3) return std::nullopt;
    }
    if (digits == 0 || number > 255) return std::nullopt;
    if (digits > 1 && text.front() == '0') return std::nullopt;  // some read it as octal
    text.remove_prefix(digits);
    value = value << 8 | number;
  }
  if (!text.empty()) return std::nullopt;
  return Ipv4Address{value};
}

std::string to_string(MacAddress mac) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac.bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

std::string to_string(Ipv4Address address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (!text.empty()) text += '.';
    text += std::to_string(address.value >> shift & 0xff);
  }
  return text;
}

}  // namespace ringroad
