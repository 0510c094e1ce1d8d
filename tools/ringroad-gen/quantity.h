// Numbers as people write them: "1024", "64K", "1.5M", "2G"; durations "10s", "250ms", "2m". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/ids.h"

namespace ringroad::gen {

// `thousand` is what K multiplies by: 1000 for rates, 1024 for sizes. Nothing else may follow the
// letter, and the result must be a whole number.
std::optional<std::uint64_t> parse_quantity(std::string_view text, std::uint32_t thousand);

// Needs a unit: us, ms, s, m or h.
std::optional<Nanos> parse_duration(std::string_view text);

std::string with_commas(std::uint64_t number);  // 1,024
std::string rate_text(double per_second);       // "1.000 M", "412.0 K", "17"
std::string time_text(std::uint64_t nanos);     // "870ns", "3.1us", "22us", "1.4ms", "2.0s"

}  // namespace ringroad::gen
