// Everything between the port and the Ringroad frame: Ethernet, ARP, IPv4, UDP and ICMP echo for
// one address on one port. It takes packets and the time, and hands out frames, answers and
// headers.
//
// Pure: no clock, no port, no buffers of its own but fixed queues. Owned by one io lcore. Nothing
// is allocated after construction. Every packet refused is counted by reason.
//
//   inbound    on_packet() classifies one packet; kFrame carries a UDP payload for our port.
//   outbound   route() a Destination; when it is kReady, encapsulate() writes the 42 bytes of
//              headers in front of a payload that is already in place.
//   its own    poll_packet() yields ARP requests and replies, announcements and echo replies,
//              while has_packet(); on_time() at next_deadline() (or every pass: it is cheap).
//
// IPv4 packets leave with "don't fragment" and identification 0 (an atomic datagram, RFC 6864
// section 4.1). Their UDP checksum is 0, "none", as RFC 768 allows over IPv4: the frame inside
// carries a CRC32C or a tag over all that matters, and is checked before it is believed.
// StackConfig::fill_udp_checksum fills it for networks that insist.
//
// What it does not do: fragments (refused), VLANs other than a priority tag, multicast, IPv6,
// delivery to its own address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/net/address.h"
#include "dataplane/net/arp_cache.h"

namespace ringroad {

struct StackConfig {
  MacAddress mac;
  Ipv4Address address;
  std::uint8_t prefix_length = 24;
  std::optional<Ipv4Address> gateway;
  std::uint16_t udp_port = 0;
  std::uint32_t mtu = 1500;  // bytes of the largest IP packet; at most 65,535
  bool fill_udp_checksum = false;
};

enum class DropReason : std::uint8_t {
  kNone,
  kEthernetTruncated,
  kEthernetNotOurs,  // another MAC, or a broadcast of something that is not ARP
  kVlan,             // tagged for a VLAN; we are in none
  kEtherType,        // not IPv4 or ARP
  kArpMalformed,     // truncated, not Ethernet and IPv4, an impossible sender
  kArpNotOurs,       // about addresses we have no interest in
  kArpUnsolicited,   // a reply to nothing we asked
  kArpConflict,      // somebody else claims our address
  kArpQueueFull,     // more requests than replies we can hold
  kIpv4Malformed,    // version, header length, total length
  kIpv4Checksum,
  kIpv4Fragment,
  kIpv4NotOurs,   // another destination address
  kIpv4Source,    // a source that no host may have, or our own
  kIpv4Protocol,  // not UDP or ICMP
  kUdpMalformed,
  kUdpChecksum,
  kUdpPort,  // another destination port
  kIcmpMalformed,
  kIcmpChecksum,
  kIcmpType,       // not an echo request
  kEchoQueueFull,  // more echo requests than replies we can hold
  kCount,
};
const char* drop_reason_name(DropReason reason);  // "udp checksum"
// True of packets that were wrong, false of those meant for somebody else or too many.
bool is_malformed(DropReason reason);

struct StackStatistics {
  std::uint64_t packets = 0;  // seen by on_packet
  std::uint64_t frames = 0;
  std::uint64_t arp_requests_received = 0, arp_replies_received = 0;  // well-formed
  std::uint64_t arp_requests_sent = 0, arp_replies_sent = 0, announcements_sent = 0;
  std::uint64_t echo_requests = 0, echo_replies_sent = 0;
  std::uint64_t drops[static_cast<std::size_t>(DropReason::kCount)] = {};
};

// What became of one inbound packet.
struct Inbound {
  enum class Kind : std::uint8_t {
    kFrame,    // payload, source and source_port are set; the payload lies in the packet
    kHandled,  // the stack took what it needed
    kDropped,  // reason is set
  };
  Kind kind = Kind::kDropped;
  DropReason reason = DropReason::kNone;
  std::span<const std::byte> payload;
  Ipv4Address source;
  std::uint16_t source_port = 0;
};

enum class Route : std::uint8_t {
  kReady,
  kResolving,    // the next hop's MAC is being asked for: keep the frame, or drop and count it
  kUnreachable,  // nobody answered, or there is no way: no gateway for an address off-link
};

class Stack {
 public:
  static constexpr std::size_t kHeadroomBytes = 42;    // Ethernet 14, IPv4 20, UDP 8
  static constexpr std::size_t kIpv4AndUdpBytes = 28;  // what the MTU counts of them
  static constexpr std::size_t kEchoRepliesMax = 8;    // waiting at a time
  static constexpr std::size_t kArpRepliesMax = 16;    // waiting at a time
  static constexpr Nanos kDefendEvery = seconds(10);   // RFC 5227 section 2.4(c)

