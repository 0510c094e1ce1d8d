// Reads the arguments of scenario commands. What a scenario says wrongly ends its file: BadCommand
// is caught where the file is run (scenario.h), which knows the position.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "command.h"
#include "consensus/core/conf_change.h"
#include "dataplane/base/ids.h"

namespace ringroad::scenarios {

class BadCommand : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::uint64_t number(absl::string_view text, std::uint64_t max = ~std::uint64_t{0});
bool truth(absl::string_view text);  // true, false, 1, 0, t, f
NodeId node_id(absl::string_view text);

// The arguments without values, as nodes.
std::vector<NodeId> nodes_of(const Command& command);
// The argument at `at`, which has no value.
const std::string& word(const Command& command, std::size_t at);
// The only value of `key`.
const std::string& value(const Command& command, absl::string_view key);
// Refuses arguments with values whose key is not in `known`.
void allow_only(const Command& command, std::span<const absl::string_view> known);

// "v1 l2 r3 u4": see describe() of consensus/core/conf_change.h.
raft::ConfChange conf_change(absl::string_view text, raft::ConfChangeTransition transition);

}  // namespace ringroad::scenarios
