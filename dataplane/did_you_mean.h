// The known word nearest to what somebody typed, for error texts. Slow path.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringroad {

// The word of `known` that `given` most likely stands for: the fewest insertions, deletions,
// replacements and swaps of neighbours away, capitals aside, and not more than a third of the
// longer word. The first of equals. Nothing when none is near.
std::optional<std::string> did_you_mean(std::string_view given, std::span<const std::string> known);

}  // namespace ringroad
