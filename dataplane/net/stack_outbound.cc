// Outbound half of the stack: routes, the headers in front of frames, and the packets the stack has
// to say itself.
#include <algorithm>

#include "dataplane/base/check.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/packet_writer.h"
#include "dataplane/net/stack.h"

namespace ringroad {
namespace {

constexpr std::size_t kIpv4At = ethernet::kBytes;
constexpr std::size_t kUdpAt = ethernet::kBytes + ipv4::kBytes;
static_assert(kUdpAt + udp::kBytes == Stack::kHeadroomBytes);
static_assert(ipv4::kBytes + udp::kBytes == Stack::kIpv4AndUdpBytes);

}  // namespace

Stack::Destination Stack::destination(Ipv4Address address, std::uint16_t port,
                                      std::uint16_t source_port) const {
  Destination destination;
  destination.address_ = address;
  destination.port_ = port;
  destination.source_port_ = source_port;
  return destination;
}

Route Stack::find_route(Destination& destination, Nanos now) {
  const Ipv4Address address = destination.address_;
  if (!may_be_host(address) || address == config_.address) return Route::kUnreachable;
  Ipv4Address next_hop = address;
  if (!is_on_link(address)) {
    if (!config_.gateway) return Route::kUnreachable;
    next_hop = *config_.gateway;
  }
  const ArpCache::Resolution resolution = arp_cache_.resolve(next_hop, now);
  switch (resolution.answer) {
    case ArpCache::Answer::kReady:
      break;
    case ArpCache::Answer::kResolving:
      return Route::kResolving;
    case ArpCache::Answer::kUnreachable:
    case ArpCache::Answer::kFull:
      return Route::kUnreachable;
  }
  build_header(destination, resolution.mac);
  destination.generation_ = arp_cache_.generation();
  destination.fresh_until_ = resolution.fresh_until;
  return Route::kReady;
}

void Stack::build_header(Destination& destination, MacAddress next_hop) const {
  const std::span header(destination.header_);
  write_ethernet(header, next_hop, config_.mac, ethernet::kTypeIpv4);
  write_ipv4(header.subspan(kIpv4At), config_.address, destination.address_, ipv4::kProtocolUdp, 0);
  store_be<std::uint16_t>(&header[kIpv4At + ipv4::kChecksum], 0);
  destination.ip_sum_ = checksum_add(0, header.subspan(kIpv4At, ipv4::kBytes));
  store_be(&header[kUdpAt + udp::kSourcePort], destination.source_port_);
  store_be(&header[kUdpAt + udp::kDestinationPort], destination.port_);
  store_be<std::uint16_t>(&header[kUdpAt + udp::kLength], 0);
  store_be<std::uint16_t>(&header[kUdpAt + udp::kChecksum], 0);
}

void Stack::encapsulate(const Destination& destination, std::byte* headers,
                        std::size_t payload_bytes) const {
  RR_CHECK(destination.generation_ != 0);
  RR_CHECK(payload_bytes <= payload_bytes_max());
  const auto udp_bytes = static_cast<std::uint16_t>(udp::kBytes + payload_bytes);
  const auto ip_bytes = static_cast<std::uint16_t>(ipv4::kBytes + udp_bytes);
  std::memcpy(headers, destination.header_.data(), kHeadroomBytes);
  store_be(headers + kIpv4At + ipv4::kTotalLength, ip_bytes);
  store_be(headers + kIpv4At + ipv4::kChecksum,
           checksum_finish(checksum_add(destination.ip_sum_, ip_bytes)));
  store_be(headers + kUdpAt + udp::kLength, udp_bytes);
  if (!config_.fill_udp_checksum) return;
  const auto pseudo = udp_pseudo_header_sum(config_.address, destination.address_, udp_bytes);
  const std::uint16_t checksum = checksum_finish(
      checksum_add(pseudo, std::span<const std::byte>(headers + kUdpAt, udp_bytes)));
  // RFC 768: a checksum that comes out as zero is sent as all ones.
  store_be<std::uint16_t>(headers + kUdpAt + udp::kChecksum, checksum == 0 ? 0xffff : checksum);
}

bool Stack::has_packet() const {
  return announcement_due_ || arp_reply_count_ > 0 || echo_count_ > 0 || arp_cache_.has_request();
}

std::size_t Stack::poll_packet(Nanos /*now*/, std::span<std::byte> out) {
  RR_CHECK(out.size() >= packet_bytes_max());
  if (announcement_due_) {
    announcement_due_ = false;
    ++statistics_.announcements_sent;
    return write_arp(out, arp::kRequest, kMacBroadcast, MacAddress{}, config_.address);
  }
  if (arp_reply_count_ > 0) {
    const ArpReply reply = arp_replies_[arp_reply_first_];
    arp_reply_first_ = (arp_reply_first_ + 1) % kArpRepliesMax;
    --arp_reply_count_;
    ++statistics_.arp_replies_sent;
    return write_arp(out, arp::kReply, reply.mac, reply.mac, reply.address);
  }
  if (const auto request = arp_cache_.poll_request()) {
    ++statistics_.arp_requests_sent;
    return write_arp(out, arp::kRequest, request->to, MacAddress{}, request->target);
  }
  if (echo_count_ == 0) return 0;
  const auto reply = echo_slot(echo_first_).first(echo_sizes_[echo_first_]);
  std::ranges::copy(reply, out.begin());
  echo_first_ = (echo_first_ + 1) % kEchoRepliesMax;
  --echo_count_;
  ++statistics_.echo_replies_sent;
  return reply.size();
}

std::size_t Stack::write_arp(std::span<std::byte> out, std::uint16_t operation, MacAddress to,
                             MacAddress target_mac, Ipv4Address target) const {
  const auto packet = out.first(ethernet::kPacketBytesMin);
  std::ranges::fill(packet, std::byte{});
  write_ethernet(packet, to, config_.mac, ethernet::kTypeArp);
  const auto body = packet.subspan(ethernet::kBytes);
  store_be<std::uint16_t>(&body[arp::kHardwareType], arp::kHardwareEthernet);
  store_be<std::uint16_t>(&body[arp::kProtocolType], ethernet::kTypeIpv4);
  body[arp::kHardwareLength] = std::byte{6};
  body[arp::kProtocolLength] = std::byte{4};
  store_be<std::uint16_t>(&body[arp::kOperation], operation);
  store_mac(&body[arp::kSenderMac], config_.mac);
  store_ipv4(&body[arp::kSenderAddress], config_.address);
  store_mac(&body[arp::kTargetMac], target_mac);
  store_ipv4(&body[arp::kTargetAddress], target);
  return packet.size();
}

}  // namespace ringroad
