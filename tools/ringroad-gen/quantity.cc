#include "tools/ringroad-gen/quantity.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_format.h"

namespace ringroad::gen {
namespace {

// The leading decimal number, and what follows it.
std::optional<double> leading_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> unit_nanos(std::string_view unit) {
  if (unit == "us") return 1e3;
  if (unit == "ms") return 1e6;
  if (unit == "s") return 1e9;
  if (unit == "m") return 60e9;
  if (unit == "h") return 3600e9;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_quantity(std::string_view text, std::uint32_t thousand) {
  const auto number = leading_number(text);
  if (!number || text.size() > 1) return std::nullopt;
  double scale = 1;
  if (!text.empty()) {
    const auto power = std::string_view{"kmg"}.find(static_cast<char>(text[0] | 0x20));
    if (power == std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i <= power; ++i) scale *= thousand;
  }
  const double value = *number * scale;
  if (value != std::floor(value) || value > 1e15) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::optional<Nanos> parse_duration(std::string_view text) {
  const auto number = leading_number(text);
  if (!number) return std::nullopt;
  const auto unit = unit_nanos(text);
  if (!unit || *number * *unit > 1e17) return std::nullopt;
  return Nanos{static_cast<std::int64_t>(*number * *unit)};
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string rate_text(double per_second) {
  if (per_second >= 1e6) return absl::StrFormat("%.3f M", per_second / 1e6);
  if (per_second >= 1e4) return absl::StrFormat("%.1f K", per_second / 1e3);
  return absl::StrFormat("%.0f", per_second);
}

std::string time_text(std::uint64_t nanos) {
  const auto scaled = [nanos](double unit, const char* name) {
    const double value = static_cast<double>(nanos) / unit;
    return value < 10 ? absl::StrFormat("%.1f%s", value, name)
                      : absl::StrFormat("%.0f%s", value, name);
  };
  if (nanos < 1'000) return absl::StrFormat("%dns", nanos);
  if (nanos < 1'000'000) return scaled(1e3, "us");
  if (nanos < 1'000'000'000) return scaled(1e6, "ms");
  return scaled(1e9, "s");
}

}  // namespace ringroad::gen
