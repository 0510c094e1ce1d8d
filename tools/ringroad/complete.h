// What may come next on a line, from the tree and, through `live`, the living system. One place for
// the shell and for bash. Pure but for what `live` does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/ringroad/tree.h"

namespace ringroad::cli {

class Session;

struct Candidates {
  std::vector<std::string> words;  // those that open with what stands there, in the tree's order
  bool wants_files = false;        // a file's name belongs there
};

// The values of a source as they are now; `node` is what the line's --node says.
using Live = std::function<std::vector<std::string>(Source source, const std::string& node)>;

// `words` without the program's name; the last one is what is being typed, perhaps empty.
Candidates complete(const Tree& tree, const std::vector<std::string>& words, const Live& live);

// Ids of nodes and peers, indexes of ports, from the control process that `session` asks; nothing
// when it doesn't answer within a fraction of a second.
Live live_from(Session& session);

// The names in a folder that open with `prefix`, folders with a "/" behind: for the shell.
std::vector<std::string> file_names(const std::string& prefix);

// A script for bash that asks this program ("ringroad complete -- WORD...").
std::string bash_script();

}  // namespace ringroad::cli
