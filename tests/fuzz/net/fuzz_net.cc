// A stack fed with any sequence of packets, while it also talks to a peer. The input is a list of
// steps: one byte of flags, two of length (little-endian), then a packet of that length.
//
//   bit 0  repair the IPv4 header's checksum, so that what is behind it is reached
//   bit 1  take what the stack has to say
//   bit 2  let time pass, by a second times the flags' upper half
//   bit 3  ask for the way to the peer, and build headers when there is one
#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/net/stack.h"
#include "tests/unit/net/packets.h"

namespace {

using ringroad::Inbound;
using ringroad::Nanos;
using ringroad::Stack;
namespace test = ringroad::test;

void feed(Stack& stack, const test::Packet& packet, Nanos now) {
  const test::Exact exact(packet);
  const std::span<const std::byte> bytes = exact;
  const Inbound inbound = stack.on_packet(bytes, now);
  if (inbound.kind != Inbound::Kind::kFrame) return;
  RR_CHECK(packet.size() >= Stack::kHeadroomBytes);
  RR_CHECK(inbound.payload.size() <= packet.size() - Stack::kHeadroomBytes);
  if (inbound.payload.empty()) return;
  RR_CHECK(inbound.payload.data() > bytes.data());
  RR_CHECK(&inbound.payload.back() <= &bytes.back());
}

void take_packets(Stack& stack, Nanos now) {
  std::vector<std::byte> out(stack.packet_bytes_max());
  // At most: an announcement, both queues, and a request for each entry.
  std::size_t left =
      1 + Stack::kArpRepliesMax + Stack::kEchoRepliesMax + ringroad::ArpCache::kEntries;
  while (stack.has_packet()) {
    const std::size_t bytes = stack.poll_packet(now, out);
    RR_CHECK(bytes >= 60 && bytes <= out.size());
    RR_CHECK(left-- > 0);
  }
  RR_CHECK(stack.poll_packet(now, out) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Stack stack({.mac = test::kOurMac,
               .address = test::kOurAddress,
               .prefix_length = 24,
               .udp_port = 8801,
               .mtu = 1500,
               .fill_udp_checksum = true});
  auto peer = stack.destination(test::kPeerAddress, 8801, 50'000);
  Nanos now = ringroad::seconds(1);
  while (size >= 3) {
    const std::uint8_t flags = data[0];
    const std::size_t length = std::min<std::size_t>(data[1] | data[2] << 8, size - 3);
    test::Packet packet(data + 3, data + 3 + length);
    data += 3 + length;
    size -= 3 + length;
    if ((flags & 1) != 0 && packet.size() >= 34) test::fix_ipv4_checksum(packet);
    if ((flags & 4) != 0) now = now + ringroad::seconds(flags >> 4);
    stack.on_time(now);
    feed(stack, packet, now);
    if ((flags & 8) != 0 && stack.route(peer, now) == ringroad::Route::kReady) {
      std::byte headers[Stack::kHeadroomBytes];
      stack.encapsulate(peer, headers, 0);
    }
    if ((flags & 2) != 0) take_packets(stack, now);
  }
  take_packets(stack, now);
  return 0;
}
