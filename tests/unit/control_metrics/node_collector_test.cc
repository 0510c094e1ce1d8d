// What a scrape says of figures that are known: names, labels and values as the text has them.
#include "control/metrics/node_collector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "absl/strings/str_split.h"
#include "dataplane/base/prng.h"
#include "tests/unit/control_metrics/sample_snapshot.h"

namespace ringroad::control {
namespace {

std::vector<std::string> lines_of(const MetricsSnapshot& snapshot) {
  return absl::StrSplit(exposition(snapshot), '\n', absl::SkipEmpty());
}

bool has_line(const std::vector<std::string>& lines, const std::string& line) {
  return std::ranges::find(lines, line) != lines.end();
}

std::set<std::string> family_names(const MetricsSnapshot& snapshot) {
  std::set<std::string> names;
  for (const auto& family : NodeCollector(snapshot).Collect()) names.insert(family.name);
  return names;
}

TEST(NodeCollector, TellsEveryFigureUnderItsName) {
  const auto lines = lines_of(*sample_snapshot());
  for (const char* line : {
           R"(dist_build_info{node="1",version="0.1.0"} 1)",
           R"(dist_node_info{node="1",cluster="demo",name="node-1",zone="az-1"} 1)",
           R"(dist_frames_encrypted{node="1"} 0)",
           R"(dist_control_uptime_seconds{node="1"} 12.5)",
           R"(dist_dataplane_attached{node="1"} 1)",
           R"(dist_ready{node="1"} 0)",
           R"(dist_control_attachments_total{node="1"} 2)",
           R"(dist_rpc_connections_total{node="1"} 3)",
           R"(dist_rpc_connections_refused_total{node="1"} 4)",
           R"(dist_rpc_connections_displaced_total{node="1"} 6)",
           R"(dist_rpc_requests_total{node="1"} 5)",
           R"(dist_rpc_errors_total{node="1"} 6)",
           R"(dist_control_events_total{node="1"} 7)",
           R"(dist_control_malformed_events_total{node="1"} 8)",
           R"(dist_control_commands_total{node="1"} 81)",
           R"(dist_control_answers_total{node="1"} 82)",
           R"(dist_control_unanswered_total{node="1"} 83)",
           R"(dist_control_messages_refused_total{node="1"} 84)",
           R"(dist_messages_total{node="1",type="sent"} 1006)",
           R"(dist_messages_total{node="1",type="received"} 1007)",
           R"(dist_messages_local_total{node="1"} 36)",
           R"(dist_messages_delivered_total{node="1"} 33)",
           R"(dist_port_up{node="1"} 1)",
           R"(dist_port_state_seconds{node="1"} 90)",
           R"(dist_port_packets_total{node="1",type="received"} 51)",
           R"(dist_port_packets_total{node="1",type="sent"} 52)",
           R"(dist_port_bytes_total{node="1",type="received"} 53)",
           R"(dist_port_bytes_total{node="1",type="sent"} 54)",
           R"(dist_port_link_changes_total{node="1"} 60)",
           R"(dist_arp_packets_total{node="1",type="received",operation="request"} 41)",
           R"(dist_arp_packets_total{node="1",type="received",operation="reply"} 42)",
           R"(dist_arp_packets_total{node="1",type="sent",operation="request"} 43)",
           R"(dist_arp_packets_total{node="1",type="sent",operation="reply"} 44)",
           R"(dist_arp_packets_total{node="1",type="sent",operation="announcement"} 45)",
           R"(dist_echo_requests_total{node="1"} 46)",
           R"(dist_echo_replies_total{node="1"} 47)",
           R"(dist_drops_total{node="1",layer="port",reason="received_too_long"} 55)",
           R"(dist_drops_total{node="1",layer="port",reason="received_malformed"} 56)",
           R"(dist_drops_total{node="1",layer="port",reason="sent_too_long"} 59)",
           R"(dist_drops_total{node="1",layer="stack",reason="ethernet_truncated"} 201)",
           R"(dist_drops_total{node="1",layer="stack",reason="echo_queue_full"} 222)",
           R"(dist_drops_total{node="1",layer="frame",reason="truncated"} 101)",
           R"(dist_drops_total{node="1",layer="frame",reason="duplicate"} 110)",
           R"(dist_drops_total{node="1",layer="message",reason="no_receiver"} 34)",
           R"(dist_drops_total{node="1",layer="link",reason="duplicate_message"} 1013)",
           R"(dist_drops_total{node="1",layer="link",reason="fragment_refused"} 1014)",
           R"(dist_drops_total{node="1",layer="link",reason="beyond_window"} 1015)",
           R"(dist_waits_total{node="1",reason="port_send_ring_full"} 58)",
           R"(dist_waits_total{node="1",reason="port_receive_no_buffer"} 57)",
           R"(dist_waits_total{node="1",reason="send_no_buffer"} 32)",
           R"(dist_waits_total{node="1",reason="next_hop_unresolved"} 31)",
           R"(dist_waits_total{node="1",reason="receiver_busy"} 35)",
           R"(dist_waits_total{node="1",reason="held_frames_full"} 1016)",
           R"(dist_dataplane_uptime_seconds{node="1"} 100)",
           R"(dist_lcore_run_seconds_total{node="1"} 100)",
           R"(dist_lcore_busy_seconds_total{node="1"} 25)",
           R"(dist_lcore_sleep_seconds_total{node="1"} 60)",
           R"(dist_lcore_busy_ratio{node="1"} 0.25)",
           R"(dist_lcore_passes_total{node="1"} 1000)",
           R"(dist_lcore_busy_passes_total{node="1"} 250)",
           R"(dist_lcore_sleeps_total{node="1"} 17)",
           R"(dist_packet_buffers{node="1"} 8192)",
           R"(dist_packet_buffers_free{node="1"} 8000)",
       }) {
    EXPECT_TRUE(has_line(lines, line)) << line;
  }
}

TEST(NodeCollector, TellsHowConsensusStands) {
  const auto snapshot = sample_snapshot();
  const auto lines = lines_of(*snapshot);
  for (const char* line : {
           R"(dist_raft_has_leader{node="1"} 1)",
           R"(dist_raft_is_leader{node="1"} 1)",
           R"(dist_raft_is_voter{node="1"} 1)",
           R"(dist_raft_stopped{node="1"} 0)",
           R"(dist_raft_wants_room{node="1"} 1)",
           R"(dist_raft_leader_id{node="1"} 1)",
           R"(dist_raft_term{node="1"} 301)",
           R"(dist_raft_log_first_index{node="1"} 302)",
           R"(dist_raft_log_last_index{node="1"} 350)",
           R"(dist_raft_log_durable_index{node="1"} 349)",
           R"(dist_raft_commit_index{node="1"} 340)",
           R"(dist_raft_applied_index{node="1"} 339)",
           R"(dist_raft_commit_lag_entries{node="1"} 10)",
           R"(dist_raft_requests_waiting{node="1"} 309)",
           R"(dist_raft_leader_elections_total{node="1"} 303)",
           R"(dist_raft_log_batches_total{node="1"} 304)",
           R"(dist_raft_log_entries_total{node="1"} 305)",
           R"(dist_raft_entries_applied_total{node="1"} 306)",
           R"(dist_raft_proposals_sent_total{node="1"} 307)",
           R"(dist_raft_reads_total{node="1"} 308)",
           R"(dist_raft_requests_total{node="1",outcome="answered"} 311)",
           R"(dist_raft_requests_total{node="1",outcome="no_quorum"} 313)",
           R"(dist_raft_requests_total{node="1",outcome="too_large"} 318)",
           R"(dist_raft_answers_lost_total{node="1"} 327)",
           R"(dist_raft_messages_total{node="1",type="sent"} 322)",
           R"(dist_raft_messages_total{node="1",type="received"} 321)",
           R"(dist_raft_messages_dropped_total{node="1",reason="undecodable"} 323)",
           R"(dist_raft_messages_dropped_total{node="1",reason="refused"} 324)",
           R"(dist_raft_messages_dropped_total{node="1",reason="misaddressed"} 325)",
           R"(dist_raft_messages_dropped_total{node="1",reason="not_sent"} 326)",
           R"(dist_raft_log_write_seconds_count{node="1"} 4)",
           R"(dist_raft_log_write_seconds_sum{node="1"} 0.008)",
           R"(dist_raft_snapshot_index{node="1"} 328)",
           R"(dist_raft_snapshot_bytes{node="1"} 329)",
           R"(dist_raft_snapshots_total{node="1",event="made"} 330)",
           R"(dist_raft_snapshots_total{node="1",event="installed"} 331)",
           R"(dist_raft_snapshots_total{node="1",event="refused"} 332)",
           R"(dist_raft_snapshot_chunks_sent_total{node="1"} 333)",
           R"(dist_raft_snapshot_seconds_total{node="1"} 1.5)",
       }) {
    EXPECT_TRUE(has_line(lines, line)) << line;
  }
}

TEST(NodeCollector, TellsNothingOfConsensusWhereThereIsNone) {
  const auto snapshot = sample_snapshot();
  snapshot->report.consensus.is_here = false;
  EXPECT_EQ(exposition(*snapshot).find("dist_raft_"), std::string::npos);
}

TEST(NodeCollector, TellsLinksByPeerAndProgramsById) {
  const auto lines = lines_of(*sample_snapshot());
  for (
      const char* line : {
          R"(dist_link_up{node="1",peer="2"} 1)",
          R"(dist_link_up{node="1",peer="3"} 0)",
          R"(dist_link_state_seconds{node="1",peer="2"} 50)",
          R"(dist_link_frames_total{node="1",peer="2",type="sent"} 1001)",
          R"(dist_link_frames_total{node="1",peer="2",type="received"} 1002)",
          R"(dist_link_frame_bytes_total{node="1",peer="2",type="sent"} 1003)",
          R"(dist_link_frame_bytes_total{node="1",peer="2",type="received"} 1004)",
          R"(dist_link_messages_accepted_total{node="1",peer="2"} 1005)",
          R"(dist_link_messages_total{node="1",peer="2",type="sent"} 1006)",
          R"(dist_link_messages_total{node="1",peer="2",type="received"} 1007)",
          R"(dist_link_messages_total{node="1",peer="3",type="received"} 0)",
          R"(dist_link_payload_bytes_total{node="1",peer="2",type="sent"} 1008)",
          R"(dist_link_payload_bytes_total{node="1",peer="2",type="received"} 1009)",
          R"(dist_link_frames_lost_total{node="1",peer="2"} 1010)",
          R"(dist_link_messages_retransmitted_total{node="1",peer="2"} 1011)",
          R"(dist_link_probes_total{node="1",peer="2"} 1012)",
          R"(dist_link_drops_total{node="1",peer="2",reason="duplicate_message"} 1013)",
          R"(dist_link_drops_total{node="1",peer="2",reason="fragment_refused"} 1014)",
          R"(dist_link_drops_total{node="1",peer="2",reason="beyond_window"} 1015)",
          R"(dist_link_held_frames_full_total{node="1",peer="2"} 1016)",
          R"(dist_link_sessions_total{node="1",peer="2"} 1017)",
          R"(dist_link_outcomes_total{node="1",peer="2",outcome="delivered"} 1021)",
          R"(dist_link_outcomes_total{node="1",peer="2",outcome="not_sent"} 1022)",
          R"(dist_link_outcomes_total{node="1",peer="2",outcome="no_receiver"} 1023)",
          R"(dist_link_outcomes_total{node="1",peer="2",outcome="unknown"} 1024)",
          R"(dist_link_unresolved_messages{node="1",peer="2",priority="0"} 1070)",
          R"(dist_link_unresolved_messages{node="1",peer="2",priority="7"} 1077)",
          R"(dist_link_stalled_priorities{node="1",peer="2",reason="message_credit"} 2)",
          R"(dist_link_stalled_priorities{node="1",peer="2",reason="byte_credit"} 0)",
          R"(dist_link_stalled_priorities{node="1",peer="2",reason="flight"} 1)",
          R"(dist_link_smoothed_round_trip_seconds{node="1",peer="2"} 1.2e-05)",
          R"(dist_link_smallest_round_trip_seconds{node="1",peer="2"} 9e-06)",
          R"(dist_link_round_trip_seconds_count{node="1",peer="2"} 4)",
          R"(dist_link_round_trip_seconds_sum{node="1",peer="2"} 2.1511e-05)",
          R"(dist_link_round_trip_seconds_bucket{node="1",peer="2",le="2.55e-07"} 1)",
          R"(dist_link_round_trip_seconds_bucket{node="1",peer="2",le="5.11e-07"} 2)",
          R"(dist_link_round_trip_seconds_bucket{node="1",peer="2",le="+Inf"} 4)",
          R"(dist_applications{node="1"} 1)",
          R"(dist_application_bindings{node="1",application_id="1"} 2)",
          R"(dist_application_messages_total{node="1",application_id="1",type="sent"} 301)",
          R"(dist_application_bytes_total{node="1",application_id="1",type="sent"} 302)",
          R"(dist_application_refused_messages_total{node="1",application_id="1"} 303)",
          R"(dist_application_waited_messages_total{node="1",application_id="1"} 304)",
          R"(dist_application_messages_total{node="1",application_id="1",type="received"} 305)",
          R"(dist_application_bytes_total{node="1",application_id="1",type="received"} 306)",
          R"(dist_application_receive_busy_total{node="1",application_id="1"} 307)",
          R"(dist_application_outcomes_total{node="1",application_id="1",outcome="delivered"} 308)",
          R"(dist_application_outcomes_total{node="1",application_id="1",outcome="unknown"} 311)",
          R"(dist_application_violations_total{node="1",application_id="1"} 312)",
          R"(dist_application_wakeups_total{node="1",application_id="1"} 313)",
          R"(dist_host_events_total{node="1",event="connected"} 61)",
          R"(dist_host_events_total{node="1",event="attached"} 62)",
          R"(dist_host_events_total{node="1",event="detached"} 63)",
          R"(dist_host_events_total{node="1",event="refused"} 64)",
          R"(dist_host_events_total{node="1",event="malformed"} 65)",
          R"(dist_host_events_total{node="1",event="late"} 66)",
          R"(dist_host_events_total{node="1",event="broken"} 67)",
          R"(dist_host_events_total{node="1",event="channel_opened"} 68)",
      }) {
    EXPECT_TRUE(has_line(lines, line)) << line;
  }
}

TEST(NodeCollector, ListsEveryReasonOfADropOnceEvenAtZero) {
  MetricsSnapshot snapshot;
  snapshot.attached = snapshot.has_report = true;
  std::set<std::string> seen;
  std::size_t count = 0;
  for (const std::string& line : lines_of(snapshot)) {
    if (!line.starts_with("dist_drops_total{")) continue;
    EXPECT_TRUE(line.ends_with("} 0")) << line;
    seen.insert(line);
    ++count;
  }
  const auto stack = static_cast<std::size_t>(DropReason::kCount) - 1;
  const auto frame = static_cast<std::size_t>(FrameError::kCount) - 1;
  EXPECT_EQ(count, 3 + stack + frame + 1 + 3);
  EXPECT_EQ(seen.size(), count);
  for (const std::string& line : seen) EXPECT_EQ(line.find("unknown"), std::string::npos) << line;
}

TEST(NodeCollector, TellsNoFiguresOfADataplaneThatIsNotAttached) {
  auto snapshot = sample_snapshot();
  snapshot->attached = false;
  const auto lines = lines_of(*snapshot);
  EXPECT_TRUE(has_line(lines, R"(dist_dataplane_attached{node="1"} 0)"));
  EXPECT_TRUE(has_line(lines, R"(dist_control_attachments_total{node="1"} 2)"));
  for (const std::string& line : lines) {
    for (const char* gone : {"messages", "port", "drops", "waits", "lcore", "link", "application",
                             "host", "buffers", "dataplane_uptime"}) {
      EXPECT_EQ(line.find(std::string("dist_") + gone), std::string::npos) << line;
    }
  }
  snapshot->attached = true;
  snapshot->has_report = false;
  EXPECT_EQ(family_names(*snapshot).count("dist_messages_total"), 0u);
}

TEST(NodeCollector, ForgetsALinkWhosePeerWasRemoved) {
  auto snapshot = sample_snapshot();
  snapshot->report.link_count = 1;
  for (const std::string& line : lines_of(*snapshot)) {
    EXPECT_EQ(line.find("peer=\"3\""), std::string::npos) << line;
  }
}

TEST(NodeCollector, TellsNoRoundTripBeforeOneWasMeasured) {
  for (const std::string& line : lines_of(*sample_snapshot())) {
    EXPECT_FALSE(line.starts_with(R"(dist_link_smoothed_round_trip_seconds{node="1",peer="3")"));
    EXPECT_FALSE(line.starts_with(R"(dist_link_smallest_round_trip_seconds{node="1",peer="3")"));
  }
}

TEST(NodeCollector, ReadsNoFurtherThanItsTablesWhateverTheCounts) {
  auto snapshot = full_snapshot();
  const std::size_t most = lines_of(*snapshot).size();
  snapshot->report.link_count = ~std::uint64_t{0};
  snapshot->applications.count = ~std::uint64_t{0};
  snapshot->report.started = snapshot->report.time + seconds(1);
  const auto lines = lines_of(*snapshot);
  EXPECT_LT(lines.size(), most + 100);
  EXPECT_TRUE(has_line(lines, R"(dist_dataplane_uptime_seconds{node="1"} 0)"));
}

TEST(NodeCollector, StaysBelowSixThousandSeriesWithSixtyThreeLinksAndSixtyFourPrograms) {
  const auto lines = lines_of(*full_snapshot());
  const auto series =
      std::ranges::count_if(lines, [](const std::string& line) { return line[0] != '#'; });
  EXPECT_GT(series, 4'000);
  EXPECT_LT(series, 6'000);
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size());
}

TEST(NodeCollector, EscapesWhatAConfigurationMayCallANode) {
  auto snapshot = sample_snapshot();
  snapshot->zone = "a\"b\\c\nd";
  EXPECT_TRUE(
      has_line(lines_of(*snapshot),
               R"(dist_node_info{node="1",cluster="demo",name="node-1",zone="a\"b\\c\nd"} 1)"));
}

TEST(NodeCollector, HoldsToTheCustomsOfNames) {
  const std::regex name("dist_[a-z]+(_[a-z]+)*");
  for (const auto& family : NodeCollector(*full_snapshot()).Collect()) {
    EXPECT_TRUE(std::regex_match(family.name, name)) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == prometheus::MetricType::Counter)
        << family.name;
    EXPECT_TRUE(family.help.ends_with(".")) << family.name;
    EXPECT_FALSE(family.metric.empty()) << family.name;
  }
}

TEST(NodeCollector, TellsTheFamiliesThatThePageListsAndNoOthers) {
  std::ifstream page(RINGROAD_METRICS_PAGE);
  ASSERT_TRUE(page.good());
  const std::regex row(R"(^\| `(dist_[a-z_]+)` \|)");
  std::set<std::string> listed;
  std::smatch match;
  for (std::string line; std::getline(page, line);) {
    if (!std::regex_search(line, match, row)) continue;
    EXPECT_TRUE(listed.insert(match[1]).second) << match[1] << " is listed twice";
  }
  auto snapshot = full_snapshot();
  EXPECT_EQ(listed, family_names(*snapshot));
}

// ---- the histogram's edges ----

prometheus::ClientMetric::Histogram told(const LatencyHistogram& histogram) {
  FamilyList families(NodeId{1});
  families.histogram("dist_test_seconds", "A test.");
  families.add(histogram, {});
  return families.take().front().metric.front().histogram;
}

TEST(RoundTripHistogram, CountsEachValueAtExactlyTheEdgesThatAreNotBelowIt) {
  Prng prng(7);
  std::vector<std::uint64_t> values = {0, 1, 254, 255, 256, 257, 511, 512};
  for (std::uint32_t bits = 3; bits < 40; ++bits) {
    const std::uint64_t power = std::uint64_t{1} << bits;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + prng.next() % power}) {
      values.push_back(value);
    }
  }
  LatencyHistogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  const auto result = told(histogram);
  ASSERT_EQ(result.bucket.size(), kEdges);
  for (const auto& bucket : result.bucket) {
    const auto below = std::ranges::count_if(values, [&](std::uint64_t value) {
      return static_cast<double>(value) / 1e9 <= bucket.upper_bound;
    });
    EXPECT_EQ(bucket.cumulative_count, static_cast<std::uint64_t>(below)) << bucket.upper_bound;
  }
  EXPECT_EQ(result.sample_count, values.size());
  EXPECT_DOUBLE_EQ(result.bucket.front().upper_bound, 255e-9);
  EXPECT_DOUBLE_EQ(result.bucket.back().upper_bound, 34.359738367);
}

TEST(RoundTripHistogram, TellsTheSumInSeconds) {
  LatencyHistogram histogram;
  histogram.record(1'500'000'000, 2);
  EXPECT_DOUBLE_EQ(told(histogram).sample_sum, 3.0);
}

TEST(RoundTripHistogram, CountsWhatIsLongerThanItKnowsBelowInfinityOnly) {
  LatencyHistogram histogram;
  histogram.record(std::uint64_t{1} << 50);
  const auto result = told(histogram);
  EXPECT_EQ(result.bucket.back().cumulative_count, 0u);
  EXPECT_EQ(result.sample_count, 1u);
}

}  // namespace
}  // namespace ringroad::control
