// The sending half: decides what is due, to whom, how large, stamps it and offers it in bursts
// until the node refuses. Pure: the time and the node are arguments. Nothing allocates after
// construction. One thread.
//
// A stream is one (peer, priority), or one priority of a broadcast; each has its own part of the
// schedule, so a peer that refuses holds up nobody else. A refused message stays due, with its
// intended time: waiting is latency. A broadcast that some peers refused stays with its stream
// until each of them has taken it; its payload is one slot.
//
// Life: waits until every peer is connected; warm-up; measured; drains (no more is sent, outcomes
// come in, for at most drain_timeout); done.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/histogram.h"
#include "dataplane/core/endpoint.h"
#include "tools/ringroad-gen/counters.h"
#include "tools/ringroad-gen/latency_recorder.h"
#include "tools/ringroad-gen/schedule.h"
#include "tools/ringroad-gen/size_mix.h"
#include "tools/ringroad-gen/slot_arena.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {

struct SourceConfig {
  NodeId self;
  std::vector<NodeId> to;  // at least one
  bool broadcast = false;  // one payload to all of `to`
  std::vector<Priority> priorities{Priority{4}};
  MessageType type;
  SizeMix sizes{1024};
  std::uint64_t rate_per_s = 0;    // payloads a second over all streams; 0: as fast as possible
  std::uint64_t messages_max = 0;  // measured payloads over all streams; 0: no limit
  Nanos warmup{};
  Nanos duration = seconds(10);  // of the measured phase
  Nanos drain_timeout = seconds(5);
  std::uint64_t seed = 1;
  std::uint32_t run = 1;
  Verify verify = Verify::kStamp;        // kFull fills bodies
  std::size_t arena_bytes = 256 * 1024;  // payloads in flight; what fits L2 beside rings and pool
  std::uint32_t slots_max = 1'024;
  std::uint32_t burst = 256;     // a stream, a poll
  bool outcome_latency = false;  // record intended time to outcome
  std::uint16_t owner = 0;       // the endpoint's index, for OutboundMessage
  std::uint64_t token_base = 0;  // added to slot numbers to make tokens
  LatencyRecorder::Clock clock = nullptr;
};

enum class SourceState : std::uint8_t { kWaiting, kSending, kDraining, kDone };

class TrafficSource {
 public:
  static constexpr Nanos kLateAfter = microseconds(100);
  // Messages offered together: what is refused of them is stamped again.
  static constexpr std::uint32_t kBatch = 16;

  explicit TrafficSource(SourceConfig config);

  std::uint32_t poll(Nanos now, Sender& sender);
  void on_outcome(std::uint32_t slot, Outcome outcome);
  void on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome);
  void settle(Nanos now) { recorder_.settle(now); }

  // Ends the sending early; what is in flight is drained.
  void stop() { stop_ = true; }

  // The next time at which something is due; kNever while only outcomes can move it.
  Nanos next_deadline() const;

  SourceState state() const { return state_; }
  const SourceConfig& config() const { return config_; }
  const SendCounters& counters() const { return counters_; }
  const Histogram& outcome_latency() const { return outcome_latency_; }
  // Of the measured phase; the end is zero until it has ended.
  Nanos measured_from() const { return measured_from_; }
  Nanos measured_until() const { return measured_until_; }

  // How many messages `peer` was sent in the streams it sees, by stream index.
  std::array<std::uint64_t, kStreamsPerRun> sent_to(NodeId peer) const;

 private:
  struct Stream {
    std::span<const NodeId> to;  // one peer, or all of a broadcast
    StampHead head;
    Schedule schedule;
    Nanos phase_end;
    std::uint64_t sequence = 0;
    std::uint32_t length = 0;  // of the next message; 0: not drawn yet
    bool blocked = false;      // refused since it last caught up with its schedule
    bool refused = false;      // in this poll
    bool finished = false;
    // Broadcast: a message not yet taken by to[next_peer] and those after it.
    bool holds_message = false;
    OutboundMessage message;
    std::size_t next_peer = 0;
    std::array<std::uint64_t, kStreamsPerRun> sent{};  // payloads taken or held, by stream index
  };
  void start(Nanos now);
  std::uint32_t send_due(Stream& stream, Nanos now, Sender& sender);
  bool may_draw(Stream& stream, Nanos now);
  std::uint32_t send_batch(Stream& stream, Nanos now, Sender& sender, std::uint32_t most);
  std::uint32_t send_broadcast(Stream& stream, Nanos now, Sender& sender);
  void stamp_next(Stream& stream, Nanos intended, OutboundMessage& message);
  void take_back(const OutboundMessage& message);
  std::uint32_t slot_of(const OutboundMessage& message) const {
    return static_cast<std::uint32_t>(message.token - config_.token_base);
  }
  void end_message(std::uint32_t slot, std::uint32_t length, Outcome outcome);
  void count_accepted(std::span<const OutboundMessage> messages, bool measured);
  void on_refused(Stream& stream, SendResult result);
  bool enter_phase_of(Stream& stream, Nanos intended);
  void count_lateness(Nanos now, Schedule schedule, std::uint32_t count);
  void end_streams(Nanos now);
  void maybe_finish(Nanos now);

  SourceConfig config_;
  Prng prng_;
  SlotArena arena_;
  std::vector<std::uint32_t> lengths_;  // by slot, if they differ
  std::vector<std::uint16_t> copies_;   // by slot: without an outcome
  std::vector<Stream> streams_;
  std::array<OutboundMessage, kBatch> batch_;
  LatencyRecorder recorder_;
  Histogram outcome_latency_;
  SendCounters counters_;
  std::uint64_t payloads_measured_ = 0;
  std::size_t first_stream_ = 0;  // rotates, so that none is always last
  SourceState state_ = SourceState::kWaiting;
  bool stop_ = false;
  bool met_backpressure_ = false;  // in this poll
  Nanos measured_from_{};
  Nanos measured_until_{};
  Nanos end_{};
  Nanos drain_until_{};
};

}  // namespace ringroad::gen
