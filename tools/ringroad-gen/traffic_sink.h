// The receiving half: verifies what arrives, by run and stream, and reports it to whoever sent it.
// Pure: no clock of its own beyond the one its recorder is given; nothing allocates after
// construction. One thread.
//
// Remembers the kRunsMax latest runs; an older one's totals are kept, its sequences forgotten (if
// it comes back it is a new run). A message whose stamp fails is counted against the node it came
// from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/histogram.h"
#include "dataplane/base/limits.h"
#include "dataplane/core/message.h"
#include "tools/ringroad-gen/counters.h"
#include "tools/ringroad-gen/feedback.h"
#include "tools/ringroad-gen/latency_recorder.h"
#include "tools/ringroad-gen/sequence_checker.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {

struct SinkConfig {
  NodeId self;
  Verify verify = Verify::kStamp;
  std::uint64_t clock_id = 0;  // see Report
  LatencyRecorder::Clock clock = nullptr;
  Nanos report_interval = milliseconds(200);
};

enum class Verdict : std::uint8_t { kGood, kUnchecked, kDuplicate, kCorrupt };

class TrafficSink {
 public:
  static constexpr std::size_t kRunsMax = 16;

  explicit TrafficSink(const SinkConfig& config);

  // A message of the data type. `stamp` is filled unless the verdict is kUnchecked or kCorrupt.
  Verdict on_message(const InboundMessage& message, Stamp& stamp);

  // A message of the finish type.
  void on_finish(const InboundMessage& message);

  // End of a pass: latencies of what arrived in it.
  void settle(Nanos now) { recorder_.settle(now); }

  // The next report that is due, written into `out`: its size and whom it is for, or size 0. It
  // counts as told once on_report_sent says so; otherwise it is offered again.
  struct DueReport {
    NodeId to;
    std::size_t bytes = 0;
    std::size_t record = 0;
  };
  DueReport poll_report(Nanos now, std::span<std::byte> out);
  void on_report_sent(const DueReport& report, Nanos now);
  Nanos next_deadline() const { return untold_ ? next_check_ : kNever; }

  ReceiveCounters counters() const;  // of all runs
  void add_latency_to(Histogram& sum) const;

 private:
  struct Run {
    bool in_use = false;
    std::uint32_t id = 0;
    NodeId source;
    std::uint64_t corrupted_before = 0;  // from this node, when the run was first seen
    std::uint64_t messages = 0;          // all phases
    std::uint64_t messages_told = 0;
    bool finished = false;  // and the final report is still to be sent
    Nanos report_due{};
    ReceiveCounters measured;
    Histogram latency;
    std::array<SequenceChecker, kStreamsPerRun> streams;
  };

  Run& run_of(std::uint32_t id, NodeId source) {
    Run& latest = runs_[latest_];
    if (latest.in_use && latest.id == id && latest.source == source) [[likely]]
      return latest;
    return find_run(id, source);
  }
  Run& find_run(std::uint32_t id, NodeId source);
  Run* known_run(std::uint32_t id, NodeId source);
  void retire(Run& run);
  Verdict on_corrupt(NodeId from);
  bool stamp_is_good(const InboundMessage& message, Stamp& stamp) const;
  bool body_is_good(const InboundMessage& message, const Stamp& stamp) const;
  ReceiveCounters totals(const Run& run) const;

  SinkConfig config_;
  LatencyRecorder recorder_;
  std::vector<Run> runs_;  // kRunsMax of them
  bool untold_ = false;    // some run has news or is finished
  Nanos next_check_{};     // the earliest time at which such a run's report is due
  std::size_t latest_ = 0;
  std::size_t oldest_ = 0;  // next to be recycled
  struct Unchecked {
    std::uint64_t messages = 0, bytes = 0;
  };
  std::array<Unchecked, kNodesMax + 1> unchecked_from_{};  // Verify::kOff, until a finish
  ReceiveCounters retired_;                                // of recycled runs
  Histogram retired_latency_;
  std::array<std::uint64_t, kNodesMax + 1> corrupted_from_{};
  std::uint64_t corrupted_ = 0;
};

}  // namespace ringroad::gen
