// The Raft core's values as etcd's Raft prints its own, which is what scenario files are written
// in. Text only; what of it is compared, and how, is in comparison.h.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "consensus/core/raft.h"
#include "held.h"

namespace ringroad::scenarios {

// Go's %q, of bytes: what is not printable ASCII is escaped.
std::string quoted(absl::string_view data);
// "MsgApp"; nothing for a name that is not known.
absl::string_view message_name(raft::MessageType type);
std::optional<raft::MessageType> message_type(absl::string_view name);
// "StateLeader"
absl::string_view role_name(raft::Role role);

// "1/3 EntryNormal \"foo\"", or the changes of a change of membership.
std::string describe(const HeldEntry& entry);
// A line for each.
std::string describe(std::span<const HeldEntry> entries);
std::string describe(const raft::HardState& hard_state);
std::string describe(const raft::SoftState& soft_state);
std::string describe(const raft::Snapshot& snapshot);
// Without a newline at its end, but with some inside if there is much to tell.
std::string describe(const HeldMessage& message, absl::string_view indent = "");

// What the log writer of a node is handed, as a message to it.
struct AppendWork {
  NodeId node;
  std::optional<raft::HardState> hard_state;
  std::vector<HeldEntry> entries;
  std::optional<raft::Snapshot> snapshot;
  std::vector<HeldMessage> responses;
};
// What the state machine of a node is handed, as a message to it.
struct ApplyWork {
  NodeId node;
  std::vector<HeldEntry> entries;
  HeldMessage response;
};
std::string describe(const AppendWork& work, bool with_responses);
std::string describe(const ApplyWork& work, bool with_responses);

// Everything the batch holds; the works appear among its messages.
std::string describe(const HeldReady& ready, std::span<const std::string> messages);

}  // namespace ringroad::scenarios
