// The port: what it stands on (an interface of the kernel's, or a memif socket), and whether
// packets of its MTU pass there. Only this end is looked at; what the peers said of theirs is told
// where links are (node.cc).
#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/config_names.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

constexpr std::uint64_t kInterfaceUp = 1;  // IFF_UP of /sys/class/net/*/flags
constexpr std::uint32_t kEthernetBytes = 14;

std::string interface_file(const PortConfig& port, const std::string& file) {
  return absl::StrCat("/sys/class/net/", port.interface, "/", file);
}

// An interface on another NUMA node than the loops that poll it: each packet crosses the sockets.
bool say_numa(const Machine& machine, const PortConfig& port, Findings& findings) {
  const auto node = machine.read_number(interface_file(port, "device/numa_node"));
  if (!node || !machine.plan()) return false;  // "-1": it belongs to none
  for (const std::uint32_t cpu : machine.pinned_io_cpus()) {
    const std::uint32_t loop_node = machine.topology()->find(cpu)->numa_node;
    if (loop_node == *node) continue;
    const std::string list =
        machine.read(absl::StrCat("/sys/devices/system/node/node", *node, "/cpulist")).value_or("");
    findings.warning(
        absl::StrCat(port.interface, " is on NUMA node ", *node, ", its loop's CPU ", cpu,
                     " on node ", loop_node, ": every packet crosses over"),
        absl::StrCat("name CPUs of node ", *node, " in /cpu/io", list.empty() ? "" : ": ", list));
    return true;
  }
  return false;
}

void check_interface(const Machine& machine, const PortConfig& port, Findings& findings) {
  const std::string quoted = shell_word(port.interface);
  if (!machine.exists(absl::StrCat("/sys/class/net/", port.interface))) {
    const auto names = machine.list("/sys/class/net");
    return findings.wrong(absl::StrCat("no interface is named \"", port.interface,
                                       "\" (there are: ", absl::StrJoin(names, ", "), ")"),
                          "set /ports/0/interface to one of: ip link show");
  }
  const std::string flags = machine.read(interface_file(port, "flags")).value_or("0x0");
  const auto bits = parse_number(flags.rfind("0x", 0) == 0 ? flags.substr(2) : flags, 16);
  if ((bits.value_or(0) & kInterfaceUp) == 0) {
    return findings.wrong(absl::StrCat(port.interface, " is down"),
                          absl::StrCat("sudo ip link set dev ", quoted, " up"));
  }
  // "carrier" is an error to read while an interface is down.
  if (machine.read(interface_file(port, "carrier")) == "0") {
    return findings.wrong(
        absl::StrCat(port.interface,
                     " is up and has no carrier: nothing is at "
                     "the other end"),
        absl::StrCat("plug the cable, or bring the other end up: ip link show ", quoted));
  }
  if (say_numa(machine, port, findings)) return;
  const auto driver = machine.read_link_name(interface_file(port, "device/driver"));
  findings.ok(absl::StrCat(port.interface, " is up, driver ",
                           driver.value_or("none (a virtual interface)")));
}

void check_memif(const Machine& machine, const PortConfig& port, Findings& findings) {
  const auto sockets = machine.listening_sockets();
  const std::string role = port.master ? "memif master" : "memif slave";
  if (sockets.contains(port.socket)) {
    return findings.ok(absl::StrCat(role, ", ", port.socket, " is served"));
  }
  if (!port.master) {
    const std::string fabric = machine.restart_command(control::Restart::kNetwork);
    const std::string mend = fabric.empty()
                                 ? absl::StrCat(
                                       "start the node that is its master    or: ringroad-fabric "
                                       "run --socket ",
                                       shell_word(port.socket))
                                 : fabric;
    const std::string text =
        absl::StrCat(role, ", and nobody serves ", port.socket, ": the port stays down");
    // Before the node starts, the other end may be yet to come.
    return machine.status() != nullptr || !fabric.empty() ? findings.wrong(text, mend)
                                                          : findings.warning(text, mend);
  }
  if (!port.socket.empty() && port.socket.front() == '@') {
    return findings.ok(absl::StrCat(role, ", ", port.socket, " is free"));
  }
  const std::string folder = std::filesystem::path(port.socket).parent_path().string();
  if (!machine.exists(folder)) {
    return findings.wrong(absl::StrCat(role, ", and there is no folder ", folder),
                          absl::StrCat("mkdir -p ", shell_word(folder)));
  }
  findings.ok(absl::StrCat(role, ", ", port.socket, " is free"));
}

