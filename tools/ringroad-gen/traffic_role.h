// The generator as an endpoint: a source, a pinger, a sink or several of them, driven by an io
// lcore (inline) or by the application driver, which plays the lcore toward it.
//
// Three message types in a row: `type` carries data and pings (bind it to receive), type + 1 what a
// source tells a sink at its end (bind it to receive), type + 2 reports and echoes (bind it shared
// to send: every sender on the node gets them and takes its own). bindings() lists them.
//
// Everything but snapshot_from_outside(), stop() and done() belongs to the lcore that polls it.
// Those are for one other thread: it leaves an empty snapshot, the lcore fills it at its next poll;
// so the fast path carries no shared counters, only one load a poll.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/core/endpoint.h"
#include "tools/ringroad-gen/pinger.h"
#include "tools/ringroad-gen/traffic_sink.h"
#include "tools/ringroad-gen/traffic_source.h"

namespace ringroad::gen {

inline constexpr MessageType kTypeDefault{0x5247'0000};

struct RoleConfig {
  NodeId self;
  MessageType type = kTypeDefault;
  std::uint16_t index = 0;  // of the endpoint in its node
  std::uint32_t message_bytes_max = kMessageBytesMaxDefault;
  std::uint64_t clock_id = 0;              // equal where clocks can be compared; see Report
  LatencyRecorder::Clock clock = nullptr;  // the clock the polls' times come from
  Nanos report_timeout = seconds(2);       // for the receivers' last words
  std::optional<SourceConfig> source;      // self, type, owner, clock are filled in
  std::optional<PingConfig> ping;          // likewise
  bool sink = false;                       // receives, reports and echoes
  Verify verify = Verify::kStamp;
};

// Everything a reader wants at one instant. About 150 KB.
struct Snapshot {
  Nanos at{};
  bool done = false;  // see TrafficRole::done
  bool waiting_for_peers = false;
  SendCounters send;
  PingCounters ping;
  std::uint64_t ping_no_receiver = 0;
  Nanos measured_from{}, measured_until{};  // of source or pinger

  // What the peers reported of this source's messages.
  std::uint32_t peers = 0, peers_reporting = 0, peers_final = 0;
  bool same_clock = false;  // of all that report: one-way latency means something
  Nanos reported_at{};      // when the latest report came
  ReceiveCounters reported;
  Histogram reported_latency;

  ReceiveCounters received;  // by this role's own sink
  Histogram received_latency;
  Histogram outcome_latency;  // intended time to outcome
  Histogram round_trips;
};

class TrafficRole final : public Endpoint {
 public:
  explicit TrafficRole(RoleConfig config);

  struct Binding {
    MessageType type;
    bool shared = false;
  };
  std::vector<Binding> bindings() const;

  [[nodiscard]] DeliverResult on_message(const InboundMessage& message) override;
  [[nodiscard]] std::size_t on_messages(const InboundBurst& burst) override;
  void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) override;
  void on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) override;
  std::uint32_t poll(Nanos now, Sender& sender) override;
  void publish() override;
  bool arm() override;
  void disarm() override {}
  Nanos next_deadline() const override;

  // The source (or pinger) has sent everything, its outcomes are in, and each peer has given its
  // final report or the wait for it is over. A sink alone is never done before stop().
  bool done() const { return done_.load(std::memory_order_relaxed); }
  void snapshot(Snapshot& out) const;

  // From another thread. stop() ends the sending early. snapshot_from_outside() returns false if
  // the lcore did not answer within `looks_max` looks, with `pause` called between them.
  void stop() { stop_.store(true, std::memory_order_relaxed); }
  template <typename Pause>
  bool snapshot_from_outside(Snapshot& out, std::uint32_t looks_max, Pause pause) {
    Request request{&out};
    wanted_.store(&request, std::memory_order_release);
    for (std::uint32_t i = 0; i < looks_max; ++i) {
      if (request.filled.load(std::memory_order_acquire)) return true;
      pause();
    }
    // Withdrawn, unless the lcore has just taken it.
    if (wanted_.exchange(nullptr, std::memory_order_acq_rel) != nullptr) return false;
    while (!request.filled.load(std::memory_order_acquire)) pause();
    return true;
  }

 private:
  struct Request {
    Snapshot* out;
    std::atomic<bool> filled{false};
  };
  struct PeerReport {
    NodeId peer;
    bool finish_sent = false;
    bool unreachable = false;  // nothing over there takes a finish
    bool heard = false;
    Nanos heard_at{};
    Report report;
    Histogram latency;
  };

  void answer_reader();
  void on_report(const InboundMessage& message);
  std::uint32_t send_reports(Nanos now, Sender& sender);
  std::uint32_t finish_source(Nanos now, Sender& sender);
  bool send_finish(PeerReport& peer, Sender& sender);
  void maybe_become_done(Nanos now);
  void become_done() { done_.store(true, std::memory_order_relaxed); }
  SendResult send_control(Sender& sender, NodeId to, std::uint32_t type_offset, std::uint32_t slot,
                          std::size_t bytes);

  RoleConfig config_;
  std::optional<TrafficSource> source_;
  std::optional<Pinger> pinger_;
  std::optional<TrafficSink> sink_;
  std::optional<Echo> echo_;
  SlotArena control_;               // finishes and reports on their way
  std::vector<NodeId> control_to_;  // by control slot: whose finish it is, or none
  std::vector<std::byte> report_scratch_;
  Histogram report_latency_scratch_;
  std::vector<PeerReport> peers_;
  Nanos now_{};
  Nanos reports_until_{};  // 0: the finishes have not left yet
  std::atomic<bool> done_{false};
  std::atomic<bool> stop_{false};
  std::atomic<Request*> wanted_{nullptr};
};

}  // namespace ringroad::gen
