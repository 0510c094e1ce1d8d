// One node's configuration, as read from its JSON file: every field has a value here, defaults
// filled in. The file's shape is published as dataplane/ringroad.schema.json; reading, defaults and
// errors live in config.cc. Plain data: copied, never shared between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"
#include "dataplane/net/address.h"

namespace ringroad {

enum class PortKind : std::uint8_t { kMemif, kTap, kAfPacket, kNull, kRing };
enum class MemoryMode : std::uint8_t { kAuto, kHuge, kNone };
enum class IdlePolicy : std::uint8_t { kAdaptive, kPoll };

struct LocalNodeConfig {  // /local_node
  NodeId node_id;
  std::string name;  // default "node-<id>"
  std::string zone;  // a label; empty for none
  Ipv4Address bind_address;
  std::uint16_t bind_port = kUdpPortDefault;
};

struct PeerConfig {  // /cluster_nodes/*
  NodeId node_id;
  std::string name;
  std::string zone;
  Ipv4Address address;  // of its first endpoint
  std::uint16_t port = kUdpPortDefault;
};

struct PortConfig {  // /ports/*
  PortKind kind = PortKind::kMemif;
  std::optional<MacAddress> mac;  // default: 02:52:52:00:00:<node id>, or the device's own
  std::uint32_t mtu = 9000;       // memif, null, ring: 9000; tap, af_packet: 1500
  std::uint8_t prefix_length = 24;
  std::optional<Ipv4Address> gateway;
  // memif
  std::string socket;   // a path, or "@name"
  bool master = false;  // "role": "master" | "slave"
  std::uint32_t id = 0;
  std::uint16_t ring_slots = 1'024;  // a power of two
  std::uint32_t buffer_bytes = 0;    // 0: what the MTU needs in one buffer
  // tap, af_packet
  std::string interface;  // the kernel's interface name
};

struct CpuConfig {  // /cpu
  IdlePolicy idle = IdlePolicy::kAdaptive;
  std::uint32_t io_lcores = 1;
  std::vector<std::uint32_t> io;  // CPUs; empty: the plan chooses
  std::optional<std::uint32_t> consensus;
  std::optional<std::uint32_t> control;
};

struct MemoryConfig {  // /memory
  MemoryMode mode = MemoryMode::kAuto;
  std::uint32_t buffers = 0;  // packet buffers a NUMA node; 0: derived from the limits
};

struct LimitsConfig {  // /limits
  std::uint32_t message_bytes_max = kMessageBytesMaxDefault;
  std::uint32_t queue_messages = 2'048;   // a link and priority; a power of two
  std::uint32_t window_messages = 2'048;  // a link and priority; a power of two
  std::uint32_t window_bytes = 1024 * 1024;
  std::uint32_t held_frames = 512;      // a link
  std::uint32_t flight_frames = 1'024;  // a link; a power of two
  std::uint32_t applications_max = 16;
  std::uint32_t application_arena_bytes = 4 * 1024 * 1024;  // each direction
  std::uint32_t application_quota_percent = 50;  // of its arena and slots, toward one peer
  std::uint32_t dead_after_ms = 1'000;
};

struct HostConfig {    // /host
  std::string socket;  // default <runtime>/node-<id>.sock, see default_host_socket
  std::string group;   // may connect besides our own user; empty: nobody else
};

struct ConsensusConfig {  // /consensus
  std::string directory;  // of the log; empty: this node takes no part
  std::uint32_t election_timeout_ms = 150;
  std::uint32_t heartbeat_interval_ms = 50;
  std::uint32_t compaction_entries = 10'000;
};

enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kLogfmt, kJson };

struct ControlConfig {             // /control
  std::string socket;              // of JSON-RPC; default <runtime>/node-<id>-control.sock
  std::string group = "ringroad";  // may ask and tell besides our own user; empty: nobody else
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
};

struct MetricsConfig {  // /metrics
  // "address:port" to serve HTTP at; empty: not at all. Port 0 lets the kernel choose.
  std::string listen = "127.0.0.1:9090";
};

struct NodeConfig {
  std::string cluster_name = "ringroad";  // /cluster/name
  LocalNodeConfig local_node;
  std::vector<PeerConfig> cluster_nodes;  // ascending ids, without the local node
  bool tls_enabled = true;                // /security/tls/enabled; only false works today
  std::vector<PortConfig> ports;
  CpuConfig cpu;
  MemoryConfig memory;
  LimitsConfig limits;
  HostConfig host;
  ConsensusConfig consensus;
  ControlConfig control;
  MetricsConfig metrics;
  std::vector<std::string> eal_extra;
};

// Reads and checks a file. The error is one line for each fault, each "<file>: <JSON pointer>:
// <what stands there> <what was expected>; <the mend>".
absl::StatusOr<NodeConfig> read_config(const std::string& path);
absl::StatusOr<NodeConfig> parse_config(std::string_view json, std::string_view file_name);

// The whole configuration as JSON, defaults filled in; parse_config takes it back unchanged.
std::string print_config(const NodeConfig& config);

// The directory for sockets: $RINGROAD_RUNTIME_DIR, else /run/ringroad when it is writable, else
// $XDG_RUNTIME_DIR/ringroad, else /tmp/ringroad-<uid>.
std::string runtime_directory();
std::string default_host_socket(NodeId node);
std::string default_control_socket(NodeId node);

}  // namespace ringroad
