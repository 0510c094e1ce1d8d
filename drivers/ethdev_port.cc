#include "drivers/ethdev_port.h"

#include <linux/if_tun.h>
#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"
#include "drivers/frame_bytes.h"
#include "drivers/kernel_interface.h"

namespace ringroad {
namespace {

constexpr Nanos kLinkInterval = milliseconds(100);
constexpr Nanos kQueueInterval = milliseconds(1);
// What the null and ring devices queue; tap takes one buffer a descriptor from the pool for good.
constexpr std::uint16_t kReceiveDescriptors = 64;
constexpr std::uint16_t kTransmitDescriptors = 512;

// True once an interval; `last` is when it was so. Time that went backwards counts as passed.
bool is_due(Nanos now, Nanos interval, Nanos& last) {
  if (now >= last && last >= Nanos{} && now - last < interval) return false;
  last = now;
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EthdevPort>> EthdevPort::create(Options options) {
  const int error = rte_vdev_init(options.device.c_str(), options.arguments.c_str());
  std::uint16_t port = 0;
  if (error != 0 || rte_eth_dev_get_port_by_name(options.device.c_str(), &port) != 0) {
    if (error == 0) rte_vdev_uninit(options.device.c_str());
    return absl::FailedPreconditionError(absl::StrCat(
        "port ", options.kind, " ", options.interface, ": DPDK device \"", options.device, ",",
        options.arguments, "\" cannot be made: ", rte_strerror(error < 0 ? -error : ENODEV),
        "; see the driver's message above, and whether DPDK's ", options.kind,
        " driver is installed"));
  }
  std::unique_ptr<EthdevPort> made(new EthdevPort(std::move(options), port));
  if (absl::Status status = made->probe(); !status.ok()) return status;
  return made;
}

EthdevPort::~EthdevPort() {
  stop();
  rte_eth_dev_close(port_);
  rte_vdev_uninit(options_.device.c_str());
}

absl::Status EthdevPort::failed(const std::string& step, int error, const std::string& mend) const {
  return absl::FailedPreconditionError(
      absl::StrCat("port ", options_.kind, " ", options_.interface, ": ", step, ": ",
                   rte_strerror(error < 0 ? -error : error), "; ", mend));
}

absl::Status EthdevPort::probe() {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(port_, &info); error != 0) {
    return failed("asking for capabilities", error, "choose another kind of port");
  }
  device_mtu_ = std::min<std::uint32_t>(info.max_mtu, info.max_rx_pktlen == UINT32_MAX
                                                          ? UINT32_MAX
                                                          : info.max_rx_pktlen - kEthernetBytesMax);
  capabilities_.kind = options_.kind;
  capabilities_.driver = info.driver_name;
  capabilities_.mtu = options_.mtu;
  const std::uint32_t room = rte_pktmbuf_data_room_size(options_.pool) - RTE_PKTMBUF_HEADROOM;
  if (room < frame_bytes(options_.mtu)) {
    return failed(absl::StrCat("mtu ", options_.mtu, " needs buffers of ",
                               frame_bytes(options_.mtu), " bytes, the pool's have ", room),
                  EINVAL, "lower the mtu or let the pool be derived from it");
  }
  if (options_.use_device_mac) {
    rte_ether_addr own{};
    if (const int error = rte_eth_macaddr_get(port_, &own); error != 0) {
      return failed("asking for its MAC address", error, "give the port a mac");
    }
    std::copy_n(own.addr_bytes, options_.mac.bytes.size(), options_.mac.bytes.begin());
  } else {
    promiscuous_ = !options_.interface.empty();
  }
  return absl::OkStatus();
}

absl::Status EthdevPort::configure() {
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::min(options_.mtu, device_mtu_);
  conf.intr_conf.rxq = options_.kind == "tap";
  if (const int error = rte_eth_dev_configure(port_, 1, 1, &conf); error != 0) {
    return failed(absl::StrCat("configuring one queue and mtu ", conf.rxmode.mtu), error,
                  "choose another mtu or kind of port");
  }
  std::uint16_t receive = kReceiveDescriptors, transmit = kTransmitDescriptors;
  if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive, &transmit); error != 0) {
    return failed("sizing its queues", error, "choose another kind of port");
  }
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(port_));
  int error = rte_eth_rx_queue_setup(port_, 0, receive, socket, nullptr, options_.pool);
  if (error == 0) error = rte_eth_tx_queue_setup(port_, 0, transmit, socket, nullptr);
  if (error != 0) return failed("setting up its queues", error, "give the node more memory");
  return absl::OkStatus();
}

absl::Status EthdevPort::start() {
  if (absl::Status status = configure(); !status.ok()) return status;
  if (const int error = rte_eth_dev_start(port_); error != 0) {
    return failed("starting", error, "see the driver's message above");
  }
  started_ = true;
  if (!options_.interface.empty()) {
    absl::Status status = set_interface_mtu(options_.interface, options_.mtu);
    if (!status.ok()) {
      stop();
      return status;
    }
  }
  // A driver without the mode sees every packet anyway.
  if (promiscuous_) (void)rte_eth_promiscuous_enable(port_);
  if (options_.kind == "tap") {
    if (absl::Status status = watch_queue(); !status.ok()) {
      stop();
      return status;
    }
  }
  capabilities_.has_descriptor = waiting_ >= 0;
  link_up_ = read_link();
  return absl::OkStatus();
}

