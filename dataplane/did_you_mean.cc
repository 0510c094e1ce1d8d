// Every pair is measured in full: there are a few dozen short words, once, in an error text.
#include "dataplane/did_you_mean.h"

#include <algorithm>
#include <vector>

namespace ringroad {
namespace {

constexpr std::size_t kWordBytesMax = 64;  // longer ones are no slip of the finger

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Optimal string alignment distance: Levenshtein's, with swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> did_you_mean(std::string_view given,
                                        std::span<const std::string> known) {
  if (given.empty() || given.size() > kWordBytesMax) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t nearest_distance = 0;
  for (const std::string& word : known) {
    if (word.size() > kWordBytesMax) continue;
    const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), given.size()) / 3);
    const std::size_t found = distance(given, word);
    if (found > allowed || (nearest && found >= nearest_distance)) continue;
    nearest = word;
    nearest_distance = found;
  }
  return nearest;
}

}  // namespace ringroad
