// What a program and its node's consensus say to each other, in messages of the types of
// local_service.h: fixed headers before a request or an answer of the replicated state
// (consensus/machine/request.h, answer.h). Both ends are of one machine and one build of the
// dataplane's protocol; the program is not trusted, so whoever reads checks lengths and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringroad::host {

inline constexpr std::uint8_t kRegistryVersion = 1;

enum class RegistryVerb : std::uint8_t {
  kAsk = 0,     // the rest is a request of the replicated state
  kStatus = 1,  // answered by a ConsensusReport
  kChange = 2,  // the rest is a MembershipRequest
};
inline constexpr std::uint8_t kRegistryVerbs = 3;

struct RegistryRequestHeader {
  std::uint64_t token;  // the program's; comes back
  std::uint8_t version;
  RegistryVerb verb;
  std::uint8_t consistency;  // a consensus::Consistency
  std::uint8_t waits;        // for news, rather than an empty answer
  std::uint32_t patience_ms;
};
static_assert(sizeof(RegistryRequestHeader) == 16);

struct RegistryReplyHeader {
  std::uint64_t token;
  std::uint8_t version;
  RegistryVerb verb;
  std::uint8_t outcome;  // a consensus::RequestOutcome; of kChange: 0 when it is under way
  std::uint8_t refusal;  // kChange: a raft::StepResult
  std::uint16_t leader;  // as this node knows; 0: none
  std::uint16_t zero;
};
static_assert(sizeof(RegistryReplyHeader) == 16);

enum class MembershipVerb : std::uint8_t { kAdd, kAddLearner, kRemove, kTransfer };
inline constexpr std::uint8_t kMembershipVerbs = 4;

struct MembershipRequest {
  MembershipVerb verb;
  std::uint8_t zero;
  std::uint16_t node;
};

struct ConsensusReport {
  std::uint64_t time_ns;
  std::uint16_t node, leader;
  std::uint8_t role;  // a raft::Role
  std::uint8_t wants_room;
  std::uint8_t is_joint;
  std::uint8_t zone_rule_degraded;
  std::uint64_t term, commit, applied, first, last, stable, snapshot;
  std::uint64_t voters, learners;  // bit n - 1: node n
  std::uint64_t elections_won, proposals, entries_applied, reads, snapshots_made,
      snapshots_installed, requests_waiting;
  std::uint64_t answers[8];  // by outcome
  std::uint64_t revision, log_position, keys, leases, sessions;
  struct Member {
    std::uint64_t match, next;
    std::uint8_t state;  // a raft::ProgressState; of a leader only
    std::uint8_t is_active;
    std::uint8_t reserved[6];
  } members[64];
  char stopped[160];  // why; "" while it takes part
};
static_assert(std::is_trivially_copyable_v<ConsensusReport>);

}  // namespace ringroad::host
