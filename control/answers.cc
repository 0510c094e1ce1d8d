// From what is known to what is told. An answer is built whole, from the model and the time, and
// never changes anything; whether it fits the description is the tests' to see, which hold each
// against ringroad.rpc.json.
//
// Rules that hold for all: times are seconds, as the keys' ends say, and never negative; what is
// not known is null and not 0; a table of reasons leaves out those that never happened; what has to
// do with links is empty while no dataplane is attached, while counters are the last that were
// read. Names come from the configuration, everything else about a link from the dataplane.
#include "control/answers.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/config_names.h"
#include "dataplane/core/message.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

double in_seconds(Nanos time) {
  return static_cast<double>(std::max<std::int64_t>(0, time.count)) / 1e9;
}

Json seconds_or_null(std::optional<Nanos> time) {
  return time && time->count > 0 ? Json(in_seconds(*time)) : Json(nullptr);
}

Json outcomes(const std::uint64_t (&counts)[5]) {
  static constexpr struct {
    Outcome outcome;
    const char* name;
  } kNames[] = {{Outcome::kDelivered, "delivered"},
                {Outcome::kNotSent, "not sent"},
                {Outcome::kNoReceiver, "no receiver"},
                {Outcome::kUnknown, "unknown"}};
  Json json = Json::object();
  for (const auto& entry : kNames) {
    const std::uint64_t count = counts[static_cast<std::size_t>(entry.outcome)];
    if (count > 0) json[entry.name] = count;
  }
  return json;
}

Json counts_json(const CountsByReason& counts) {
  Json json = Json::object();
  for (const auto& [reason, count] : counts) json[reason] = count;
  return json;
}

// What a link would not take in, all of it the peer's doing or want of room here.
Json refused(const LinkStatistics& link) {
  CountsByReason counts;
  const auto add = [&](const char* reason, std::uint64_t count) {
    if (count > 0) counts[reason] = count;
  };
  add("duplicate", link.duplicate_messages);
  add("fragment overlaps", link.fragments_refused);
  add("beyond window", link.beyond_window);
  add("no room to hold", link.held_frames_full);
  return counts_json(counts);
}

Json queues(const NodeReport::LinkRow& link) {
  Json json = Json::array();
  for (std::size_t p = 0; p < kPriorities; ++p) {
    json.push_back({{"priority", p},
                    {"messages", link.unresolved[p]},
                    {"waits_for", backpressure_name(link.backpressure[p])}});
  }
  return json;
}

Json problem_json(const Problem& problem, const Keeper& keeper) {
  return {{"severity", problem.severity == ProblemSeverity::kWrong ? "wrong" : "warning"},
          {"subject", subject_name(problem.subject)},
          {"text", problem.text},
          {"node_id", problem.node.value},
          {"peer_id", problem.peer == kNoNode ? Json(nullptr) : Json(problem.peer.value)},
          {"next", problem.next},
          {"mend", keeper.restart_command(problem.node, problem.restart)}};
}

// All that is wrong, found once for an answer, of which each part of it tells its own.
class Wrongs {
 public:
  Wrongs(const NodeModel& state, const Keeper& keeper, Nanos now)
      : keeper_(keeper), problems_(find_problems(state.view(), state.local_facts(), now)) {}

  template <typename Wanted>
  Json json(Wanted wanted) const {
    Json json = Json::array();
    for (const Problem& problem : problems_) {
      if (wanted(problem)) json.push_back(problem_json(problem, keeper_));
    }
    return json;
  }

 private:
  const Keeper& keeper_;
  std::vector<Problem> problems_;
};

