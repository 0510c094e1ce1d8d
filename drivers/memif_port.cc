#include "drivers/memif_port.h"

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"
#include "drivers/frame_bytes.h"

namespace ringroad {

MemifPort::MemifPort(memif::Config config, MacAddress mac, std::uint32_t mtu, rte_mempool* pool)
    : config_(std::move(config)), mac_(mac), pool_(pool) {
  capabilities_.kind = "memif";
  capabilities_.driver = "ringroad-memif";
  capabilities_.mtu = mtu;
  capabilities_.has_descriptor = true;
  capabilities_.shared_memory = true;
}

MemifPort::~MemifPort() { stop(); }

absl::Status MemifPort::start() {
  const std::uint32_t room = rte_pktmbuf_data_room_size(pool_) - RTE_PKTMBUF_HEADROOM;
  if (room < frame_bytes(capabilities_.mtu)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "port memif \"", config_.socket_path, "\" id ", config_.id, ": mtu ", capabilities_.mtu,
        " needs buffers of ", frame_bytes(capabilities_.mtu), " bytes, the pool's have ", room,
        "; lower the mtu or let the pool be derived from it"));
  }
  auto made = memif::Interface::create(config_);
  if (!made.ok()) return made.status();
  interface_ = *std::move(made);
  return absl::OkStatus();
}

void MemifPort::stop() {
  if (interface_ != nullptr) {
    before_ = statistics();
    no_buffer_ = link_changes_ = 0;
    was_up_ = false;
    interface_.reset();
  }
  rte_pktmbuf_free_bulk(spare_.data(), static_cast<unsigned>(spare_count_));
  spare_count_ = 0;
}

// Tries to have `wanted` spare mbufs; returns how many there are. Takes twice that many at a time
// and no more: buffers that lie idle push those in use out of the cache.
std::size_t MemifPort::refill(std::size_t wanted) {
  if (spare_count_ < wanted) {
    const std::size_t missing = std::min(kSpareMax, 2 * wanted) - spare_count_;
    if (rte_pktmbuf_alloc_bulk(pool_, spare_.data() + spare_count_,
                               static_cast<unsigned>(missing)) == 0) {
      for (std::size_t i = spare_count_; i < spare_count_ + missing; ++i) {
        places_[i] = {rte_pktmbuf_mtod(spare_[i], std::byte*), rte_pktmbuf_tailroom(spare_[i]), 0};
      }
      spare_count_ += missing;
    } else if (spare_count_ == 0) {
      ++no_buffer_;
    }
  }
  return std::min(spare_count_, wanted);
}

std::uint16_t MemifPort::receive_burst(std::span<rte_mbuf*> out) {
  if (interface_ == nullptr || !interface_->is_connected()) return 0;
  std::size_t total = 0;
  while (total < out.size()) {
    const std::size_t offered = refill(std::min(out.size() - total, kSpareMax));
    // From the end of the spare ones, so that what is left needs no moving.
    rte_mbuf** const buffers = spare_.data() + (spare_count_ - offered);
    memif::ReceiveBuffer* const packets = places_.data() + (spare_count_ - offered);
    const std::size_t count = interface_->receive({packets, offered});
    for (std::size_t i = 0; i < count; ++i) {
      buffers[i]->data_len = static_cast<std::uint16_t>(packets[i].length);
      buffers[i]->pkt_len = packets[i].length;
      out[total + i] = buffers[i];
    }
    std::copy(buffers + count, buffers + offered, buffers);
    std::copy(packets + count, packets + offered, packets);
    spare_count_ -= count;
    total += count;
    if (count < offered || offered == 0) break;
  }
  return static_cast<std::uint16_t>(total);
}

std::uint16_t MemifPort::transmit_burst(std::span<rte_mbuf*> packets) {
  if (interface_ == nullptr || packets.empty()) return 0;
  std::size_t total = 0;
  while (total < packets.size()) {
    const std::size_t offered = std::min(packets.size() - total, kSpareMax);
    for (std::size_t i = 0; i < offered; ++i) {
      const rte_mbuf* mbuf = packets[total + i];
      RR_CHECK(mbuf->nb_segs == 1);
      outgoing_[i] = {rte_pktmbuf_mtod(mbuf, const std::byte*), mbuf->data_len};
    }
    const std::size_t count = interface_->transmit({outgoing_.data(), offered});
    rte_pktmbuf_free_bulk(packets.data() + total, static_cast<unsigned>(count));
    total += count;
    if (count < offered) break;
  }
  return static_cast<std::uint16_t>(total);
}

Port::Claim MemifPort::claim(std::span<std::byte>& room) {
  if (interface_ == nullptr || !interface_->is_connected()) return Claim::kNotHere;
  switch (interface_->claim(frame_bytes(capabilities_.mtu), &room)) {
    case memif::Claim::kReady:
      return Claim::kReady;
    case memif::Claim::kFull:
      return Claim::kFull;
    case memif::Claim::kTooSmall:
      break;
  }
  return Claim::kNotHere;
}

void MemifPort::commit(std::uint32_t bytes) { interface_->commit(bytes); }

void MemifPort::publish() {
  if (interface_ != nullptr) interface_->publish();
}

std::uint32_t MemifPort::service(Nanos now) {
  if (interface_ == nullptr) return 0;
  const std::uint32_t work = interface_->service(now);
  if (interface_->is_connected() != was_up_) {
    was_up_ = !was_up_;
    ++link_changes_;
  }
  return work;
}

bool MemifPort::is_link_up() const { return interface_ != nullptr && interface_->is_connected(); }

int MemifPort::wait_descriptor() const {
  return interface_ == nullptr ? -1 : interface_->wait_descriptor();
}

bool MemifPort::arm() { return interface_ == nullptr || interface_->arm(); }

void MemifPort::disarm() {
  if (interface_ != nullptr) interface_->disarm();
}

PortStatistics MemifPort::statistics() const {
  PortStatistics sum = before_;
  sum.received_no_buffer += no_buffer_;
  sum.link_changes += link_changes_;
  if (interface_ == nullptr) return sum;
  const memif::Statistics& now = interface_->statistics();
  sum.packets_received += now.packets_received;
  sum.packets_sent += now.packets_sent;
  sum.bytes_received += now.bytes_received;
  sum.bytes_sent += now.bytes_sent;
  sum.received_too_long += now.received_too_long;
  sum.received_malformed += now.received_malformed;
  sum.send_ring_full += now.send_ring_full;
  sum.send_too_long += now.send_too_long;
  return sum;
}

}  // namespace ringroad
