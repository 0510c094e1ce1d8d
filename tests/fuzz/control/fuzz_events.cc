// What a dataplane hands to control: any events, and links that come and go, over time. Whatever
// they say, what control then tells of the cluster fits the interface's description.
//
// The input is a list of steps: a byte of what, a byte of a node, two of a length, then the bytes.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "control/answers.h"
#include "control/dataplane_channel.h"
#include "control/node_model.h"
#include "control/rpc/interface.h"
#include "dataplane/base/check.h"

namespace {

using namespace ringroad;
using namespace ringroad::control;

NodeConfig three_nodes() {
  NodeConfig config;
  config.local_node = {.node_id = NodeId{1}, .name = "one"};
  config.cluster_nodes = {{.node_id = NodeId{2}, .name = "two"},
                          {.node_id = NodeId{3}, .name = "three"}};
  config.ports.resize(1);
  return config;
}

struct World {
  explicit World(const NodeConfig& config) : model(config, now) {
    report.link_count = 2;
    report.links[0].peer = NodeId{2};
    report.links[1].peer = NodeId{3};
    model.on_attached(now);
  }

  void hear(const host::ControlEvent& event) {
    if (!is_well_formed(event) || event.kind != host::ControlEventKind::kMessage) return;
    model.on_summary(NodeId{event.node}, {event.payload, event.length}, now);
  }

  void step(std::uint8_t what, std::uint8_t node, std::span<const std::uint8_t> bytes) {
    host::ControlEvent event{};
    switch (what % 4) {
      case 0:  // a message that could be right
        event.kind = host::ControlEventKind::kMessage;
        event.node = node;
        event.type = host::kSystemControl;
        event.length = static_cast<std::uint32_t>(bytes.size());
        std::memcpy(event.payload, bytes.data(), std::min(bytes.size(), sizeof event.payload));
        return hear(event);
      case 1:  // an event as it comes
        if (!bytes.empty()) std::memcpy(&event, bytes.data(), std::min(bytes.size(), sizeof event));
        return hear(event);
      case 2:
        now = now + milliseconds(100) * node;
        report.time = now;
        return model.tick(now);
      case 3:
        report.links[0].state = (node & 1) != 0 ? LinkState::kUp : LinkState::kConnecting;
        report.links[1].state = (node & 2) != 0 ? LinkState::kUp : LinkState::kClosed;
        report.port_up = (node & 4) != 0;
        report.node.no_buffer += node;
        return model.on_reports(report, applications, now);
    }
  }

  Nanos now = seconds(1'000);
  NodeReport report;
  host::ApplicationsReport applications{};
  NodeModel model;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const RpcInterface kInterface;
  static const NodeConfig kConfig = three_nodes();
  const auto world = std::make_unique<World>(kConfig);
  while (size >= 4) {
    const std::size_t length = std::min<std::size_t>(data[2] | data[3] << 8, size - 4);
    world->step(data[0], data[1], {data + 4, length});
    data += 4 + length;
    size -= 4 + length;
  }
  const Keeper keeper("/nowhere");
  const auto status = cluster_status(world->model, keeper, world->now);
  RR_CHECK(kInterface.check_result("cluster.status", status).empty());
  const auto links = link_list(world->model, std::nullopt, keeper, world->now);
  RR_CHECK(kInterface.check_result("link.list", links).empty());
  return 0;
}
