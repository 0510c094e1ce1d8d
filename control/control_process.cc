// What happens when. The constructor builds all parts and touches nothing; start() takes the
// sockets and spawns three coroutines, and from then on things happen for one of four reasons:
//
//   a second has passed    tick(): counters, rates, is the dataplane as configured, what others are
//                          told, what is logged and told to systemd
//   the channel says so    on_attached() and its kin
//   somebody asks          Methods, which calls refresh() first so that answers are fresh
//   a signal came          stop(), reload(), from main
//
// Everything of it runs on the one loop; shared_ is the copy that the metrics server's threads
// read, under a lock that is held for a copy and no longer.
//
// The order of members is that of their dependence: each is handed only what stands before it, and
// the metrics server, which calls back from threads of its own, ends first.
#include "control/control_process.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "control/rethrow.h"
#include "dataplane/clock.h"

namespace ringroad::control {
namespace {

using asio::use_awaitable;

// Between tries of what the dataplane would not change.
constexpr Nanos kReconcilePause = seconds(10);

}  // namespace

ControlProcess::ControlProcess(asio::io_context& loop, Options options, Log& log)
    : loop_(loop),
      log_(log),
      version_(std::move(options.version)),
      started_(monotonic_now()),
      state_(options.config, started_),
      keeper_(std::filesystem::path(options.config.control.socket).parent_path().string()),
      channel_(loop,
               {.socket = options.config.host.socket, .node = options.config.local_node.node_id},
               *this),
      stepper_(channel_, [this] { return dataplane_fault(); }),
      configuration_(options.config_file, options.config, stepper_, [this] { on_config(); }),
      capture_(loop, channel_),
      methods_({.interface = interface_,
                .state = state_,
                .keeper = keeper_,
                .channel = channel_,
                .configuration = configuration_,
                .capture = capture_,
                .process = [this] { return facts(); },
                .refresh = [this] { refresh(); },
                .dataplane_fault = [this] { return dataplane_fault(); }}),
      server_(loop,
              {.socket = options.config.control.socket,
               .group = options.config.control.group,
               .limits = {}},
              interface_, methods_, log),
      second_(loop),
      watchdog_(loop) {
  refresh();
}

ControlProcess::~ControlProcess() = default;

absl::Status ControlProcess::start() {
  if (auto status = server_.start(); !status.ok()) return status;
  const NodeConfig& config = state_.config();
  if (!config.metrics.listen.empty()) {
    auto metrics = MetricsServer::start(config.metrics.listen, *this);
    if (!metrics.ok()) return metrics.status();
    metrics_ = *std::move(metrics);
    log_.info(metrics_->has_moved() ? "metrics: the port asked for is taken, so the next free one"
                                    : "metrics",
              {{"listen", metrics_->address()}});
  }
  asio::co_spawn(loop_, channel_.run(), rethrow);
  asio::co_spawn(loop_, keep_time(), rethrow);
  asio::co_spawn(loop_, feed_watchdog(), rethrow);
  log_.info("ready", {{"node", config.local_node.node_id.value},
                      {"socket", config.control.socket},
                      {"config", configuration_.file()}});
  ::sd_notify(0, "READY=1");
  tell_service_manager();
  return absl::OkStatus();
}

void ControlProcess::stop() {
  if (is_stopping_) return;
  is_stopping_ = true;
  ::sd_notify(0, "STOPPING=1");
  second_.cancel();
  watchdog_.cancel();
  channel_.stop();
  server_.stop();
}

asio::awaitable<void> ControlProcess::keep_time() {
  auto next = std::chrono::steady_clock::now();
  while (!is_stopping_) {
    tick();
    // From the one before, so that ticks do not drift; after a stall it begins anew.
    next = std::max(next + std::chrono::seconds(1), std::chrono::steady_clock::now());
    asio::error_code ignored;
    second_.expires_at(next);
    co_await second_.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
}

asio::awaitable<void> ControlProcess::feed_watchdog() {
  std::uint64_t limit_us = 0;
  if (::sd_watchdog_enabled(0, &limit_us) <= 0) co_return;
  while (!is_stopping_) {
    ::sd_notify(0, "WATCHDOG=1");
    asio::error_code ignored;
    watchdog_.expires_after(std::chrono::microseconds(limit_us / 2));
    co_await watchdog_.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
}

void ControlProcess::tick() {
  refresh();
  const Nanos now = monotonic_now();
  state_.tick(now);
  maybe_reconcile(now);
  tell_others(now);
  note_changes();
  tell_service_manager();
}

// Reads the latest counters, for whoever asks next, in this thread or another.
void ControlProcess::refresh() {
  auto report = std::make_unique<NodeReport>();
  auto applications = std::make_unique<host::ApplicationsReport>();
  if (channel_.read_report(*report)) {
    if (!channel_.read_applications(*applications)) applications->count = 0;
    state_.on_reports(*report, *applications, monotonic_now());
  }
  const NodeConfig& config = state_.config();
  const std::lock_guard lock(mutex_);
  shared_.node = config.local_node.node_id;
  shared_.cluster = config.cluster_name;
  shared_.name = config.local_node.name;
  shared_.zone = config.local_node.zone;
  shared_.version = version_;
  shared_.plain = !config.tls_enabled;
  shared_.attached = state_.is_attached();
  shared_.unready = unready_reason(state_);
  shared_.ready = shared_.unready.empty();
  shared_.has_report = state_.has_report();
  shared_.report = state_.report();
  shared_.applications = state_.applications();
}

// As it is now, with what mends it.
std::string ControlProcess::dataplane_fault() {
  refresh();
  const std::string fault = state_.dataplane_fault();
  if (fault.empty()) return "";
  const NodeId self = state_.config().local_node.node_id;
  return absl::StrCat(fault, "; mend: ", keeper_.restart_command(self, Restart::kDataplane));
}

void ControlProcess::snapshot(MetricsSnapshot& out) {
  {
    const std::lock_guard lock(mutex_);
    out = shared_;
  }
  // Fresher than the last tick, when the dataplane is there.
  const auto fresh = std::make_unique<NodeReport>();  // a read that fails may leave half of one
  if (channel_.read_report(*fresh)) {
    out.report = *fresh;
    out.has_report = true;
    if (!channel_.read_applications(out.applications)) out.applications.count = 0;
  }
  out.control_uptime_seconds = static_cast<double>((monotonic_now() - started_).count) / 1e9;
  const DataplaneChannel::Counts channel = channel_.counts();
  out.attachments = channel.attachments;
  out.events = channel.events;
  out.malformed_events = channel.malformed_events;
  const RpcCounts& rpc = server_.counts();
  out.rpc_requests = rpc.requests;
  out.rpc_errors = rpc.errors;
  out.rpc_connections = rpc.connections;
  out.rpc_refused = rpc.refused;
  out.rpc_displaced = rpc.displaced;
}

void ControlProcess::tell_others(Nanos now) {
  // One that stands still would send, once it goes on, what was true before.
  if (!state_.is_attached() || !state_.has_report() || state_.is_still()) return;
  const auto bytes = encode(state_.summary(now));
  static_assert(kSummaryBytes <= host::kControlPayloadMax);
  for (const NodeReport::LinkRow& link : state_.links()) {
    if (link.state != LinkState::kUp) continue;
    host::ControlCommand command{};
    command.kind = host::ControlCommandKind::kSend;
    command.node = link.peer.value;
    command.type = host::kSystemControl;
    command.length = kSummaryBytes;
    std::memcpy(command.payload, bytes.data(), bytes.size());
    // One that finds no room is made up for by the next, in a second.
    if (!channel_.post(command)) break;
  }
}

// Ports and links that came or went since the last look.
void ControlProcess::note_changes() {
  if (!state_.has_report()) return;
  const std::uint64_t links = state_.is_attached() ? state_.links_up() : 0;
  for (const PeerConfig& peer : state_.config().cluster_nodes) {
    const std::uint64_t bit = node_bit(peer.node_id);
    if (((links ^ links_seen_up_) & bit) == 0) continue;
    const bool up = (links & bit) != 0;
    log_.write(up ? LogLevel::kInfo : LogLevel::kWarning, up ? "link up" : "link down",
               {{"node", peer.node_id.value}, {"name", peer.name}});
  }
  links_seen_up_ = links;
  const bool port_up = state_.is_attached() && state_.report().port_up;
  if (port_up != port_seen_up_) {
    log_.write(port_up ? LogLevel::kInfo : LogLevel::kWarning, port_up ? "port up" : "port down");
  }
  port_seen_up_ = port_up;
}

void ControlProcess::tell_service_manager() {
  const std::string status = state_.is_attached()
                                 ? absl::StrCat("STATUS=dataplane ", channel_.dataplane_process(),
                                                ", ", std::popcount(state_.links_up()), " of ",
                                                state_.config().cluster_nodes.size(), " links up")
                                 : absl::StrCat("STATUS=no dataplane: ", state_.away_reason());
  if (status == service_status_) return;
  service_status_ = status;
  ::sd_notify(0, status.c_str());
}

void ControlProcess::on_attached() {
  state_.on_attached(monotonic_now());
  log_.info("attached to the dataplane", {{"process", channel_.dataplane_process()}});
  const std::string text = channel_.started_config();
  const auto started = parse_config(text, "the dataplane's configuration");
  if (!started.ok() && !text.empty()) log_.warning(std::string(started.status().message()));
  configuration_.on_dataplane(started.ok() ? std::optional(*started) : std::nullopt);
  next_reconcile_ = Nanos{};
  refresh();
  tell_service_manager();
}

void ControlProcess::on_detached() {
  state_.on_detached(channel_.away_reason(), monotonic_now());
  capture_.on_detached();
  if (is_stopping_) return;
  log_.warning("detached from the dataplane", {{"reason", channel_.away_reason()}});
  note_changes();
  refresh();
  tell_service_manager();
}

void ControlProcess::on_message(NodeId from, std::uint32_t type,
                                std::span<const std::byte> payload) {
  const bool understood =
      type == host::kSystemControl && state_.on_summary(from, payload, monotonic_now());
  // A node of a later release may say more than we know.
  if (!understood) {
    log_.debug("a message that says nothing to us",
               {{"node", from.value}, {"type", type}, {"bytes", payload.size()}});
  }
}

void ControlProcess::on_packet(const host::CapturedPacket& packet,
                               std::span<const std::byte> bytes) {
  capture_.on_packet(packet, bytes);
}

void ControlProcess::on_away(const std::string& reason) {
  state_.on_away(reason);
  log_.warning("no dataplane", {{"reason", reason}});
  refresh();
  tell_service_manager();
}

void ControlProcess::on_config() {
  const NodeConfig& config = configuration_.running();
  state_.set_config(config, configuration_.version(), monotonic_now());
  log_.set_level(config.control.log_level);
  log_.set_format(config.control.log_format);
  state_.set_gaps(configuration_.gaps());
  if (configuration_.version() == told_version_) return;
  told_version_ = configuration_.version();
  log_.info("configuration changed", {{"version", told_version_}});
}

// Whether the dataplane runs as configured is looked at again and again, and not only when it
// attaches: so whatever drove them apart, they come together.
void ControlProcess::maybe_reconcile(Nanos now) {
  if (!state_.is_attached() || !state_.has_report() || configuration_.is_changing()) return;
  if (now < next_reconcile_ || state_.report().time <= stepper_.last_taken()) return;
  std::vector<ConfigStep> steps = differences(state_.report(), configuration_.running());
  if (steps.empty() && configuration_.gaps().unmet.empty()) return;
  asio::co_spawn(loop_, reconcile(std::move(steps)), rethrow);
}

asio::awaitable<void> ControlProcess::reconcile(std::vector<ConfigStep> steps) {
  for (const ConfigStep& step : steps) {
    log_.info("the dataplane differs from the configuration", {{"mend", step.describe()}});
  }
  co_await configuration_.reconcile(std::move(steps));
  const ConfigGaps gaps = configuration_.gaps();
  for (const std::string& unmet : gaps.unmet) log_.warning(unmet);
  if (!gaps.unmet.empty()) next_reconcile_ = monotonic_now() + kReconcilePause;
  state_.set_gaps(gaps);
}

void ControlProcess::reload() { asio::co_spawn(loop_, read_file_again(), rethrow); }

asio::awaitable<void> ControlProcess::read_file_again() {
  const RpcResult result = co_await configuration_.reload();
  if (const auto* error = std::get_if<RpcError>(&result)) {
    log_.error(error->message, {{"file", configuration_.file()}});
    for (const std::string& fault : error->faults) log_.error(fault);
    co_return;
  }
  for (const auto& change : std::get<nlohmann::json>(result)["changes"]) {
    log_.info(change["effect"] == "now" ? "changed" : "changes at a restart only",
              {{"pointer", change["pointer"]}, {"restart", change["restart"]}});
  }
}

ProcessFacts ControlProcess::facts() const {
  return {.version = version_,
          .config_file = configuration_.file(),
          .config_version = configuration_.version(),
          .metrics_listen = metrics_ == nullptr ? "" : metrics_->address(),
          .process_id = static_cast<std::uint32_t>(::getpid()),
          .started = started_,
          .dataplane_process = channel_.dataplane_process()};
}

}  // namespace ringroad::control
