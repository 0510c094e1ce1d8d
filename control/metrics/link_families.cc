// What is told link by link, with the peer as a label. Families come one after the other in a
// scrape, so each walks over all links: tables say what most of them take from a link's statistics,
// the rest have a line each.
#include <algorithm>
#include <span>
#include <string>

#include "control/metrics/node_collector.h"

namespace ringroad::control {
namespace {

using Row = NodeReport::LinkRow;
using Field = std::uint64_t LinkStatistics::*;

struct OneWay {
  const char* name;
  const char* help;
  Field field;
};
constexpr OneWay kOneWay[] = {
    {"dist_link_sessions_total", "Times the link came up.", &LinkStatistics::sessions},
    {"dist_link_messages_accepted_total", "Messages that programs handed over for the peer.",
     &LinkStatistics::messages_accepted},
    {"dist_link_frames_lost_total", "Frames that later ones overtook: taken for lost, sent again.",
     &LinkStatistics::frames_lost},
    {"dist_link_messages_retransmitted_total", "Messages, or fragments of them, sent again.",
     &LinkStatistics::messages_retransmitted},
    {"dist_link_probes_total", "Probes sent because no acknowledgement came in time.",
     &LinkStatistics::probes_sent},
    {"dist_link_held_frames_full_total",
     "Frames left for the peer to send again, since none more could be kept for reordering.",
     &LinkStatistics::held_frames_full},
};

struct BothWays {
  const char* name;
  const char* help;
  Field sent, received;
};
constexpr BothWays kBothWays[] = {
    {"dist_link_messages_total",
     "Messages sent to the peer (each once), and received from it and delivered.",
     &LinkStatistics::messages_sent, &LinkStatistics::messages_received},
    {"dist_link_payload_bytes_total", "Bytes of these messages.",
     &LinkStatistics::payload_bytes_sent, &LinkStatistics::payload_bytes_received},
    {"dist_link_frames_total", "Frames, whatever they held.", &LinkStatistics::frames_sent,
     &LinkStatistics::frames_received},
    {"dist_link_frame_bytes_total", "Bytes of these frames, header to trailer.",
     &LinkStatistics::frame_bytes_sent, &LinkStatistics::frame_bytes_received},
};

struct Reason {
  const char* label;
  Field field;
};
constexpr Reason kDrops[] = {
    {"duplicate_message", &LinkStatistics::duplicate_messages},
    {"fragment_refused", &LinkStatistics::fragments_refused},
    {"beyond_window", &LinkStatistics::beyond_window},
};

struct StallReason {
  const char* label;
  Backpressure backpressure;
};
constexpr StallReason kStalls[] = {
    {"message_credit", Backpressure::kMessageCredit},
    {"byte_credit", Backpressure::kByteCredit},
    {"flight", Backpressure::kFlight},
};

std::string peer_of(const Row& row) { return std::to_string(row.peer.value); }

void add_state(std::span<const Row> rows, Nanos now, FamilyList& families) {
  families.gauge("dist_link_up", "1 while the link to the peer is up.");
  for (const Row& row : rows) {
    families.add(row.state == LinkState::kUp, {{"peer", peer_of(row)}});
  }
  families.gauge("dist_link_state_seconds", "Time since the link last came up or went down.");
  for (const Row& row : rows) {
    families.add(in_seconds(std::max(now - row.since, Nanos{})), {{"peer", peer_of(row)}});
  }
}

void add_counters(std::span<const Row> rows, FamilyList& families) {
  for (const OneWay& counter : kOneWay) {
    families.counter(counter.name, counter.help);
    for (const Row& row : rows) {
      families.add(row.statistics.*counter.field, {{"peer", peer_of(row)}});
    }
  }
  for (const BothWays& counter : kBothWays) {
    families.counter(counter.name, counter.help);
    for (const Row& row : rows) {
      families.add(row.statistics.*counter.sent, {{"peer", peer_of(row)}, {"type", "sent"}});
      families.add(row.statistics.*counter.received,
                   {{"peer", peer_of(row)}, {"type", "received"}});
    }
  }
  families.counter("dist_link_drops_total",
                   "What arrived over the link and was discarded, by reason: copies, and what a "
                   "peer should not have sent. In dist_drops_total too.");
  for (const Row& row : rows) {
    for (const Reason& reason : kDrops) {
      families.add(row.statistics.*reason.field,
                   {{"peer", peer_of(row)}, {"reason", reason.label}});
    }
  }
  families.counter("dist_link_outcomes_total", "How messages to the peer ended.");
  for (const Row& row : rows) {
    for (const OutcomeLabel& outcome : kOutcomes) {
      families.add(row.statistics.outcomes[static_cast<std::size_t>(outcome.outcome)],
                   {{"peer", peer_of(row)}, {"outcome", outcome.label}});
    }
  }
}

void add_queues(std::span<const Row> rows, FamilyList& families) {
  families.gauge("dist_link_unresolved_messages",
                 "Messages to the peer that are queued or in flight, by priority.");
  for (const Row& row : rows) {
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
      families.add(std::uint64_t{row.unresolved[priority]},
                   {{"peer", peer_of(row)}, {"priority", std::to_string(priority)}});
    }
  }
  families.gauge("dist_link_stalled_priorities",
                 "How many of the priorities cannot send to the peer right now, by what holds them "
                 "back.");
  for (const Row& row : rows) {
    for (const StallReason& reason : kStalls) {
      const auto count = std::ranges::count(row.backpressure, reason.backpressure);
      families.add(static_cast<double>(count), {{"peer", peer_of(row)}, {"reason", reason.label}});
    }
  }
}

// Gauges of a round trip stay away until one was measured: 0 would be a lie.
void add_round_trips(std::span<const Row> rows, FamilyList& families) {
  families.gauge("dist_link_smoothed_round_trip_seconds",
                 "Smoothed time from a frame's sending to its acknowledgement.");
  for (const Row& row : rows) {
    if (row.statistics.round_trip.count() == 0) continue;
    families.add(in_seconds(row.statistics.smoothed_rtt), {{"peer", peer_of(row)}});
  }
  families.gauge("dist_link_smallest_round_trip_seconds",
                 "Smallest time from a frame's sending to its acknowledgement in this session.");
  for (const Row& row : rows) {
    if (row.statistics.round_trip.count() == 0) continue;
    families.add(in_seconds(row.statistics.smallest_rtt), {{"peer", peer_of(row)}});
  }
  families.histogram(
      "dist_link_round_trip_seconds",
      "Times from a frame's sending to its acknowledgement, one an acknowledgement.");
  for (const Row& row : rows) families.add(row.statistics.round_trip, {{"peer", peer_of(row)}});
}

}  // namespace

void add_link_families(const NodeReport& report, FamilyList& families) {
  const std::span<const Row> rows(report.links.data(), std::min(report.link_count, kNodesMax));
  add_state(rows, report.time, families);
  add_counters(rows, families);
  add_queues(rows, families);
  add_round_trips(rows, families);
}

}  // namespace ringroad::control