// Why a link is not as it should be: what is wrong with itself or its peer, and with the node as a
// whole where that cuts it.
bool explains(const Problem& problem, NodeId self, const NodeReport::LinkRow& link) {
  const bool is_up = link.state == LinkState::kUp;
  if (problem.subject == ProblemSubject::kLink) {
    const bool is_ours = problem.node == self && problem.peer == link.peer;
    return is_ours ||
           (problem.node == link.peer && (problem.peer == kNoNode || problem.peer == self));
  }
  if (problem.subject == ProblemSubject::kPort) return problem.node == self && !is_up;
  return problem.subject == ProblemSubject::kProgram && problem.node == link.peer;
}

// Why nothing is known of the node's links, port and programs; none does while its dataplane moves.
bool hides_all(const Problem& problem, const NodeModel& state) {
  return !state.is_live() && problem.subject == ProblemSubject::kNode &&
         problem.node == state.config().local_node.node_id;
}

// Of a port or a program of the node itself.
auto about(ProblemSubject subject, const NodeModel& state) {
  return [subject, &state](const Problem& problem) {
    return hides_all(problem, state) ||
           (problem.subject == subject && problem.node == state.config().local_node.node_id);
  };
}

Json link_json(const NodeModel& state, const NodeReport::LinkRow& link, const Wrongs& wrongs,
               Nanos now) {
  const PeerConfig* peer = state.find_peer(link.peer);
  const LinkStatistics& counts = link.statistics;
  const LinkRates& rates = state.link_rates(link.peer);
  const LatencyHistogram recent = rates.round_trip.recent(counts.round_trip);
  const bool is_up = link.state == LinkState::kUp;
  const NodeId self = state.config().local_node.node_id;
  // What was measured before it went down says nothing of now.
  const auto measured = [&](Nanos time) { return is_up ? seconds_or_null(time) : Json(nullptr); };
  const auto bytes_or_null = [](std::uint32_t bytes) {
    return bytes > 0 ? Json(bytes) : Json(nullptr);
  };
  const auto quantile = [&](double fraction) -> Json {
    if (!is_up || recent.count() == 0) return nullptr;
    return static_cast<double>(recent.quantile(fraction)) / 1e9;
  };
  return {{"peer_id", link.peer.value},
          {"name", peer == nullptr ? "" : peer->name},
          {"address", to_string(link.address)},
          {"port", link.port},
          {"state", link_state_name(link.state)},
          {"since_seconds", in_seconds(now - link.since)},
          {"sessions", counts.sessions},
          {"frame_bytes_max", bytes_or_null(link.frame_bytes_max)},
          {"peer_frame_bytes_max", bytes_or_null(link.peer_frame_bytes_max)},
          {"round_trip_seconds", measured(counts.smoothed_rtt)},
          {"round_trip_smallest_seconds", measured(counts.smallest_rtt)},
          {"round_trip_p50_seconds", quantile(0.5)},
          {"round_trip_p99_seconds", quantile(0.99)},
          {"messages_sent_per_second", rates.traffic.messages_sent},
          {"messages_received_per_second", rates.traffic.messages_received},
          {"payload_bytes_sent_per_second", rates.traffic.bytes_sent},
          {"payload_bytes_received_per_second", rates.traffic.bytes_received},
          {"messages_sent_total", counts.messages_sent},
          {"messages_received_total", counts.messages_received},
          {"payload_bytes_sent_total", counts.payload_bytes_sent},
          {"payload_bytes_received_total", counts.payload_bytes_received},
          {"frames_sent_total", counts.frames_sent},
          {"frames_received_total", counts.frames_received},
          {"frames_lost_total", counts.frames_lost},
          {"messages_retransmitted_total", counts.messages_retransmitted},
          {"probes_sent_total", counts.probes_sent},
          {"outcomes", outcomes(counts.outcomes)},
          {"refused", refused(counts)},
          {"queues", queues(link)},
          {"problems",
           wrongs.json([&](const Problem& problem) { return explains(problem, self, link); })}};
}

