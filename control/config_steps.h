// Takes the steps of a configuration's change at the dataplane, one command each.
#pragma once

#include "control/config/configuration.h"
#include "control/dataplane_channel.h"

namespace ringroad::control {

class DataplaneStepper final : public ConfigStepper {
 public:
  explicit DataplaneStepper(DataplaneChannel& channel) : channel_(channel) {}
  asio::awaitable<absl::Status> take(ConfigStep step) override;
  // When the last one ended: an older report does not show what came of it.
  Nanos last_taken() const { return last_taken_; }

 private:
  DataplaneChannel& channel_;  // outlives us
  Nanos last_taken_;
};

host::ControlCommand command_of(const ConfigStep& step);

}  // namespace ringroad::control
