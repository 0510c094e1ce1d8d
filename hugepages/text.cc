#include "hugepages/text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ringroad {

std::string with_commas(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return absl::StrCat(with_commas(count), " ", std::string(noun), count == 1 ? "" : "s");
}

std::string join_and(std::span<const std::string> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string megabytes(std::uint64_t bytes) {
  constexpr std::uint64_t kMegabyte = 1'048'576;
  if (bytes % kMegabyte == 0 || bytes >= 100 * kMegabyte) {
    return absl::StrCat(with_commas((bytes + kMegabyte - 1) / kMegabyte), " MB");
  }
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / kMegabyte);
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  quoted += '\'';
  return quoted;
}

}  // namespace ringroad
