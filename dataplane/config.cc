// Reading a configuration: text -> strict JSON -> schema -> values with their defaults -> how the
// values fit each other. Each step runs only on what the one before found right, and tells all it
// finds. Runs once, at start.
#include "dataplane/config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "dataplane/config_check.h"
#include "dataplane/config_fault.h"
#include "dataplane/config_json.h"
#include "dataplane/config_names.h"
#include "dataplane/config_schema.h"

namespace ringroad {
namespace {

using Json = nlohmann::json;

const Json& member(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  const auto found = object.find(key);
  return found == object.end() ? kEmpty : *found;
}

// Sets `field` when the file has a value for it; the schema has checked type and range.
template <typename Field>
void take(const Json& object, const char* key, Field& field) {
  if (const auto found = object.find(key); found != object.end()) found->get_to(field);
}

void take(const Json& object, const char* key, std::optional<std::uint32_t>& field) {
  if (const auto found = object.find(key); found != object.end()) {
    field = found->get<std::uint32_t>();
  }
}

std::optional<Ipv4Address> address_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  const auto address = parse_ipv4(found->get<std::string>());
  RR_CHECK(address);  // the schema's pattern lets nothing else through
  return address;
}

std::string default_name(NodeId id) { return absl::StrCat("node-", id.value); }

LocalNodeConfig read_local_node(const Json& object) {
  LocalNodeConfig local;
  take(object, "node_id", local.node_id.value);
  local.name = default_name(local.node_id);
  take(object, "name", local.name);
  take(object, "zone", local.zone);
  local.bind_address = *address_in(object, "bind_address");
  take(object, "bind_port", local.bind_port);
  return local;
}

PeerConfig read_peer(const Json& object) {
  PeerConfig peer;
  take(object, "node_id", peer.node_id.value);
  peer.name = default_name(peer.node_id);
  take(object, "name", peer.name);
  take(object, "zone", peer.zone);
  const Json& endpoint = object["endpoints"][0];
  peer.address = *address_in(endpoint, "address");
  take(endpoint, "port", peer.port);
  return peer;
}

PortConfig read_port(const Json& object) {
  PortConfig port;
  port.kind = value_of(kPortKindWords, object["kind"].get<std::string>());
  const bool kernel = port.kind == PortKind::kTap || port.kind == PortKind::kAfPacket;
  port.mtu = kernel ? 1'500 : 9'000;
  if (object.contains("mac")) {
    port.mac = parse_mac(object["mac"].get<std::string>());
    RR_CHECK(port.mac);  // the schema's pattern lets nothing else through
  }
  take(object, "mtu", port.mtu);
  take(object, "prefix_length", port.prefix_length);
  port.gateway = address_in(object, "gateway");
  take(object, "socket", port.socket);
  port.master = object.value("role", "slave") == "master";
  take(object, "id", port.id);
  take(object, "ring_slots", port.ring_slots);
  take(object, "buffer_bytes", port.buffer_bytes);
  take(object, "interface", port.interface);
  return port;
}

CpuConfig read_cpu(const Json& object) {
  CpuConfig cpu;
  cpu.idle = value_of(kIdlePolicyWords, object.value("idle", "adaptive"));
  take(object, "io", cpu.io);
  if (!cpu.io.empty()) cpu.io_lcores = static_cast<std::uint32_t>(cpu.io.size());
  take(object, "io_lcores", cpu.io_lcores);
  take(object, "consensus", cpu.consensus);
  take(object, "control", cpu.control);
  return cpu;
}

LimitsConfig read_limits(const Json& object) {
  LimitsConfig limits;
  take(object, "message_bytes_max", limits.message_bytes_max);
  take(object, "queue_messages", limits.queue_messages);
  take(object, "window_messages", limits.window_messages);
  take(object, "window_bytes", limits.window_bytes);
  take(object, "held_frames", limits.held_frames);
  take(object, "flight_frames", limits.flight_frames);
  take(object, "applications_max", limits.applications_max);
  take(object, "application_arena_bytes", limits.application_arena_bytes);
  take(object, "application_quota_percent", limits.application_quota_percent);
  take(object, "dead_after_ms", limits.dead_after_ms);
  return limits;
}

ConsensusConfig read_consensus(const Json& object) {
  ConsensusConfig consensus;
  take(object, "directory", consensus.directory);
  take(object, "election_timeout_ms", consensus.election_timeout_ms);
  take(object, "heartbeat_interval_ms", consensus.heartbeat_interval_ms);
  take(object, "compaction_entries", consensus.compaction_entries);
  return consensus;
}

ControlConfig read_control(const Json& object, NodeId node) {
  ControlConfig control;
  control.socket = default_control_socket(node);
  take(object, "socket", control.socket);
  take(object, "group", control.group);
  const Json& log = member(object, "log");
  control.log_level = value_of(kLogLevelWords, log.value("level", "info"));
  control.log_format = value_of(kLogFormatWords, log.value("format", "logfmt"));
  return control;
}

NodeConfig read_document(const Json& document) {
  NodeConfig config;
  take(member(document, "cluster"), "name", config.cluster_name);
  config.local_node = read_local_node(document["local_node"]);
  for (const Json& peer : member(document, "cluster_nodes")) {
    config.cluster_nodes.push_back(read_peer(peer));
  }
  take(document["security"]["tls"], "enabled", config.tls_enabled);
  for (const Json& port : document["ports"]) config.ports.push_back(read_port(port));
  config.cpu = read_cpu(member(document, "cpu"));
  const Json& memory = member(document, "memory");
  config.memory.mode = value_of(kMemoryModeWords, memory.value("mode", "auto"));
  take(memory, "buffers", config.memory.buffers);
  config.limits = read_limits(member(document, "limits"));
  config.host.socket = default_host_socket(config.local_node.node_id);
  take(member(document, "host"), "socket", config.host.socket);
  take(member(document, "host"), "group", config.host.group);
  config.consensus = read_consensus(member(document, "consensus"));
  config.control = read_control(member(document, "control"), config.local_node.node_id);
  take(member(document, "metrics"), "listen", config.metrics.listen);
  take(document, "eal_extra", config.eal_extra);
  return config;
}

}  // namespace

absl::StatusOr<NodeConfig> parse_config(std::string_view json, std::string_view file_name) {
  ConfigFaults faults(file_name);
  const Json document = parse_strict_json(json, faults);
  if (!faults.empty()) return faults.status();
  check_schema(document, faults);
  if (!faults.empty()) return faults.status();
  NodeConfig config = read_document(document);
  check_config(document, config, faults);
  if (!faults.empty()) return faults.status();
  std::ranges::sort(config.cluster_nodes, {}, &PeerConfig::node_id);
  return config;
}

absl::StatusOr<NodeConfig> read_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  // One byte more than allowed is enough to know that it is too long.
  std::string text(kConfigBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_config(text, path);
}

}  // namespace ringroad
