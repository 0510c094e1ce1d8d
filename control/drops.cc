#include "control/drops.h"

#include "dataplane/core/frame.h"
#include "dataplane/net/stack.h"

namespace ringroad::control {

std::vector<Drop> drops_of(const NodeReport& report) {
  const PortStatistics& port = report.port;
  std::vector<Drop> drops = {
      {DropLayer::kPort, "received too long", port.received_too_long, true},
      {DropLayer::kPort, "received malformed", port.received_malformed, true},
      {DropLayer::kPort, "sent too long", port.send_too_long, true},
  };
  for (std::size_t i = 1; i < std::size(report.stack.drops); ++i) {
    const auto reason = static_cast<DropReason>(i);
    drops.push_back(
        {DropLayer::kStack, drop_reason_name(reason), report.stack.drops[i], is_malformed(reason)});
  }
  for (std::size_t i = 1; i < std::size(report.node.frame_errors); ++i) {
    const auto error = static_cast<FrameError>(i);
    // Networks repeat frames, and a link that came back sees what is left of its last session.
    const bool is_alarming = error != FrameError::kSession && error != FrameError::kDuplicate;
    drops.push_back(
        {DropLayer::kFrame, frame_error_name(error), report.node.frame_errors[i], is_alarming});
  }
  drops.push_back({DropLayer::kMessage, "no receiver", report.node.messages_no_receiver, false});
  return drops;
}

const char* layer_name(DropLayer layer) {
  switch (layer) {
    case DropLayer::kPort:
      return "port";
    case DropLayer::kStack:
      return "stack";
    case DropLayer::kFrame:
      return "frame";
    case DropLayer::kMessage:
      return "message";
  }
  return "";
}

}  // namespace ringroad::control
