#include "control/config/configuration.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/config_file.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

constexpr const char* kDocument = "document";  // what a client sent, in its faults

std::vector<std::string> lines_of(const absl::Status& status) {
  return absl::StrSplit(std::string(status.message()), '\n');
}

RpcError invalid(const absl::Status& status) {
  return RpcError::invalid_config("the configuration is wrong; nothing was changed",
                                  lines_of(status));
}

Json changes_json(const std::vector<ConfigChange>& changes) {
  Json json = Json::array();
  for (const ConfigChange& change : changes) {
    json.push_back({{"pointer", change.pointer},
                    {"from", change.from},
                    {"to", change.to},
                    {"effect", change.restart.empty() ? "now" : "restart"},
                    {"restart", change.restart}});
  }
  return json;
}

std::string print_document(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

RpcError error_of(const absl::Status& status) {
  std::string text(status.message());
  if (absl::IsUnavailable(status)) return RpcError::unreachable(std::move(text));
  if (absl::IsDeadlineExceeded(status)) return RpcError::timed_out(std::move(text));
  return RpcError::failed(std::move(text));
}

}  // namespace

Configuration::Configuration(std::string file, const NodeConfig& config, ConfigStepper& stepper,
                             std::function<void()> on_change)
    : file_(std::move(file)),
      applied_(config),
      running_(config),
      stepper_(stepper),
      on_change_(std::move(on_change)) {}

void Configuration::on_dataplane(const std::optional<NodeConfig>& started) {
  // A change under way ends first, in failure, since its dataplane is gone: the file is as it was.
  if (!is_changing_) read_file_again();
  unmet_.clear();
  running_ =
      with_runtime_changes(with_new_dataplane(running_, started.value_or(applied_)), applied_);
  on_change_();
}

void Configuration::read_file_again() {
  const auto text = read_text(file_);
  const auto config = text.ok() ? read(*text, file_) : text.status();
  file_fault_ = config.ok() ? "" : lines_of(config.status()).front();
  if (!config.ok() || changes_between(applied_, *config).empty()) return;
  applied_ = *config;
  ++version_;
}

asio::awaitable<void> Configuration::reconcile(std::vector<ConfigStep> differences) {
  if (is_changing_) co_return;
  is_changing_ = true;
  std::vector<std::string> unmet;
  for (const ConfigStep& step : differences) {
    const absl::Status status = co_await stepper_.take(step);
    if (status.ok()) continue;
    unmet.push_back(absl::StrCat(step.describe(), ": ", std::string(status.message())));
  }
  is_changing_ = false;
  unmet_ = std::move(unmet);
}

ConfigGaps Configuration::gaps() const {
  ConfigGaps gaps{.file_fault = file_fault_, .unmet = unmet_, .restarts = {}};
  for (const ConfigChange& change : changes_between(running_, applied_)) {
    if (!change.restart.empty()) gaps.restarts[change.restart].push_back(change.pointer);
  }
  return gaps;
}

absl::StatusOr<NodeConfig> Configuration::read(const std::string& text,
                                               const std::string& name) const {
  auto config = parse_config(text, name);
  if (!config.ok()) return config.status();
  const NodeId ours = applied_.local_node.node_id;
  if (config->local_node.node_id != ours) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": /local_node/node_id: ", config->local_node.node_id.value,
        " is another node; this one is node ", ours.value, ", and stays it while it runs"));
  }
  return config;
}

Json Configuration::get() const {
  return {{"schema_version", 1},
          {"file", file_},
          {"version", version_},
          {"document", document_of(applied_)}};
}

Json Configuration::check(const Json& document) const {
  const auto config = read(document.dump(), kDocument);
  return {{"schema_version", 1},
          {"ok", config.ok()},
          {"faults", config.ok() ? Json::array() : Json(lines_of(config.status()))}};
}

RpcResult Configuration::diff(const Json& document) const {
  const auto config = read(document.dump(), kDocument);
  if (!config.ok()) return invalid(config.status());
  return Json{{"schema_version", 1},
              {"version", version_},
              {"changes", changes_json(changes_between(applied_, *config))}};
}

asio::awaitable<RpcResult> Configuration::apply(ApplyRequest request) {
  if (request.expected_version && *request.expected_version != version_) {
    co_return RpcError::conflict(absl::StrCat("version ", version_, " is in force, not ",
                                              *request.expected_version,
                                              ": somebody changed it meanwhile"));
  }
  const auto config = read(request.document.dump(), kDocument);
  if (!config.ok()) co_return invalid(config.status());
  Plan plan{.config = *config,
            .text = print_document(request.document),
            .by_owner = request.by_owner,
            .dry_run = request.dry_run};
  RpcResult result = co_await carry_out(std::move(plan));
  co_return result;
}

