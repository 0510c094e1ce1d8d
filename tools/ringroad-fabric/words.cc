#include "tools/ringroad-fabric/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "dataplane/did_you_mean.h"
#include "tools/ringroad-fabric/text.h"

namespace ringroad::fabric {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// Digits, at most one point, then one of the units; the result rounded, at most `max`.
std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units,
                                            double max) {
  const std::size_t digits_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view digits = text.substr(0, digits_end);
  double value = 0;
  if (digits.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(digits.front())) ||
      !absl::SimpleAtod(to_absl(digits), &value)) {
    return std::nullopt;
  }
  const std::string_view name = text.substr(digits_end);
  if (name.empty() && value == 0) return 0;
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    const double scaled = value * unit.factor;
    if (!(scaled <= max)) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(scaled));
  }
  return std::nullopt;
}

constexpr double kKibi = 1024;

// The largest unit that leaves a number of at least 1, without needless decimals.
std::string format_quantity(double value, std::span<const Unit> units) {
  const Unit* chosen = &units.front();
  for (const Unit& unit : units) {
    if (value >= unit.factor) chosen = &unit;
  }
  return cat(value / chosen->factor, chosen->name);
}

constexpr std::array<Unit, 4> kDurations = {{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
constexpr std::array<Unit, 5> kRates = {{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}}};

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  const auto nanos = parse_quantity(text, kDurations, 3600e9);
  if (!nanos) return std::nullopt;
  return Nanos{static_cast<std::int64_t>(*nanos)};
}

std::optional<std::uint32_t> parse_ppm(std::string_view text) {
  constexpr std::array<Unit, 2> kParts = {{{"%", 1e4}, {"ppm", 1}}};
  const auto ppm = parse_quantity(text, kParts, 1e6);
  if (!ppm) return std::nullopt;
  return static_cast<std::uint32_t>(*ppm);
}

std::optional<std::uint64_t> parse_bits_per_s(std::string_view text) {
  return parse_quantity(text, kRates, 1e12);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::array<Unit, 4> kBytes = {
      {{"", 1}, {"K", kKibi}, {"M", kKibi * kKibi}, {"G", kKibi * kKibi * kKibi}}};
  return parse_quantity(text, kBytes, kKibi * kKibi * kKibi * kKibi);
}

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max) {
  std::uint64_t value = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(to_absl(text), &value) || value > max) {
    return std::nullopt;
  }
  return value;
}

std::string format_duration(Nanos duration) {
  if (duration == Nanos{}) return "0";
  return format_quantity(static_cast<double>(duration.count), kDurations);
}

std::string format_ppm(std::uint32_t ppm) {
  if (ppm == 0) return "0";
  return cat(static_cast<double>(ppm) / 1e4, "%");
}

std::string format_bits_per_s(std::uint64_t rate) {
  return format_quantity(static_cast<double>(rate), kRates);
}

std::string unknown_word(std::string_view word, std::string_view kind,
                         std::span<const std::string_view> known) {
  const std::vector<std::string> candidates(known.begin(), known.end());
  const auto nearest = did_you_mean(word.substr(0, 64), candidates);
  return cat("\"", word.substr(0, 64), "\" is not a ", kind,
             nearest ? cat("; did you mean \"", *nearest, "\"?") : "",
             " (one of: ", join(known, ", "), ")");
}

}  // namespace ringroad::fabric
