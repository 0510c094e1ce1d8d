// Whatever sends and receives messages on an io lcore: an attached application, the inline
// generator, later the consensus and control channels. Called only by the lcore that owns it, never
// concurrently; no call blocks or allocates.
#pragma once

#include <cstdint>

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

  // The payload named by `token` is the endpoint's again. Called for every accepted message.
  virtual void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) = 0;

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

  // The earliest time at which poll() has something to do unasked.
  virtual Nanos next_deadline() const { return kNever; }
};

}  // namespace ringroad