asio::awaitable<RpcResult> Configuration::rollback(bool dry_run, bool by_owner) {
  const std::string path = previous_path(file_);
  const auto text = read_text(path);
  if (absl::IsNotFound(text.status())) {
    co_return RpcError::conflict(
        absl::StrCat(path, " is not there: nothing was applied that could be taken back"));
  }
  if (!text.ok()) co_return RpcError::failed(std::string(text.status().message()));
  const auto config = read(*text, path);
  if (!config.ok()) co_return RpcError::failed(std::string(config.status().message()));
  Plan plan{.config = *config, .text = *text, .by_owner = by_owner, .dry_run = dry_run};
  RpcResult result = co_await carry_out(std::move(plan));
  co_return result;
}

asio::awaitable<RpcResult> Configuration::reload() {
  const auto text = read_text(file_);
  if (!text.ok()) co_return RpcError::failed(std::string(text.status().message()));
  const auto config = read(*text, file_);
  if (!config.ok()) {
    file_fault_ = lines_of(config.status()).front();
    co_return invalid(config.status());
  }
  Plan plan{.config = *config, .text = "", .by_owner = true, .writes_file = false};
  RpcResult result = co_await carry_out(std::move(plan));
  co_return result;
}

asio::awaitable<RpcResult> Configuration::carry_out(Plan plan) {
  if (is_changing_) co_return RpcError::conflict("another change is under way; try again");
  const std::vector<ConfigChange> changes = changes_between(applied_, plan.config);
  const auto owners = std::ranges::find_if(
      changes, [](const ConfigChange& change) { return is_owners(change.pointer); });
  if (!plan.by_owner && owners != changes.end()) {
    co_return RpcError::denied(absl::StrCat(owners->pointer,
                                            ": only root and the user that ringroad-control runs "
                                            "as may change it; nothing was changed"));
  }
  if (!plan.writes_file) file_fault_.clear();  // it was read, and is right
  if (plan.dry_run || changes.empty()) co_return applied_json(changes, plan.dry_run);

  const std::vector<ConfigStep> steps = steps_between(running_, plan.config);
  // Known beforehand, it is not waited for.
  const std::string fault = steps.empty() ? "" : stepper_.fault();
  if (!fault.empty()) co_return RpcError::unreachable("nothing was changed: " + fault);
  is_changing_ = true;
  const absl::Status taken = co_await take_steps(steps);
  absl::Status written = taken;
  if (taken.ok() && plan.writes_file) {
    written = replace_text(file_, plan.text);
    if (!written.ok()) {
      const std::string left = co_await undo(steps);
      written =
          absl::Status(written.code(), absl::StrCat(std::string(written.message()),
                                                    left.empty() ? "; nothing was changed" : left));
    }
  }
  is_changing_ = false;
  if (!written.ok()) co_return error_of(written);

  file_fault_.clear();
  applied_ = plan.config;
  running_ = with_runtime_changes(running_, applied_);
  ++version_;
  on_change_();
  co_return applied_json(changes, false);
}

// All of them, or none: the error says which failed and what came of the others.
asio::awaitable<absl::Status> Configuration::take_steps(std::vector<ConfigStep> steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const absl::Status status = co_await stepper_.take(steps[i]);
    if (status.ok()) continue;
    const std::string failed =
        absl::StrCat(steps[i].describe(), ": ", std::string(status.message()));
    // One that was not answered may still be done: it is taken back too.
    steps.resize(absl::IsDeadlineExceeded(status) ? i + 1 : i);
    const std::string left = co_await undo(steps);
    co_return absl::Status(status.code(),
                           absl::StrCat(failed, left.empty() ? "; nothing was changed" : left));
  }
  co_return absl::OkStatus();
}

// Empty, or what could not be taken back.
asio::awaitable<std::string> Configuration::undo(std::vector<ConfigStep> taken) {
  std::string left;
  for (auto step = taken.rbegin(); step != taken.rend(); ++step) {
    const absl::Status status = co_await stepper_.take(step->undone());
    if (status.ok()) continue;
    absl::StrAppend(&left, "; could not take back ", step->describe(), " (",
                    std::string(status.message()), "): restart ringroad-dataplane");
  }
  co_return left;
}

Json Configuration::applied_json(const std::vector<ConfigChange>& changes, bool dry_run) const {
  return {{"schema_version", 1},
          {"version", version_},
          {"dry_run", dry_run},
          {"changes", changes_json(changes)}};
}

}  // namespace ringroad::control