  // Where one kind of traffic goes: a peer's address and port, and our source port (one for each
  // lane, so that receivers spread lanes over queues). Made by destination(); kept by the caller;
  // the rest is the stack's.
  class Destination {
   public:
    Destination() = default;
    Ipv4Address address() const { return address_; }
    std::uint16_t port() const { return port_; }

   private:
    friend class Stack;
    Ipv4Address address_;
    std::uint16_t port_ = 0;
    std::uint16_t source_port_ = 0;
    std::uint32_t generation_ = 0;  // of the ARP cache when the header was built; 0: never
    Nanos fresh_until_{};
    std::uint64_t ip_sum_ = 0;  // of the IPv4 header with length and checksum 0
    std::array<std::byte, kHeadroomBytes> header_{};
  };

  explicit Stack(const StackConfig& config);

  // Reads nothing outside `packet` (an Ethernet frame without FCS), keeps no reference to it.
  [[nodiscard]] Inbound on_packet(std::span<const std::byte> packet, Nanos now);

  // Writes the next packet of the stack's own to `out`, which has room for packet_bytes_max(), and
  // returns its size; 0 when there is none.
  std::size_t poll_packet(Nanos now, std::span<std::byte> out);
  bool has_packet() const;

  void on_time(Nanos now) { arp_cache_.on_time(now); }
  Nanos next_deadline() const { return arp_cache_.next_deadline(); }

  // Tells the neighbours our MAC by a gratuitous request (RFC 5227 section 2.3): at start, and when
  // the port's link came up.
  void announce() { announcement_due_ = true; }

  Destination destination(Ipv4Address address, std::uint16_t port, std::uint16_t source_port) const;

  // Whether a packet can go there now; starts to resolve the next hop when it is not known. Two
  // comparisons while the answer is fresh.
  [[nodiscard]] Route route(Destination& destination, Nanos now) {
    if (destination.generation_ == arp_cache_.generation() && now < destination.fresh_until_)
        [[likely]] {
      return Route::kReady;
    }
    return find_route(destination, now);
  }

  // Writes kHeadroomBytes of headers to `headers`; the payload (at most payload_bytes_max()) starts
  // directly behind them. Only after route() said kReady; a template that has aged since is still
  // well-formed.
  void encapsulate(const Destination& destination, std::byte* headers,
                   std::size_t payload_bytes) const;

  std::size_t payload_bytes_max() const { return config_.mtu - kIpv4AndUdpBytes; }
  std::size_t packet_bytes_max() const;
  const StackConfig& config() const { return config_; }
  const StackStatistics& statistics() const { return statistics_; }
  const ArpCache& arp_cache() const { return arp_cache_; }

 private:
  struct ArpReply {
    MacAddress mac;
    Ipv4Address address;
  };

  Inbound drop(DropReason reason);
  Inbound handled() const;
  Inbound on_arp(std::span<const std::byte> packet, Nanos now);
  Inbound on_conflict(Nanos now);
  Inbound on_ipv4(std::span<const std::byte> packet, MacAddress from);
  Inbound on_udp(std::span<const std::byte> datagram, Ipv4Address source);
  Inbound on_icmp(std::span<const std::byte> message, Ipv4Address source, MacAddress from);
  bool is_on_link(Ipv4Address address) const;
  bool may_be_host(Ipv4Address address) const;
  Route find_route(Destination& destination, Nanos now);
  void build_header(Destination& destination, MacAddress next_hop) const;
  std::size_t write_arp(std::span<std::byte> out, std::uint16_t operation, MacAddress to,
                        MacAddress target_mac, Ipv4Address target) const;
  std::span<std::byte> echo_slot(std::size_t index);

  StackConfig config_;
  ArpCache arp_cache_;
  StackStatistics statistics_;
  bool announcement_due_ = false;
  Nanos defended_{};
  bool defended_ever_ = false;
  // Both queues are rings: `first` is sent next, `count` wait.
  std::array<ArpReply, kArpRepliesMax> arp_replies_{};
  std::size_t arp_reply_first_ = 0, arp_reply_count_ = 0;
  // Whole packets, written when the request came: the request's buffer is gone when they leave.
  std::vector<std::byte> echo_bytes_;  // kEchoRepliesMax slots of packet_bytes_max()
  std::array<std::size_t, kEchoRepliesMax> echo_sizes_{};
  std::size_t echo_first_ = 0, echo_count_ = 0;
};

}  // namespace ringroad
