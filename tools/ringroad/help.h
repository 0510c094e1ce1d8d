// What --help prints, made from the tree. Fits 80 columns. Pure.
#pragma once

#include <string>

#include "tools/ringroad/tree.h"

namespace ringroad::cli {

// Of everything (an empty path), of a noun's commands, or of one command.
std::string help_text(const Tree& tree, const std::string& path);

// "ringroad link reset [OPTION...] PEER"
std::string usage_text(const Command& command);

}  // namespace ringroad::cli
