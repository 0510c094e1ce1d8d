// Applies the slow path's commands (attach, bind, unbind, detach, and the same of control) to a
// node, on its io lcore.
#pragma once

#include "dataplane/control_endpoint.h"
#include "dataplane/host/host_server.h"
#include "dataplane/io_loop.h"

namespace ringroad {

class HostCommands final : public CommandSource {
 public:
  explicit HostCommands(host::HostServer& server) : server_(server) {}
  // Before the loop runs.
  void set_control(ControlEndpoint& control) { control_ = &control; }

  std::uint32_t poll(Node& node) override {
    host::HostCommand command;
    std::uint32_t count = 0;
    for (; server_.poll_command(command); ++count) {
      server_.complete(command, apply(node, command));
    }
    return count;
  }

  int wait_descriptor() const override { return server_.wake_descriptor(); }
  void woke() override { server_.clear_wake(); }

 private:
  BindResult apply(Node& node, const host::HostCommand& command) {
    using host::HostCommandKind;
    switch (command.kind) {
      case HostCommandKind::kAttach:
        node.attach(command.index, *command.application);
        break;
      case HostCommandKind::kDetach:
        node.detach(command.index);
        break;
      case HostCommandKind::kBind:
        return node.bind(command.index, command.type, command.mode);
      case HostCommandKind::kUnbind:
        node.unbind(command.index, command.type, command.mode);
        break;
      case HostCommandKind::kAttachControl:
        control_->attach(*command.control);
        break;
      case HostCommandKind::kDetachControl:
        control_->detach();
        break;
    }
    return BindResult::kBound;
  }

  host::HostServer& server_;
  ControlEndpoint* control_ = nullptr;
};

}  // namespace ringroad
