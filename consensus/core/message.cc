// Facts about message types, in one table, so that a new type is one line here and one in
// message.h.
#include "consensus/core/message.h"

#include <array>

namespace ringroad::raft {

namespace {

struct TypeFacts {
  std::string_view name;
  bool travels = false;
};

// By MessageType; a number that is no type's has no name.
constexpr std::array<TypeFacts, kMessageTypes> kFacts{{
    {"hup", false},
    {},
    {"propose", true},
    {"append", true},
    {"append_response", true},
    {"vote", true},
    {"vote_response", true},
    {"snapshot", true},
    {"heartbeat", true},
    {"heartbeat_response", true},
    {"unreachable", false},
    {"snapshot_status", false},
    {},
    {"transfer_leader", true},
    {"timeout_now", true},
    {"read_index", true},
    {"read_index_response", true},
    {"pre_vote", true},
    {"pre_vote_response", true},
    {"storage_append_response", false},
    {"storage_apply_response", false},
    {"forget_leader", false},
    {"snapshot_response", true},
}};

}  // namespace

bool is_known(MessageType type) {
  const auto i = static_cast<std::size_t>(type);
  return i < kFacts.size() && !kFacts[i].name.empty();
}

std::string_view name_of(MessageType type) {
  return is_known(type) ? kFacts[static_cast<std::size_t>(type)].name : "unknown";
}

bool travels(MessageType type) {
  return is_known(type) && kFacts[static_cast<std::size_t>(type)].travels;
}

bool is_without_term(MessageType type) {
  return type == MessageType::kPropose || type == MessageType::kReadIndex ||
         type == MessageType::kTransferLeader;
}

}  // namespace ringroad::raft
