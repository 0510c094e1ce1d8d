// One file from front to back: parse, run each command, compare or collect what it printed.
// Commands are told apart by family only; which of them exist is the families' business.
#include "scenario.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "confchange_commands.h"
#include "datadriven.h"
#include "environment.h"
#include "quorum_commands.h"
#include "raft_commands.h"

namespace ringroad::scenarios {
namespace {

// Everything commands can act on.
struct World {
  Environment environment;
  ConfChangeCommands membership;
};

// Commands about one calculation, whose whole output is what they are about.
bool is_calculation(const Command& command) {
  return is_quorum_command(command.name) || ConfChangeCommands::knows(command.name);
}

std::string run(World& world, const Command& command) {
  if (is_quorum_command(command.name)) return run_quorum_command(command);
  if (ConfChangeCommands::knows(command.name)) return world.membership.run(command);
  return run_raft_command(world.environment, command);
}

}  // namespace

ScenarioResult run_scenario(absl::string_view name, absl::string_view text,
                            const ScenarioOptions& options,
                            const std::function<void(std::size_t line)>& on_command) {
  ScenarioResult result;
  const auto cases = parse_scenario(name, text);
  if (!cases.ok()) {
    result.problem = absl::StrCat(cases.status().message(), "\n");
    return result;
  }
  World world;
  Comparison comparison(options.compare);
  std::vector<std::string> outputs;
  for (const Case& c : *cases) {
    if (on_command) on_command(c.line);
    std::string output;
    try {
      output = closed(run(world, c.command));
    } catch (const std::exception& e) {
      result.problem = absl::StrCat(c.command.position, ": ", c.command.name, ": ", e.what(), "\n");
      return result;
    }
    ++result.commands;
    if (options.rewrite) {
      outputs.push_back(std::move(output));
    } else if (const auto difference = is_calculation(c.command)
                                           ? comparison.text_difference(c, output)
                                           : comparison.difference(c, output)) {
      result.problem = absl::StrCat(c.command.position, ": ", c.command.name,
                                    " did not go as expected\n", *difference);
      return result;
    }
  }
  if (options.rewrite) result.text = with_outputs(text, *cases, outputs);
  result.passed = true;
  return result;
}

}  // namespace ringroad::scenarios
