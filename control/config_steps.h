// Takes the steps of a configuration's change at the dataplane, one command each.
#pragma once

#include <functional>
#include <string>

#include "control/config/configuration.h"
#include "control/dataplane_channel.h"

namespace ringroad::control {

class DataplaneStepper final : public ConfigStepper {
 public:
  // `fault`: what NodeModel::dataplane_fault() says now, and what mends it.
  DataplaneStepper(DataplaneChannel& channel, std::function<std::string()> fault)
      : channel_(channel), fault_(std::move(fault)) {}
  std::string fault() override { return fault_(); }
  asio::awaitable<absl::Status> take(ConfigStep step) override;
  // When the last one ended: an older report does not show what came of it.
  Nanos last_taken() const { return last_taken_; }

 private:
  DataplaneChannel& channel_;  // outlives us
  std::function<std::string()> fault_;
  Nanos last_taken_;
};

host::ControlCommand command_of(const ConfigStep& step);

}  // namespace ringroad::control
