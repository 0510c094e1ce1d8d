#include "drivers/factory.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "drivers/ethdev_port.h"
#include "drivers/frame_bytes.h"
#include "drivers/kernel_interface.h"
#include "drivers/memif_port.h"

namespace ringroad {
namespace {

// The first of "net_null0", "net_null1", ... that no other port of this process has.
std::string free_device_name(const std::string& driver) {
  for (unsigned n = 0;; ++n) {
    std::string name = absl::StrCat(driver, n);
    std::uint16_t port = 0;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port) != 0) return name;
  }
}

absl::StatusOr<std::unique_ptr<Port>> make_ethdev(EthdevPort::Options options) {
  auto made = EthdevPort::create(std::move(options));
  if (!made.ok()) return made.status();
  return std::unique_ptr<Port>(*std::move(made));
}

absl::StatusOr<std::unique_ptr<Port>> make_memif(const PortConfig& config, MacAddress mac,
                                                 rte_mempool* pool) {
  if (!std::has_single_bit(config.ring_slots) || config.ring_slots < 2) {
    return absl::InvalidArgumentError(absl::StrCat("port memif \"", config.socket,
                                                   "\": ring_slots is ", config.ring_slots,
                                                   "; a power of two from 2 to 16,384"));
  }
  memif::Config memif;
  memif.role = config.master ? memif::Role::kMaster : memif::Role::kSlave;
  memif.socket_path = config.socket;
  memif.id = config.id;
  memif.name = absl::StrCat("ringroad-", config.id);
  memif.log2_ring_size = static_cast<std::uint16_t>(std::countr_zero(config.ring_slots));
  memif.buffer_bytes =
      config.buffer_bytes != 0 ? config.buffer_bytes : (frame_bytes(config.mtu) + 63) / 64 * 64;
  return std::make_unique<MemifPort>(std::move(memif), mac, config.mtu, pool);
}

absl::Status check_interface(const std::string& kind, const std::string& name) {
  if (is_interface_name(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "port ", kind, ": \"", name, "\" is no interface name; 1 to 15 letters, digits, . _ or -"));
}

absl::Status check_tap(const std::string& name) {
  if (absl::Status status = check_interface("tap", name); !status.ok()) return status;
  const auto refuse = [&name](absl::string_view why, absl::string_view mend) {
    return absl::FailedPreconditionError(
        absl::StrCat("port tap \"", name, "\": ", why, "; ", mend));
  };
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
    return refuse(absl::StrCat("/dev/net/tun: ", std::strerror(errno)),
                  errno == ENOENT ? "modprobe tun, or mknod /dev/net/tun c 10 200"
                                  : "run as root or give this user access to it");
  }
  if (!has_capability(kNetAdmin)) {
    return refuse("making a tap needs CAP_NET_ADMIN",
                  "run as root, or setcap cap_net_admin,cap_net_raw+ep on this program");
  }
  if (interface_exists(name)) {
    return refuse("an interface of that name is there already",
                  absl::StrCat("name another, or ip link delete ", name));
  }
  return absl::OkStatus();
}

absl::Status check_af_packet(const std::string& name) {
  if (absl::Status status = check_interface("af_packet", name); !status.ok()) return status;
  if (!has_capability(kNetRaw)) {
    return absl::FailedPreconditionError(
        absl::StrCat("port af_packet \"", name, "\": packet sockets need CAP_NET_RAW; ",
                     "run as root, or setcap cap_net_admin,cap_net_raw+ep on this program"));
  }
  if (!interface_exists(name)) {
    return absl::NotFoundError(absl::StrCat("port af_packet \"", name,
                                            "\": no such interface; one of: ", interface_names()));
  }
  return absl::OkStatus();
}

