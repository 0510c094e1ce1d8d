#include "tools/ringroad/units.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_format.h"
#include "tools/ringroad-gen/quantity.h"

namespace ringroad::cli {
namespace {

constexpr const char* kNotKnown = "-";

bool is_known(std::optional<double> value) {
  return value.has_value() && std::isfinite(*value) && *value >= 0;
}

}  // namespace

std::string latency_text(std::optional<double> seconds) {
  if (!is_known(seconds)) return kNotKnown;
  return gen::time_text(static_cast<std::uint64_t>(std::min(*seconds, 1e6) * 1e9 + 0.5));
}

std::string age_text(std::optional<double> seconds) {
  if (!is_known(seconds)) return kNotKnown;
  if (*seconds < 120) return absl::StrFormat("%.0f s", std::floor(*seconds));
  if (*seconds < 2 * 3'600) return absl::StrFormat("%.0f min", std::floor(*seconds / 60));
  if (*seconds < 2 * 86'400) return absl::StrFormat("%.0f h", std::floor(*seconds / 3'600));
  return absl::StrFormat("%.0f d", std::min(std::floor(*seconds / 86'400), 99'999.0));
}

std::string rate_text(std::optional<double> per_second) {
  if (!is_known(per_second)) return kNotKnown;
  return gen::rate_text(std::min(*per_second, 1e12));
}

std::string bytes_text(std::optional<double> bytes) {
  if (!is_known(bytes)) return kNotKnown;
  constexpr std::array kUnits = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  double value = *bytes;
  std::size_t unit = 0;
  // 999.5 would be printed as 1000.
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1'000;
  return unit == 0 || value >= 99.95 ? absl::StrFormat("%.0f %s", value, kUnits[unit])
                                     : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string share_text(std::optional<double> share) {
  if (!is_known(share)) return kNotKnown;
  return absl::StrFormat("%.0f %%", std::min(*share, 9.99) * 100);
}

}  // namespace ringroad::cli
