// Base units in words, for people: each text names its unit, and what is not known is "-".
#pragma once

#include <optional>
#include <string>

namespace ringroad::cli {

std::string latency_text(std::optional<double> seconds);  // "9.2us"
std::string age_text(std::optional<double> seconds);      // "40 s", "12 min", "3 h", "5 d"
std::string rate_text(std::optional<double> per_second);  // "412.0 K", of a column named .../s
std::string bytes_text(std::optional<double> bytes);      // "512 B", "1.2 MB" (thousands)
std::string share_text(std::optional<double> share);      // 0.12: "12 %"

}  // namespace ringroad::cli
