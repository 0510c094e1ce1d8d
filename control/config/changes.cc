#include "control/config/changes.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dataplane/config_fault.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

constexpr const char* kDataplane = "ringroad-dataplane";
constexpr const char* kControl = "ringroad-control";
constexpr const char* kBoth = "ringroad-dataplane and ringroad-control";

struct Effect {
  const char* pointer;  // it, and all below it
  const char* restart;  // empty: now
};
constexpr Effect kEffects[] = {
    {"/limits/dead_after_ms", ""}, {"/cpu/idle", ""},      {"/control/log/level", ""},
    {"/control/log/format", ""},   {"/cluster/name", ""},  {"/local_node/name", ""},
    {"/local_node/zone", ""},      {"/control", kControl}, {"/metrics", kControl},
    {"/host/socket", kBoth},       {"", kDataplane},
};

// The value at `prefix`, or something in it.
bool is_within(const std::string& pointer, const std::string& prefix) {
  return pointer.starts_with(prefix) &&
         (prefix.empty() || pointer.size() == prefix.size() || pointer[prefix.size()] == '/');
}

const char* restart_of(const std::string& pointer) {
  for (const Effect& effect : kEffects) {
    if (is_within(pointer, effect.pointer)) return effect.restart;
  }
  return kDataplane;
}

void compare(const std::string& pointer, const Json& before, const Json& after,
             std::vector<ConfigChange>& changes) {
  if (before == after) return;
  if (before.is_object() && after.is_object()) {
    for (const auto& [key, value] : before.items()) {
      const auto found = after.find(key);
      compare(pointer_to(pointer, key), value, found == after.end() ? Json() : *found, changes);
    }
    for (const auto& [key, value] : after.items()) {
      if (!before.contains(key)) compare(pointer_to(pointer, key), Json(), value, changes);
    }
    return;
  }
  if (before.is_array() && after.is_array() && before.size() == after.size() && !before.empty() &&
      before[0].is_object()) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      compare(pointer_to(pointer, i), before[i], after[i], changes);
    }
    return;
  }
  changes.push_back({pointer, before, after, restart_of(pointer)});
}

std::optional<std::size_t> index_of(const Json& peers, const Json& id) {
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (peers[i]["node_id"] == id) return i;
  }
  return std::nullopt;
}

// Peers are told apart by their ids, wherever they stand. All of it changes now.
void compare_peers(const Json& before, const Json& after, std::vector<ConfigChange>& changes) {
  const std::size_t first = changes.size();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto at = index_of(after, before[i]["node_id"]);
    if (at) {
      compare(pointer_to("/cluster_nodes", *at), before[i], after[*at], changes);
    } else {
      changes.push_back({pointer_to("/cluster_nodes", i), before[i], Json(), ""});
    }
  }
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!index_of(before, after[i]["node_id"])) {
      changes.push_back({pointer_to("/cluster_nodes", i), Json(), after[i], ""});
    }
  }
  for (std::size_t i = first; i < changes.size(); ++i) changes[i].restart.clear();
}

bool is_same_peer(const PeerConfig& a, const PeerConfig& b) {
  return a.node_id == b.node_id && a.address == b.address && a.port == b.port;
}

bool has_peer(const NodeConfig& config, const PeerConfig& peer) {
  return std::ranges::any_of(config.cluster_nodes,
                             [&](const PeerConfig& other) { return is_same_peer(other, peer); });
}

}  // namespace

bool is_owners(const std::string& pointer) {
  static constexpr const char* kOwners[] = {"/eal_extra", "/host/group", "/control/group"};
  return std::ranges::any_of(kOwners,
                             [&](const char* prefix) { return is_within(pointer, prefix); });
}

Json document_of(const NodeConfig& config) { return Json::parse(print_config(config)); }

std::vector<ConfigChange> changes_between(const NodeConfig& before, const NodeConfig& after) {
  std::vector<ConfigChange> changes;
  Json old_document = document_of(before), new_document = document_of(after);
  compare_peers(old_document["cluster_nodes"], new_document["cluster_nodes"], changes);
  old_document.erase("cluster_nodes");
  new_document.erase("cluster_nodes");
  compare("", old_document, new_document, changes);
  return changes;
}

ConfigStep ConfigStep::undone() const {
  ConfigStep step = *this;
  std::swap(step.value, step.value_before);
  if (kind == Kind::kAddPeer) step.kind = Kind::kRemovePeer;
  if (kind == Kind::kRemovePeer) step.kind = Kind::kAddPeer;
  return step;
}

std::string ConfigStep::describe() const {
  switch (kind) {
    case Kind::kAddPeer:
      return absl::StrCat("adding node ", peer.node_id.value);
    case Kind::kRemovePeer:
      return absl::StrCat("removing node ", peer.node_id.value);
    case Kind::kSetDeadAfter:
      return absl::StrCat("setting /limits/dead_after_ms to ", value);
    case Kind::kSetIdle:
      return "setting /cpu/idle";
  }
  return "";
}

std::vector<ConfigStep> steps_between(const NodeConfig& before, const NodeConfig& after) {
  std::vector<ConfigStep> steps;
  for (const PeerConfig& peer : before.cluster_nodes) {
    if (!has_peer(after, peer))
      steps.push_back({.kind = ConfigStep::Kind::kRemovePeer, .peer = peer});
  }
  for (const PeerConfig& peer : after.cluster_nodes) {
    if (!has_peer(before, peer))
      steps.push_back({.kind = ConfigStep::Kind::kAddPeer, .peer = peer});
  }
  if (before.limits.dead_after_ms != after.limits.dead_after_ms) {
    steps.push_back({.kind = ConfigStep::Kind::kSetDeadAfter,
                     .value = after.limits.dead_after_ms,
                     .value_before = before.limits.dead_after_ms});
  }
  if (before.cpu.idle != after.cpu.idle) {
    steps.push_back({.kind = ConfigStep::Kind::kSetIdle,
                     .value = static_cast<std::uint64_t>(after.cpu.idle),
                     .value_before = static_cast<std::uint64_t>(before.cpu.idle)});
  }
  return steps;
}

std::vector<ConfigStep> differences(const NodeReport& report, const NodeConfig& wanted) {
  NodeConfig reported = wanted;
  reported.cluster_nodes.clear();
  for (std::size_t i = 0; i < report.link_count; ++i) {
    const NodeReport::LinkRow& link = report.links[i];
    reported.cluster_nodes.push_back(
        {.node_id = link.peer, .name = {}, .zone = {}, .address = link.address, .port = link.port});
  }
  reported.limits.dead_after_ms =
      static_cast<std::uint32_t>(report.dead_after.count / milliseconds(1).count);
  reported.cpu.idle = report.idle;
  return steps_between(reported, wanted);
}

NodeConfig with_runtime_changes(const NodeConfig& running, const NodeConfig& applied) {
  NodeConfig config = running;
  config.cluster_name = applied.cluster_name;
  config.local_node.name = applied.local_node.name;
  config.local_node.zone = applied.local_node.zone;
  config.cluster_nodes = applied.cluster_nodes;
  config.limits.dead_after_ms = applied.limits.dead_after_ms;
  config.cpu.idle = applied.cpu.idle;
  config.control.log_level = applied.control.log_level;
  config.control.log_format = applied.control.log_format;
  return config;
}

NodeConfig with_new_dataplane(const NodeConfig& running, const NodeConfig& started) {
  NodeConfig config = started;
  config.host.socket = running.host.socket;
  config.metrics = running.metrics;
  config.control.socket = running.control.socket;
  config.control.group = running.control.group;
  return config;
}

}  // namespace ringroad::control
