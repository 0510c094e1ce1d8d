// The few shapes of text this folder prints: counts with their noun, numbers with commas, sizes in
// MB, lists joined by commas and a last "and". Start-up only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringroad {

std::string with_commas(std::uint64_t value);                    // 1,048,576
std::string plural(std::uint64_t count, std::string_view noun);  // "1 core", "2 cores"
std::string join_and(std::span<const std::string> words);        // "a, b and c"
std::string megabytes(std::uint64_t bytes);                      // "1.5 MB" (MB is 2^20 bytes)
// As it would be typed in a shell: quoted where it must be.
std::string shell_word(std::string_view word);

}  // namespace ringroad
