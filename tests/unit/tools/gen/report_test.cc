// What is printed and written: the table says what was counted, JSON has its keys, .hgrm its shape.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/tools/gen/loopback.h"
#include "tools/ringroad-gen/hgrm.h"
#include "tools/ringroad-gen/report.h"

namespace ringroad::gen {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr NodeId kA{1}, kB{2};
constexpr Nanos kStart = seconds(100);

class ReportTest : public testing::Test {
 protected:
  // A run of 1,000 messages of 64 B at 100 K/s, with one lost when asked.
  Summary run(bool lose_one = false, bool with_sink = true, std::uint64_t clock_of_sink = 5) {
    Loopback net;
    if (lose_one) {
      net.meddle = [](auto& wire) {
        std::erase_if(wire, [](const CarriedMessage& m) {
          const StampHead head{load_le<std::uint64_t>(m.bytes.data())};
          return m.out.type == kTypeDefault && head.sequence() == 5;
        });
      };
    }
    SourceConfig source{
        .to = {kB}, .sizes = SizeMix{64}, .rate_per_s = 100'000, .duration = milliseconds(10)};
    source.outcome_latency = true;
    TrafficRole& a = net.add({.self = kA, .clock_id = 5, .source = source});
    if (with_sink) {
      net.add({.self = kB, .clock_id = clock_of_sink, .sink = true});
      net.mark_sink(kB);
    }
    net.run(kStart, microseconds(10), seconds(20));
    a.snapshot(snapshot_);
    facts_ = {.mode = Mode::kRun,
              .self = kA,
              .to = {kB},
              .sizes = SizeMix{64},
              .rate_per_s = 100'000,
              .medium = "loopback (within the test)"};
    return summarize(snapshot_, facts_, kStart);
  }

  Snapshot snapshot_;
  RunFacts facts_;
};

std::vector<std::string> keys_of(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST_F(ReportTest, JsonHasExactlyThePublishedKeysAndTheTrueFigures) {
  const Summary total = run();
  const std::string text = to_json(total, facts_);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  const auto json = nlohmann::ordered_json::parse(text);
  EXPECT_THAT(keys_of(json),
              testing::ElementsAre("schema_version", "mode", "size_bytes", "duration_s", "sent",
                                   "received", "lost", "duplicated", "reordered", "corrupted",
                                   "msgs_per_s", "goodput_bits_per_s", "cpu_share", "latency_ns",
                                   "limit", "environment"));
  EXPECT_THAT(keys_of(json["latency_ns"]),
              testing::ElementsAre("p50", "p90", "p95", "p99", "p999", "max"));
  EXPECT_EQ(json["mode"], "run");
  EXPECT_EQ(json["size_bytes"], 64);
  EXPECT_EQ(json["sent"], 1'000);
  EXPECT_EQ(json["received"], 1'000);
  EXPECT_EQ(json["lost"], 0);
  EXPECT_NEAR(json["duration_s"].get<double>(), 0.01, 0.0001);
  EXPECT_NEAR(json["msgs_per_s"].get<double>(), 100'000, 1'000);
  EXPECT_NEAR(json["goodput_bits_per_s"].get<double>(), 51.2e6, 0.6e6);
  EXPECT_NEAR(json["latency_ns"]["p50"].get<double>(), 10'000, 100);
  EXPECT_TRUE(json["limit"]["msgs_per_s"].is_null());
  EXPECT_EQ(json["limit"]["generator_limited"], false);
  EXPECT_EQ(json["environment"]["encrypted"], false);
  EXPECT_EQ(json["environment"]["latency_kind"], "one way");
}

TEST_F(ReportTest, TheTableNamesLossAndSaysWhatWasVerified) {
  const Summary total = run(true);
  EXPECT_FALSE(total.is_clean());
  const std::string table = final_table(total, facts_);
  EXPECT_THAT(table, HasSubstr("1,000 sent, 999 received, 1 lost, 0 duplicated"));
  EXPECT_THAT(table, HasSubstr("stamps verified"));
  EXPECT_THAT(table, HasSubstr("one way, same clock, from intended send time"));
  EXPECT_THAT(table, HasSubstr("limit   unknown"));
  EXPECT_THAT(table, Not(HasSubstr("generator-limited")));
}

TEST_F(ReportTest, AKnownLimitGivesTheShareUsed) {
  Summary total = run();
  facts_.limit_msgs_per_s = 1'000'000;
  facts_.limit_source = "perf/run --only p2p.memif.64B";
  EXPECT_THAT(final_table(total, facts_), HasSubstr("used 10 %"));
  const auto json = nlohmann::json::parse(to_json(total, facts_));
  EXPECT_NEAR(json["limit"]["used"].get<double>(), 0.1, 0.002);
  EXPECT_EQ(json["limit"]["source"], "perf/run --only p2p.memif.64B");
}

TEST_F(ReportTest, AnUnknownLimitSaysWhatToMeasureOrWhyTheFileDidNotHelp) {
  const Summary total = run();
  EXPECT_THAT(final_table(total, facts_), HasSubstr("--only p2p.memif.64B > FILE"));
  facts_.limit_unknown = "limits.json has no value for p2p.memif.64B";
  EXPECT_THAT(final_table(total, facts_),
              HasSubstr("limit   unknown: limits.json has no value for p2p.memif.64B\n"));
}

TEST_F(ReportTest, WithoutAReceiverItSaysSoAndWhatToStart) {
  const Summary total = run(false, false);
  EXPECT_EQ(total.received, 0U);
  EXPECT_EQ(total.lost, 1'000U);
  EXPECT_EQ(total.latency_kind, LatencyKind::kNone);
  EXPECT_THAT(final_table(total, facts_), HasSubstr("start there: ringroad-gen sink"));
  EXPECT_TRUE(nlohmann::json::parse(to_json(total, facts_))["latency_ns"]["p99"].is_null());
}

TEST_F(ReportTest, ClocksThatCannotBeComparedGiveLatencyToTheOutcome) {
  const Summary total = run(false, true, 99);
  EXPECT_EQ(total.latency_kind, LatencyKind::kToOutcome);
  EXPECT_EQ(total.received, 1'000U);
  EXPECT_THAT(final_table(total, facts_), HasSubstr("until its outcome was back"));
}

// What the table and JSON say of the generator: the line, or nothing.
std::string generator_line(const Summary& total, const RunFacts& facts) {
  const std::string table = final_table(total, facts);
  const auto json = nlohmann::json::parse(to_json(total, facts));
  const std::size_t at = table.find("generator-limited");
  EXPECT_EQ(json["limit"]["generator_limited"], at != std::string::npos);
  return at == std::string::npos ? "" : table.substr(at, table.find('\n', at) - at);
}

TEST_F(ReportTest, OneMessageInAHundredLateWithoutRefusalMakesARunGeneratorLimited) {
  run();
  snapshot_.send.late_ns_max = 5'000'000;
  snapshot_.send.late = 9;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_), "");
  snapshot_.send.late = 10;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_),
            "generator-limited: 10 of 1,000 messages (1.0 %) left over 100us late, up to 5.0ms, "
            "though the node had refused none");

  // A broadcast's copies are one message.
  facts_.broadcast = true;
  facts_.to = {kB, NodeId{3}};
  snapshot_.send.sent *= 2;
  snapshot_.send.sent_all_phases *= 2;
  EXPECT_NE(generator_line(summarize(snapshot_, facts_, kStart), facts_), "");
}

TEST_F(ReportTest, OnePercentBelowTheRateOfferedWithoutRefusalMakesARunGeneratorLimited) {
  run();
  snapshot_.measured_until = snapshot_.measured_from + seconds(1);
  facts_.rate_per_s = 100'000;
  snapshot_.send.sent = 99'100;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_), "");
  snapshot_.send.sent = 98'000;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_),
            "generator-limited: 98.0 K msg/s of the 100.0 K offered left (2.0 % less), though the "
            "node refused next to nothing");

  // The node's refusals are the node's limit.
  snapshot_.send.polls = 1'000;
  snapshot_.send.polls_with_backpressure = 500;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_), "");
}

TEST_F(ReportTest, AtFullSpeedTheNodesRefusalsTellWhoseLimitItIs) {
  run();
  facts_.rate_per_s = 0;
  snapshot_.send.polls = 1'000;
  snapshot_.send.polls_with_backpressure = 500;
  EXPECT_EQ(generator_line(summarize(snapshot_, facts_, kStart), facts_), "");
  snapshot_.send.polls_with_backpressure = 0;
  EXPECT_THAT(generator_line(summarize(snapshot_, facts_, kStart), facts_),
              HasSubstr("it could do more"));
}

TEST_F(ReportTest, TheHeadingNamesNodesSizeRateMediumAndThatItIsPlain) {
  run();
  const std::string text = heading(facts_);
  EXPECT_THAT(text, HasSubstr("node 1 -> node 2   64 B   100.0 K msg/s offered   loopback"));
  EXPECT_THAT(text, HasSubstr("NOT encrypted"));
  EXPECT_THAT(text, HasSubstr("machine: "));
}

TEST_F(ReportTest, ALineASecondHoldsTheIntervalAlone) {
  Snapshot before;
  before.at = kStart;
  before.received = {.received = 500, .received_bytes = 500 * 1'000, .lost = 3};
  before.received_latency.record(50'000'000, 500);
  Snapshot now = before;
  now.at = kStart + seconds(2);
  now.received = {.received = 2'500, .received_bytes = 2'500 * 1'000, .lost = 3};
  now.received_latency.record(3'100, 2'000);
  const RunFacts facts{.mode = Mode::kSink, .self = kB};
  const Summary interval = summarize_interval(before, now, facts);
  EXPECT_EQ(interval.received, 2'000U);
  EXPECT_EQ(interval.lost, 0U);
  EXPECT_NEAR(interval.messages_per_s(), 1'000, 1e-6);
  const std::string line = progress_line(7, interval);
  EXPECT_THAT(line, HasSubstr("3.1us"));
  EXPECT_THAT(line, Not(HasSubstr("50ms")));
}

TEST(Hgrm, IsReadBackToTheSamePercentiles) {
  Histogram histogram;
  Prng prng{5};
  for (int i = 0; i < 50'000; ++i) histogram.record(1'000 + prng.below(100'000));
  std::istringstream text{write_hgrm(histogram)};
  std::string line;
  std::getline(text, line);
  EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
  std::getline(text, line);
  double last_percentile = -1;
  std::uint64_t last_total = 0;
  int rows = 0;
  while (std::getline(text, line) && line[0] != '#') {
    double value = 0, percentile = 0;
    std::uint64_t total = 0;
    std::istringstream{line} >> value >> percentile >> total;
    ++rows;
    EXPECT_GT(percentile, last_percentile);
    EXPECT_GE(total, last_total);
    EXPECT_GE(static_cast<double>(total), percentile * 50'000 - 1);
    EXPECT_NEAR(value * 1'000, static_cast<double>(histogram.quantile(percentile)),
                0.01 * value * 1'000 + 1);
    last_percentile = percentile;
    last_total = total;
  }
  EXPECT_GT(rows, 20);
  EXPECT_EQ(last_percentile, 1.0);
  EXPECT_EQ(last_total, 50'000U);
  EXPECT_THAT(line, HasSubstr("#[Mean"));
}

TEST(Hgrm, AnEmptyHistogramIsAHeadAndAFoot) {
  const std::string text = write_hgrm(Histogram{});
  EXPECT_THAT(text, HasSubstr("Total count    =            0"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace ringroad::gen
