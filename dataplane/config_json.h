// Strict JSON: what the parser lets through is one value, without repeated keys, of bounded size
// and depth.
#pragma once

#include <cstddef>
#include <string_view>

#include "dataplane/config_fault.h"
#include "nlohmann/json.hpp"

namespace ringroad {

inline constexpr std::size_t kConfigBytesMax = 1024 * 1024;
inline constexpr std::size_t kConfigDepthMax = 32;

// The document; null, with the reasons in `faults`, when the text is not good.
nlohmann::json parse_strict_json(std::string_view text, ConfigFaults& faults);

}  // namespace ringroad
