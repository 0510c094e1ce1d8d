// A capture filter as people write it, compiled to what the control process runs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace ringroad::cli {

// tcpdump's language for Ethernet packets, as a list of [code, jump if true, jump if false, k] for
// capture.start; empty text lets everything through. Names in it are looked up, which may take as
// long as the name server does. InvalidArgument: libpcap's own words.
absl::StatusOr<nlohmann::json> compile_filter(const std::string& text);

}  // namespace ringroad::cli
