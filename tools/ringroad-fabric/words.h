// The words people type: numbers with units, and the nearest known word to a mistyped one. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/ids.h"

namespace ringroad::fabric {

// "250ns", "50us", "1.5ms", "2s"; a bare "0". Up to an hour.
std::optional<Nanos> parse_duration(std::string_view text);
// "1%", "0.25%", "500ppm"; a bare "0". Up to 100 %.
std::optional<std::uint32_t> parse_ppm(std::string_view text);
// "10G", "2.5M", "64k", "1000000" bits a second, "0" for no limit. Up to 1T.
std::optional<std::uint64_t> parse_bits_per_s(std::string_view text);
// "512K", "4M", "1G" (powers of 1024), "9000". Up to 1T.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// Decimal digits, at most `max`.
std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max);

std::string format_duration(Nanos duration);
std::string format_ppm(std::uint32_t ppm);
std::string format_bits_per_s(std::uint64_t rate);

// `"los" is not a fault; did you mean "loss"? (one of: loss, delay)`: the hint only when one is
// near enough.
std::string unknown_word(std::string_view word, std::string_view kind,
                         std::span<const std::string_view> known);

}  // namespace ringroad::fabric
