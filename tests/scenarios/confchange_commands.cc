// The commands of the published files on changes of membership: each applies one list of changes to
// the configuration left by the command before, and prints it with every member's progress. The
// functions called are the core's own; nothing of the arithmetic is here.
#include "confchange_commands.h"

#include <array>

#include "arguments.h"
#include "consensus/core/configuration.h"

namespace ringroad::scenarios {
namespace {

absl::StatusOr<raft::ConfigurationChange> changed(const raft::Configuration& from,
                                                  const Command& command) {
  const raft::ConfChange change = conf_change(command.input, raft::ConfChangeTransition::kAuto);
  if (command.name == "simple") return raft::simple(from, change.changes());
  if (command.name == "enter-joint") {
    const bool auto_leave = !command.arguments.empty() && truth(value(command, "autoleave"));
    return raft::enter_joint(from, auto_leave, change.changes());
  }
  if (command.name != "leave-joint") {
    throw BadCommand(command.name + " is no change: simple, enter-joint or leave-joint");
  }
  if (!change.changes().empty()) throw BadCommand("leave-joint takes no input");
  return raft::leave_joint(from);
}

}  // namespace

bool ConfChangeCommands::knows(absl::string_view name) {
  return name == "simple" || name == "enter-joint" || name == "leave-joint";
}

std::string ConfChangeCommands::run(const Command& command) {
  allow_only(command, std::array<absl::string_view, 1>{"autoleave"});
  const raft::Index last = last_index_;
  last_index_ = raft::next(last_index_);
  const auto change = changed(tracker_.configuration(), command);
  if (!change.ok()) return std::string{change.status().message()} + "\n";
  tracker_.apply(*change, last);
  return tracker_.configuration().describe() + "\n" + tracker_.describe();
}

}  // namespace ringroad::scenarios
