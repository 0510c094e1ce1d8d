// Two ports joined by a cable inside one process: what one transmits the other receives, up to a
// depth, through the same mbufs and no copy. A test may pull the plug, thin the cable, or have
// packets built in place.
#pragma once

#include <rte_mbuf.h>

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

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

  ~PatchPort() override { rte_pktmbuf_free(claimed_); }

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
    if (!committed_.empty() && packets.data() != committed_.data()) publish();
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

  // Lends buffers of `pool` to build packets in; one claim in `refuse_every` is told to copy.
  void lend_from(rte_mempool* pool, std::uint32_t refuse_every) {
    pool_ = pool;
    refuse_every_ = refuse_every;
  }
  Claim claim(std::span<std::byte>& room) override {
    if (pool_ == nullptr || ++claims_ % refuse_every_ == 0) return Claim::kNotHere;
    if (cable_->direction[1 - end_].size() + committed_.size() >= cable_->depth) {
      return Claim::kFull;
    }
    if (claimed_ == nullptr) claimed_ = rte_pktmbuf_alloc(pool_);
    room = {rte_pktmbuf_mtod(claimed_, std::byte*), rte_pktmbuf_tailroom(claimed_)};
    return Claim::kReady;
  }
  void commit(std::uint32_t bytes) override {
    claimed_->data_len = static_cast<std::uint16_t>(bytes);
    claimed_->pkt_len = bytes;
    committed_.push_back(std::exchange(claimed_, nullptr));
    ++built_in_place;
  }
  void publish() override {
    transmit_burst(committed_);
    committed_.clear();
  }
  std::uint64_t built_in_place = 0;

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
  rte_mempool* pool_ = nullptr;  // none: packets are not built in place
  std::uint32_t refuse_every_ = 1, claims_ = 0;
  rte_mbuf* claimed_ = nullptr;
  std::vector<rte_mbuf*> committed_;
};

}  // namespace ringroad