void check_tap(const Machine& machine, const PortConfig& port, Findings& findings) {
  if (!machine.exists("/dev/net/tun")) {
    return findings.wrong("/dev/net/tun is not there: no tap interface can be made",
                          "sudo modprobe tun");
  }
  if (machine.exists(absl::StrCat("/sys/class/net/", port.interface))) {
    return findings.ok(absl::StrCat("tap ", port.interface, " is there"));
  }
  findings.ok(absl::StrCat("tap ", port.interface, " will be made when the node starts"));
}

// The interface itself, the bridge it is a port of, and what it lies on (a VLAN's device, a
// bond's): every one of them that is here has to carry a full packet.
void check_interface_mtu(const Machine& machine, const PortConfig& port, Findings& findings) {
  const std::string text = absl::StrCat("MTU ", port.mtu);
  std::vector<std::pair<std::string, std::string>> path = {{port.interface, "mtu"}};
  if (const auto bridge = machine.read_link_name(interface_file(port, "master"))) {
    path.emplace_back(*bridge, "master/mtu");
  }
  for (const std::string& entry : machine.list(interface_file(port, ""))) {
    constexpr char kLower[] = "lower_";
    if (entry.rfind(kLower, 0) == 0) {
      path.emplace_back(entry.substr(sizeof kLower - 1), entry + "/mtu");
    }
  }
  std::vector<std::string> carried;
  for (const auto& [name, file] : path) {
    const auto mtu = machine.read_number(interface_file(port, file));
    if (!mtu) continue;
    if (*mtu < port.mtu) {
      return findings.wrong(absl::StrCat(text, " is configured, ", name, " carries ", *mtu,
                                         ": full packets are lost"),
                            absl::StrCat("sudo ip link set dev ", shell_word(name), " mtu ",
                                         port.mtu, "    or set /ports/0/mtu to ", *mtu));
    }
    carried.push_back(absl::StrCat(name, " carries ", *mtu));
  }
  if (carried.empty()) carried.push_back(port.interface + "'s is not readable here");
  findings.ok(absl::StrCat(text, ", ", absl::StrJoin(carried, ", ")));
}

}  // namespace

void check_port(const Machine& machine, Findings& findings) {
  if (!machine.config()) return findings.ok("no node is configured here");
  for (const PortConfig& port : machine.config()->ports) {
    switch (port.kind) {
      case PortKind::kAfPacket:
        check_interface(machine, port, findings);
        break;
      case PortKind::kMemif:
        check_memif(machine, port, findings);
        break;
      case PortKind::kTap:
        check_tap(machine, port, findings);
        break;
      case PortKind::kNull:
      case PortKind::kRing:
        findings.ok(absl::StrCat(word_of(kPortKindWords, port.kind), ", which needs nothing"));
        break;
    }
  }
}

void check_mtu(const Machine& machine, Findings& findings) {
  if (!machine.config()) return findings.ok("no node is configured here");
  for (const PortConfig& port : machine.config()->ports) {
    const std::string text = absl::StrCat("MTU ", port.mtu);
    if (port.kind == PortKind::kAfPacket) {
      check_interface_mtu(machine, port, findings);
    } else if (port.kind == PortKind::kMemif && port.buffer_bytes != 0 &&
               port.buffer_bytes < port.mtu + kEthernetBytes) {
      findings.warning(absl::StrCat(text, " takes several buffers of ", port.buffer_bytes,
                                    " bytes a packet: slower, and some memif peers take one only"),
                       "leave /ports/0/buffer_bytes out: it is derived from the MTU");
    } else {
      findings.ok(absl::StrCat(text, ", as configured"));
    }
  }
}

}  // namespace ringroad::cli
