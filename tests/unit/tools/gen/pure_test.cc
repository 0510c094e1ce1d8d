// The generator's pure parts: quantities, sizes, schedule, stamps, bodies, sequences.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "tools/ringroad-gen/feedback.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad-gen/schedule.h"
#include "tools/ringroad-gen/sequence_checker.h"
#include "tools/ringroad-gen/size_mix.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {
namespace {

TEST(Quantity, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_quantity("1024", 1024), 1024U);
  EXPECT_EQ(parse_quantity("8K", 1024), 8192U);
  EXPECT_EQ(parse_quantity("1.5M", 1000), 1'500'000U);
  EXPECT_EQ(parse_quantity("1M", 1000), 1'000'000U);
  for (const char* wrong : {"", "K", "1x", "-1", "1KB", "0.5", "1e3", "nan"}) {
    EXPECT_FALSE(parse_quantity(wrong, 1000)) << wrong;
  }
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_FALSE(parse_duration("10"));
  EXPECT_FALSE(parse_duration("10sec"));
}

TEST(Quantity, WritesWhatPeopleRead) {
  EXPECT_EQ(with_commas(1'234'567), "1,234,567");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(time_text(870), "870ns");
  EXPECT_EQ(time_text(3'100), "3.1us");
  EXPECT_EQ(time_text(22'000), "22us");
  EXPECT_EQ(rate_text(1e6), "1.000 M");
}

TEST(SizeMix, DrawsInProportionToTheWeights) {
  const auto mix = SizeMix::parse("64:70,1024:25,8192:5");
  ASSERT_TRUE(mix.ok()) << mix.status();
  EXPECT_EQ(mix->smallest(), 64U);
  EXPECT_EQ(mix->largest(), 8192U);
  EXPECT_NEAR(mix->mean(), 0.7 * 64 + 0.25 * 1024 + 0.05 * 8192, 1e-9);
  Prng prng{3};
  std::array<int, 3> drawn{};
  for (int i = 0; i < 100'000; ++i) {
    const std::uint32_t size = mix->draw(prng);
    ++drawn[size == 64 ? 0 : size == 1024 ? 1 : 2];
    ASSERT_TRUE(size == 64 || size == 1024 || size == 8192);
  }
  EXPECT_NEAR(drawn[0], 70'000, 800);
  EXPECT_NEAR(drawn[1], 25'000, 800);
  EXPECT_NEAR(drawn[2], 5'000, 400);
}

TEST(SizeMix, RefusesWithTheFaultyPart) {
  for (const char* wrong : {"", "abc", "64:", "64:0", "8", "64,,1024", "32M", "64:70;1024:30"}) {
    EXPECT_FALSE(SizeMix::parse(wrong).ok()) << wrong;
  }
  EXPECT_NE(SizeMix::parse("64:1,7:2").status().ToString().find("\"7:2\""), std::string::npos);
}

TEST(Schedule, TimesAreExactForeverAtRatesThatDoNotDivideASecond) {
  constexpr std::uint64_t kRate = 3'000'007;
  Schedule schedule{kRate, Nanos{500}};
  for (std::uint64_t k = 0; k < kRate; ++k) schedule.advance();
  EXPECT_EQ(schedule.intended(Nanos{}), Nanos{500} + seconds(1));
  for (std::uint64_t k = 0; k < 1'000; ++k) {
    EXPECT_EQ(schedule.intended(Nanos{}).count,
              1'000'000'500 + static_cast<std::int64_t>(k * 1'000'000'000 / kRate));
    schedule.advance();
  }
}

TEST(Schedule, PartsTogetherMakeTheWhole) {
  Schedule whole{1'700, Nanos{0}};
  std::vector<Schedule> parts;
  for (std::uint32_t i = 0; i < 3; ++i) parts.emplace_back(1'700, Nanos{0}, i, 3);
  for (std::size_t k = 0; k < 3'000; ++k) {
    EXPECT_EQ(parts[k % 3].intended(Nanos{}), whole.intended(Nanos{})) << k;
    parts[k % 3].advance();
    whole.advance();
  }
}

TEST(Schedule, FastestIsAlwaysDueNow) {
  Schedule schedule;
  schedule.advance();
  EXPECT_TRUE(schedule.is_due(Nanos{7}));
  EXPECT_EQ(schedule.intended(Nanos{7}), Nanos{7});
}

class StampTest : public testing::Test {
 protected:
  static constexpr NodeId kTo{2};
  const Stamp stamp_{StampHead{NodeId{1}, Priority{4}, kMeasured}.with_sequence(77),
                     Nanos{123'456'789}, 0xabcdef};
};

TEST_F(StampTest, ComesBackAsItWasWritten) {
  std::byte bytes[kStampBytes];
  write_stamp(bytes, stamp_, 64, kTo);
  Stamp read;
  ASSERT_TRUE(read_stamp(bytes, 64, kTo, read));
  EXPECT_EQ(read.head.sequence(), 77U);
  EXPECT_EQ(read.head.source(), NodeId{1});
  EXPECT_EQ(read.head.priority(), Priority{4});
  EXPECT_TRUE(read.head.has(kMeasured));
  EXPECT_FALSE(read.head.has(kPing));
  EXPECT_EQ(read.intended, stamp_.intended);
  EXPECT_EQ(read.run, stamp_.run);
}

TEST_F(StampTest, EveryFlippedBitIsNoticed) {
  std::byte bytes[kStampBytes];
  write_stamp(bytes, stamp_, 64, kTo);
  for (std::size_t bit = 0; bit < 8 * kStampBytes; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    Stamp read;
    EXPECT_FALSE(read_stamp(bytes, 64, kTo, read)) << "bit " << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST_F(StampTest, ACutMessageAndAWrongReceiverAreNoticed) {
  std::byte bytes[kStampBytes];
  write_stamp(bytes, stamp_, 64, kTo);
  Stamp read;
  EXPECT_FALSE(read_stamp(bytes, 63, kTo, read));
  EXPECT_FALSE(read_stamp(bytes, 64, NodeId{3}, read));
}

TEST_F(StampTest, ABroadcastIsGoodForEveryReceiver) {
  Stamp broadcast = stamp_;
  broadcast.head = stamp_.head.with_flags(kBroadcast);
  std::byte bytes[kStampBytes];
  write_stamp(bytes, broadcast, 64, ringroad::kBroadcast);
  Stamp read;
  EXPECT_TRUE(read_stamp(bytes, 64, NodeId{3}, read));
  EXPECT_TRUE(read_stamp(bytes, 64, NodeId{9}, read));
}

TEST_F(StampTest, StreamsOfOneRunHaveIndexesOfTheirOwn) {
  std::set<std::size_t> seen;
  for (std::uint8_t priority = 0; priority < 8; ++priority) {
    for (const int flags : {0, +kMeasured, +kBroadcast, kMeasured | kBroadcast}) {
      seen.insert(StampHead{NodeId{1}, Priority{priority}, static_cast<std::uint8_t>(flags)}
                      .stream_index());
    }
  }
  EXPECT_EQ(seen.size(), kStreamsPerRun);
  EXPECT_EQ(*seen.rbegin(), kStreamsPerRun - 1);
}

TEST_F(StampTest, ABodyMatchesInAnyCutAndNotWhenOneByteDiffers) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 40U, 1000U}) {
    std::vector<std::byte> body(size);
    fill_body(body, stamp_);
    for (std::size_t cut = 0; cut <= size; cut += 3) {
      const std::span<const std::byte> all{body};
      EXPECT_TRUE(body_matches(all.first(cut), 0, stamp_));
      EXPECT_TRUE(body_matches(all.subspan(cut), cut, stamp_)) << size << " cut at " << cut;
    }
    for (std::size_t at = 0; at < size; ++at) {
      body[at] ^= std::byte{1};
      EXPECT_FALSE(body_matches(body, 0, stamp_)) << size << " at " << at;
      body[at] ^= std::byte{1};
    }
    Stamp other = stamp_;
    other.head = stamp_.head.with_sequence(78);
    EXPECT_TRUE(size == 0 || !body_matches(body, 0, other));
  }
}

TEST(SequenceChecker, InOrderIsQuiet) {
  SequenceChecker checker;
  for (std::uint64_t s = 0; s < 1'000; ++s) EXPECT_EQ(checker.on_sequence(s), Arrival::kInOrder);
  EXPECT_EQ(checker.missing(), 0U);
}

TEST(SequenceChecker, TellsLossFromReorderingFromDuplication) {
  SequenceChecker checker;
  EXPECT_EQ(checker.on_sequence(0), Arrival::kInOrder);
  EXPECT_EQ(checker.on_sequence(4), Arrival::kInOrder);
  EXPECT_EQ(checker.missing(), 3U);
  EXPECT_EQ(checker.on_sequence(2), Arrival::kReordered);
  EXPECT_EQ(checker.on_sequence(2), Arrival::kDuplicate);
  EXPECT_EQ(checker.on_sequence(0), Arrival::kDuplicate);
  EXPECT_EQ(checker.on_sequence(1), Arrival::kReordered);
  EXPECT_EQ(checker.missing(), 1U);
  checker.on_total(8);
  EXPECT_EQ(checker.missing(), 4U);
  EXPECT_EQ(checker.on_sequence(7), Arrival::kReordered);
}

TEST(SequenceChecker, AgreesWithASetUnderRandomFaults) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Prng prng{seed};
    std::vector<std::uint64_t> arrivals;
    for (std::uint64_t s = 0; s < 400; ++s) {
      if (prng.below(20) != 0) arrivals.push_back(s);
      if (prng.below(20) == 0) arrivals.push_back(s);
    }
    for (int i = 0; i < 40; ++i) {
      const auto at = prng.below(arrivals.size() - 8);
      std::swap(arrivals[at], arrivals[at + prng.below(8)]);
    }
    SequenceChecker checker;
    std::set<std::uint64_t> seen;
    for (const std::uint64_t s : arrivals) {
      const bool is_new = seen.insert(s).second;
      const bool is_late = *seen.rbegin() != s;
      const Arrival expected = !is_new   ? Arrival::kDuplicate
                               : is_late ? Arrival::kReordered
                                         : Arrival::kInOrder;
      ASSERT_EQ(checker.on_sequence(s), expected) << "seed " << seed << " sequence " << s;
    }
    checker.on_total(400);
    EXPECT_EQ(checker.missing(), 400 - seen.size());
  }
}

TEST(SequenceChecker, ForgetsTheOldestHolesButNotThatTheyWereLost) {
  SequenceChecker checker;
  for (std::uint64_t s = 1; s < 400; s += 2) checker.on_sequence(s);
  EXPECT_EQ(checker.missing(), 200U);
  EXPECT_EQ(checker.on_sequence(398), Arrival::kReordered);
  EXPECT_EQ(checker.on_sequence(0), Arrival::kDuplicate);
  EXPECT_GT(checker.forgotten_below(), 0U);
  EXPECT_EQ(checker.missing(), 199U);
}

TEST(Feedback, ReportsAndFinishesComeBackAsTheyWere) {
  Histogram latency;
  for (std::uint64_t v = 1; v < 5'000'000; v = v * 5 / 4 + 1) latency.record(v, v % 7 + 1);
  const Report report{
      .run = 9, .is_final = true, .clock_id = 0x1234, .counters = {1, 2, 3, 4, 5, 6}};
  std::vector<std::byte> bytes(kReportBytesMax);
  bytes.resize(encode_report(report, latency, bytes));
  Report read;
  Histogram read_latency;
  ASSERT_TRUE(decode_report(bytes, read, read_latency));
  EXPECT_EQ(read.run, 9U);
  EXPECT_TRUE(read.is_final);
  EXPECT_TRUE(read.has_latency);
  EXPECT_EQ(read.clock_id, 0x1234U);
  EXPECT_EQ(read.counters, report.counters);
  EXPECT_EQ(read_latency.count(), latency.count());
  for (std::size_t b = 0; b < Histogram::kBuckets; ++b) {
    ASSERT_EQ(read_latency.bucket_count(b), latency.bucket_count(b));
  }

  Finish finish{.run = 4};
  finish.sent[31] = 17;
  std::byte out[kFinishBytes];
  ASSERT_EQ(encode_finish(finish, out), kFinishBytes);
  Finish again;
  ASSERT_TRUE(decode_finish(out, again));
  EXPECT_EQ(again.sent, finish.sent);
  EXPECT_FALSE(decode_report(out, read, read_latency));
}

TEST(Feedback, AReportWithoutRoomForBucketsKeepsItsCounters) {
  Histogram latency;
  for (std::uint64_t v = 0; v < 200; ++v) latency.record(v);
  std::vector<std::byte> bytes(128);
  bytes.resize(encode_report({.run = 1, .counters = {7, 7, 7, 7, 7, 7}}, latency, bytes));
  Report read;
  Histogram read_latency;
  ASSERT_TRUE(decode_report(bytes, read, read_latency));
  EXPECT_FALSE(read.has_latency);
  EXPECT_EQ(read.counters.lost, 7U);
  EXPECT_EQ(encode_report({}, latency, std::span{bytes}.first(10)), 0U);
}

TEST(Feedback, GarbageIsRefused) {
  Prng prng{11};
  Report report;
  Histogram latency;
  Finish finish;
  for (int i = 0; i < 10'000; ++i) {
    std::vector<std::byte> bytes(prng.below(400));
    for (auto& b : bytes) b = static_cast<std::byte>(prng.next());
    EXPECT_FALSE(decode_report(bytes, report, latency));
    EXPECT_FALSE(decode_finish(bytes, finish));
  }
}

}  // namespace
}  // namespace ringroad::gen
