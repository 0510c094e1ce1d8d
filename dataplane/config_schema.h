// The published schema (ringroad.schema.json, built into the program) and the check against it.
#pragma once

#include <string_view>

#include "dataplane/config_fault.h"
#include "nlohmann/json.hpp"

namespace ringroad {

extern const std::string_view kConfigSchemaText;

// Adds a fault for each way in which `document` differs from the schema, worded from the schema
// itself: its titles, ranges, examples and x-help.
void check_schema(const nlohmann::json& document, ConfigFaults& faults);

}  // namespace ringroad
