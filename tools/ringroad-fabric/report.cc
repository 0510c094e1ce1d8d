#include "tools/ringroad-fabric/report.h"

#include <string>

#include "tools/ringroad-fabric/fault_words.h"

namespace ringroad::fabric {
namespace {

using nlohmann::json;

json drops_of(const PortCounts& counts) {
  json drops = json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    drops[std::string(name_of(static_cast<Drop>(i)))] = counts.drops[i];
  }
  return drops;
}

bool is_untouched(const FaultCounts& c) {
  return c.lost == 0 && c.partitioned == 0 && c.rate_dropped == 0 && c.corrupted == 0 &&
         c.duplicated == 0 && c.reordered == 0 && c.delayed == 0;
}

}  // namespace

json report_ports(const Fabric& fabric) {
  json ports = json::array();
  for (std::size_t i = 0; i < fabric.ports(); ++i) {
    const PortId id = port_at(i);
    const PortCounts& counts = fabric.counts(id);
    const Port::Refused refused = fabric.port(id).refused();
    const bool connected = fabric.port(id).is_connected();
    ports.push_back({{"port", id.value},
                     {"connected", connected},
                     {"peer", connected ? fabric.port(id).peer_name() : ""},
                     {"frames_received", counts.frames_received},
                     {"bytes_received", counts.bytes_received},
                     {"frames_sent", counts.frames_sent},
                     {"bytes_sent", counts.bytes_sent},
                     {"frames_flooded", counts.frames_flooded},
                     {"frames_queued", fabric.queued(id)},
                     {"connects", counts.connects},
                     {"disconnects", counts.disconnects},
                     {"refused_too_long", refused.too_long},
                     {"refused_malformed", refused.malformed},
                     {"drops", drops_of(counts)}});
  }
  return {{"ports", ports}, {"frames_delayed", fabric.delayed()}};
}

json report_faults(const Fabric& fabric) {
  json pairs = json::array();
  const Faults& faults = fabric.faults();
  for_each_pair(Direction{}, fabric.ports(), [&](PortId from, PortId to) {
    const FaultSettings& settings = faults.settings(from, to);
    const FaultCounts& counts = faults.counts(from, to);
    if (settings == FaultSettings{} && is_untouched(counts)) return;
    pairs.push_back({{"from", from.value},
                     {"to", to.value},
                     {"settings", format_faults(settings)},
                     {"partitioned", settings.partitioned},
                     {"frames_lost", counts.lost},
                     {"frames_partitioned", counts.partitioned},
                     {"frames_rate_dropped", counts.rate_dropped},
                     {"frames_corrupted", counts.corrupted},
                     {"frames_duplicated", counts.duplicated},
                     {"frames_reordered", counts.reordered},
                     {"frames_delayed", counts.delayed}});
  });
  return {{"seed", faults.seed()}, {"faults", pairs}};
}

json report_macs(const Fabric& fabric, Nanos now) {
  json macs = json::array();
  for (const Station& station : fabric.table().stations(now)) {
    macs.push_back({{"mac", to_string(station.mac)},
                    {"port", station.port.value},
                    {"age_ms", (now - station.last_seen).count / 1'000'000}});
  }
  return {
      {"macs", macs}, {"moves", fabric.table().moves()}, {"evictions", fabric.table().evictions()}};
}

json report_capture(const Fabric& fabric) {
  const Capture& capture = fabric.capture();
  json state = {{"state", name_of(capture.state())}};
  if (capture.state() != CaptureState::kOff) {
    state["file"] = capture.request().path;
    state["frames"] = capture.frames();
    state["bytes"] = capture.bytes();
    if (capture.request().port) state["port"] = capture.request().port->value;
  }
  if (!capture.failure().empty()) state["failure"] = capture.failure();
  return {{"capture", state}};
}

}  // namespace ringroad::fabric
