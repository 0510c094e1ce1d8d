// A port: packets in and out of this node, whatever carries them. Two kinds stand behind it: DPDK
// ethdevs (physical NICs, null, ring, tap, af_packet) and our own memif.
//
// Owned by one io lcore: every call but the constructor's and start/stop comes from it. No call
// blocks. Packets are single-segment mbufs holding whole Ethernet frames without FCS.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/address.h"

struct rte_mbuf;

namespace ringroad {

struct PortCapabilities {
  std::string kind;          // "memif", "tap", "null", ...
  std::string driver;        // DPDK's name, or "ringroad-memif"
  std::uint32_t mtu = 1500;  // largest IP packet, bytes
  bool checksum_offload = false;
  bool has_descriptor = false;        // wait_descriptor() can be waited on
  bool shared_memory = false;         // never leaves the machine
  std::uint64_t link_bits_per_s = 0;  // 0: not known or not meaningful
};

struct PortStatistics {
  std::uint64_t packets_received = 0, packets_sent = 0;
  std::uint64_t bytes_received = 0, bytes_sent = 0;
  std::uint64_t received_too_long = 0;   // dropped: no room in one buffer
  std::uint64_t received_malformed = 0;  // dropped: descriptors out of bounds (memif)
  std::uint64_t received_no_buffer = 0;  // left in the ring for want of mbufs
  std::uint64_t send_ring_full = 0;      // packets refused by transmit_burst, and claims by claim
  std::uint64_t send_too_long = 0;       // dropped: the medium can never carry it
  std::uint64_t link_changes = 0;
};

class Port {
 public:
  virtual ~Port() = default;

  virtual absl::Status start() = 0;
  virtual void stop() = 0;

  // Fills `out` from the front with up to out.size() packets, which the caller then owns.
  virtual std::uint16_t receive_burst(std::span<rte_mbuf*> out) = 0;

  // Takes ownership of the first N packets and returns N; the caller keeps the rest.
  virtual std::uint16_t transmit_burst(std::span<rte_mbuf*> packets) = 0;

  // Building in place, for ports that would copy a packet into memory of their own. claim() offers
  // room for one packet of the full MTU and its Ethernet header; commit() makes a packet of what
  // was written there, or is left out when there is nothing to send; publish() shows the packets
  // committed to the other end. It comes before receive_burst, service and arm; transmit_burst may
  // come between, keeps the order, and publishes too. Nothing in that memory may be believed when
  // read back: the other end can write there.
  enum class Claim : std::uint8_t {
    kReady,
    kFull,     // no room now
    kNotHere,  // not by this port, or not with this peer's buffers: transmit_burst
  };
  virtual Claim claim(std::span<std::byte>& /*room*/) { return Claim::kNotHere; }
  virtual void commit(std::uint32_t /*bytes*/) {}
  virtual void publish() {}

  // Applies what happened on the port's control side (memif peers that came or went, link changes)
  // between bursts. Returns how much it did.
  virtual std::uint32_t service(Nanos now) = 0;

  virtual bool is_link_up() const = 0;

  // A descriptor that becomes readable when there may be packets or control work, or -1.
  virtual int wait_descriptor() const = 0;
  // Asks for wake-ups through that descriptor. False when packets are there already.
  virtual bool arm() = 0;
  virtual void disarm() = 0;

  virtual MacAddress mac() const = 0;
  virtual const PortCapabilities& capabilities() const = 0;
  virtual PortStatistics statistics() const = 0;
};

}  // namespace ringroad
