#include "tools/ringroad/fields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "tools/ringroad-gen/quantity.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;

// How many bytes the UTF-8 character at the front of `text` has; 0 when there is none.
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first < 0x80                    ? 1
                            : first >= 0xc2 && first < 0xe0 ? 2
                            : first >= 0xe0 && first < 0xf0 ? 3
                            : first >= 0xf0 && first < 0xf5 ? 4
                                                            : 0;
  if (bytes == 0 || bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  if (bytes < 3) return bytes;
  // Overlong forms, surrogates and what lies beyond U+10FFFF are no characters (RFC 3629).
  const auto second = static_cast<unsigned char>(text[1]);
  const bool is_none = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return is_none ? 0 : bytes;
}

std::optional<std::uint64_t> count_in(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) return std::nullopt;
  return value.get<std::uint64_t>();
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f) return true;
  // U+0080 to U+009F, which some terminals obey.
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
    if (bytes == 0 || is_control(character)) {
      clean += '?';
    } else {
      clean += character;
    }
    text.remove_prefix(character.size());
  }
  return clean;
}

const json& child_of(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

const json& list_of(const json& object, const char* key) {
  static const json empty = json::array();
  const json& child = child_of(object, key);
  return child.is_array() ? child : empty;
}

std::string text_of(const json& object, const char* key) {
  const json& child = child_of(object, key);
  return child.is_string() ? printable(child.get_ref<const std::string&>()) : std::string{};
}

std::optional<double> number_of(const json& object, const char* key) {
  const json& child = child_of(object, key);
  return child.is_number() ? std::optional{child.get<double>()} : std::nullopt;
}

std::uint64_t count_of(const json& object, const char* key) {
  return count_in(child_of(object, key)).value_or(0);
}

bool flag_of(const json& object, const char* key) {
  const json& child = child_of(object, key);
  return child.is_boolean() && child.get<bool>();
}

std::string counts_text(const json& counts) {
  if (!counts.is_object()) return "-";
  std::vector<std::pair<std::string, std::uint64_t>> sorted;
  for (const auto& [name, count] : counts.items()) {
    if (const auto number = count_in(count).value_or(0); number != 0) {
      sorted.emplace_back(printable(name), number);
    }
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::string text;
  for (const auto& [name, count] : sorted) {
    text += (text.empty() ? "" : ", ") + name + " " + gen::with_commas(count);
  }
  return text.empty() ? "-" : text;
}

}  // namespace ringroad::cli
