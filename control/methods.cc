#include "control/methods.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/clock.h"

namespace ringroad::control {
namespace {

constexpr std::uint64_t kPingBytes = 64;

NodeId node_in(const nlohmann::json& params) {
  return NodeId{params.at("peer_id").get<std::uint16_t>()};
}

Nanos time_in(const nlohmann::json& params, const char* key, double missing) {
  return Nanos{static_cast<std::int64_t>(params.value(key, missing) * 1e9)};
}

}  // namespace

Methods::Methods(Parts parts)
    : parts_(std::move(parts)),
      told_{{"rpc.discover", &Methods::discover},
            {"node.status", &Methods::node_status},
            {"cluster.status", &Methods::cluster_status},
            {"cluster.members", &Methods::cluster_members},
            {"port.list", &Methods::port_list},
            {"link.list", &Methods::link_list},
            {"app.list", &Methods::app_list},
            {"config.get", &Methods::config_get},
            {"config.check", &Methods::config_check},
            {"config.diff", &Methods::config_diff}},
      done_{{"link.reset", &Methods::link_reset},
            {"ping", &Methods::ping},
            {"config.apply", &Methods::config_apply},
            {"config.rollback", &Methods::config_rollback},
            {"capture.start", &Methods::capture_start},
            {"capture.stop", &Methods::capture_stop}} {}

asio::awaitable<RpcResult> Methods::call(std::string method, Json params, Client client) {
  const auto told = told_.find(method);
  if (told != told_.end()) {
    parts_.refresh();
    co_return (this->*told->second)(params);
  }
  const auto done = done_.find(method);
  if (done == done_.end()) co_return RpcError::no_such_method(method);
  RpcResult result = co_await (this->*done->second)(std::move(params), std::move(client));
  co_return result;
}

bool Methods::serves(const RpcClient& client) const { return parts_.capture.serves(client); }

void Methods::on_hung_up(const RpcClient& client) { parts_.capture.on_hung_up(client); }

RpcResult Methods::discover(const Json&) { return parts_.interface.description(); }

RpcResult Methods::node_status(const Json&) {
  return control::node_status(parts_.state, parts_.process(), parts_.keeper, monotonic_now());
}

RpcResult Methods::cluster_status(const Json&) {
  return control::cluster_status(parts_.state, parts_.keeper, monotonic_now());
}

RpcResult Methods::cluster_members(const Json&) { return control::cluster_members(parts_.state); }

RpcResult Methods::port_list(const Json&) {
  return control::port_list(parts_.state, parts_.keeper, monotonic_now());
}

RpcResult Methods::link_list(const Json& params) {
  if (!params.contains("peer_id")) {
    return control::link_list(parts_.state, std::nullopt, parts_.keeper, monotonic_now());
  }
  const NodeId peer = node_in(params);
  if (parts_.state.find_peer(peer) == nullptr) {
    return RpcError::not_found(absl::StrCat("no peer with id ", peer.value, " is configured"));
  }
  return control::link_list(parts_.state, peer, parts_.keeper, monotonic_now());
}

RpcResult Methods::app_list(const Json&) {
  return control::app_list(parts_.state, parts_.keeper, monotonic_now());
}

RpcResult Methods::config_get(const Json&) { return parts_.configuration.get(); }

RpcResult Methods::config_check(const Json& params) {
  return parts_.configuration.check(params.at("document"));
}

RpcResult Methods::config_diff(const Json& params) {
  return parts_.configuration.diff(params.at("document"));
}

asio::awaitable<RpcResult> Methods::config_apply(Json params, Client client) {
  ApplyRequest request{.document = params.at("document"),
                       .by_owner = client->is_owner(),
                       .dry_run = params.value("dry_run", false)};
  if (params.contains("expected_version")) {
    request.expected_version = params["expected_version"].get<std::uint64_t>();
  }
  RpcResult result = co_await parts_.configuration.apply(std::move(request));
  co_return result;
}

asio::awaitable<RpcResult> Methods::config_rollback(Json params, Client client) {
  const bool dry_run = params.value("dry_run", false);
  RpcResult result = co_await parts_.configuration.rollback(dry_run, client->is_owner());
  co_return result;
}

std::optional<RpcError> Methods::dataplane_fault() const {
  const std::string fault = parts_.dataplane_fault();
  if (fault.empty()) return std::nullopt;
  return RpcError::unreachable(fault);
}

std::optional<RpcError> Methods::peer_fault(NodeId peer) const {
  if (peer == parts_.state.config().local_node.node_id) {
    return RpcError::not_found(
        absl::StrCat("node ", peer.value, " is this node itself: it has no link to itself"));
  }
  if (parts_.state.find_peer(peer) == nullptr) {
    return RpcError::not_found(absl::StrCat("no peer with id ", peer.value, " is configured"));
  }
  return dataplane_fault();
}

std::optional<RpcError> Methods::outcome_fault(const DataplaneChannel::Outcome& outcome,
                                               NodeId peer) const {
  using host::ControlResult;
  switch (outcome.answer) {
    case DataplaneChannel::Answer::kUnreachable:
      return RpcError::unreachable("the dataplane went away meanwhile");
    case DataplaneChannel::Answer::kTimedOut:
      return RpcError::timed_out(absl::StrCat("node ", peer.value, ": no answer in time"));
    case DataplaneChannel::Answer::kBusy:
      return RpcError::busy("the dataplane has too many commands under way; try again");
    case DataplaneChannel::Answer::kAnswered:
      break;
  }
  switch (outcome.result) {
    case ControlResult::kDone:
      return std::nullopt;
    case ControlResult::kNoSuchNode:
      return RpcError::not_found(absl::StrCat("no peer with id ", peer.value, " is configured"));
    case ControlResult::kNotConnected:
      return RpcError::unreachable(absl::StrCat("the link to node ", peer.value, " is not up"));
    case ControlResult::kNotSent:
    case ControlResult::kUnknown:
      return RpcError::unreachable(
          absl::StrCat("the link to node ", peer.value, " went down meanwhile"));
    case ControlResult::kNoReceiver:
      return RpcError::unreachable(
          absl::StrCat("node ", peer.value, " has nobody there who answers"));
    case ControlResult::kBusy:
      return RpcError::busy("the dataplane has too much under way; try again");
    default:
      return RpcError::failed(describe(outcome.result));
  }
}

asio::awaitable<RpcResult> Methods::link_reset(Json params, Client) {
  const NodeId peer = node_in(params);
  if (auto fault = peer_fault(peer)) co_return *fault;
  host::ControlCommand command{};
  command.kind = host::ControlCommandKind::kResetLink;
  command.node = peer.value;
  const DataplaneChannel::Outcome outcome =
      co_await parts_.channel.request(command, kAnswerPatience);
  if (auto fault = outcome_fault(outcome, peer)) co_return *fault;
  co_return Json{{"schema_version", 1}, {"peer_id", peer.value}};
}

asio::awaitable<RpcResult> Methods::ping(Json params, Client) {
  const NodeId peer = node_in(params);
  if (auto fault = peer_fault(peer)) co_return *fault;
  host::ControlCommand command{};
  command.kind = host::ControlCommandKind::kPing;
  command.node = peer.value;
  command.length = static_cast<std::uint32_t>(params.value("bytes", kPingBytes));
  for (std::uint32_t i = 0; i < command.length; ++i) command.payload[i] = static_cast<std::byte>(i);
  const DataplaneChannel::Outcome outcome =
      co_await parts_.channel.request(command, time_in(params, "timeout_seconds", 1));
  if (auto fault = outcome_fault(outcome, peer)) co_return *fault;
  co_return Json{{"schema_version", 1},
                 {"peer_id", peer.value},
                 {"bytes", command.length},
                 {"round_trip_seconds", static_cast<double>(outcome.value) / 1e9}};
}

asio::awaitable<RpcResult> Methods::capture_start(Json params, Client client) {
  const std::uint64_t port = params.value("port", std::uint64_t{0});
  if (port >= parts_.state.config().ports.size()) {
    co_return RpcError::not_found(absl::StrCat("no port has the index ", port));
  }
  CaptureRequest request;
  auto filter = PacketFilter::read(params.value("program", Json::array()));
  if (!filter.ok()) {
    co_return RpcError::invalid_params(
        absl::StrCat("/params/program: ", std::string(filter.status().message())));
  }
  request.filter = *std::move(filter);
  request.packets_max = params.value("packets_max", request.packets_max);
  request.time_max = time_in(params, "seconds_max", 60);
  request.snap_bytes = params.value("snap_bytes", request.snap_bytes);
  const std::string direction = params.value("direction", std::string("both"));
  request.directions = direction == "in"    ? host::kCaptureIn
                       : direction == "out" ? host::kCaptureOut
                                            : host::kCaptureIn | host::kCaptureOut;
  if (auto fault = dataplane_fault()) co_return *fault;
  RpcResult result = co_await parts_.capture.start(std::move(request), std::move(client));
  co_return result;
}

asio::awaitable<RpcResult> Methods::capture_stop(Json, Client client) {
  if (!parts_.capture.stop(*client)) {
    co_return RpcError::not_found("this connection has started no capture");
  }
  co_return Json{{"schema_version", 1}};
}

}  // namespace ringroad::control
