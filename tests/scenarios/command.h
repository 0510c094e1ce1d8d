// One command of a scenario file, as the parser (datadriven.h) hands it to whoever knows the
// command.
#pragma once

#include <string>
#include <vector>

namespace ringroad::scenarios {

// "key", "key=value" or "key=(value, value)".
struct Argument {
  std::string key;
  std::vector<std::string> values;
};

struct Command {
  std::string name;
  std::vector<Argument> arguments;
  // The lines between the command and "----", trimmed.
  std::string input;
  // "file:line", for messages.
  std::string position;
};

}  // namespace ringroad::scenarios
