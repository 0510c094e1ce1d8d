// What could be wrong with a machine, or is, before and while a node runs on it. Reads /proc, /sys
// and the node's configuration; changes nothing, asks no other machine, and takes at most a few
// seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/config.h"
#include "nlohmann/json.hpp"

namespace ringroad::cli {

enum class Severity : std::uint8_t { kOk, kWarning, kWrong };

struct Finding {
  Severity severity = Severity::kOk;
  std::string subject;  // "CPU", "memory", "port 0"
  std::string text;  // what is so: "no hugepages: no-huge mode, about 25 % fewer frames a second"
  std::string mend;  // the command that mends it; empty when it is ok, or nothing does
};

struct Examination {
  std::string root = "/";            // of /proc and /sys: another one in tests
  std::optional<NodeConfig> config;  // of the node to be examined, when one is known
  // What its control process answers, when it does: node.status, link.list, app.list.
  std::optional<nlohmann::json> status, links, programs;
  // The node was asked for, and its control process does not answer, which was told already.
  bool is_control_missed = false;
};

// In a fixed order, everything looked at: at least one finding a subject.
std::vector<Finding> examine(const Examination& examination);

}  // namespace ringroad::cli
