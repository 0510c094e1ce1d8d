// Round trips: one message out, its echo back, the next. And Echo, the other end. Pure apart from
// the clock they are given; nothing allocates after construction. One thread.
//
// A ping unanswered for kLostAfter is counted lost and the next one leaves; its late echo is stray.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/base/histogram.h"
#include "dataplane/core/endpoint.h"
#include "tools/ringroad-gen/counters.h"
#include "tools/ringroad-gen/latency_recorder.h"
#include "tools/ringroad-gen/slot_arena.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {

struct PingConfig {
  NodeId self;
  NodeId to;
  Priority priority{4};
  MessageType type;
  std::uint32_t bytes = 64;
  std::uint64_t messages_max = 0;  // measured; 0: no limit
  Nanos warmup{};
  Nanos duration = seconds(10);
  std::uint32_t run = 1;
  std::uint16_t owner = 0;
  std::uint64_t token_base = 0;
  LatencyRecorder::Clock clock = nullptr;
};

class Pinger {
 public:
  static constexpr Nanos kLostAfter = seconds(1);

  explicit Pinger(const PingConfig& config);

  std::uint32_t poll(Nanos now, Sender& sender);
  // A message of the report type; false when it is not an echo to this run.
  bool on_message(const InboundMessage& message, Nanos now);
  void on_outcome(std::uint32_t slot, Outcome outcome);
  void stop() { stop_ = true; }
  bool done() const { return done_; }
  Nanos next_deadline() const;

  const PingCounters& counters() const { return counters_; }
  const Histogram& round_trips() const { return round_trips_; }
  // Why nothing comes back, if the peer says so.
  std::uint64_t no_receiver() const { return no_receiver_; }
  Nanos measured_from() const { return measured_from_; }
  Nanos measured_until() const { return measured_until_; }

 private:
  Nanos time(Nanos now) const { return config_.clock != nullptr ? config_.clock() : now; }

  PingConfig config_;
  SlotArena arena_;
  StampHead head_;
  std::uint64_t sequence_ = 0;
  bool waiting_ = false;  // for the echo of sequence_
  Nanos sent_at_{};
  bool started_ = false;
  bool stop_ = false;
  bool done_ = false;
  Nanos measured_from_{}, measured_until_{}, end_{};
  std::uint64_t no_receiver_ = 0;
  PingCounters counters_;
  Histogram round_trips_;
};

struct EchoConfig {
  NodeId self;
  MessageType type;  // what echoes travel as
  std::uint32_t bytes_max = 64 * 1024;
  std::uint32_t slots = 16;
  std::uint16_t owner = 0;
  std::uint64_t token_base = 0;
};

class Echo {
 public:
  explicit Echo(const EchoConfig& config);

  // A verified ping. kBusy while all slots wait for their outcomes, kNoReceiver when it is larger
  // than a slot.
  [[nodiscard]] DeliverResult on_ping(const InboundMessage& message, const Stamp& stamp);
  std::uint32_t poll(Sender& sender);
  void on_outcome(std::uint32_t slot);
  bool has_room() const { return !arena_.empty(); }

 private:
  EchoConfig config_;
  SlotArena arena_;
  std::vector<OutboundMessage> waiting_;  // oldest first; at most one a slot
};

}  // namespace ringroad::gen
