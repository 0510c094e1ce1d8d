// A link: the conversation between this node and one peer. It turns messages into frames and back
// over a path that loses, repeats, reorders and damages them, and says of each message how it
// ended.
//
// Pure: it has no clock, socket, thread or randomness of its own; it is fed frames and the time,
// and hands frames back. Owned by one io lcore. Nothing is allocated after construction.
//
// Guarantees, for each (direction, priority): messages arrive whole, at most once, in the order
// they were offered; each accepted message has exactly one outcome; a message is kDelivered only if
// the peer's endpoint took it. Priorities are independent: a receiver that does not read stalls
// only its own.
//
// Invariant: every accepted message is in exactly one of: queued, in flight, lost and queued again,
// ended. Invariant: packet numbers never repeat in a session. Invariant: held frames never exceed
// LinkConfig::held_frames_max.
//
// What it does not do: choose a path, checksum (the codec does), talk to applications.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"
#include "dataplane/base/prng.h"
#include "dataplane/core/frame.h"
#include "dataplane/core/message.h"

namespace ringroad {

struct LinkConfig {
  NodeId self;
  NodeId peer;
  // Header to trailer; from the port's MTU. A session's frames are of the smaller end's size.
  std::uint32_t frame_bytes_max = 1'432;
  std::uint32_t message_bytes_max = kMessageBytesMaxDefault;
  std::uint32_t queue_messages_max = 2'048;  // unresolved messages a priority; a power of two
  std::uint32_t window_messages = 2'048;     // granted to the peer, a priority; a power of two
  std::uint32_t window_bytes = 1024 * 1024;  // granted to the peer, a priority
  std::uint32_t held_frames_max = 512;  // received frames kept for reordering, reassembly, stalls
  std::uint32_t flight_frames_max = 1'024;  // sent and unacknowledged; a power of two
  Nanos hello_interval = milliseconds(20);  // first; doubles to 16 times while the peer is away
  Nanos keepalive_interval = milliseconds(100);
  Nanos dead_after = milliseconds(1'000);  // silence from a peer that owes us something
  Nanos initial_rtt = milliseconds(1);
  Nanos probe_timeout_min = milliseconds(1);
};

enum class LinkState : std::uint8_t {
  kConnecting,  // saying hello; offers are refused
  kUp,
  kClosed,  // closed by us
};

struct LinkStatistics {
  std::uint64_t frames_sent = 0, frames_received = 0;
  std::uint64_t frame_bytes_sent = 0, frame_bytes_received = 0;
  std::uint64_t messages_accepted = 0, messages_sent = 0, messages_received = 0;
  std::uint64_t payload_bytes_sent = 0, payload_bytes_received = 0;
  std::uint64_t frames_lost = 0;             // later ones arrived; not those that a probe follows
  std::uint64_t messages_retransmitted = 0;  // counts messages or fragments
  std::uint64_t probes_sent = 0;
  std::uint64_t duplicate_messages = 0;  // arrived again and were discarded
  std::uint64_t fragments_refused = 0;   // overlapping or beyond the message
  std::uint64_t beyond_window = 0;       // the peer sent what it had no credit for
  std::uint64_t held_frames_full = 0;    // a frame was left unacknowledged for want of room
  std::uint64_t sessions = 0;            // how often the link came up
  std::uint64_t outcomes[5] = {};        // by Outcome
  Nanos smoothed_rtt{};
  Nanos smallest_rtt{};
  LatencyHistogram round_trip;  // from a frame's sending to its acknowledgement, one an ack
};

// A received frame. `bytes` stay valid until on_frame returns, or, when it returned kHeld, until
// the sink was told release_frame(handle).
struct ReceivedFrame {
  std::span<const std::byte> bytes;
  std::uintptr_t handle = 0;
};

enum class FrameDisposition : std::uint8_t {
  kDone,  // the caller may reuse the buffer
  kHeld,  // the link keeps it; release_frame will follow exactly once
};

// Where a link puts what it has for its node. Implemented by the io loop and by tests.
class LinkSink {
 public:
  [[nodiscard]] virtual DeliverResult on_message(const InboundMessage& message) = 0;
  // A burst of them. Returns how many, from the first on, were delivered; the next one, if any, is
  // for on_message() to deliver or to refuse.
  [[nodiscard]] virtual std::size_t on_messages(const InboundBurst& /*burst*/) { return 0; }
  virtual void on_outcome(const OutboundMessage& message, Outcome outcome) = 0;
  // Messages of one priority that ended alike. They are the link's, during the call only.
  virtual void on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
    for (const OutboundMessage& message : messages) on_outcome(message, outcome);
  }
  virtual void release_frame(std::uintptr_t handle) = 0;
  virtual void on_link_state(NodeId peer, LinkState state) = 0;
  // CRC32C of the bytes (the codec calls it to close and to check frames; kernels supply it).
  virtual std::uint32_t crc32c(std::span<const std::byte> bytes) = 0;

 protected:
  ~LinkSink() = default;
};

class Link {
 public:
  // `sink` outlives the link.
  Link(const LinkConfig& config, LinkSink& sink, Prng prng, Nanos now);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Queues a message. The payload must stay put until its outcome.
  [[nodiscard]] SendResult offer(const OutboundMessage& message);
  // Queues messages in order, up to the first that is refused. Returns how many were accepted; when
  // that is not all, `refusal` says why.
  [[nodiscard]] std::uint32_t offer_burst(std::span<const OutboundMessage> messages,
                                          SendResult& refusal);

  // A frame whose source and destination nodes name this link, as it came off the wire. Checks all
  // of it (trailer included) before believing any of it. `error` says why it was refused.
  FrameDisposition on_frame(const ReceivedFrame& frame, Nanos now, FrameError& error);

  // Writes the next frame to send into `out` (at least frame_bytes_max bytes) and returns its size,
  // or 0 when there is nothing to send now. Packs as many messages as fit, most urgent priority
  // first. Call until it returns 0 or the port is full.
  std::size_t poll_frame(Nanos now, std::span<std::byte> out);

  // Cheap: whether poll_frame would return a frame now, deadlines aside.
  bool has_work() const;

  // Runs timers that are due: loss, probes, keepalive, dead peer, hello. Call when
  // now >= next_deadline(), or every pass of the loop; then poll_frame.
  void on_time(Nanos now);
  Nanos next_deadline() const;

  // Delivers again what a busy endpoint had to leave. Returns how many messages were taken.
  std::uint32_t redeliver(Nanos now);
  bool has_stalled() const;

  // The owner is gone and its memory is about to be: its unresolved messages end now (kNotSent, or
  // kUnknown when they had left), and travel on as cancelled, empty ones so that order holds.
  void forget_owner(std::uint16_t owner);

  // Says goodbye: in-flight messages end as kUnknown, queued ones as kNotSent. The next poll_frame
  // yields the close frame.
  void close(Nanos now);
  // Drops the session and says hello again.
  void reset(Nanos now);
  // In place of LinkConfig::dead_after, from now on.
  void set_dead_after(Nanos dead_after);

  LinkState state() const;
  Backpressure backpressure(Priority priority) const;
  // Unresolved messages at this priority: queued or in flight.
  std::uint32_t unresolved(Priority priority) const;
  const LinkConfig& config() const;
  const LinkStatistics& statistics() const;
  // Of this session, which are the smaller end's, and what the peer said it takes; 0: not up.
  std::uint32_t frame_bytes_max() const;
  std::uint32_t peer_frame_bytes_max() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad
