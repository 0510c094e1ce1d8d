#include "consensus/core/message.h"

#include <array>

namespace ringroad::raft {

namespace {

struct TypeFacts {
  std::string_view name;
  bool travels;
};

// In the order of MessageType.
constexpr std::array<TypeFacts, kMessageTypes> kFacts{{
    {"hup", false},
    {"beat", false},
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
    {"check_quorum", false},
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

std::string_view name_of(MessageType type) {
  const auto i = static_cast<std::size_t>(type);
  return i < kFacts.size() ? kFacts[i].name : "unknown";
}

bool travels(MessageType type) {
  const auto i = static_cast<std::size_t>(type);
  return i < kFacts.size() && kFacts[i].travels;
}

bool is_without_term(MessageType type) {
  return type == MessageType::kPropose || type == MessageType::kReadIndex;
}

}  // namespace ringroad::raft
