// Everything that enters or leaves the Raft core is one of these: requests of peers, the answers to
// them, timeouts, proposals, and what the node's own log writer and state machine report. The whole
// protocol can be read here.
//
// type                  from -> to              carries
// --------------------  ----------------------  -------------------------------------------------
// kHup                  self                    an election timeout: campaign
// kPropose              client, node -> leader  entries (payload and type only)
// kAppend               leader -> follower      index, log_term: the entry before `entries`; commit
// kAppendResponse       follower -> leader      index: matched up to, or with reject the refused
//                                               index and (reject_hint, log_term): where to try;
//                                               known_commit; a reject with context
//                                               kLostEntries: it lost what it had acknowledged
// kVote, kPreVote       candidate -> voter      index, log_term: its last entry; is_transfer
// kVoteResponse, kPre.. voter -> candidate      reject; commit, log_term: the last entry committed,
//                                               where one refuses that cannot campaign
// kHeartbeat            leader -> follower      commit; context: a round of reads; sent_at
// kHeartbeatResponse    follower -> leader      context and sent_at, echoed; known_commit
// kSnapshot             leader -> follower      snapshot; a chunk of it: chunk_offset, chunk
// kSnapshotResponse     follower -> leader      index: which; chunk_offset: the next byte it wants
// kSnapshotStatus       driver -> leader        from: whose; reject: it could not be sent
// kUnreachable          driver -> leader        from: whom messages do not reach
// kTransferLeader       operator, node ->       from: the successor, whoever passes it on
//                       leader
// kTimeoutNow           leader -> successor     campaign at once
// kForgetLeader         driver -> follower      the leader is known to be gone
// kReadIndex            client, node -> leader  context: the reader's own number
// kReadIndexResponse    leader -> node          context, index: read when applied up to it; 0: ask
//                                               again, this is not the leader
// kStorageAppendResponse log writer -> self     what Ready::responses says, when it is durable
// kStorageApplyResponse machine -> self         index: applied up to; size_bytes
//
// Thesis: figure 3.1 (votes, appends), 3.10 (transfer), 4.2.3 (disruptive servers), figure 5.3
// (snapshots in chunks), 6.4 (reads), 9.6 (pre-vote), 10.2.1 (parallel write).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "consensus/core/configuration.h"
#include "consensus/core/entry.h"
#include "consensus/core/ids.h"
#include "dataplane/base/ids.h"

namespace ringroad::raft {

// Types that travel keep their numbers for good; 1 and 12 belonged to types that are gone.
enum class MessageType : std::uint8_t {
  kHup = 0,
  kPropose = 2,
  kAppend,
  kAppendResponse,
  kVote,
  kVoteResponse,
  kSnapshot,
  kHeartbeat,
  kHeartbeatResponse,
  kUnreachable,
  kSnapshotStatus,
  kTransferLeader = 13,
  kTimeoutNow,
  kReadIndex,
  kReadIndexResponse,
  kPreVote,
  kPreVoteResponse,
  kStorageAppendResponse,
  kStorageApplyResponse,
  kForgetLeader,
  kSnapshotResponse,
};
// As the context of a kAppendResponse that rejects: its sender has lost entries that it had stored,
// so what is known of its log counts no more. A node that does not know of it takes the rejection
// for a stale one.
inline constexpr std::uint64_t kLostEntries = 1;

// One more than the highest.
inline constexpr std::size_t kMessageTypes = 23;

// "unknown" for a number that is no type's.
std::string_view name_of(MessageType type);
bool is_known(MessageType type);

// Whether a peer may send it; anything else from outside is refused before it is looked at.
bool travels(MessageType type);
// Passes through terms: it is a client's or an operator's, for whoever leads when it arrives.
bool is_without_term(MessageType type);

// A state of the machine at `index`, named but not held: its bytes are the driver's.
struct Snapshot {
  Index index;
  Term term;
  ConfState conf;
  std::uint64_t size_bytes = 0;

  bool empty() const { return index == Index{}; }
  EntryId last() const { return {term, index}; }
};

struct Message {
  MessageType type = MessageType::kHup;
  NodeId from = kNoNode;
  NodeId to = kNoNode;
  // 0 in what is local, and in kPropose, kReadIndex and kTransferLeader, which pass through terms.
  Term term;
  Term log_term;
  Index index;
  Index commit;
  bool reject = false;
  // kVote, kPreVote: the leader itself asked for this election, so it does not disturb one.
  bool is_transfer = false;
  Index reject_hint;
  std::uint64_t context = 0;
  // Up to where the follower knows that the log is committed.
  Index known_commit;
  // Of the leader's clock when it asked; only the leader reads it.
  Nanos sent_at;
  // kStorageApplyResponse: the stored_bytes of what was applied; `context` has the payloads' alone.
  std::uint64_t size_bytes = 0;
  std::span<const Entry> entries;
  Snapshot snapshot;
  std::uint64_t chunk_offset = 0;
  // Outgoing: only its size is meant (`data() == nullptr`); the driver reads the bytes of the
  // snapshot named and sends them along. Incoming: the bytes.
  std::uint32_t chunk_bytes = 0;
  const std::byte* chunk = nullptr;
};

}  // namespace ringroad::raft
