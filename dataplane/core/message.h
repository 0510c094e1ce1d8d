// What a message is on its way out and on its way in, and how it can end. Shared by links, by the
// applications' channel and by roles that live on an io lcore (the inline generator, consensus).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/ids.h"

namespace ringroad {

// How a message ended, told once to a sender that asked.
enum class Outcome : std::uint8_t {
  kDelivered = 1,   // in the ring of the application bound to its type
  kNotSent = 2,     // never left this node: the link went down, or its sender was detached
  kNoReceiver = 3,  // arrived; nothing over there is bound to its type
  kUnknown = 4,     // the link died with it in flight: delivered once, or not at all
};

// What became of an offer to send. Everything but kAccepted leaves the message with the caller.
enum class SendResult : std::uint8_t {
  kAccepted,
  kQueueFull,     // this node's queue for (peer, priority) holds all it may
  kQuotaFull,     // this application already has its share of messages toward that peer
  kNotConnected,  // the link is not up
  kTooLarge,      // over the configured maximum, ours or the peer's
  kNoSuchNode,    // no such peer is configured
  kBadPriority,   // not 0..7, or 0 from an application
};

// Why the link cannot send right now, for WOULD_BLOCK to name.
enum class Backpressure : std::uint8_t {
  kNone,
  // The peer granted no more messages at this priority, or said that it has no room for those that
  // were sent: its application is slow.
  kMessageCredit,
  kByteCredit,  // likewise, in bytes
  kFlight,      // the link has all the frames it may have unacknowledged
};

// A message to be sent. The payload stays readable and unchanged until its outcome is told (to the
// owner, by on_outcome) whether or not the program behind it asked for one.
struct OutboundMessage {
  NodeId to;
  MessageType type;
  Priority priority;
  bool cancelled = false;   // set by the link itself: see Link::forget_owner
  std::uint16_t owner = 0;  // index of the Endpoint that is told the outcome
  std::uint32_t length = 0;
  const std::byte* payload = nullptr;  // `length` bytes, owned by the owner
  std::uint64_t token = 0;             // the owner's name for it
};

// A whole, verified message as it arrived. `pieces` are its payload in order (one unless it came in
// fragments); they and this object live only during the call that hands them over.
struct InboundMessage {
  NodeId from;
  MessageType type;
  Priority priority;
  std::uint32_t length = 0;
  std::span<const std::span<const std::byte>> pieces;

  // Copies the payload to `out`, which has room for `length` bytes.
  void copy_to(std::byte* out) const {
    for (const auto piece : pieces) {
      std::memcpy(out, piece.data(), piece.size());
      out += piece.size();
    }
  }
};

// Whole, verified messages that differ in nothing but their payloads, in order; each payload is one
// piece. They live only during the call that hands them over.
struct InboundBurst {
  NodeId from;
  MessageType type;
  Priority priority;
  std::span<const std::span<const std::byte>> payloads;
};

enum class DeliverResult : std::uint8_t {
  kDelivered,
  kNoReceiver,
  kBusy,  // the receiver's ring is full: keep it and try again after it has drained
};

}  // namespace ringroad
