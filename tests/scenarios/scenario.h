// Runs one scenario file: parses it, runs its commands in order against a fresh world, and compares
// what they print with what is expected (comparison.h). It ends at the first difference, since what
// follows one means little.
//
// Three families of commands are known, and a file may use them all: those of raft_commands.h, of
// quorum_commands.h and of confchange_commands.h. The last two are always compared as text.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "comparison.h"

namespace ringroad::scenarios {

struct ScenarioOptions {
  CompareMode compare = CompareMode::kAll;
  // Puts the outputs found in place of those expected, instead of comparing.
  bool rewrite = false;
};

struct ScenarioResult {
  bool passed = false;
  std::size_t commands = 0;
  // What went wrong, beginning with "file:line: ".
  std::string problem;
  // With `rewrite`: the file's new text.
  std::string text;
};

// `on_command` is told each command's line before it is run, for the case that it does not return.
ScenarioResult run_scenario(absl::string_view name, absl::string_view text,
                            const ScenarioOptions& options,
                            const std::function<void(std::size_t line)>& on_command = {});

}  // namespace ringroad::scenarios
