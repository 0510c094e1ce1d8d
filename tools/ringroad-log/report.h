// What was found in a node's folder, as JSON and as text for people. The text is made from the
// JSON, so that both say the same.
#pragma once

#include <ostream>
#include <string>

#include "consensus/log/recovery.h"
#include "nlohmann/json.hpp"

namespace ringroad::log_tool {

// Everything that a recovery says. 64-bit numbers are JSON numbers.
nlohmann::json to_json(const raft::durable::Recovered& found);
// Each record of each segment, in order; of an unreadable segment the error stands in `error`.
nlohmann::json records_json(raft::durable::FileSystem& files,
                            const raft::durable::Recovered& found);
nlohmann::json to_json(const raft::Entry& entry);

void print(const nlohmann::json& report, std::ostream& out);
// "segment-... at 4096: entries are not readable; entries 3 to 4"
std::string describe(const raft::durable::Damage& damage);

}  // namespace ringroad::log_tool