Json application_json(const NodeModel& state, const host::ApplicationsReport::Row& row, Nanos now) {
  const host::ChannelCounts& counts = row.counts;
  const ProgramRates rates = state.program_rates(row.application_id);
  const auto live = [&](auto figure) { return state.is_live() ? Json(figure) : Json(nullptr); };
  return {{"application_id", row.application_id},
          {"name", std::string(row.name, ::strnlen(row.name, sizeof row.name))},
          {"process_id", row.process_id},
          {"user_id", row.user_id},
          {"attached_seconds", in_seconds(now - Nanos{static_cast<std::int64_t>(row.attached)})},
          {"bindings", row.binding_count},
          {"messages_sent_total", counts.messages_taken},
          {"messages_received_total", counts.messages_received},
          {"bytes_sent_total", counts.bytes_taken},
          {"bytes_received_total", counts.bytes_received},
          {"messages_sent_per_second", live(rates.traffic.messages_sent)},
          {"messages_received_per_second", live(rates.traffic.messages_received)},
          {"does_read", live(!rates.is_unread())},
          {"refused_total", counts.messages_refused},
          {"waited_total", counts.messages_waited},
          {"receive_busy_total", counts.receive_busy},
          {"violations_total", counts.violations},
          {"outcomes", outcomes(counts.outcomes)}};
}

std::uint32_t links_total(const NodeModel& state) {
  return static_cast<std::uint32_t>(state.config().cluster_nodes.size());
}

Json summary_json(const NodeModel& state, const NodeView& view, Nanos now) {
  const LocalNodeConfig& local = state.config().local_node;
  const PeerConfig* peer = state.find_peer(view.node);
  Json json = {{"node_id", view.node.value},
               {"name", peer == nullptr ? local.name : peer->name},
               {"zone", peer == nullptr ? local.zone : peer->zone},
               {"state", node_state_name(view.state)},
               {"role", "-"},
               {"messages_sent_per_second", nullptr},
               {"messages_received_per_second", nullptr},
               {"round_trip_p99_seconds", nullptr},
               {"links_up", nullptr},
               {"links_total", view.summary ? view.summary->links_configured : links_total(state)},
               {"sees", nullptr},
               {"since_seconds", in_seconds(now - view.since)},
               {"told_seconds", nullptr}};
  if (!view.summary) return json;
  json["told_seconds"] = in_seconds(now - view.told);
  // What a node told before it went down is not how it is.
  if (!view.is_fresh(now) || view.state == NodeState::kDown) return json;
  const Summary& summary = *view.summary;
  json["messages_sent_per_second"] = summary.messages_sent_per_second;
  json["messages_received_per_second"] = summary.messages_received_per_second;
  json["round_trip_p99_seconds"] = seconds_or_null(summary.round_trip_p99);
  json["links_up"] = std::popcount(summary.links_up);
  json["sees"] = Json::array();
  for (std::uint16_t id = 1; id <= kNodesMax; ++id) {
    if ((summary.links_up & node_bit(NodeId{id})) != 0) json["sees"].push_back(id);
  }
  return json;
}

Json member_json(NodeId node, const std::string& name, const std::string& zone, Ipv4Address address,
                 std::uint16_t port, bool is_self) {
  return {{"node_id", node.value},         {"name", name}, {"zone", zone},
          {"address", to_string(address)}, {"port", port}, {"is_self", is_self}};
}

Json dataplane_json(const NodeModel& state, const ProcessFacts& process, const Keeper& keeper,
                    Nanos now) {
  const bool attached = state.is_attached();
  const bool is_well = attached && !state.is_still();
  const NodeId self = state.config().local_node.node_id;
  Json json = {
      {"attached", attached},
      {"moves", is_well},
      {"process_id", nullptr},
      {"uptime_seconds", nullptr},
      {"away_seconds", nullptr},
      {"reason", state.is_still() ? describe_stillness(state.still_for()) : state.away_reason()},
      {"mend", is_well ? "" : keeper.restart_command(self, Restart::kDataplane)}};
  if (attached) {
    json["process_id"] = process.dataplane_process;
    if (state.has_report()) json["uptime_seconds"] = in_seconds(now - state.report().started);
  } else {
    json["away_seconds"] = in_seconds(now - state.attached_since());
  }
  return json;
}