// The packet socket's ring. A slot holds one frame behind the kernel's header, which takes 66 bytes
// (tpacket2_hdr, sockaddr_ll, alignment); DPDK refuses slots that, less 32 bytes of header, a
// packet buffer could not take in whole, and takes slots to follow one another across blocks, so
// that they must fill a block exactly. Blocks are whole pages. So: the roundest slot between both
// bounds.
std::string af_packet_arguments(const std::string& name, std::uint32_t mtu, std::uint32_t room) {
  constexpr std::uint32_t kPage = 4'096, kSlotAlignment = 16;
  const std::uint32_t least = frame_bytes(mtu) + 66, most = room + 32;
  std::uint32_t slot = 0;
  for (std::uint32_t round = kPage; round >= kSlotAlignment; round /= 2) {
    slot = (least + round - 1) / round * round;
    if (slot <= most) break;
  }
  const std::uint32_t block = std::lcm(slot, kPage);
  const std::uint32_t slots_wanted = mtu > kPage ? 128 : 512;
  const std::uint32_t slots_per_block = block / slot;
  const std::uint32_t slots =
      (slots_wanted + slots_per_block - 1) / slots_per_block * slots_per_block;
  return absl::StrCat("iface=", name, ",blocksz=", block, ",framesz=", slot, ",framecnt=", slots);
}

std::string bits_per_second(std::uint64_t bits) {
  return bits == 0 ? "not known" : absl::StrCat(bits / 1'000'000, " Mb/s");
}

}  // namespace

MacAddress default_mac(std::uint32_t index, NodeId node) {
  return {{0x02, 0x52, 0x52, static_cast<std::uint8_t>(index),
           static_cast<std::uint8_t>(node.value >> 8), static_cast<std::uint8_t>(node.value)}};
}

absl::StatusOr<std::unique_ptr<Port>> make_port(const PortConfig& config, std::uint32_t index,
                                                NodeId node, rte_mempool* pool) {
  EthdevPort::Options options;
  options.interface = config.interface;
  options.mtu = config.mtu;
  options.mac = config.mac.value_or(default_mac(index, node));
  options.pool = pool;
  switch (config.kind) {
    case PortKind::kMemif:
      return make_memif(config, options.mac, pool);
    case PortKind::kNull:
      options.kind = "null";
      options.interface.clear();
      options.device = free_device_name("net_null");
      options.arguments = "no-rx=1";  // otherwise it receives zeros without end
      return make_ethdev(std::move(options));
    case PortKind::kRing:
      options.kind = "ring";
      options.interface.clear();
      options.device = free_device_name("net_ring");
      return make_ethdev(std::move(options));
    case PortKind::kTap:
      if (absl::Status status = check_tap(config.interface); !status.ok()) return status;
      options.kind = "tap";
      options.device = free_device_name("net_tap");
      options.arguments = absl::StrCat("iface=", config.interface);
      return make_ethdev(std::move(options));
    case PortKind::kAfPacket:
      if (absl::Status status = check_af_packet(config.interface); !status.ok()) return status;
      options.kind = "af_packet";
      options.device = free_device_name("net_af_packet");
      options.arguments = af_packet_arguments(
          config.interface, config.mtu, rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
      options.use_device_mac = !config.mac.has_value();
      return make_ethdev(std::move(options));
  }
  return absl::InvalidArgumentError("port: unknown kind");
}

std::string print_capabilities(const Port& port) {
  const PortCapabilities& can = port.capabilities();
  std::string text = absl::StrCat(can.kind, " (", can.driver, ")\n");
  absl::StrAppend(&text, "  mac        ", to_string(port.mac()), "\n");
  absl::StrAppend(&text, "  mtu        ", can.mtu, " bytes\n");
  absl::StrAppend(&text, "  speed      ",
                  can.shared_memory ? "shared memory" : bits_per_second(can.link_bits_per_s), "\n");
  absl::StrAppend(&text, "  checksums  ",
                  can.checksum_offload ? "by the device" : "by this program", "\n");
  absl::StrAppend(&text, "  waiting    ",
                  can.has_descriptor ? "on a descriptor" : "by timed sleep: it has no descriptor",
                  "\n");
  absl::StrAppend(&text, "  link       ", port.is_link_up() ? "up" : "down", "\n");
  return text;
}

}  // namespace ringroad
