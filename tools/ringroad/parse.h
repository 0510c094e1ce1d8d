// Words to a command of the tree and what was given to it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/ringroad/tree.h"

namespace ringroad::cli {

struct Parsed {
  std::string path;                  // as far as a command was named: "", "link", "link reset"
  const Command* command = nullptr;  // null: help was asked for, or no command was named
  bool wants_help = false;
  Given given;    // the command's arguments and options
  Given globals;  // the options that every command takes
};

// The error, InvalidArgument, says what is wrong, what may have been meant and where to read on.
absl::StatusOr<Parsed> parse(const Tree& tree, std::vector<std::string> words);

// A line into words as a shell has them: blanks part, quotes and backslashes keep together.
absl::StatusOr<std::vector<std::string>> split_line(std::string_view line);

}  // namespace ringroad::cli
