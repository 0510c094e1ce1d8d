// Two ports joined by a cable inside one process: what one transmits the other receives, up to a
// depth, through the same mbufs and no copy. A test may pull the plug or thin the cable.
#pragma once

#include <rte_mbuf.h>

#include <deque>
#include <functional>
#include <memory>

#include "drivers/port.h"

namespace ringroad {

struct PatchCable {
  std::deque<rte_mbuf*> direction[2];  // [i]: toward end i
  std::size_t depth = 256;
  bool plugged = true;
  std::function<bool(const rte_mbuf*)> lose;  // true: this packet never arrives
  ~PatchCable() {
    for (auto& queue : direction) {
      for (rte_mbuf* packet : queue) rte_pktmbuf_free(packet);
    }
  }
};

class PatchPort final : public Port {
 public:
  PatchPort(std::shared_ptr<PatchCable> cable, int end, std::uint32_t mtu)
      : cable_(std::move(cable)), end_(end) {
    capabilities_.kind = "patch";
    capabilities_.driver = "test";
    capabilities_.mtu = mtu;
  }

  absl::Status start() override { return absl::OkStatus(); }
  void stop() override {}

  std::uint16_t receive_burst(std::span<rte_mbuf*> out) override {
    auto& queue = cable_->direction[end_];
    std::uint16_t count = 0;
    while (count < out.size() && !queue.empty()) {
      out[count++] = queue.front();
      queue.pop_front();
    }
    statistics_.packets_received += count;
    return count;
  }

  std::uint16_t transmit_burst(std::span<rte_mbuf*> packets) override {
    auto& queue = cable_->direction[1 - end_];
    std::uint16_t count = 0;
    for (rte_mbuf* packet : packets) {
      if (queue.size() >= cable_->depth) break;
      ++count;
      if (!cable_->plugged || (cable_->lose && cable_->lose(packet))) {
        rte_pktmbuf_free(packet);
      } else {
        queue.push_back(packet);
      }
    }
    statistics_.packets_sent += count;
    return count;
  }

  std::uint32_t service(Nanos) override { return 0; }
  bool is_link_up() const override { return cable_->plugged; }
  int wait_descriptor() const override { return -1; }
  bool arm() override { return cable_->direction[end_].empty(); }
  void disarm() override {}
  MacAddress mac() const override {
    return {{0x02, 0x52, 0x52, 0, 0, static_cast<std::uint8_t>(end_ + 1)}};
  }
  const PortCapabilities& capabilities() const override { return capabilities_; }
  PortStatistics statistics() const override { return statistics_; }

 private:
  std::shared_ptr<PatchCable> cable_;
  int end_;
  PortCapabilities capabilities_;
  PortStatistics statistics_;
};

}  // namespace ringroad
