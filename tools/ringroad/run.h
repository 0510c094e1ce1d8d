// One command from its words to its exit code: parsing, settings, help, errors.
#pragma once

#include <string>
#include <vector>

#include "tools/ringroad/session.h"

namespace ringroad::cli {

// Errors are told as talk. Unless the reader of what was printed has left, what could not be
// printed is a failure too.
ExitCode run_words(Session& session, std::vector<std::string> words);

}  // namespace ringroad::cli
