// A node's figures filled in by hand, for tests and for the program that serves them end to end.
// Every counter has a value of its own, so that a figure told under another's name is noticed.
#pragma once

#include <memory>

#include "control/metrics/metrics_snapshot.h"

namespace ringroad::control {

// Node 1, attached and not ready: its link to node 2 is up, that to node 3 is not. One program.
std::unique_ptr<MetricsSnapshot> sample_snapshot();

// As many links, programs and filled counters as a node can have.
std::unique_ptr<MetricsSnapshot> full_snapshot();

}  // namespace ringroad::control
