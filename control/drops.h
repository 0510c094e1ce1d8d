// What ended in a node, by layer and reason: the one list that answers to people and metrics to
// machines are made of. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/node_report.h"

namespace ringroad::control {

enum class DropLayer : std::uint8_t { kPort, kStack, kFrame, kMessage };

struct Drop {
  DropLayer layer = DropLayer::kPort;
  const char* reason = "";  // "received too long"
  std::uint64_t count = 0;
  bool is_alarming = false;  // means that something is wrong, not that it was meant for another
};

// All reasons, zeros too, always in the same order.
std::vector<Drop> drops_of(const NodeReport& report);

const char* layer_name(DropLayer layer);  // "port"

}  // namespace ringroad::control