absl::Status EthdevPort::watch_queue() {
  queue_ = rte_eth_dev_rx_intr_ctl_q_get_fd(port_, 0);
  if (queue_ < 0) return absl::OkStatus();  // its loop sleeps by the clock instead
  waiting_ = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (waiting_ < 0 || ::epoll_ctl(waiting_, EPOLL_CTL_ADD, queue_, &event) != 0) {
    return failed("watching its queue", errno, "raise the limit on open files (ulimit -n)");
  }
  return absl::OkStatus();
}

void EthdevPort::stop() {
  if (!started_) return;
  started_ = false;
  if (waiting_ >= 0) ::close(waiting_);
  waiting_ = queue_ = -1;
  lost_ = link_up_ = false;
  if (options_.kind == "ring") drain();
  (void)rte_eth_dev_stop(port_);
}

// The driver leaves its ring, and what is in it, to whoever makes the next device of that name.
void EthdevPort::drain() {
  std::array<rte_mbuf*, 32> left;
  while (const std::uint16_t count = rte_eth_rx_burst(port_, 0, left.data(), left.size())) {
    rte_pktmbuf_free_bulk(left.data(), count);
  }
}

std::uint16_t EthdevPort::receive_burst(std::span<rte_mbuf*> out) {
  if (!started_) return 0;
  std::uint16_t count =
      rte_eth_rx_burst(port_, 0, out.data(),
                       static_cast<std::uint16_t>(std::min<std::size_t>(out.size(), UINT16_MAX)));
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    if (out[i]->nb_segs != 1) [[unlikely]] {
      ++statistics_.received_too_long;
      rte_pktmbuf_free(out[i]);
      continue;
    }
    statistics_.bytes_received += out[i]->data_len;
    out[kept++] = out[i];
  }
  statistics_.packets_received += kept;
  return kept;
}

std::uint16_t EthdevPort::transmit_burst(std::span<rte_mbuf*> packets) {
  if (!started_) return 0;
  const auto wanted = static_cast<std::uint16_t>(std::min<std::size_t>(packets.size(), UINT16_MAX));
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < wanted; ++i) bytes += packets[i]->data_len;
  std::uint16_t sent = rte_eth_tx_burst(port_, 0, packets.data(), wanted);
  // The driver stops at the first frame it finds too long.
  while (sent < wanted && queue_ >= 0 && packets[sent]->data_len > frame_bytes(device_mtu_) &&
         write_jumbo(packets[sent])) {
    ++sent;
    sent = static_cast<std::uint16_t>(sent +
                                      rte_eth_tx_burst(port_, 0, packets.data() + sent,
                                                       static_cast<std::uint16_t>(wanted - sent)));
  }
  for (std::uint16_t i = sent; i < wanted; ++i) bytes -= packets[i]->data_len;
  statistics_.packets_sent += sent;
  statistics_.bytes_sent += bytes;
  statistics_.send_ring_full += wanted - sent;
  return sent;
}

bool EthdevPort::write_jumbo(rte_mbuf* packet) {
  tun_pi header{};
  const iovec parts[2] = {{&header, sizeof header},
                          {rte_pktmbuf_mtod(packet, void*), packet->data_len}};
  if (::writev(queue_, parts, 2) < 0) return false;
  rte_pktmbuf_free(packet);
  return true;
}

std::uint32_t EthdevPort::service(Nanos now) {
  if (!started_) return 0;
  bool look = is_due(now, kLinkInterval, link_read_at_);
  if (waiting_ >= 0 && !lost_ && is_due(now, kQueueInterval, queue_looked_at_) && is_queue_dead()) {
    // Level-triggered and never cleared, it would wake whoever waits on us for ever.
    (void)::epoll_ctl(waiting_, EPOLL_CTL_DEL, queue_, nullptr);
    lost_ = look = true;
  }
  if (!look) return 0;
  // A new interface of the same name is not ours.
  const bool up = !lost_ && read_link();
  if (up == link_up_) return 0;
  link_up_ = up;
  ++statistics_.link_changes;
  return 1;
}

bool EthdevPort::is_queue_dead() const {
  epoll_event event{};
  return ::epoll_wait(waiting_, &event, 1, 0) == 1 && (event.events & (EPOLLERR | EPOLLHUP)) != 0;
}

bool EthdevPort::read_link() const {
  if (!options_.interface.empty()) return is_interface_running(options_.interface);
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

PortStatistics EthdevPort::statistics() const {
  PortStatistics statistics = statistics_;
  rte_eth_stats device{};
  if (rte_eth_stats_get(port_, &device) == 0) {
    statistics.received_no_buffer = device.rx_nombuf;
    if (options_.kind == "tap") statistics.received_too_long += device.ierrors;
  }
  return statistics;
}

}  // namespace ringroad
