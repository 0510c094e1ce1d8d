// Reading answers that may be anything: a field that is missing or of another kind reads as
// nothing, never as an exception, and text that could command a terminal is made harmless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"

namespace ringroad::cli {

// `text` with control characters as '?' and bytes that are no UTF-8 likewise.
std::string printable(std::string_view text);

std::string text_of(const nlohmann::json& object, const char* key);  // printable; or empty
std::optional<double> number_of(const nlohmann::json& object, const char* key);
std::uint64_t count_of(const nlohmann::json& object, const char* key);  // or 0
bool flag_of(const nlohmann::json& object, const char* key);            // or false
// An array, or an empty one.
const nlohmann::json& list_of(const nlohmann::json& object, const char* key);
// Any value, or null.
const nlohmann::json& child_of(const nlohmann::json& object, const char* key);

// Counts by name, largest first: "no_buffer 12, bad_crc 3"; "-" when there are none.
std::string counts_text(const nlohmann::json& counts);

}  // namespace ringroad::cli
