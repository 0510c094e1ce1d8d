// Pieces of answers in words, shared by the commands that show them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "tools/ringroad/exit_code.h"
#include "tools/ringroad/table.h"

namespace ringroad::cli {

std::string or_dash(std::string text);
std::string counted(std::uint64_t count, std::string_view noun);         // "1 node", "3 nodes"
std::string figure_text(const nlohmann::json& object, const char* key);  // "1,024"; or "-"
std::string endpoint_text(const nlohmann::json& object);                 // "10.77.0.1:8801"
Tone tone_of_state(std::string_view state);
constexpr std::string_view kPlainText = "plain: frames are NOT encrypted";

// cluster.status: what it says in a line, the nodes, who does not see whom, the problems.
std::string cluster_text(const nlohmann::json& answer, const Look& look);
std::string cluster_head(const nlohmann::json& answer, const Look& look);
// Of anything that has problems: what is wrong, the commands that show more, the one that mends.
std::string problems_text(const nlohmann::json& answer, const Look& look);
// kUnhealthy when it names a problem, grave or not, or a node that is not up.
ExitCode judge_problems(const nlohmann::json& answer);

// node.status' loops as a table.
std::string loops_table(const nlohmann::json& answer, const Look& look);

}  // namespace ringroad::cli