Json loops_json(const NodeModel& state) {
  if (!state.is_live()) return Json::array();
  const LoopRates& rates = state.loop_rates();
  return Json::array({{{"name", "io-0"},
                       {"busy_share", rates.busy_share},
                       {"asleep_share", rates.asleep_share},
                       {"passes_per_second", rates.passes},
                       {"sleeps_total", state.report().loop.sleeps}}});
}

}  // namespace

Json node_status(const NodeModel& state, const ProcessFacts& process, const Keeper& keeper,
                 Nanos now) {
  const NodeConfig& config = state.config();
  const NodeReport& report = state.report();
  const NodeView* self = state.view().find(config.local_node.node_id);
  CountsByReason drops = port_drops(report);
  for (const auto& [reason, count] : frame_drops(report)) drops[reason] += count;
  // Figures of a dataplane that is gone, or stands still, are no more.
  const auto live = [&](const auto& figure) {
    return state.is_live() ? Json(figure) : Json(nullptr);
  };
  const NodeId id = config.local_node.node_id;
  return {{"schema_version", 1},
          {"node_id", config.local_node.node_id.value},
          {"name", config.local_node.name},
          {"zone", config.local_node.zone},
          {"cluster", config.cluster_name},
          {"address", to_string(config.local_node.bind_address)},
          {"port", config.local_node.bind_port},
          {"state", node_state_name(self->state)},
          {"version", process.version},
          {"plain", !config.tls_enabled},
          {"dataplane", dataplane_json(state, process, keeper, now)},
          {"control",
           {{"process_id", process.process_id},
            {"uptime_seconds", in_seconds(now - process.started)},
            {"socket", config.control.socket}}},
          {"host_socket", config.host.socket},
          {"metrics_listen", process.metrics_listen},
          {"config_file", process.config_file},
          {"config_version", process.config_version},
          {"config_gaps", describe(state.gaps())},
          {"idle", word_of(kIdlePolicyWords, state.has_report() ? report.idle : config.cpu.idle)},
          {"links_up", std::popcount(state.links_up())},
          {"links_total", links_total(state)},
          {"applications", live(state.applications().count)},
          {"buffers_total", live(report.buffers)},
          {"buffers_free", live(report.buffers_free)},
          {"loops", loops_json(state)},
          {"messages_delivered_total", live(report.node.messages_delivered)},
          {"messages_local_total", live(report.node.messages_local)},
          {"drops", live(counts_json(drops))},
          {"problems", Wrongs(state, keeper, now).json([id](const Problem& problem) {
             return concerns(problem, id);
           })}};
}

Json cluster_status(const NodeModel& state, const Keeper& keeper, Nanos now) {
  Json nodes = Json::array();
  for (const NodeView& view : state.view().nodes()) nodes.push_back(summary_json(state, view, now));
  return {{"schema_version", 1},
          {"cluster", state.config().cluster_name},
          {"plain", !state.config().tls_enabled},
          {"leader", nullptr},
          {"seen_by", state.config().local_node.node_id.value},
          {"nodes", std::move(nodes)},
          {"problems", Wrongs(state, keeper, now).json([](const Problem&) { return true; })}};
}

Json cluster_members(const NodeModel& state) {
  const LocalNodeConfig& local = state.config().local_node;
  std::vector<Json> members = {member_json(local.node_id, local.name, local.zone,
                                           local.bind_address, local.bind_port, true)};
  for (const PeerConfig& peer : state.config().cluster_nodes) {
    members.push_back(
        member_json(peer.node_id, peer.name, peer.zone, peer.address, peer.port, false));
  }
  std::ranges::sort(members, {}, [](const Json& member) { return member["node_id"].get<int>(); });
  return {{"schema_version", 1}, {"cluster", state.config().cluster_name}, {"members", members}};
}

