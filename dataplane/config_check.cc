// How the values of a configuration must fit each other: identities, networks, what each kind of
// port needs, powers of two, and limits that hold each other. Each check adds its own faults and
// stops no other, so that one reading tells all. Runs once, at start.
#include "dataplane/config_check.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/config_names.h"
#include "dataplane/core/frame_sizes.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/stack.h"

namespace ringroad {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPort = "/ports/0";

bool on_link(const NodeConfig& config, Ipv4Address address) {
  const std::uint32_t mask = prefix_mask(config.ports[0].prefix_length);
  return (address.value & mask) == (config.local_node.bind_address.value & mask);
}

std::string network(const NodeConfig& config) {
  const std::uint8_t bits = config.ports[0].prefix_length;
  return absl::StrCat(
      to_string(Ipv4Address{config.local_node.bind_address.value & prefix_mask(bits)}), "/", bits);
}

// Whether one host can have the address; says why not.
bool check_host(const NodeConfig& config, Ipv4Address address, std::string_view pointer,
                ConfigFaults& faults) {
  const std::uint32_t first = address.value >> 24;
  const char* what = nullptr;
  if (first == 0) what = "names no host";
  if (first == 127) what = "is a loopback address";
  if (first >= 224) what = "is a multicast, reserved or broadcast address";
  const std::uint8_t bits = config.ports[0].prefix_length;
  if (what == nullptr && bits <= 30 && on_link(config, address)) {
    const std::uint32_t host = address.value & ~prefix_mask(bits);
    if (host == 0) what = "is the network's own address";
    if (host == ~prefix_mask(bits)) what = "is the network's broadcast address";
  }
  if (what == nullptr) return true;
  faults.add(pointer, absl::StrCat("\"", to_string(address), "\" ", what, " (the network is ",
                                   network(config), "); expected the address of one host"));
  return false;
}

void check_peers(const NodeConfig& config, ConfigFaults& faults) {
  std::map<NodeId, std::string> ids = {{config.local_node.node_id, "/local_node/node_id"}};
  std::map<std::string, std::string> names = {{config.local_node.name, "/local_node"}};
  std::map<Ipv4Address, std::string> addresses = {
      {config.local_node.bind_address, "/local_node/bind_address"}};
  for (std::size_t i = 0; i < config.cluster_nodes.size(); ++i) {
    const PeerConfig& peer = config.cluster_nodes[i];
    const std::string pointer = pointer_to("/cluster_nodes", i);
    const auto [id, id_new] = ids.emplace(peer.node_id, pointer + "/node_id");
    if (!id_new) {
      faults.add(pointer + "/node_id",
                 absl::StrCat(peer.node_id.value, " stands at ", id->second, " too",
                              peer.node_id == config.local_node.node_id
                                  ? "; cluster_nodes lists the other nodes only"
                                  : "; each node has an id of its own"));
    }
    const auto [name, name_new] = names.emplace(peer.name, pointer);
    if (!name_new && id_new) {
      faults.add(pointer + "/name",
                 absl::StrCat("\"", peer.name, "\" is the name of ", name->second, " too"));
    }
    const std::string at = pointer + "/endpoints/0/address";
    const auto [address, address_new] = addresses.emplace(peer.address, at);
    if (!address_new) {
      faults.add(at, absl::StrCat("\"", to_string(peer.address), "\" stands at ", address->second,
                                  " too; each node has an address of its own"));
    }
    if (!check_host(config, peer.address, at, faults)) continue;
    if (!on_link(config, peer.address) && !config.ports[0].gateway) {
      faults.add(at, absl::StrCat("\"", to_string(peer.address),
                                  "\" is not in this node's network ", network(config),
                                  "; set /ports/0/gateway, or a shorter /ports/0/prefix_length"));
    }
  }
}

// Which keys of a port belong to which kinds; the others belong to all.
struct KindKeys {
  std::string_view key;
  std::vector<PortKind> kinds;
  bool required;
};

void check_port_keys(const Json& port, PortKind kind, ConfigFaults& faults) {
  const std::vector<PortKind> memif = {PortKind::kMemif};
  const KindKeys all_keys[] = {
      {"socket", memif, true},        {"role", memif, false},
      {"id", memif, false},           {"ring_slots", memif, false},
      {"buffer_bytes", memif, false}, {"interface", {PortKind::kTap, PortKind::kAfPacket}, true},
  };
  const std::string word = word_of(kPortKindWords, kind);
  for (const KindKeys& keys : all_keys) {
    const bool belongs = std::ranges::find(keys.kinds, kind) != keys.kinds.end();
    const std::string pointer = pointer_to(kPort, keys.key);
    if (belongs && keys.required && !port.contains(keys.key)) {
      faults.add(pointer, absl::StrCat("missing: a port of kind \"", word, "\" needs it"));
    }
    if (belongs || !port.contains(keys.key)) continue;
    const auto users = absl::StrJoin(keys.kinds, " and ", [](std::string* out, PortKind user) {
      absl::StrAppend(out, "\"", word_of(kPortKindWords, user), "\"");
    });
    faults.add(pointer,
               absl::StrCat(quoted(port[keys.key]), " has no meaning for a port of kind \"", word,
                            "\" (only for ", users, ")"));
  }
}

void check_power_of_two(std::string_view pointer, std::uint32_t value, ConfigFaults& faults) {
  if (std::has_single_bit(value)) return;
  const std::uint32_t below = std::bit_floor(value);
  faults.add(pointer, absl::StrCat(value, " is not a power of two; did you mean ",
                                   value - below <= 2 * below - value ? below : 2 * below, "?"));
}

void check_port(const Json& document, const NodeConfig& config, ConfigFaults& faults) {
  const PortConfig& port = config.ports[0];
  check_port_keys(document["ports"][0], port.kind, faults);
  if (port.mac && (port.mac->is_multicast() || *port.mac == MacAddress{})) {
    faults.add("/ports/0/mac", absl::StrCat("\"", to_string(*port.mac),
                                            "\" names no single station; expected a unicast MAC "
                                            "address, like \"02:52:52:00:00:01\""));
  }
  check_power_of_two("/ports/0/ring_slots", port.ring_slots, faults);
  constexpr std::uint32_t kBufferBytesMin = 512;
  if (port.buffer_bytes != 0 && port.buffer_bytes < kBufferBytesMin) {
    faults.add(
        "/ports/0/buffer_bytes",
        absl::StrCat(
            port.buffer_bytes,
            " is too small for a packet's parts; expected 0 (what the MTU needs) or at least ",
            kBufferBytesMin));
  }
  if (!port.gateway) return;
  if (!check_host(config, *port.gateway, "/ports/0/gateway", faults)) return;
  if (!on_link(config, *port.gateway)) {
    faults.add("/ports/0/gateway",
               absl::StrCat("\"", to_string(*port.gateway), "\" is not in this node's network ",
                            network(config), ", so it cannot be reached itself"));
  }
  if (*port.gateway == config.local_node.bind_address) {
    faults.add("/ports/0/gateway",
               absl::StrCat("\"", to_string(*port.gateway), "\" is this node's own bind_address"));
  }
}

// Whether links have room to put a longest message together: by their own arithmetic, since a link
// refuses every message that is longer than it has.
void check_held_frames(const NodeConfig& config, ConfigFaults& faults) {
  constexpr std::uint64_t kHeldFramesMost = 65'536;  // the schema's maximum
  const LimitsConfig& limits = config.limits;
  const std::uint32_t mtu = config.ports[0].mtu;
  const auto frame_bytes_max = static_cast<std::uint32_t>(
      std::min<std::size_t>(mtu - Stack::kIpv4AndUdpBytes, kFrameBytesMax));
  const std::uint64_t needed = held_frames_needed(limits.message_bytes_max, frame_bytes_max);
  if (limits.held_frames >= needed) return;
  const std::uint32_t share = held_frames_share(limits.held_frames);
  const std::string mend = needed <= kHeldFramesMost ? absl::StrCat("at least ", needed)
                                                     : std::string("a larger /ports/0/mtu");
  faults.add(
      "/limits/held_frames",
      absl::StrCat(limits.held_frames, " frames leave ", share, " to each of the ", kPriorities,
                   " priorities, but a message of /limits/message_bytes_max (",
                   limits.message_bytes_max, ") takes ",
                   fragments_of(limits.message_bytes_max, frame_bytes_max), " at /ports/0/mtu ",
                   mtu, "; expected ", mend, ", or a /limits/message_bytes_max of at most ",
                   completable_bytes_max(share, frame_bytes_max)));
}

void check_limits(const NodeConfig& config, ConfigFaults& faults) {
  const LimitsConfig& limits = config.limits;
  check_power_of_two("/limits/queue_messages", limits.queue_messages, faults);
  check_power_of_two("/limits/window_messages", limits.window_messages, faults);
  check_power_of_two("/limits/flight_frames", limits.flight_frames, faults);
  if (limits.window_bytes < limits.message_bytes_max) {
    faults.add("/limits/window_bytes",
               absl::StrCat(limits.window_bytes, " is less than /limits/message_bytes_max (",
                            limits.message_bytes_max, "); a window holds at least one message"));
  }
  check_held_frames(config, faults);
  const std::uint64_t quota =
      std::uint64_t{limits.application_arena_bytes} * limits.application_quota_percent / 100;
  if (quota < limits.message_bytes_max) {
    faults.add(
        "/limits/application_arena_bytes",
        absl::StrCat(limits.application_arena_bytes, " at ", limits.application_quota_percent,
                     " % a peer cannot hold a message of /limits/message_bytes_max (",
                     limits.message_bytes_max, ")"));
  }
}

void check_consensus(const NodeConfig& config, ConfigFaults& faults) {
  const ConsensusConfig& consensus = config.consensus;
  if (consensus.heartbeat_interval_ms <= consensus.election_timeout_ms / 2) return;
  faults.add("/consensus/heartbeat_interval_ms",
             absl::StrCat(consensus.heartbeat_interval_ms, " is more than half of ",
                          "/consensus/election_timeout_ms (", consensus.election_timeout_ms,
                          "): one that is lost would cost the leader its office; expected at most ",
                          consensus.election_timeout_ms / 2));
}

void check_cpu(const Json& document, const NodeConfig& config, ConfigFaults& faults) {
  const CpuConfig& cpu = config.cpu;
  std::set<std::uint32_t> seen;
  for (std::size_t i = 0; i < cpu.io.size(); ++i) {
    if (seen.insert(cpu.io[i]).second) continue;
    faults.add(pointer_to("/cpu/io", i),
               absl::StrCat("CPU ", cpu.io[i], " stands in this list twice"));
  }
  if (!cpu.io.empty() && cpu.io.size() != cpu.io_lcores) {
    faults.add("/cpu/io_lcores",
               absl::StrCat(document["cpu"]["io_lcores"].dump(), ", but /cpu/io names ",
                            cpu.io.size(), " CPUs; expected as many, or neither"));
  }
}

}  // namespace

void check_config(const Json& document, const NodeConfig& config, ConfigFaults& faults) {
  check_host(config, config.local_node.bind_address, "/local_node/bind_address", faults);
  check_peers(config, faults);
  check_port(document, config, faults);
  check_limits(config, faults);
  check_consensus(config, faults);
  check_cpu(document, config, faults);
}

}  // namespace ringroad
