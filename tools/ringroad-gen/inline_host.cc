#include "tools/ringroad-gen/inline_host.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "dataplane/runtime.h"
#include "tools/ringroad-gen/node_choice.h"
#include "tools/ringroad-gen/session.h"
#include "tools/ringroad-gen/traffic_plan.h"

namespace ringroad::gen {
namespace {

// The last place in the node's table, clear of attached programs.
constexpr std::uint16_t kEndpointIndex = kApplicationsMax - 1;

int fail(int code, const absl::Status& status) {
  std::cerr << "ringroad-gen: " << std::string{status.message()} << std::endl;
  return code;
}

Surroundings surroundings_of(const NodeConfig& config) {
  Surroundings node{.self = config.local_node.node_id,
                    .message_bytes_max = config.limits.message_bytes_max,
                    .medium = medium_of(config)};
  for (const PeerConfig& peer : config.cluster_nodes) node.peers.push_back(peer.node_id);
  return node;
}

absl::Status attach(Node& node, TrafficRole& role) {
  node.attach(kEndpointIndex, role);
  for (const TrafficRole::Binding& binding : role.bindings()) {
    const BindMode mode = binding.shared ? BindMode::kShared : BindMode::kExclusive;
    if (node.bind(kEndpointIndex, binding.type, mode) != BindResult::kBound) {
      return absl::AlreadyExistsError(
          absl::StrCat("--type: type ", binding.type.value, " cannot be bound on this node"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int run_inline(const Options& options) {
  auto config = read_config(options.config);
  if (!config.ok()) return fail(kExitUsage, config.status());
  auto plan = plan_traffic(options, surroundings_of(*config));
  if (!plan.ok()) return fail(kExitUsage, plan.status());
  plan->role.index = kEndpointIndex;

  auto runtime = Runtime::create(*config, {.applications = false});
  if (!runtime.ok()) return fail(kExitFailed, runtime.status());
  std::cerr << describe((*runtime)->plan(), *config);

  TrafficRole role{std::move(plan->role)};
  if (auto status = attach((*runtime)->node(), role); !status.ok()) {
    (*runtime)->node().detach(kEndpointIndex);
    return fail(kExitFailed, status);
  }
  Session session{role, std::move(plan->facts), options, [&runtime] { (*runtime)->stop(); }};
  session.start();
  (*runtime)->run();
  const int code = session.finish(absl::OkStatus());
  (*runtime)->node().detach(kEndpointIndex);
  return code;
}

}  // namespace ringroad::gen
