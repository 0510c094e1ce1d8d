// The generator inside the dataplane: a whole node in this process, the traffic role an endpoint on
// its io lcore, without the applications' channel between them. The calling thread is the lcore.
#pragma once

#include "tools/ringroad-gen/options.h"

namespace ringroad::gen {

// Returns the program's exit code.
int run_inline(const Options& options);

}  // namespace ringroad::gen
