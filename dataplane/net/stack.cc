// Inbound half of the stack: what may be believed of a packet, and what is answered. The outbound
// half is stack_outbound.cc.
#include "dataplane/net/stack.h"

#include <algorithm>

#include "dataplane/base/check.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/packet_writer.h"

namespace ringroad {
namespace {

using Bytes = std::span<const std::byte>;

bool is_unicast(MacAddress mac) { return !mac.is_multicast() && mac != MacAddress{}; }

}  // namespace

Stack::Stack(const StackConfig& config)
    : config_(config), echo_bytes_(kEchoRepliesMax * packet_bytes_max()) {
  RR_CHECK(config.mtu > kIpv4AndUdpBytes && config.mtu <= 65'535);
  RR_CHECK(config.prefix_length <= 32);
}

std::size_t Stack::packet_bytes_max() const {
  return std::max<std::size_t>(ethernet::kBytes + config_.mtu, ethernet::kPacketBytesMin);
}

Inbound Stack::drop(DropReason reason) {
  ++statistics_.drops[static_cast<std::size_t>(reason)];
  return {.kind = Inbound::Kind::kDropped, .reason = reason};
}

Inbound Stack::handled() const { return {.kind = Inbound::Kind::kHandled}; }

Inbound Stack::on_packet(Bytes packet, Nanos now) {
  ++statistics_.packets;
  if (packet.size() < ethernet::kBytes) return drop(DropReason::kEthernetTruncated);
  const MacAddress to = load_mac(&packet[ethernet::kDestination]);
  const MacAddress from = load_mac(&packet[ethernet::kSource]);
  if (to != config_.mac && to != kMacBroadcast) return drop(DropReason::kEthernetNotOurs);

  std::uint16_t type = load_be<std::uint16_t>(&packet[ethernet::kType]);
  Bytes rest = packet.subspan(ethernet::kBytes);
  if (type == ethernet::kTypeVlan) {
    if (rest.size() < vlan::kBytes) return drop(DropReason::kEthernetTruncated);
    const auto control = load_be<std::uint16_t>(&packet[vlan::kControl]);
    if ((control & vlan::kIdMask) != 0) return drop(DropReason::kVlan);
    type = load_be<std::uint16_t>(&packet[vlan::kType]);
    rest = rest.subspan(vlan::kBytes);
  }
  if (type == ethernet::kTypeArp) return on_arp(rest, now);
  if (type != ethernet::kTypeIpv4) return drop(DropReason::kEtherType);
  // RFC 1122 section 3.3.6: no unicast datagram comes in a link-layer broadcast.
  if (to != config_.mac) return drop(DropReason::kEthernetNotOurs);
  return on_ipv4(rest, from);
}

Inbound Stack::on_arp(Bytes packet, Nanos now) {
  if (packet.size() < arp::kBytes) return drop(DropReason::kArpMalformed);
  const auto operation = load_be<std::uint16_t>(&packet[arp::kOperation]);
  if (load_be<std::uint16_t>(&packet[arp::kHardwareType]) != arp::kHardwareEthernet ||
      load_be<std::uint16_t>(&packet[arp::kProtocolType]) != ethernet::kTypeIpv4 ||
      packet[arp::kHardwareLength] != std::byte{6} ||
      packet[arp::kProtocolLength] != std::byte{4} ||
      (operation != arp::kRequest && operation != arp::kReply)) {
    return drop(DropReason::kArpMalformed);
  }
  const MacAddress sender_mac = load_mac(&packet[arp::kSenderMac]);
  const Ipv4Address sender = load_ipv4(&packet[arp::kSenderAddress]);
  const Ipv4Address target = load_ipv4(&packet[arp::kTargetAddress]);
  const bool is_request = operation == arp::kRequest;
  // A request from 0.0.0.0 is a probe (RFC 5227 section 2.1.1): answered, and not learned from.
  const bool is_probe = is_request && sender.value == 0;
  if (!is_unicast(sender_mac)) return drop(DropReason::kArpMalformed);
  if (!is_probe && (!may_be_host(sender) || !is_on_link(sender))) {
    return drop(DropReason::kArpMalformed);
  }
  ++(is_request ? statistics_.arp_requests_received : statistics_.arp_replies_received);
  if (sender_mac == config_.mac) return drop(DropReason::kArpNotOurs);  // our own, come back
  if (sender == config_.address) return on_conflict(now);

  if (sender == target) {
    arp_cache_.learn(ArpCache::Claim::kGratuitous, sender, sender_mac, now);
    return handled();
  }
  if (target != config_.address) return drop(DropReason::kArpNotOurs);
  if (!is_request) {
    const bool believed = arp_cache_.learn(ArpCache::Claim::kReply, sender, sender_mac, now);
    return believed ? handled() : drop(DropReason::kArpUnsolicited);
  }
  if (!is_probe) arp_cache_.learn(ArpCache::Claim::kRequest, sender, sender_mac, now);
  if (arp_reply_count_ == kArpRepliesMax) return drop(DropReason::kArpQueueFull);
  arp_replies_[(arp_reply_first_ + arp_reply_count_++) % kArpRepliesMax] = {sender_mac, sender};
  return handled();
}

// RFC 5227 section 2.4(c): defend the address by one announcement, at most every ten seconds.
Inbound Stack::on_conflict(Nanos now) {
  if (!defended_ever_ || now - defended_ >= kDefendEvery) {
    defended_ever_ = true;
    defended_ = now;
    announce();
  }
  return drop(DropReason::kArpConflict);
}

Inbound Stack::on_ipv4(Bytes packet, MacAddress from) {
  if (packet.size() < ipv4::kBytes) return drop(DropReason::kIpv4Malformed);
  const auto version_and_words = std::to_integer<std::uint8_t>(packet[ipv4::kVersionAndWords]);
  const std::size_t header_bytes = std::size_t{version_and_words & 0xfu} * 4;
  const std::size_t total_bytes = load_be<std::uint16_t>(&packet[ipv4::kTotalLength]);
  // Ethernet pads short packets, so the total length may be less than what came; never more.
  if (version_and_words >> 4 != 4 || header_bytes < ipv4::kBytes || header_bytes > total_bytes ||
      total_bytes > packet.size()) {
    return drop(DropReason::kIpv4Malformed);
  }
  if (internet_checksum(packet.first(header_bytes)) != 0) return drop(DropReason::kIpv4Checksum);
  if (load_ipv4(&packet[ipv4::kDestination]) != config_.address) {
    return drop(DropReason::kIpv4NotOurs);
  }
  const Ipv4Address source = load_ipv4(&packet[ipv4::kSource]);
  if (!may_be_host(source) || source == config_.address) return drop(DropReason::kIpv4Source);
  const auto flags_and_offset = load_be<std::uint16_t>(&packet[ipv4::kFlagsAndOffset]);
  if ((flags_and_offset & ipv4::kFragmentMask) != 0) return drop(DropReason::kIpv4Fragment);

  const Bytes body = packet.subspan(header_bytes, total_bytes - header_bytes);
  switch (std::to_integer<std::uint8_t>(packet[ipv4::kProtocol])) {
    case ipv4::kProtocolUdp:
      return on_udp(body, source);
    case ipv4::kProtocolIcmp:
      return on_icmp(body, source, from);
    default:
      return drop(DropReason::kIpv4Protocol);
  }
}

Inbound Stack::on_udp(Bytes datagram, Ipv4Address source) {
  if (datagram.size() < udp::kBytes) return drop(DropReason::kUdpMalformed);
  const std::size_t length = load_be<std::uint16_t>(&datagram[udp::kLength]);
  if (length < udp::kBytes || length > datagram.size()) return drop(DropReason::kUdpMalformed);
  if (load_be<std::uint16_t>(&datagram[udp::kDestinationPort]) != config_.udp_port) {
    return drop(DropReason::kUdpPort);
  }
  datagram = datagram.first(length);
  if (load_be<std::uint16_t>(&datagram[udp::kChecksum]) != 0) {
    const auto pseudo = udp_pseudo_header_sum(source, config_.address, length);
    if (checksum_finish(checksum_add(pseudo, datagram)) != 0) {
      return drop(DropReason::kUdpChecksum);
    }
  }
  ++statistics_.frames;
  return {.kind = Inbound::Kind::kFrame,
          .payload = datagram.subspan(udp::kBytes),
          .source = source,
          .source_port = load_be<std::uint16_t>(&datagram[udp::kSourcePort])};
}

Inbound Stack::on_icmp(Bytes message, Ipv4Address source, MacAddress from) {
  if (message.size() < icmp::kBytes) return drop(DropReason::kIcmpMalformed);
  if (internet_checksum(message) != 0) return drop(DropReason::kIcmpChecksum);
  if (message[icmp::kType] != std::byte{icmp::kEchoRequest} ||
      message[icmp::kCode] != std::byte{}) {
    return drop(DropReason::kIcmpType);
  }
  const std::size_t ip_bytes = ipv4::kBytes + message.size();
  if (!is_unicast(from) || ip_bytes > config_.mtu) return drop(DropReason::kIcmpMalformed);
  if (echo_count_ == kEchoRepliesMax) return drop(DropReason::kEchoQueueFull);
  ++statistics_.echo_requests;

  // The reply goes back where the request came from, without asking for a MAC: what strangers
  // send takes no place in the ARP cache.
  const std::size_t index = (echo_first_ + echo_count_++) % kEchoRepliesMax;
  const auto out = echo_slot(index);
  write_ethernet(out, from, config_.mac, ethernet::kTypeIpv4);
  write_ipv4(out.subspan(ethernet::kBytes), config_.address, source, ipv4::kProtocolIcmp, ip_bytes);
  const auto reply = out.subspan(ethernet::kBytes + ipv4::kBytes, message.size());
  std::ranges::copy(message, reply.begin());
  reply[icmp::kType] = std::byte{icmp::kEchoReply};
  store_be<std::uint16_t>(&reply[icmp::kChecksum], 0);
  store_be<std::uint16_t>(&reply[icmp::kChecksum], internet_checksum(reply));
  const std::size_t packet_bytes = ethernet::kBytes + ip_bytes;
  echo_sizes_[index] = std::max(packet_bytes, ethernet::kPacketBytesMin);
  std::ranges::fill(out.subspan(packet_bytes, echo_sizes_[index] - packet_bytes), std::byte{});
  return handled();
}

bool Stack::is_on_link(Ipv4Address address) const {
  const std::uint32_t mask = prefix_mask(config_.prefix_length);
  return (address.value & mask) == (config_.address.value & mask);
}

// RFC 1122 section 3.2.1.3: addresses that name no single host are no source and no next hop.
bool Stack::may_be_host(Ipv4Address address) const {
  const std::uint32_t first = address.value >> 24;
  if (first == 0 || first == 127 || first >= 224) return false;
  const std::uint32_t host_bits = ~prefix_mask(config_.prefix_length);
  // Networks of 31 and 32 bits have neither a network nor a broadcast address (RFC 3021).
  if (config_.prefix_length > 30 || !is_on_link(address)) return true;
  return (address.value & host_bits) != 0 && (address.value & host_bits) != host_bits;
}

std::span<std::byte> Stack::echo_slot(std::size_t index) {
  return std::span(echo_bytes_).subspan(index * packet_bytes_max(), packet_bytes_max());
}

}  // namespace ringroad
