// A port over our own memif: packets are copied between mbufs and the shared rings.
//
// Owned by one io lcore. Holds up to kSpareMax empty mbufs between bursts, so that an empty poll
// costs neither an allocation nor a free; stop() gives them back to the pool.
#pragma once

#include <array>
#include <memory>

#include "drivers/memif/interface.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

class MemifPort final : public Port {
 public:
  // `mtu`: the largest IP packet; the pool's buffers must hold it and its Ethernet header.
  MemifPort(memif::Config config, MacAddress mac, std::uint32_t mtu, rte_mempool* pool);
  ~MemifPort() override;

  absl::Status start() override;
  void stop() override;
  std::uint16_t receive_burst(std::span<rte_mbuf*> out) override;
  std::uint16_t transmit_burst(std::span<rte_mbuf*> packets) override;
  Claim claim(std::span<std::byte>& room) override;
  void commit(std::uint32_t bytes) override;
  void publish() override;
  std::uint32_t service(Nanos now) override;
  bool is_link_up() const override;
  int wait_descriptor() const override;
  bool arm() override;
  void disarm() override;
  MacAddress mac() const override { return mac_; }
  const PortCapabilities& capabilities() const override { return capabilities_; }
  PortStatistics statistics() const override;

 private:
  static constexpr std::size_t kSpareMax = 64;

  std::size_t refill(std::size_t wanted);

  const memif::Config config_;
  const MacAddress mac_;
  rte_mempool* const pool_;
  PortCapabilities capabilities_;
  std::unique_ptr<memif::Interface> interface_;
  PortStatistics before_;  // until it was last stopped
  std::uint64_t no_buffer_ = 0;
  std::uint64_t link_changes_ = 0;
  bool was_up_ = false;
  std::array<rte_mbuf*, kSpareMax> spare_{};
  // Where spare_[i]'s data goes: filled in once a buffer, so that an empty poll writes nothing.
  std::array<memif::ReceiveBuffer, kSpareMax> places_{};
  std::array<memif::TransmitBuffer, kSpareMax> outgoing_{};
  std::size_t spare_count_ = 0;
};

}  // namespace ringroad
