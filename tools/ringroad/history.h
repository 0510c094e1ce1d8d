// Where the shell keeps what was typed: one file of one user, unreadable for others.
#pragma once

#include <string>

namespace ringroad::cli {

// $XDG_STATE_HOME/ringroad/history, else ~/.local/state/ringroad/history; its folder is made, and
// the file with mode 0600. Empty when that cannot be: then nothing is kept.
std::string history_file();

}  // namespace ringroad::cli