Json port_list(const NodeModel& state, const Keeper& keeper, Nanos now) {
  const NodeConfig& config = state.config();
  const PortConfig& port = config.ports.front();
  const NodeReport& report = state.report();
  const PortRates& rates = state.port_rates();
  const bool is_live = state.is_live();
  // Without a dataplane that moves a port is down, and has been since that went, or stopped.
  const Nanos since = is_live            ? report.port_since
                      : state.is_still() ? report.time
                                         : state.attached_since();
  const auto live = [&](const auto& figure) { return is_live ? Json(figure) : Json(nullptr); };
  Json json = {{"index", 0},
               {"kind", word_of(kPortKindWords, port.kind)},
               {"up", is_live && report.port_up},
               {"since_seconds", in_seconds(now - since)},
               {"address", to_string(config.local_node.bind_address)},
               {"prefix_length", port.prefix_length},
               {"mtu", port.mtu},
               {"packets_sent_total", live(report.port.packets_sent)},
               {"packets_received_total", live(report.port.packets_received)},
               {"bytes_sent_total", live(report.port.bytes_sent)},
               {"bytes_received_total", live(report.port.bytes_received)},
               {"packets_sent_per_second", live(rates.packets_sent)},
               {"packets_received_per_second", live(rates.packets_received)},
               {"bytes_sent_per_second", live(rates.bytes_sent)},
               {"bytes_received_per_second", live(rates.bytes_received)},
               {"link_changes_total", live(report.port.link_changes)},
               {"drops", live(counts_json(port_drops(report)))},
               {"waits", live(counts_json(port_waits(report)))},
               {"problems", Wrongs(state, keeper, now).json(about(ProblemSubject::kPort, state))}};
  return {{"schema_version", 1}, {"ports", Json::array({std::move(json)})}};
}

Json link_list(const NodeModel& state, std::optional<NodeId> peer, const Keeper& keeper,
               Nanos now) {
  Json links = Json::array();
  const Wrongs wrongs(state, keeper, now);
  for (const NodeReport::LinkRow& link : state.links()) {
    const bool is_node = link.peer.value >= 1 && link.peer.value <= kNodesMax;
    if (is_node && (!peer || link.peer == *peer))
      links.push_back(link_json(state, link, wrongs, now));
  }
  return {
      {"schema_version", 1},
      {"node_id", state.config().local_node.node_id.value},
      {"links", std::move(links)},
      {"problems", wrongs.json([&](const Problem& problem) { return hides_all(problem, state); })}};
}

Json app_list(const NodeModel& state, const Keeper& keeper, Nanos now) {
  Json applications = Json::array();
  const host::ApplicationsReport& report = state.applications();
  for (std::size_t i = 0; state.is_attached() && i < report.count; ++i) {
    applications.push_back(application_json(state, report.rows[i], now));
  }
  return {{"schema_version", 1},
          {"node_id", state.config().local_node.node_id.value},
          {"applications", std::move(applications)},
          {"problems", Wrongs(state, keeper, now).json(about(ProblemSubject::kProgram, state))}};
}

std::string unready_reason(const NodeModel& state) {
  if (!state.is_attached()) return absl::StrCat("no dataplane: ", state.away_reason());
  if (!state.has_report()) return "the dataplane has not reported yet";
  if (state.is_still()) return "the dataplane does not move";
  if (!state.report().port_up) return "the port is down";
  for (const PeerConfig& peer : state.config().cluster_nodes) {
    const NodeReport::LinkRow* link = state.find_link(peer.node_id);
    if (link == nullptr || link->state != LinkState::kUp) {
      return absl::StrCat("the link to node ", peer.node_id.value, " is down");
    }
  }
  return "";
}

}  // namespace ringroad::control
