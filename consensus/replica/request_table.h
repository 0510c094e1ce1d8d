// The requests of a replica that wait for their answer: a bounded table of slots, and the order in
// which those came that have not been proposed yet. Who asks names a request by a number of its
// own; the log knows it by an envelope around its bytes.
//
// The envelope of an entry, little-endian, before the request itself:
//
//    0  node, 2: where it was asked
//    2  zero, 2
//    4  life, 4: of that node, drawn at its start
//    8  slot, 4: of its table
//   12  generation, 4: of the slot
//   16
//
// It says who is to be told, and nothing of it changes the state: all nodes apply what follows it.
// Not thread-safe; nothing is allocated for a request whose slot has had a larger one before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "consensus/machine/answer.h"
#include "dataplane/base/ids.h"

namespace ringroad::consensus {

using raft::Index;
using raft::Term;

enum class Consistency : std::uint8_t {
  kLinearizable,  // as of some moment between asking and answer
  kLease,         // likewise, as far as clocks drift no more than configured
  kStale,         // what this node has applied, whoever leads
};

// How a request ended, apart from what the state said to it.
enum class RequestOutcome : std::uint8_t {
  kAnswered,   // by the replicated state: the answer says more
  kNoLeader,   // not done: none was elected in time
  kNoQuorum,   // not done: this node does not reach a majority
  kLogFull,    // not done: the leader's log takes no more until what is in it commits
  kTimedOut,   // may have been done, or still be
  kNotMember,  // not done: this node is no member of the cluster
  kStopped,    // may have been done: consensus on this node has ended
  kTooLarge,   // not done: no message between the nodes holds it
};
inline constexpr std::size_t kRequestOutcomes = 8;
constexpr std::string_view name_of(RequestOutcome outcome) {
  constexpr std::array<std::string_view, kRequestOutcomes> kNames = {
      "answered",  "no leader",    "no quorum", "log full",
      "timed out", "not a member", "stopped",   "too large"};
  return kNames[static_cast<std::size_t>(outcome)];
}

struct ClientRequest {
  std::uint64_t client = 0;  // the asker's name for it
  std::span<const std::byte> bytes;
  Consistency consistency = Consistency::kLinearizable;
  // A watch, or reading the log: without news, to be answered when there are some.
  bool waits = false;
  Nanos deadline = kNever;
};

// Told in the replica's thread; must not call it.
class RequestSink {
 public:
  // kAnswered: a command's answer, or that of a query with all its bytes (machine/answer.h); they
  // live during the call.
  virtual void on_answer(std::uint64_t client, RequestOutcome outcome,
                         const machine::Answer& answer, std::span<const std::byte> bytes) = 0;

 protected:
  ~RequestSink() = default;
};

struct RequestLimits {
  std::uint32_t requests_max = 4096;
  std::uint64_t bytes_max = 64 << 20;
};

inline constexpr std::size_t kEnvelopeBytes = 16;

struct RequestSlot {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  constexpr bool operator==(const RequestSlot&) const = default;
};

struct Envelope {
  NodeId node;
  std::uint32_t life = 0;
  RequestSlot slot;
};
void write_envelope(const Envelope& envelope, std::span<std::byte, kEnvelopeBytes> to);
// Empty for what is too short to have one.
std::optional<Envelope> read_envelope(std::span<const std::byte> entry);

struct Request {
  enum class State : std::uint8_t { kFree, kQueued, kProposed, kReading };

  State state = State::kFree;
  std::uint32_t generation = 0;
  std::uint64_t client = 0;
  Nanos deadline;
  Nanos asked_at, proposed_at;
  machine::Kind kind = machine::Kind::kNone;
  Consistency consistency = Consistency::kLinearizable;
  bool waits = false;
  bool may_repeat = false;  // proposed twice, it is done once, or twice without harm
  bool met_full_log = false;
  std::vector<std::byte> entry;  // envelope and request

  std::span<const std::byte> bytes() const {
    return std::span<const std::byte>(entry).subspan(kEnvelopeBytes);
  }
};

class RequestTable {
 public:
  explicit RequestTable(const RequestLimits& limits);

  // Copies the request. Empty when there is no room.
  std::optional<RequestSlot> add(const ClientRequest& request, NodeId self, std::uint32_t life);
  void remove(RequestSlot slot);
  // nullptr when it is gone.
  Request* find(RequestSlot slot);
  Request& at(RequestSlot slot);  // Invariant: it is there

  std::size_t size() const { return used_; }
  std::size_t slots() const { return slots_.size(); }
  // The slot at a place of the table, if it is used.
  std::optional<RequestSlot> used(std::size_t place) const;

 private:
  std::vector<Request> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_max_;
  std::size_t used_ = 0;
};

}  // namespace ringroad::consensus
