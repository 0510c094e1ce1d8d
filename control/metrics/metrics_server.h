// HTTP for machines: /metrics in Prometheus' text format, /healthz and /readyz. Served by civetweb
// on two threads of its own, which only read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/node_report.h"

namespace ringroad::control {

// What is told at one scrape.
struct MetricsSnapshot {
  NodeId node;
  std::string cluster, name, zone;
  std::string version;
  bool plain = true;      // frames are not encrypted
  bool attached = false;  // to a dataplane; without it, `report` and `applications` are stale
  bool ready = false;     // attached, the port up and every configured link up
  std::string unready;    // why not, one line; empty when ready
  bool has_report = false;
  NodeReport report;
  host::ApplicationsReport applications;
  double control_uptime_seconds = 0;
  std::uint64_t attachments = 0;  // how often control has attached to a dataplane
  std::uint64_t rpc_requests = 0, rpc_errors = 0, rpc_connections = 0, rpc_refused = 0;
  std::uint64_t events = 0, malformed_events = 0;  // from the dataplane
};

class SnapshotSource {
 public:
  // From any thread, several at a time.
  virtual void snapshot(MetricsSnapshot& out) = 0;

 protected:
  ~SnapshotSource() = default;
};

class MetricsServer {
 public:
  // Listens at `listen` ("address:port"; not empty). Where that port is taken, the next ones are
  // tried, up to 63 of them, so that nodes of one host take consecutive ports. `source` outlives
  // the server.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> start(const std::string& listen,
                                                              SnapshotSource& source);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Where it listens in fact: "127.0.0.1:9091".
  const std::string& address() const;
  // That address is not the one asked for: somebody else has it.
  bool has_moved() const;

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad::control
