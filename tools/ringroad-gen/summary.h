// From what a role counted to what a person or a script is told: one struct of answers. Pure: the
// words are report.h's, the counting the role's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/histogram.h"
#include "tools/ringroad-gen/machine.h"
#include "tools/ringroad-gen/traffic_role.h"

namespace ringroad::gen {

enum class Mode : std::uint8_t { kRun, kPingpong, kSink };
const char* name_of(Mode mode);
const char* name_of(Verify verify);

// What was asked for and where it ran: fixed before the run.
struct RunFacts {
  Mode mode = Mode::kRun;
  NodeId self;
  std::vector<NodeId> to;
  bool broadcast = false;
  SizeMix sizes{1024};
  std::uint64_t rate_per_s = 0;  // offered; 0: as fast as possible
  Verify verify = Verify::kStamp;
  bool is_inline = false;
  Machine machine;
  std::string medium;           // "memif (shared memory, jumbo frames)"; empty: not known
  double limit_msgs_per_s = 0;  // what the medium carries of this size; 0: not known
  std::string limit_source;     // the command that measured it
  std::string limit_unknown;    // why it is not known, where more can be said
};

// What the latencies are of.
enum class LatencyKind : std::uint8_t {
  kNone,
  kOneWay,     // intended time to the receiver's hands, by one clock
  kToOutcome,  // intended time to the outcome's return: the receivers' clocks can't be compared
  kRoundTrip,
};
const char* name_of(LatencyKind kind);

// What says that the generator, and not the node, was what kept a run from more.
enum class GeneratorLimit : std::uint8_t {
  kNone,
  kLate,     // 1 % of the messages or more left late though the node had refused nothing
  kTooSlow,  // over 1 % below the rate offered though the node refused next to nothing
  kIdle,     // as fast as possible, and the node refused next to nothing
};

struct Summary {
  double duration_s = 0;
  double receive_s = 0;  // what `received` was counted over, where that differs; else 0
  std::uint64_t sent = 0, received = 0, received_bytes = 0;
  std::uint64_t lost = 0, duplicated = 0, reordered = 0, corrupted = 0;
  std::uint64_t no_receiver = 0;
  std::uint64_t unresolved = 0;  // sent, and no outcome yet
  bool by_receiver = false;      // counts are the receivers' own; otherwise the outcomes'
  bool reports_missing = false;  // some receivers said something, not all their last word
  LatencyKind latency_kind = LatencyKind::kNone;
  Histogram latency;
  GeneratorLimit generator_limit = GeneratorLimit::kNone;
  std::uint64_t payloads = 0;  // messages, warm-up and all; a broadcast counts once
  std::uint64_t late = 0;      // of those
  std::uint64_t late_ns_max = 0;
  double payloads_per_s = 0;  // in the measured phase
  double cpu_share = 0;       // of one CPU

  double messages_per_s() const;      // received
  double goodput_bits_per_s() const;  // received payload
  bool is_clean() const { return lost + duplicated + reordered + corrupted == 0; }
};

// Of the whole run so far. A sink's duration begins with `since`.
Summary summarize(const Snapshot& snapshot, const RunFacts& facts, Nanos since);

// Of the time between two snapshots, for the line a second.
Summary summarize_interval(const Snapshot& before, const Snapshot& now, const RunFacts& facts);

}  // namespace ringroad::gen
