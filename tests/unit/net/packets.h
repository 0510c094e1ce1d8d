// Packets written out by hand for the tests of dataplane/net: a builder independent of the code
// under test (it shares no writer and no checksum with it), and a slice of memory that ends where
// the packet ends, so that a read beyond it is caught.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/net/address.h"

namespace ringroad::test {

using Packet = std::vector<std::uint8_t>;

inline const MacAddress kOurMac{{0x02, 0x52, 0x52, 0, 0, 1}};
inline const MacAddress kPeerMac{{0x02, 0x52, 0x52, 0, 0, 2}};
inline const Ipv4Address kOurAddress{0x0a000001};   // 10.0.0.1
inline const Ipv4Address kPeerAddress{0x0a000002};  // 10.0.0.2

inline void put(Packet& packet, const MacAddress& mac) {
  packet.insert(packet.end(), mac.bytes.begin(), mac.bytes.end());
}
inline void put16(Packet& packet, unsigned value) {
  packet.push_back(static_cast<std::uint8_t>(value >> 8));
  packet.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Packet& packet, std::uint32_t value) {
  put16(packet, value >> 16);
  put16(packet, value & 0xffff);
}
inline void set16(Packet& packet, std::size_t at, unsigned value) {
  packet.at(at) = static_cast<std::uint8_t>(value >> 8);
  packet.at(at + 1) = static_cast<std::uint8_t>(value);
}
inline unsigned get16(std::span<const std::uint8_t> packet, std::size_t at) {
  return static_cast<unsigned>(packet[at] << 8 | packet[at + 1]);
}

// RFC 1071 word for word: one 16-bit word after the other, the carry folded each time.
inline unsigned simple_checksum(std::span<const std::uint8_t> bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<unsigned>(bytes[i] << 8) + (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return ~sum & 0xffff;
}

inline Packet ethernet_packet(const MacAddress& to, const MacAddress& from, unsigned type) {
  Packet packet;
  put(packet, to);
  put(packet, from);
  put16(packet, type);
  return packet;
}

struct ArpFields {
  MacAddress to = kMacBroadcast;
  unsigned operation = 1;
  MacAddress sender_mac = kPeerMac;
  Ipv4Address sender = kPeerAddress;
  MacAddress target_mac{};
  Ipv4Address target = kOurAddress;
};

inline Packet arp_packet(const ArpFields& fields = {}) {
  Packet packet = ethernet_packet(fields.to, fields.sender_mac, 0x0806);
  put16(packet, 1);
  put16(packet, 0x0800);
  packet.push_back(6);
  packet.push_back(4);
  put16(packet, fields.operation);
  put(packet, fields.sender_mac);
  put32(packet, fields.sender.value);
  put(packet, fields.target_mac);
  put32(packet, fields.target.value);
  return packet;
}

struct Ipv4Fields {
  MacAddress to = kOurMac;
  Ipv4Address source = kPeerAddress;
  Ipv4Address destination = kOurAddress;
  unsigned flags_and_offset = 0x4000;
  unsigned protocol = 17;
  unsigned option_words = 0;
};

inline constexpr std::size_t kIpv4At = 14;

inline void fix_ipv4_checksum(Packet& packet) {
  // A header may claim more bytes than the packet has.
  const std::size_t bytes =
      std::min<std::size_t>((packet.at(kIpv4At) & 0xfu) * 4, packet.size() - kIpv4At);
  set16(packet, kIpv4At + 10, 0);
  set16(packet, kIpv4At + 10, simple_checksum(std::span(packet).subspan(kIpv4At, bytes)));
}

inline Packet ipv4_packet(const Ipv4Fields& fields, std::span<const std::uint8_t> body) {
  Packet packet = ethernet_packet(fields.to, kPeerMac, 0x0800);
  packet.push_back(static_cast<std::uint8_t>(0x45 + fields.option_words));
  packet.push_back(0);
  put16(packet, static_cast<unsigned>(20 + 4 * fields.option_words + body.size()));
  put16(packet, 0x1234);
  put16(packet, fields.flags_and_offset);
  packet.push_back(64);
  packet.push_back(static_cast<std::uint8_t>(fields.protocol));
  put16(packet, 0);
  put32(packet, fields.source.value);
  put32(packet, fields.destination.value);
  for (unsigned i = 0; i < fields.option_words; ++i) put32(packet, 0x01010101);  // no operation
  packet.insert(packet.end(), body.begin(), body.end());
  fix_ipv4_checksum(packet);
  return packet;
}

inline Packet bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// The UDP datagram, without a checksum unless asked for.
inline Packet udp_body(std::string_view payload, unsigned port = 8801, bool checksum = false) {
  Packet body;
  put16(body, 40'000);
  put16(body, port);
  put16(body, static_cast<unsigned>(8 + payload.size()));
  put16(body, 0);
  body.insert(body.end(), payload.begin(), payload.end());
  if (!checksum) return body;
  Packet summed;
  put32(summed, kPeerAddress.value);
  put32(summed, kOurAddress.value);
  put16(summed, 17);
  put16(summed, static_cast<unsigned>(body.size()));
  summed.insert(summed.end(), body.begin(), body.end());
  const unsigned sum = simple_checksum(summed);
  set16(body, 6, sum == 0 ? 0xffff : sum);
  return body;
}

inline Packet udp_packet(std::string_view payload) { return ipv4_packet({}, udp_body(payload)); }

inline Packet echo_body(std::size_t data_bytes, unsigned type = 8) {
  Packet body = {static_cast<std::uint8_t>(type), 0, 0, 0, 0x12, 0x34, 0, 7};
  for (std::size_t i = 0; i < data_bytes; ++i) body.push_back(static_cast<std::uint8_t>(i));
  set16(body, 2, simple_checksum(body));
  return body;
}

inline Packet echo_packet(std::size_t data_bytes) {
  return ipv4_packet({.protocol = 1}, echo_body(data_bytes));
}

// The bytes at the end of an allocation of exactly their size: AddressSanitizer sees any read
// behind them.
class Exact {
 public:
  explicit Exact(std::span<const std::uint8_t> bytes)
      : size_(bytes.size()), memory_(std::make_unique<std::byte[]>(bytes.size())) {
    for (std::size_t i = 0; i < size_; ++i) memory_[i] = std::byte{bytes[i]};
  }
  operator std::span<const std::byte>() const { return {memory_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace ringroad::test
