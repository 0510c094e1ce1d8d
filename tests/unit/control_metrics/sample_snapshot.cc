#include "tests/unit/control_metrics/sample_snapshot.h"

#include <cstring>

namespace ringroad::control {
namespace {

void fill_node(NodeReport& report) {
  report.time = seconds(5'000);
  report.started = seconds(4'900);
  report.loop = {.passes = 1'000,
                 .busy_passes = 250,
                 .sleeps = 17,
                 .busy_ns = 25'000'000'000,
                 .sleep_ns = 60'000'000'000,
                 .run_ns = 100'000'000'000};
  NodeStatistics& node = report.node;
  node.next_hop_unresolved = 31;
  node.no_buffer = 32;
  node.messages_delivered = 33;
  node.messages_no_receiver = 34;
  node.deliveries_busy = 35;
  node.messages_local = 36;
  for (std::size_t i = 0; i < std::size(node.frame_errors); ++i) node.frame_errors[i] = 100 + i;
  StackStatistics& stack = report.stack;
  stack.arp_requests_received = 41;
  stack.arp_replies_received = 42;
  stack.arp_requests_sent = 43;
  stack.arp_replies_sent = 44;
  stack.announcements_sent = 45;
  stack.echo_requests = 46;
  stack.echo_replies_sent = 47;
  for (std::size_t i = 0; i < std::size(stack.drops); ++i) stack.drops[i] = 200 + i;
  report.port = {.packets_received = 51,
                 .packets_sent = 52,
                 .bytes_received = 53,
                 .bytes_sent = 54,
                 .received_too_long = 55,
                 .received_malformed = 56,
                 .received_no_buffer = 57,
                 .send_ring_full = 58,
                 .send_too_long = 59,
                 .link_changes = 60};
  report.control = {.commands = 81, .answers = 82, .unanswered = 83, .messages_refused = 84};
  report.port_up = true;
  report.port_since = seconds(4'910);
  report.buffers = 8'192;
  report.buffers_free = 8'000;
}

void fill_consensus(ConsensusCounts& counts) {
  counts = {.is_here = true,
            .is_leader = true,
            .is_voter = true,
            .wants_room = true,
            .leader = NodeId{1},
            .term = 301,
            .first_index = 302,
            .last_index = 350,
            .stable_index = 349,
            .commit_index = 340,
            .applied_index = 339,
            .elections_won = 303,
            .batches_stored = 304,
            .entries_stored = 305,
            .entries_applied = 306,
            .proposals_sent = 307,
            .reads_answered = 308,
            .requests_waiting = 309,
            .answers = {311, 312, 313, 314, 315, 316, 317, 318},
            .messages_received = 321,
            .messages_sent = 322,
            .undecodable = 323,
            .refused = 324,
            .misaddressed = 325,
            .not_sent = 326,
            .answers_lost = 327,
            .snapshot_index = 328,
            .snapshot_bytes = 329,
            .snapshots_made = 330,
            .snapshots_installed = 331,
            .snapshots_refused = 332,
            .snapshot_chunks_sent = 333,
            .snapshot_time = milliseconds(1'500)};
  counts.log_write.record(2'000'000, 4);
}

NodeReport::LinkRow link_to(NodeId peer, std::uint64_t base) {
  NodeReport::LinkRow row{};
  row.peer = peer;
  row.state = LinkState::kUp;
  row.since = seconds(4'950);
  for (std::size_t i = 0; i < kPriorities; ++i) {
    row.unresolved[i] = static_cast<std::uint32_t>(base + 70 + i);
  }
  LinkStatistics& link = row.statistics;
  link.frames_sent = base + 1;
  link.frames_received = base + 2;
  link.frame_bytes_sent = base + 3;
  link.frame_bytes_received = base + 4;
  link.messages_accepted = base + 5;
  link.messages_sent = base + 6;
  link.messages_received = base + 7;
  link.payload_bytes_sent = base + 8;
  link.payload_bytes_received = base + 9;
  link.frames_lost = base + 10;
  link.messages_retransmitted = base + 11;
  link.probes_sent = base + 12;
  link.duplicate_messages = base + 13;
  link.fragments_refused = base + 14;
  link.beyond_window = base + 15;
  link.held_frames_full = base + 16;
  link.sessions = base + 17;
  for (std::size_t i = 1; i < std::size(link.outcomes); ++i) link.outcomes[i] = base + 20 + i;
  return row;
}

host::ApplicationsReport::Row program(std::uint32_t id, std::uint64_t base) {
  host::ApplicationsReport::Row row{};
  row.application_id = id;
  row.binding_count = 2;
  std::strncpy(row.name, "generator", sizeof(row.name) - 1);
  row.counts = {.messages_taken = base + 1,
                .bytes_taken = base + 2,
                .messages_refused = base + 3,
                .messages_waited = base + 4,
                .messages_received = base + 5,
                .bytes_received = base + 6,
                .receive_busy = base + 7,
                .outcomes = {0, base + 8, base + 9, base + 10, base + 11},
                .violations = base + 12,
                .bells = base + 13};
  return row;
}

std::unique_ptr<MetricsSnapshot> attached_node() {
  auto snapshot = std::make_unique<MetricsSnapshot>();
  snapshot->node = NodeId{1};
  snapshot->cluster = "demo";
  snapshot->name = "node-1";
  snapshot->zone = "az-1";
  snapshot->version = "0.1.0";
  snapshot->attached = true;
  snapshot->unready = "link to node 3 is connecting";
  snapshot->has_report = true;
  snapshot->control_uptime_seconds = 12.5;
  snapshot->attachments = 2;
  snapshot->rpc_connections = 3;
  snapshot->rpc_refused = 4;
  snapshot->rpc_displaced = 6;
  snapshot->rpc_requests = 5;
  snapshot->rpc_errors = 6;
  snapshot->events = 7;
  snapshot->malformed_events = 8;
  fill_node(snapshot->report);
  fill_consensus(snapshot->report.consensus);
  host::ApplicationsReport& programs = snapshot->applications;
  programs.connections = 61;
  programs.attached = 62;
  programs.detached = 63;
  programs.refused = 64;
  programs.malformed = 65;
  programs.late = 66;
  programs.broken = 67;
  programs.channels = 68;
  return snapshot;
}

}  // namespace

std::unique_ptr<MetricsSnapshot> sample_snapshot() {
  auto snapshot = attached_node();
  NodeReport& report = snapshot->report;
  report.link_count = 2;
  report.links[0] = link_to(NodeId{2}, 1'000);
  NodeReport::LinkRow& busy = report.links[0];
  busy.backpressure = {Backpressure::kNone, Backpressure::kMessageCredit,
                       Backpressure::kMessageCredit, Backpressure::kFlight};
  busy.statistics.smoothed_rtt = microseconds(12);
  busy.statistics.smallest_rtt = microseconds(9);
  for (const std::uint64_t nanoseconds : {255u, 256u, 9'000u, 12'000u}) {
    busy.statistics.round_trip.record(nanoseconds);
  }
  NodeReport::LinkRow& down = report.links[1];
  down = {};
  down.peer = NodeId{3};
  down.since = seconds(4'900);
  snapshot->applications.count = 1;
  snapshot->applications.rows[0] = program(1, 300);
  return snapshot;
}

std::unique_ptr<MetricsSnapshot> full_snapshot() {
  auto snapshot = attached_node();
  NodeReport& report = snapshot->report;
  report.link_count = kNodesMax - 1;
  for (std::size_t i = 0; i < report.link_count; ++i) {
    report.links[i] = link_to(NodeId{static_cast<std::uint16_t>(i + 2)}, 10'000 * i);
    for (std::uint64_t value = 1; value < std::uint64_t{1} << 40; value *= 3) {
      report.links[i].statistics.round_trip.record(value);
    }
  }
  snapshot->applications.count = kApplicationsMax;
  for (std::uint32_t i = 0; i < kApplicationsMax; ++i) {
    snapshot->applications.rows[i] = program(i + 1, 1'000 * i);
  }
  return snapshot;
}

}  // namespace ringroad::control
