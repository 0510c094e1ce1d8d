// One frame of top: nodes, links, loops and drops of one moment, sorted and cut so that it fits a
// terminal. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "tools/ringroad/table.h"

namespace ringroad::cli {

enum class SortKey { kNode, kSent, kReceived, kLatency, kDown };

std::vector<std::string> sort_words();  // "node", "sent", "received", "latency", "down"
std::optional<SortKey> sort_key_of_word(std::string_view word);
std::optional<SortKey> sort_key_of_letter(char letter);  // n s r l d

// `answer` holds what was asked under "cluster", "node" and "links". The largest come first (by
// node: the lowest ids). `rows` 0: as many as it takes.
std::string top_frame(const nlohmann::json& answer, SortKey sort, const Look& look,
                      std::size_t rows, std::string_view note);

}  // namespace ringroad::cli
