// A configuration as JSON, in the order of the README, with every default in its place. What has no
// value (an address that was not given, keys of other kinds of port) is left out.
#include <string>

#include "dataplane/config.h"
#include "dataplane/config_names.h"
#include "nlohmann/json.hpp"

namespace ringroad {
namespace {

using Json = nlohmann::ordered_json;

Json print_port(const PortConfig& port) {
  Json json;
  json["kind"] = word_of(kPortKindWords, port.kind);
  if (port.mac) json["mac"] = to_string(*port.mac);
  json["mtu"] = port.mtu;
  json["prefix_length"] = port.prefix_length;
  if (port.gateway) json["gateway"] = to_string(*port.gateway);
  if (port.kind == PortKind::kMemif) {
    json["socket"] = port.socket;
    json["role"] = port.master ? "master" : "slave";
    json["id"] = port.id;
    json["ring_slots"] = port.ring_slots;
    json["buffer_bytes"] = port.buffer_bytes;
  }
  if (port.kind == PortKind::kTap || port.kind == PortKind::kAfPacket) {
    json["interface"] = port.interface;
  }
  return json;
}

Json print_cpu(const CpuConfig& cpu) {
  Json json;
  json["idle"] = word_of(kIdlePolicyWords, cpu.idle);
  json["io_lcores"] = cpu.io_lcores;
  json["io"] = cpu.io;
  if (cpu.consensus) json["consensus"] = *cpu.consensus;
  if (cpu.control) json["control"] = *cpu.control;
  return json;
}

Json print_limits(const LimitsConfig& limits) {
  return {{"message_bytes_max", limits.message_bytes_max},
          {"queue_messages", limits.queue_messages},
          {"window_messages", limits.window_messages},
          {"window_bytes", limits.window_bytes},
          {"held_frames", limits.held_frames},
          {"flight_frames", limits.flight_frames},
          {"applications_max", limits.applications_max},
          {"application_arena_bytes", limits.application_arena_bytes},
          {"application_quota_percent", limits.application_quota_percent},
          {"dead_after_ms", limits.dead_after_ms}};
}

}  // namespace

std::string print_config(const NodeConfig& config) {
  const LocalNodeConfig& local = config.local_node;
  Json json;
  json["cluster"]["name"] = config.cluster_name;
  json["local_node"] = {{"node_id", local.node_id.value},
                        {"name", local.name},
                        {"zone", local.zone},
                        {"bind_address", to_string(local.bind_address)},
                        {"bind_port", local.bind_port}};
  json["cluster_nodes"] = Json::array();
  for (const PeerConfig& peer : config.cluster_nodes) {
    Json endpoint = {{"address", to_string(peer.address)}, {"port", peer.port}};
    json["cluster_nodes"].push_back({{"node_id", peer.node_id.value},
                                     {"name", peer.name},
                                     {"zone", peer.zone},
                                     {"endpoints", Json::array({std::move(endpoint)})}});
  }
  json["security"]["tls"]["enabled"] = config.tls_enabled;
  json["ports"] = Json::array();
  for (const PortConfig& port : config.ports) json["ports"].push_back(print_port(port));
  json["cpu"] = print_cpu(config.cpu);
  json["memory"] = {{"mode", word_of(kMemoryModeWords, config.memory.mode)},
                    {"buffers", config.memory.buffers}};
  json["limits"] = print_limits(config.limits);
  json["host"] = {{"socket", config.host.socket}, {"group", config.host.group}};
  const ConsensusConfig& consensus = config.consensus;
  json["consensus"] = {{"directory", consensus.directory},
                       {"election_timeout_ms", consensus.election_timeout_ms},
                       {"heartbeat_interval_ms", consensus.heartbeat_interval_ms},
                       {"compaction_entries", consensus.compaction_entries}};
  json["control"] = {{"socket", config.control.socket},
                     {"group", config.control.group},
                     {"log",
                      {{"level", word_of(kLogLevelWords, config.control.log_level)},
                       {"format", word_of(kLogFormatWords, config.control.log_format)}}}};
  json["metrics"]["listen"] = config.metrics.listen;
  json["eal_extra"] = config.eal_extra;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ringroad
