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

// Whether a compiled filter compares with 127.0.0.0/8, which no packet on a port has: "host
// localhost" does, and on many machines so does the machine's own name.
bool asks_for_loopback(const nlohmann::json& program);

}  // namespace ringroad::cli
