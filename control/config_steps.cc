#include "control/config_steps.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/clock.h"

namespace ringroad::control {

host::ControlCommand command_of(const ConfigStep& step) {
  using host::ControlCommandKind;
  host::ControlCommand command{};
  command.node = step.peer.node_id.value;
  command.value = step.value;
  switch (step.kind) {
    case ConfigStep::Kind::kAddPeer: {
      command.kind = ControlCommandKind::kAddPeer;
      const host::PeerParameters parameters{
          .address = step.peer.address.value, .port = step.peer.port, .reserved = 0};
      std::memcpy(command.payload, &parameters, sizeof parameters);
      command.length = sizeof parameters;
      break;
    }
    case ConfigStep::Kind::kRemovePeer:
      command.kind = ControlCommandKind::kRemovePeer;
      break;
    case ConfigStep::Kind::kSetDeadAfter:
      command.kind = ControlCommandKind::kSetDeadAfter;
      break;
    case ConfigStep::Kind::kSetIdle:
      command.kind = ControlCommandKind::kSetIdle;
      break;
  }
  return command;
}

asio::awaitable<absl::Status> DataplaneStepper::take(ConfigStep step) {
  using Answer = DataplaneChannel::Answer;
  // A step is long in coming back from a dataplane that stopped meanwhile; those after it are not.
  if (const std::string fault = fault_(); !fault.empty()) co_return absl::UnavailableError(fault);
  const host::ControlCommand command = command_of(step);
  const DataplaneChannel::Outcome outcome = co_await channel_.request(command, kCommandPatience);
  last_taken_ = monotonic_now();
  switch (outcome.answer) {
    case Answer::kUnreachable:
      co_return absl::UnavailableError("the dataplane went away meanwhile");
    case Answer::kTimedOut:
      co_return absl::DeadlineExceededError("the dataplane did not answer in time");
    case Answer::kBusy:
      co_return absl::ResourceExhaustedError("the dataplane has too many commands under way");
    case Answer::kAnswered:
      break;
  }
  if (outcome.result == host::ControlResult::kDone) co_return absl::OkStatus();
  // The dataplane may know more than we believe: it was started with a file that changed since.
  if (step.kind == ConfigStep::Kind::kRemovePeer &&
      outcome.result == host::ControlResult::kNoSuchNode) {
    co_return absl::OkStatus();
  }
  if (step.kind == ConfigStep::Kind::kAddPeer && outcome.result == host::ControlResult::kExists) {
    ConfigStep removal = step;
    removal.kind = ConfigStep::Kind::kRemovePeer;
    if (auto removed = co_await take(removal); !removed.ok()) co_return removed;
    co_return co_await take(step);
  }
  co_return absl::FailedPreconditionError(describe(outcome.result));
}

}  // namespace ringroad::control
