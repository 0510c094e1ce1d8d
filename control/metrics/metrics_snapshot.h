// What is told of a node at one scrape: all that the control process knows of it, copied at one
// instant so that the figures of one answer belong together. About 100 KB: it lives on the heap.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/ids.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/node_report.h"

namespace ringroad::control {

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
  // Since this control process started; none of them falls while it runs.
  std::uint64_t attachments = 0;      // to a dataplane
  std::uint64_t rpc_connections = 0;  // accepted
  std::uint64_t rpc_refused = 0;      // connections of strangers, hung up on
  std::uint64_t rpc_displaced = 0;    // connections hung up on to make room for another
  std::uint64_t rpc_requests = 0;     // answered, whatever the answer
  std::uint64_t rpc_errors = 0;       // of these, answered with an error
  std::uint64_t events = 0;           // from the dataplane
  std::uint64_t malformed_events = 0;
};

// From any thread, several at a time.
class SnapshotSource {
 public:
  virtual void snapshot(MetricsSnapshot& out) = 0;

 protected:
  ~SnapshotSource() = default;
};

}  // namespace ringroad::control
