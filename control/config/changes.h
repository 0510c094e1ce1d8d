// What is different between two configurations, what of it can change while the node runs, and the
// steps that change it. Pure: configurations in, changes out.
//
// At run time: peers (a changed address is a removal and an addition), /limits/dead_after_ms,
// /cpu/idle, the log's level and format, and names and zones, which only people read. All else is
// read once, at a start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/config.h"
#include "dataplane/node_report.h"
#include "nlohmann/json.hpp"

namespace ringroad::control {

struct ConfigChange {
  std::string pointer;      // JSON pointer into a configuration
  nlohmann::json from, to;  // null: not there
  std::string restart;      // of what; empty: it changes now
};

// Peers first, then the rest by pointer.
std::vector<ConfigChange> changes_between(const NodeConfig& before, const NodeConfig& after);

// Whether only root and the user that control runs as may change it, and not every member of the
// control group: what lets code into the dataplane (EAL's arguments load drivers), and who may come
// in at its sockets.
bool is_owners(const std::string& pointer);

// One command to the dataplane, and how it is taken back.
struct ConfigStep {
  enum class Kind : std::uint8_t { kAddPeer, kRemovePeer, kSetDeadAfter, kSetIdle };
  Kind kind = Kind::kAddPeer;
  PeerConfig peer;          // of the first two
  std::uint64_t value = 0;  // milliseconds, or an IdlePolicy
  std::uint64_t value_before = 0;

  ConfigStep undone() const;
  std::string describe() const;  // "adding node 4"
};

// What the dataplane has to be told, in order: removals before additions, for room and addresses.
std::vector<ConfigStep> steps_between(const NodeConfig& before, const NodeConfig& after);

// Likewise, for a dataplane that is as it reports: empty when it runs as wanted, as far as that can
// change while it runs and a report tells.
std::vector<ConfigStep> differences(const NodeReport& report, const NodeConfig& wanted);

// `running` after what can change at run time has become as in `applied`.
NodeConfig with_runtime_changes(const NodeConfig& running, const NodeConfig& applied);
// `running` at a dataplane that was started with `started`; what control reads once stays.
NodeConfig with_new_dataplane(const NodeConfig& running, const NodeConfig& started);

nlohmann::json document_of(const NodeConfig& config);

}  // namespace ringroad::control
