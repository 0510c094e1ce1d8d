// A port over one DPDK ethdev: null, ring, tap, af_packet now. Owned by one io lcore.
//
// One receive and one transmit queue, no offloads. It owns the device: made by name and arguments
// on the vdev bus, closed and removed with the port. Link state comes from the kernel's interface
// where there is one, and is looked at ten times a second.
//
// Waiting: on tap, through an epoll descriptor of our own that watches its queue's; the others have
// none in DPDK 22.11. Once the tap's interface is deleted its queue reports an error for ever and
// carries nothing again: it is taken out of the set, and the link stays down until a new start.
// Jumbo frames on tap: the driver's limit is 1,522 bytes whatever the kernel's MTU. It reads longer
// ones all the same; longer ones to send are written to its queue by hand.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "drivers/port.h"

struct rte_mempool;

namespace ringroad {

class EthdevPort final : public Port {
 public:
  struct Options {
    std::string kind;       // "null", "ring", "tap", "af_packet"
    std::string device;     // DPDK's name for it, unique in the process
    std::string arguments;  // DPDK's device arguments
    std::string interface;  // the kernel's interface behind it, or empty
    std::uint32_t mtu = 1'500;
    MacAddress mac;               // ours
    bool use_device_mac = false;  // take the device's own instead
    rte_mempool* pool = nullptr;
  };

  // Makes the device. Errors name port, value and mend.
  static absl::StatusOr<std::unique_ptr<EthdevPort>> create(Options options);
  ~EthdevPort() override;
  EthdevPort(const EthdevPort&) = delete;
  EthdevPort& operator=(const EthdevPort&) = delete;

  absl::Status start() override;
  void stop() override;
  std::uint16_t receive_burst(std::span<rte_mbuf*> out) override;
  std::uint16_t transmit_burst(std::span<rte_mbuf*> packets) override;
  std::uint32_t service(Nanos now) override;
  bool is_link_up() const override { return link_up_; }
  int wait_descriptor() const override { return waiting_; }
  bool arm() override { return true; }  // tap's descriptor stays readable while packets wait
  void disarm() override {}
  MacAddress mac() const override { return options_.mac; }
  const PortCapabilities& capabilities() const override { return capabilities_; }
  PortStatistics statistics() const override;

 private:
  EthdevPort(Options options, std::uint16_t port) : options_(std::move(options)), port_(port) {}
  absl::Status probe();
  absl::Status configure();
  absl::Status failed(const std::string& step, int error, const std::string& mend) const;
  absl::Status watch_queue();
  bool is_queue_dead() const;
  bool read_link() const;
  bool write_jumbo(rte_mbuf* packet);
  void drain();

  Options options_;
  const std::uint16_t port_;
  PortCapabilities capabilities_;
  std::uint32_t device_mtu_ = 0;  // the driver's own limit, when lower than ours
  bool promiscuous_ = false;
  bool started_ = false;
  bool link_up_ = false;
  Nanos link_read_at_{-1};
  Nanos queue_looked_at_{-1};
  int queue_ = -1;     // tap's, DPDK's own
  int waiting_ = -1;   // epoll over it, ours
  bool lost_ = false;  // the interface was deleted under the port
  PortStatistics statistics_;
};

}  // namespace ringroad
