// Joining and splitting text whether or not Abseil's string_view is the standard library's (a
// distribution's Abseil may have been built for an older standard).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ringroad::fabric {

inline absl::string_view to_absl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view message_of(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

namespace detail {
template <typename T>
decltype(auto) piece(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return to_absl(std::string_view(value));
  } else {
    return value;
  }
}
}  // namespace detail

// Texts and numbers, one after the other.
template <typename... T>
std::string cat(const T&... values) {
  return absl::StrCat(detail::piece(values)...);
}

template <typename Range>
std::string join(const Range& texts, std::string_view separator) {
  std::string joined;
  for (const auto& text : texts) {
    if (!joined.empty()) joined += separator;
    joined += text;
  }
  return joined;
}

// The words of a line, between blanks.
inline std::vector<std::string_view> split_words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    words.push_back(line.substr(0, line.find_first_of(kBlanks)));
    line.remove_prefix(words.back().size());
  }
}

}  // namespace ringroad::fabric
