// What the control process tells of itself, dataplane or no dataplane.
#include "control/metrics/node_collector.h"

namespace ringroad::control {
namespace {

void add_identity(const MetricsSnapshot& snapshot, FamilyList& families) {
  families.gauge("dist_build_info", "Always 1; the label has the version that runs.");
  families.add(true, {{"version", snapshot.version}});
  families.gauge("dist_node_info", "Always 1; the labels have the node's names as configured.");
  families.add(true,
               {{"cluster", snapshot.cluster}, {"name", snapshot.name}, {"zone", snapshot.zone}});
  families.gauge("dist_frames_encrypted", "1 when frames between nodes are encrypted, 0 when not.");
  families.add(!snapshot.plain);
}

void add_state(const MetricsSnapshot& snapshot, FamilyList& families) {
  families.gauge("dist_control_uptime_seconds", "Time since the control process started.");
  families.add(snapshot.control_uptime_seconds);
  families.gauge("dist_dataplane_attached",
                 "1 while the control process is attached to a dataplane; when 0, no figures of "
                 "the dataplane are told.");
  families.add(snapshot.attached);
  families.gauge("dist_ready",
                 "1 while a dataplane is attached, its port is up and every configured link is up; "
                 "/readyz says why not.");
  families.add(snapshot.ready);
}

}  // namespace

void add_control_families(const MetricsSnapshot& snapshot, FamilyList& families) {
  add_identity(snapshot, families);
  add_state(snapshot, families);
  const auto count = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help);
    families.add(value);
  };
  count("dist_control_attachments_total", "Times the control process attached to a dataplane.",
        snapshot.attachments);
  count("dist_control_events_total", "Events received from the dataplane.", snapshot.events);
  count("dist_control_malformed_events_total",
        "Events from the dataplane that were not understood and left aside.",
        snapshot.malformed_events);
  count("dist_rpc_connections_total", "Connections accepted at the JSON-RPC socket.",
        snapshot.rpc_connections);
  count("dist_rpc_connections_refused_total",
        "Connections to the JSON-RPC socket that were hung up on: those of strangers.",
        snapshot.rpc_refused);
  count(
      "dist_rpc_connections_displaced_total",
      "Connections to the JSON-RPC socket that were hung up on because all were taken and another "
      "client came.",
      snapshot.rpc_displaced);
  count("dist_rpc_requests_total", "JSON-RPC requests answered, whatever the answer.",
        snapshot.rpc_requests);
  count("dist_rpc_errors_total", "JSON-RPC requests answered with an error.", snapshot.rpc_errors);
}

}  // namespace ringroad::control
