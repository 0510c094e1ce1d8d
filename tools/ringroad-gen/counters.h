// What the generator counts. Plain data, written by the role's own lcore, copied whole to others.
// Everything counts the measured phase only, except where it says otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/core/message.h"

namespace ringroad::gen {

// How much of an arriving message is checked.
enum class Verify : std::uint8_t {
  kOff,    // counted, not looked at: no loss, no order, no latency
  kStamp,  // the stamp's check, sequence and time
  kFull,   // and every byte of a body the sender says it filled
};

struct ReceiveCounters {
  std::uint64_t received = 0;  // verified, each message once
  std::uint64_t received_bytes = 0;
  std::uint64_t lost = 0;  // a later one came, or the sender said it sent it
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t corrupted = 0;  // all phases: a bad stamp has none

  void add(const ReceiveCounters& other) {
    received += other.received;
    received_bytes += other.received_bytes;
    lost += other.lost;
    duplicated += other.duplicated;
    reordered += other.reordered;
    corrupted += other.corrupted;
  }
  bool operator==(const ReceiveCounters&) const = default;
};

struct SendCounters {
  std::uint64_t sent = 0;  // accepted by the node; a broadcast counts once for each receiver
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_all_phases = 0;
  std::uint64_t resolved_all_phases = 0;
  std::array<std::uint64_t, 5> outcomes{};  // by Outcome
  std::uint64_t delivered_bytes = 0;

  // All phases. A poll that was refused, or had no free slot, met backpressure.
  std::uint64_t polls = 0, polls_with_backpressure = 0;
  std::array<std::uint64_t, 7> refused{};  // by SendResult
  std::uint64_t waited_for_slot = 0;

  // Left more than kLateAfter behind schedule although nothing had refused them since it was met.
  std::uint64_t late = 0;
  std::uint64_t late_ns_max = 0;

  std::uint64_t outcome(Outcome o) const { return outcomes[static_cast<std::size_t>(o)]; }
};

struct PingCounters {
  std::uint64_t sent = 0, answered = 0, lost = 0, stray = 0;
};

}  // namespace ringroad::gen
