// The man pages, made from the tree: ringroad(1), and one a command. Pure.
#pragma once

#include <string>
#include <vector>

#include "tools/ringroad/tree.h"

namespace ringroad::cli {

struct ManualPage {
  std::string file_name;  // "ringroad-link-show.1"
  std::string text;       // for man(7)'s macros
};

std::vector<ManualPage> manual_pages(const Tree& tree);

}  // namespace ringroad::cli
