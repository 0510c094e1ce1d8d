// Whatever sends and receives messages on an io lcore: an attached application, the inline
// generator, the control endpoint, later
// the consensus's. Called only by the lcore that owns it, never
// concurrently; no call blocks or allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/core/message.h"

namespace ringroad {

// The io lcore as its endpoints see it.
class Sender {
 public:
  // Queues `message` on the link to message.to, or delivers it within this node when message.to is
  // the node itself. On kAccepted exactly one on_outcome follows for (message.to, message.token),
  // possibly before this returns; on anything else none does.
  [[nodiscard]] virtual SendResult send(const OutboundMessage& message) = 0;
  // Sends in order up to the first that is not accepted. Returns how many were; when that is not
  // all, `refusal` says why.
  [[nodiscard]] virtual std::uint32_t send_burst(std::span<const OutboundMessage> messages,
                                                 SendResult& refusal) {
    std::uint32_t accepted = 0;
    for (const OutboundMessage& message : messages) {
      refusal = send(message);
      if (refusal != SendResult::kAccepted) break;
      ++accepted;
    }
    return accepted;
  }

  // A burst from an endpoint of this node to whoever here is bound to its type. Returns how many,
  // from the first on, were delivered: that is their outcome, and no on_outcome follows for them.
  // The next one, if any, is for send() to deliver or to refuse. Priority and lengths are valid.
  [[nodiscard]] virtual std::size_t deliver_local(const InboundBurst& /*burst*/) { return 0; }

  virtual NodeId self() const = 0;
  // The configured peers, in ascending order, without self.
  virtual std::span<const NodeId> peers() const = 0;
  virtual bool is_connected(NodeId peer) const = 0;
  // Why (peer, priority) accepts nothing now, for error texts.
  virtual Backpressure backpressure(NodeId peer, Priority priority) const = 0;

 protected:
  ~Sender() = default;
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // A message of a type this endpoint is bound to. The endpoint copies what it keeps.
  [[nodiscard]] virtual DeliverResult on_message(const InboundMessage& message) = 0;
  // A burst of them. Returns how many, from the first on, are now delivered; the next one, if any,
  // is for on_message() to take or to refuse.
  [[nodiscard]] virtual std::size_t on_messages(const InboundBurst& /*burst*/) { return 0; }

  // The payload named by `token` is the endpoint's again. Called for every accepted message.
  virtual void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) = 0;
  // The same of several messages to one peer that ended alike; they live during the call only.
  virtual void on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
    for (const OutboundMessage& message : messages) on_outcome(message.to, message.token, outcome);
  }

  // Takes what the endpoint has to send, in bursts, and does its periodic work. Returns how many
  // pieces of work it did; 0 lets the lcore go to sleep.
  virtual std::uint32_t poll(Nanos now, Sender& sender) = 0;

  // End of one pass of the loop: make visible what was delivered and told, ring the bell if the
  // other side sleeps.
  virtual void publish() = 0;

  // The lcore is about to sleep: ask to be woken by whoever sends. Returns false when there is work
  // already, in which case the lcore does not sleep. disarm() follows in every case.
  virtual bool arm() = 0;
  virtual void disarm() = 0;

  // The configured peers changed while the node runs.
  virtual void on_peers(std::span<const NodeId> /*peers*/) {}

  // The earliest time at which poll() has something to do unasked.
  virtual Nanos next_deadline() const { return kNever; }
};

}  // namespace ringroad
