#include "tools/ringroad/session.h"

#include <cstdlib>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {

using fabric::cat;
using nlohmann::json;

namespace {

constexpr double kTimeoutSecondsLeast = 0.01, kTimeoutSecondsMost = 3'600;
constexpr double kWatchSecondsLeast = 0.1, kWatchSecondsMost = 86'400;

}  // namespace

absl::StatusOr<Settings> read_settings(const Given& globals) {
  Settings settings;
  settings.node = globals.text("--node");
  if (globals.has("--node") && settings.node.empty()) {
    return absl::InvalidArgumentError(
        "--node: \"\" names no node; write a node's id or a socket's path, or leave it out");
  }
  if (const char* node = std::getenv("RINGROAD_NODE"); settings.node.empty() && node != nullptr) {
    settings.node = node;
    settings.node_source = "RINGROAD_NODE";
  }
  const std::string& format = globals.text("--output");
  if (format == "wide") settings.format = Format::kWide;
  if (format == "json" || globals.has("--json")) settings.format = Format::kJson;
  // https://no-color.org: set and not empty.
  const char* no_color = std::getenv("NO_COLOR");
  settings.wants_colour =
      !globals.has("--no-color") && (no_color == nullptr || no_color[0] == '\0');
  if (globals.has("--watch")) {
    const auto seconds = globals.seconds("--watch", kWatchSecondsLeast, kWatchSecondsMost, 1);
    if (!seconds.ok()) return seconds.status();
    settings.watch_seconds = *seconds;
  }
  if (globals.has("--timeout")) {
    const auto seconds = globals.seconds("--timeout", kTimeoutSecondsLeast, kTimeoutSecondsMost, 0);
    if (!seconds.ok()) return seconds.status();
    settings.timeout_seconds = *seconds;
  }
  return settings;
}

absl::StatusOr<Target> Session::target() {
  if (target_ && asked_node_ == settings.node) return *target_;
  hang_up();
  auto chosen = choose_target(settings.node, settings.node_source, interrupts);
  if (!chosen.ok()) return chosen.status();
  if (!chosen->note.empty() && !is_quiet_ && !(target_ && target_->socket == chosen->socket)) {
    tell(chosen->note);
  }
  target_ = *chosen;
  asked_node_ = settings.node;
  return *chosen;
}

absl::Status Session::with_context(const absl::Status& status) const {
  std::string text = cat(target_->name(), ": ", fabric::message_of(status));
  if (absl::IsCancelled(status)) return status;
  if (!client_ && absl::IsUnavailable(status)) {
    text += cat("; mend: ", start_command(target_->node_id));
  }
  // Its own word, "timed out", is about what it was asked for.
  if (absl::IsDeadlineExceeded(status) && !is_rpc_error(status)) {
    text += cat(", or restart it: ", restart_command(target_->node_id));
  }
  return with_text(status, text);
}

absl::StatusOr<RpcClient*> Session::client() {
  const auto chosen = target();
  if (!chosen.ok()) return chosen.status();
  if (!client_) {
    auto connected = RpcClient::connect(chosen->socket, timeout(), interrupts);
    if (!connected.ok()) return with_context(connected.status());
    client_.emplace(*std::move(connected));
  }
  return &*client_;
}

absl::StatusOr<json> Session::ask(const std::string& method, const json& params) {
  return ask(method, params, timeout());
}

absl::StatusOr<json> Session::ask(const std::string& method, const json& params,
                                  double timeout_seconds) {
  // A control process that was restarted since the last question: the new one is asked. Not once
  // the question is sent, since it may be one to be done once.
  if (client_ && client_->has_hung_up()) hang_up();
  const auto connected = client();
  if (!connected.ok()) return connected.status();
  auto answer = (*connected)->call(method, params, timeout_seconds);
  if (answer.ok()) return answer;
  const absl::Status status = answer.status();
  if (!is_rpc_error(status)) hang_up();
  return with_context(status);
}

absl::StatusOr<json> Session::ask_quietly(const std::string& method) {
  is_quiet_ = true;
  auto answer = ask(method);
  is_quiet_ = false;
  return answer;
}

Look Session::look() const {
  Look look;
  look.has_colour = settings.wants_colour && out.is_screen();
  look.is_wide = settings.format == Format::kWide;
  look.columns = out.size().columns;
  return look;
}

void Session::tell(std::string_view text) { talk.write(cat("ringroad: ", text, "\n")); }

void Session::print_json(const json& object) {
  const int indent = settings.watch_seconds ? -1 : 1;
  out.write(object.dump(indent, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace ringroad::cli
