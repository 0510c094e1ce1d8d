// What the stack believes of a packet and what it answers. Every packet is written by hand
// (packets.h) and lies at the end of its own allocation.
#include "dataplane/net/stack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/unit/net/packets.h"

namespace ringroad {
namespace {

using test::Exact;
using test::kOurAddress;
using test::kOurMac;
using test::kPeerAddress;
using test::kPeerMac;
using test::Packet;

constexpr Nanos kStart = seconds(1000);

StackConfig config(std::uint32_t mtu = 1500) {
  return {.mac = kOurMac,
          .address = kOurAddress,
          .prefix_length = 24,
          .gateway = Ipv4Address{0x0a0000fe},
          .udp_port = 8801,
          .mtu = mtu};
}

Inbound feed(Stack& stack, const Packet& packet, Nanos now = kStart) {
  return stack.on_packet(Exact(packet), now);
}

Packet poll(Stack& stack) {
  Packet out(stack.packet_bytes_max(), 0xee);
  out.resize(stack.poll_packet(kStart, std::as_writable_bytes(std::span(out))));
  return out;
}

std::uint64_t drops(const Stack& stack, DropReason reason) {
  return stack.statistics().drops[static_cast<std::size_t>(reason)];
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Stack, HandsOutThePayloadOfADatagramForItsPort) {
  Stack stack(config());
  const Packet packet = test::udp_packet("hello");
  const Exact bytes(packet);
  const Inbound inbound = stack.on_packet(bytes, kStart);
  ASSERT_EQ(inbound.kind, Inbound::Kind::kFrame);
  EXPECT_EQ(text_of(inbound.payload), "hello");
  EXPECT_EQ(inbound.source, kPeerAddress);
  EXPECT_EQ(inbound.source_port, 40'000);
  EXPECT_EQ(stack.statistics().frames, 1u);
}

TEST(Stack, AcceptsWhatTheStandardsAllow) {
  Packet padded = test::udp_packet("hi");
  padded.resize(60, 0xaa);
  Packet tagged = test::udp_packet("hi");
  const Packet tag = {0x81, 0x00, 0xe0, 0x00};  // priority 7, VLAN 0
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  const std::pair<const char*, Packet> cases[] = {
      {"Ethernet padding", padded},
      {"a priority tag", tagged},
      {"IPv4 options", test::ipv4_packet({.option_words = 10}, test::udp_body("hi"))},
      {"no don't-fragment flag", test::ipv4_packet({.flags_and_offset = 0}, test::udp_body("hi"))},
      {"the reserved flag", test::ipv4_packet({.flags_and_offset = 0x8000}, test::udp_body("hi"))},
      {"a UDP checksum", test::ipv4_packet({}, test::udp_body("hi", 8801, true))},
      {"a source off-link",
       test::ipv4_packet({.source = Ipv4Address{0xc0a80105}}, test::udp_body("hi"))},
  };
  for (const auto& [name, packet] : cases) {
    Stack stack(config());
    const Exact bytes(packet);
    const Inbound inbound = stack.on_packet(bytes, kStart);
    ASSERT_EQ(inbound.kind, Inbound::Kind::kFrame) << name << drop_reason_name(inbound.reason);
    EXPECT_EQ(text_of(inbound.payload), "hi") << name;
  }
}

TEST(Stack, TakesTheLengthOfADatagramFromItsOwnHeader) {
  Stack stack(config());
  Packet body = test::udp_body("hello", 8801, true);
  body.insert(body.end(), {0xde, 0xad});  // inside the IPv4 packet, behind the datagram
  const Packet packet = test::ipv4_packet({}, body);
  const Exact bytes(packet);
  const Inbound inbound = stack.on_packet(bytes, kStart);
  ASSERT_EQ(inbound.kind, Inbound::Kind::kFrame) << drop_reason_name(inbound.reason);
  EXPECT_EQ(text_of(inbound.payload), "hello");
}

TEST(Stack, AcceptsAnEmptyDatagramAndOneThatFillsTheMtu) {
  Stack stack(config(9000));
  EXPECT_EQ(feed(stack, test::udp_packet("")).kind, Inbound::Kind::kFrame);
  const std::string large(8'972, 'x');
  EXPECT_EQ(feed(stack, test::udp_packet(large)).payload.size(), large.size());
}

// A good packet with one thing wrong, and the reason it must be refused for.
struct BadPacket {
  const char* name;
  Packet packet;
  DropReason reason;
};

Packet with_byte(Packet packet, std::size_t at, std::uint8_t value) {
  packet.at(at) = value;
  return packet;
}
Packet with_ip_byte(Packet packet, std::size_t at, std::uint8_t value) {
  packet.at(test::kIpv4At + at) = value;
  test::fix_ipv4_checksum(packet);
  return packet;
}
Packet with_ip16(Packet packet, std::size_t at, unsigned value) {
  test::set16(packet, test::kIpv4At + at, value);
  test::fix_ipv4_checksum(packet);
  return packet;
}
Packet with16(Packet packet, std::size_t at, unsigned value) {
  test::set16(packet, at, value);
  return packet;
}
Packet udp_from(std::uint32_t source) {
  return test::ipv4_packet({.source = Ipv4Address{source}}, test::udp_body("hello"));
}
Packet udp_to(std::uint32_t destination) {
  return test::ipv4_packet({.destination = Ipv4Address{destination}}, test::udp_body("hello"));
}

std::vector<BadPacket> bad_packets() {
  const Packet udp = test::udp_packet("hello");
  const Packet arp = test::arp_packet();
  const Packet echo = test::echo_packet(56);
  Packet tagged = udp;
  const Packet tag = {0x81, 0x00, 0x00, 0x05};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  using R = DropReason;
  return {
      {"to another MAC", with_byte(udp, 5, 9), R::kEthernetNotOurs},
      {"UDP in an Ethernet broadcast",
       test::ipv4_packet({.to = kMacBroadcast}, test::udp_body("hello")), R::kEthernetNotOurs},
      {"to a multicast MAC", with_byte(udp, 0, 0x03), R::kEthernetNotOurs},
      {"tagged for VLAN 5", tagged, R::kVlan},
      {"IPv6", with16(udp, 12, 0x86dd), R::kEtherType},
      {"an 802.3 length", with16(udp, 12, 46), R::kEtherType},

      {"ARP hardware type", with16(arp, 14, 6), R::kArpMalformed},
      {"ARP protocol type", with16(arp, 16, 0x86dd), R::kArpMalformed},
      {"ARP hardware length", with_byte(arp, 18, 8), R::kArpMalformed},
      {"ARP protocol length", with_byte(arp, 19, 16), R::kArpMalformed},
      {"ARP operation 0", with16(arp, 20, 0), R::kArpMalformed},
      {"ARP operation 3 (RARP)", with16(arp, 20, 3), R::kArpMalformed},
      {"ARP from a multicast MAC", test::arp_packet({.sender_mac = {{1, 0, 0x5e, 0, 0, 1}}}),
       R::kArpMalformed},
      {"ARP from no MAC", test::arp_packet({.sender_mac = {}}), R::kArpMalformed},
      {"ARP from off-link", test::arp_packet({.sender = Ipv4Address{0xc0a80101}}),
       R::kArpMalformed},
      {"ARP from the broadcast address", test::arp_packet({.sender = Ipv4Address{0x0a0000ff}}),
       R::kArpMalformed},
      {"ARP reply from 0.0.0.0",
       test::arp_packet({.to = kOurMac, .operation = 2, .sender = Ipv4Address{0}}),
       R::kArpMalformed},
      {"ARP for somebody else", test::arp_packet({.target = Ipv4Address{0x0a000003}}),
       R::kArpNotOurs},
      {"our own ARP come back", test::arp_packet({.sender_mac = kOurMac, .sender = kOurAddress}),
       R::kArpNotOurs},
      {"an ARP reply nobody asked for", test::arp_packet({.to = kOurMac, .operation = 2}),
       R::kArpUnsolicited},
      {"somebody with our address", test::arp_packet({.sender = kOurAddress}), R::kArpConflict},

      {"IPv4 version 5", with_ip_byte(udp, 0, 0x55), R::kIpv4Malformed},
      {"IPv4 header of 16 bytes", with_ip_byte(udp, 0, 0x44), R::kIpv4Malformed},
      {"IPv4 header longer than the packet says", with_ip_byte(udp, 0, 0x4f), R::kIpv4Malformed},
      {"IPv4 total length beyond the packet", with_ip16(udp, 2, 34), R::kIpv4Malformed},
      {"IPv4 total length less than the header", with_ip16(udp, 2, 19), R::kIpv4Malformed},
      {"IPv4 header checksum", with_byte(udp, 22, 63), R::kIpv4Checksum},
      {"a first fragment", with_ip16(udp, 6, 0x2000), R::kIpv4Fragment},
      {"a last fragment", with_ip16(udp, 6, 0x0001), R::kIpv4Fragment},
      {"to another address", udp_to(0x0a000003), R::kIpv4NotOurs},
      {"to the subnet's broadcast", udp_to(0x0a0000ff), R::kIpv4NotOurs},
      {"to everybody", udp_to(0xffffffff), R::kIpv4NotOurs},
      {"from our own address", udp_from(kOurAddress.value), R::kIpv4Source},
      {"from 0.0.0.0", udp_from(0), R::kIpv4Source},
      {"from loopback", udp_from(0x7f000001), R::kIpv4Source},
      {"from multicast", udp_from(0xe0000001), R::kIpv4Source},
      {"from everybody", udp_from(0xffffffff), R::kIpv4Source},
      {"from the subnet's broadcast", udp_from(0x0a0000ff), R::kIpv4Source},
      {"TCP", with_ip_byte(udp, 9, 6), R::kIpv4Protocol},

      {"UDP length beyond the packet", with16(udp, 38, 14), R::kUdpMalformed},
      {"UDP length less than its header", with16(udp, 38, 7), R::kUdpMalformed},
      {"UDP for another port", with16(udp, 36, 8802), R::kUdpPort},
      {"UDP checksum", with16(udp, 40, 0x1234), R::kUdpChecksum},

      {"ICMP checksum", with_byte(echo, 60, 0xff), R::kIcmpChecksum},
      {"an echo reply", test::ipv4_packet({.protocol = 1}, test::echo_body(8, 0)), R::kIcmpType},
      {"an ICMP redirect", test::ipv4_packet({.protocol = 1}, test::echo_body(28, 5)),
       R::kIcmpType},
      {"an echo longer than the MTU", test::echo_packet(1473), R::kIcmpMalformed},
  };
}

TEST(Stack, RefusesAndCountsEachKindOfBadPacketByItsReason) {
  for (const BadPacket& bad : bad_packets()) {
    Stack stack(config());
    const Inbound inbound = feed(stack, bad.packet);
    EXPECT_EQ(inbound.kind, Inbound::Kind::kDropped) << bad.name;
    EXPECT_STREQ(drop_reason_name(inbound.reason), drop_reason_name(bad.reason)) << bad.name;
    EXPECT_EQ(drops(stack, bad.reason), 1u) << bad.name;
    EXPECT_EQ(stack.arp_cache().size(), 0u) << bad.name << " must teach nothing";
    if (bad.reason != DropReason::kArpConflict) {
      EXPECT_FALSE(stack.has_packet()) << bad.name << " must not be answered";
    }
  }
}

TEST(Stack, RefusesEveryTruncationOfEveryKindOfPacket) {
  Packet tagged = test::udp_packet("hello");
  const Packet tag = {0x81, 0x00, 0x00, 0x00};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  const Packet whole_packets[] = {
      test::udp_packet("hello"),
      test::arp_packet(),
      test::echo_packet(56),
      tagged,
      test::ipv4_packet({.option_words = 10}, test::udp_body("hello", 8801, true)),
      test::arp_packet({.to = kOurMac, .operation = 2})};
  for (const Packet& whole : whole_packets) {
    Stack stack(config());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(feed(stack, cut).kind, Inbound::Kind::kDropped) << size << " of " << whole.size();
    }
    EXPECT_FALSE(stack.has_packet());
    EXPECT_EQ(stack.statistics().frames, 0u);
  }
}

TEST(Stack, RefusesEveryTruncationEvenWhenTheIpLengthIsMadeToFit) {
  for (const Packet& whole : {test::udp_packet("hello"), test::echo_packet(0)}) {
    Stack stack(config());
    for (std::size_t size = test::kIpv4At + 20; size < whole.size(); ++size) {
      Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      cut = with_ip16(cut, 2, static_cast<unsigned>(size - test::kIpv4At));
      EXPECT_EQ(feed(stack, cut).kind, Inbound::Kind::kDropped) << size;
    }
  }
}

TEST(Stack, AnswersAnArpRequestAndLearnsItsSender) {
  Stack stack(config());
  EXPECT_EQ(feed(stack, test::arp_packet()).kind, Inbound::Kind::kHandled);
  ASSERT_TRUE(stack.has_packet());
  Packet expected = test::arp_packet({.to = kPeerMac,
                                      .operation = 2,
                                      .sender_mac = kOurMac,
                                      .sender = kOurAddress,
                                      .target_mac = kPeerMac,
                                      .target = kPeerAddress});
  expected.resize(60);
  EXPECT_EQ(poll(stack), expected);
  EXPECT_FALSE(stack.has_packet());
  auto peer = stack.destination(kPeerAddress, 8801, 50'000);
  EXPECT_EQ(stack.route(peer, kStart), Route::kReady);
}

TEST(Stack, AnswersAnArpProbeWithoutLearningFromIt) {
  Stack stack(config());
  EXPECT_EQ(feed(stack, test::arp_packet({.sender = Ipv4Address{0}})).kind,
            Inbound::Kind::kHandled);
  const Packet reply = poll(stack);
  ASSERT_EQ(reply.size(), 60u);
  EXPECT_EQ(test::get16(reply, 20), 2u);
  EXPECT_EQ(stack.arp_cache().size(), 0u);
}

TEST(Stack, KeepsNoMoreArpRepliesThanItsQueueHolds) {
  Stack stack(config());
  for (std::size_t i = 0; i < Stack::kArpRepliesMax + 5; ++i) feed(stack, test::arp_packet());
  EXPECT_EQ(drops(stack, DropReason::kArpQueueFull), 5u);
  std::size_t replies = 0;
  while (!poll(stack).empty()) ++replies;
  EXPECT_EQ(replies, Stack::kArpRepliesMax);
}

TEST(Stack, DefendsItsAddressOnceInTenSeconds) {
  Stack stack(config());
  const Packet claim = test::arp_packet({.sender = kOurAddress, .target = kOurAddress});
  for (int i = 0; i < 3; ++i) feed(stack, claim, kStart + seconds(i));
  const Packet defence = poll(stack);
  ASSERT_EQ(defence.size(), 60u);
  Packet expected = test::arp_packet({.sender_mac = kOurMac, .sender = kOurAddress});
  expected.resize(60);
  EXPECT_EQ(defence, expected);
  EXPECT_FALSE(stack.has_packet());
  feed(stack, claim, kStart + seconds(10));
  EXPECT_TRUE(stack.has_packet());
}

TEST(Stack, AnnouncesItselfWhenAsked) {
  Stack stack(config());
  EXPECT_FALSE(stack.has_packet());
  stack.announce();
  Packet expected = test::arp_packet({.sender_mac = kOurMac, .sender = kOurAddress});
  expected.resize(60);
  EXPECT_EQ(poll(stack), expected);
}

// Everything a reply must be: addressed back, its checksums right by the simple twin.
void expect_echo_reply(const Packet& reply, std::size_t data_bytes) {
  const std::size_t ip_bytes = 20 + 8 + data_bytes;
  ASSERT_EQ(reply.size(), std::max<std::size_t>(60, 14 + ip_bytes));
  EXPECT_EQ(std::memcmp(reply.data(), kPeerMac.bytes.data(), 6), 0);
  EXPECT_EQ(std::memcmp(reply.data() + 6, kOurMac.bytes.data(), 6), 0);
  const auto ip = std::span(reply).subspan(14, ip_bytes);
  EXPECT_EQ(test::get16(ip, 2), ip_bytes);
  EXPECT_EQ(test::simple_checksum(ip.first(20)), 0u);
  EXPECT_EQ(test::get16(ip, 14), kOurAddress.value & 0xffff);
  EXPECT_EQ(test::get16(ip, 18), kPeerAddress.value & 0xffff);
  const Packet expected = test::echo_body(data_bytes, 0);
  EXPECT_TRUE(std::ranges::equal(ip.subspan(20), expected));
}

TEST(Stack, AnswersEchoRequestsUpToTheMtu) {
  Stack stack(config(9000));
  for (const std::size_t data_bytes : {0, 1, 17, 18, 56, 1472, 8971, 8972}) {
    EXPECT_EQ(feed(stack, test::echo_packet(data_bytes)).kind, Inbound::Kind::kHandled);
    expect_echo_reply(poll(stack), data_bytes);
  }
  EXPECT_EQ(stack.arp_cache().size(), 0u) << "strangers' echoes take no ARP entry";
}

TEST(Stack, KeepsNoMoreEchoRepliesThanItsQueueHoldsInOrder) {
  Stack stack(config());
  for (std::size_t i = 0; i < Stack::kEchoRepliesMax + 3; ++i) {
    feed(stack, test::echo_packet(100 + i));
  }
  EXPECT_EQ(drops(stack, DropReason::kEchoQueueFull), 3u);
  for (std::size_t i = 0; i < Stack::kEchoRepliesMax; ++i) {
    expect_echo_reply(poll(stack), 100 + i);
  }
  EXPECT_TRUE(poll(stack).empty());
}

TEST(Stack, EveryReasonHasItsOwnName) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(DropReason::kCount); ++i) {
    names.insert(drop_reason_name(static_cast<DropReason>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(DropReason::kCount));
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace ringroad
