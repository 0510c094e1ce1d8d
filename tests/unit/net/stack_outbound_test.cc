// Routes and headers: what leaves is compared with packets written by hand, and read back by a
// second stack.
#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/net/stack.h"
#include "tests/unit/net/packets.h"

namespace ringroad {
namespace {

using test::kOurAddress;
using test::kOurMac;
using test::kPeerAddress;
using test::kPeerMac;
using test::Packet;

constexpr Nanos kStart = seconds(1000);
constexpr Ipv4Address kGateway{0x0a0000fe};
constexpr Ipv4Address kFar{0xc0a80105};  // 192.168.1.5

StackConfig config() {
  return {.mac = kOurMac, .address = kOurAddress, .prefix_length = 24, .udp_port = 8801};
}

Packet poll(Stack& stack) {
  Packet out(stack.packet_bytes_max());
  out.resize(stack.poll_packet(kStart, std::as_writable_bytes(std::span(out))));
  return out;
}

Packet reply_from(Ipv4Address sender, MacAddress mac = kPeerMac) {
  return test::arp_packet(
      {.to = kOurMac, .operation = 2, .sender_mac = mac, .sender = sender, .target_mac = kOurMac});
}

void answer(Stack& stack, Ipv4Address sender, MacAddress mac = kPeerMac, Nanos now = kStart) {
  const auto inbound = stack.on_packet(test::Exact(reply_from(sender, mac)), now);
  EXPECT_EQ(inbound.kind, Inbound::Kind::kHandled);
}

Packet encapsulated(const Stack& stack, const Stack::Destination& to, std::string_view payload) {
  Packet packet = test::bytes_of(std::string(Stack::kHeadroomBytes, '\0').append(payload));
  stack.encapsulate(to, reinterpret_cast<std::byte*>(packet.data()), payload.size());
  return packet;
}

// The target address of the ARP request the stack wants to send.
std::uint32_t asked_for(Stack& stack) {
  const Packet request = poll(stack);
  if (request.size() != 60 || test::get16(request, 20) != 1) return 0;
  return test::get16(request, 38) << 16 | test::get16(request, 40);
}

TEST(StackOutbound, ResolvesAnOnLinkPeerAndBuildsItsHeaders) {
  Stack stack(config());
  auto peer = stack.destination(kPeerAddress, 8802, 50'001);
  EXPECT_EQ(stack.route(peer, kStart), Route::kResolving);
  EXPECT_EQ(asked_for(stack), kPeerAddress.value);
  answer(stack, kPeerAddress);
  ASSERT_EQ(stack.route(peer, kStart), Route::kReady);

  Packet body;
  test::put16(body, 50'001);
  test::put16(body, 8802);
  test::put16(body, 13);
  test::put16(body, 0);
  for (const char c : std::string_view("hello")) body.push_back(static_cast<std::uint8_t>(c));
  Packet expected =
      test::ipv4_packet({.to = kPeerMac, .source = kOurAddress, .destination = kPeerAddress}, body);
  std::memcpy(expected.data() + 6, kOurMac.bytes.data(), 6);
  test::set16(expected, 18, 0);  // identification
  test::fix_ipv4_checksum(expected);
  EXPECT_EQ(encapsulated(stack, peer, "hello"), expected);
}

TEST(StackOutbound, HeadersOfEveryPayloadLengthAreTakenByAnotherStack) {
  for (const bool fill : {false, true}) {
    StackConfig ours = config();
    ours.mtu = 2'000;
    ours.fill_udp_checksum = fill;
    Stack stack(ours);
    StackConfig theirs = ours;
    theirs.mac = kPeerMac;
    theirs.address = kPeerAddress;
    Stack peer_stack(theirs);
    auto peer = stack.destination(kPeerAddress, 8801, 50'001);
    (void)stack.route(peer, kStart);
    answer(stack, kPeerAddress);
    ASSERT_EQ(stack.route(peer, kStart), Route::kReady);
    for (std::size_t size = 0; size <= stack.payload_bytes_max(); ++size) {
      const std::string payload(size, static_cast<char>('a' + size % 26));
      const Packet packet = encapsulated(stack, peer, payload);
      const test::Exact bytes(packet);
      const Inbound inbound = peer_stack.on_packet(bytes, kStart);
      ASSERT_EQ(inbound.kind, Inbound::Kind::kFrame)
          << size << ' ' << drop_reason_name(inbound.reason);
      ASSERT_EQ(inbound.payload.size(), size);
      ASSERT_EQ(test::get16(packet, 40) != 0, fill);
    }
  }
}

// RFC 768: a sum of zero is sent as all ones, since zero says that there is none. Among all
// payloads of two bytes are some that sum to it.
TEST(StackOutbound, NeverSendsAFilledChecksumOfZero) {
  StackConfig filled = config();
  filled.fill_udp_checksum = true;
  Stack stack(filled);
  auto peer = stack.destination(kPeerAddress, 8801, 50'001);
  (void)stack.route(peer, kStart);
  answer(stack, kPeerAddress);
  ASSERT_EQ(stack.route(peer, kStart), Route::kReady);
  int all_ones = 0;
  for (unsigned word = 0; word < 0x10000; ++word) {
    const char payload[] = {static_cast<char>(word >> 8), static_cast<char>(word)};
    const Packet packet = encapsulated(stack, peer, {payload, 2});
    ASSERT_NE(test::get16(packet, 40), 0u) << word;
    all_ones += test::get16(packet, 40) == 0xffff ? 1 : 0;
  }
  EXPECT_GE(all_ones, 1);
}

TEST(StackOutbound, GoesThroughTheGatewayWhenThePeerIsOffLink) {
  StackConfig with_gateway = config();
  with_gateway.gateway = kGateway;
  Stack stack(with_gateway);
  auto far = stack.destination(kFar, 8801, 50'001);
  EXPECT_EQ(stack.route(far, kStart), Route::kResolving);
  EXPECT_EQ(asked_for(stack), kGateway.value);
  answer(stack, kGateway);
  EXPECT_EQ(stack.route(far, kStart), Route::kReady);
  const Packet packet = encapsulated(stack, far, "");
  EXPECT_EQ(test::get16(packet, 30) << 16 | test::get16(packet, 32), kFar.value);
}

TEST(StackOutbound, HasNoWayToWhatCannotBeReached) {
  Stack stack(config());  // no gateway
  for (const std::uint32_t address :
       {kFar.value, 0u, 0xffffffffu, 0x0a0000ffu, 0x0a000000u, 0xe0000001u, kOurAddress.value}) {
    auto nowhere = stack.destination(Ipv4Address{address}, 8801, 50'001);
    EXPECT_EQ(stack.route(nowhere, kStart), Route::kUnreachable) << std::hex << address;
  }
  EXPECT_FALSE(stack.has_packet()) << "nothing is asked for addresses that cannot answer";
}

TEST(StackOutbound, TakesAWholeNetworkAsOnLinkWhenThePrefixIsZeroAndNoneWhenItIs32) {
  StackConfig everything = config();
  everything.prefix_length = 0;
  Stack wide(everything);
  auto far = wide.destination(kFar, 8801, 50'001);
  EXPECT_EQ(wide.route(far, kStart), Route::kResolving);
  StackConfig alone = config();
  alone.prefix_length = 32;
  Stack narrow(alone);
  auto peer = narrow.destination(kPeerAddress, 8801, 50'001);
  EXPECT_EQ(narrow.route(peer, kStart), Route::kUnreachable);
}

TEST(StackOutbound, SaysUnreachableWhenNobodyAnswersAndTriesAgain) {
  Stack stack(config());
  auto peer = stack.destination(kPeerAddress, 8801, 50'001);
  EXPECT_EQ(stack.route(peer, kStart), Route::kResolving);
  int requests = 0;
  while (stack.next_deadline() <= kStart + milliseconds(1'400)) {
    while (!poll(stack).empty()) ++requests;
    stack.on_time(stack.next_deadline());
  }
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(stack.route(peer, kStart + milliseconds(1'500)), Route::kUnreachable);
  stack.on_time(kStart + milliseconds(2'500));
  EXPECT_EQ(stack.route(peer, kStart + milliseconds(2'500)), Route::kResolving);
}

TEST(StackOutbound, FollowsAPeerWhoseMacChanges) {
  Stack stack(config());
  auto peer = stack.destination(kPeerAddress, 8801, 50'001);
  (void)stack.route(peer, kStart);
  answer(stack, kPeerAddress);
  ASSERT_EQ(stack.route(peer, kStart), Route::kReady);
  const MacAddress moved{{0x02, 0, 0, 0, 0, 0x77}};
  (void)stack.on_packet(test::Exact(test::arp_packet(
                            {.sender_mac = moved, .sender = kPeerAddress, .target = kPeerAddress})),
                        kStart + microseconds(1));
  ASSERT_EQ(stack.route(peer, kStart + microseconds(1)), Route::kReady);
  EXPECT_EQ(std::memcmp(encapsulated(stack, peer, "").data(), moved.bytes.data(), 6), 0);
}

TEST(StackOutbound, StaysReadyThroughConfirmationsWhileThePeerAnswers) {
  Stack stack(config());
  auto peer = stack.destination(kPeerAddress, 8801, 50'001);
  (void)stack.route(peer, kStart);
  (void)poll(stack);
  answer(stack, kPeerAddress);
  int confirmations = 0;
  for (int i = 0; i < 2'000; ++i) {  // 200 seconds
    const Nanos now = kStart + milliseconds(100) * i;
    stack.on_time(now);
    ASSERT_EQ(stack.route(peer, now), Route::kReady) << i;
    if (poll(stack).empty()) continue;
    ++confirmations;
    answer(stack, kPeerAddress, kPeerMac, now);
  }
  EXPECT_EQ(confirmations, 4);  // every 45 s
}

TEST(StackOutboundDeathTest, HeadersWithoutARouteAreOurOwnMistake) {
  Stack stack(config());
  auto peer = stack.destination(kPeerAddress, 8801, 50'001);
  std::byte headers[Stack::kHeadroomBytes];
  EXPECT_DEATH(stack.encapsulate(peer, headers, 0), "invariant");
}

}  // namespace
}  // namespace ringroad
