// A histogram as HdrHistogram's percentile distribution text (.hgrm), which its plotter and many
// scripts read. Values in microseconds. Pure.
#pragma once

#include <string>

#include "dataplane/base/histogram.h"

namespace ringroad::gen {

// Five steps for each halving of the distance to 100 %, as HdrHistogram's own tools write.
std::string write_hgrm(const Histogram& nanos);

}  // namespace ringroad::gen
