// Roles against each other over a wire that can be meddled with: what is planted is what is
// counted.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/tools/gen/loopback.h"
#include "tools/ringroad-gen/traffic_role.h"

namespace ringroad::gen {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3};
constexpr Nanos kStart = seconds(100);
constexpr Nanos kStep = microseconds(10);

RoleConfig sink_on(NodeId self, Verify verify = Verify::kStamp) {
  return {.self = self, .clock_id = 5, .sink = true, .verify = verify};
}

RoleConfig source_on(NodeId self, SourceConfig source) {
  return {.self = self, .clock_id = 5, .source = std::move(source)};
}

SourceConfig thousand_messages(NodeId to = kB) {
  return {.to = {to}, .sizes = SizeMix{64}, .rate_per_s = 100'000, .duration = milliseconds(10)};
}

bool is_data(const CarriedMessage& m) { return m.out.type == kTypeDefault; }

class RoleTest : public testing::Test {
 protected:
  // A source on node 1, a sink on node 2, until the source is done.
  void run(SourceConfig source, Verify sink_verify = Verify::kStamp, Nanos limit = seconds(20)) {
    TrafficRole& a = net_.add(source_on(kA, std::move(source)));
    TrafficRole& b = net_.add(sink_on(kB, sink_verify));
    net_.mark_sink(kB);
    ended_ = net_.run(kStart, kStep, limit);
    a.snapshot(sent_);
    b.snapshot(received_);
  }

  Loopback net_;
  Snapshot sent_, received_;
  Nanos ended_;
};

TEST_F(RoleTest, EveryMessageOfACleanRunIsAccountedForOnBothSides) {
  run(thousand_messages());
  EXPECT_TRUE(sent_.done);
  EXPECT_EQ(sent_.send.sent, 1'000U);
  EXPECT_EQ(sent_.send.sent_bytes, 64'000U);
  EXPECT_EQ(sent_.send.outcome(Outcome::kDelivered), 1'000U);
  EXPECT_EQ(sent_.send.late, 0U);
  EXPECT_EQ(received_.received, (ReceiveCounters{1'000, 64'000, 0, 0, 0, 0}));
  EXPECT_EQ(sent_.reported, received_.received);
  EXPECT_EQ(sent_.peers_final, 1U);
  EXPECT_TRUE(sent_.same_clock);
  EXPECT_EQ(sent_.reported_latency.count(), 1'000U);
}

TEST_F(RoleTest, ReportsKeepComingDuringTheRun) {
  SourceConfig source = thousand_messages();
  source.rate_per_s = 1'000;
  source.duration = seconds(2);
  TrafficRole& a = net_.add(source_on(kA, source));
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  net_.run(kStart, microseconds(100), seconds(1));
  a.snapshot(sent_);
  EXPECT_GE(sent_.reported.received, 750U);
  EXPECT_GE(sent_.reported_latency.count(), 750U);
}

TEST_F(RoleTest, PlantedLossIsCountedAsLossEvenAtTheEnd) {
  net_.meddle = [](auto& wire) {
    std::erase_if(wire, [](const CarriedMessage& m) {
      const std::uint64_t sequence = StampHead{load_le<std::uint64_t>(m.bytes.data())}.sequence();
      return is_data(m) && (sequence == 17 || sequence >= 997);
    });
  };
  run(thousand_messages());
  EXPECT_EQ(sent_.reported.received, 996U);
  EXPECT_EQ(sent_.reported.lost, 4U);
  EXPECT_EQ(sent_.reported.corrupted, 0U);
}

TEST_F(RoleTest, PlantedDuplicatesAreCountedAndNotReceivedTwice) {
  int seen = 0;
  net_.meddle = [&seen](auto& wire) {
    for (std::size_t i = 0; i < wire.size(); ++i) {
      if (is_data(wire[i]) && ++seen % 100 == 0) {
        wire.insert(wire.begin() + static_cast<std::ptrdiff_t>(i), wire[i]);
        ++i;
      }
    }
  };
  run(thousand_messages());
  EXPECT_EQ(sent_.reported.received, 1'000U);
  EXPECT_EQ(sent_.reported.duplicated, 10U);
  EXPECT_EQ(sent_.reported.lost, 0U);
}

TEST_F(RoleTest, PlantedReorderingIsCountedAndIsNotLoss) {
  std::deque<CarriedMessage> held;
  net_.meddle = [&held](auto& wire) {
    for (auto& m : held) wire.push_back(m);
    held.clear();
    for (auto it = wire.begin(); it != wire.end();) {
      const std::uint64_t sequence = StampHead{load_le<std::uint64_t>(it->bytes.data())}.sequence();
      // Once, the tenth message of every hundred waits for the next step.
      if (is_data(*it) && sequence % 100 == 10 && it->out.token != ~0ULL) {
        it->out.token = ~0ULL;
        held.push_back(*it);
        it = wire.erase(it);
      } else {
        ++it;
      }
    }
  };
  run({.to = {kB}, .sizes = SizeMix{64}, .rate_per_s = 1'000'000, .duration = milliseconds(1)});
  EXPECT_EQ(sent_.reported.received, 1'000U);
  EXPECT_EQ(sent_.reported.reordered, 10U);
  EXPECT_EQ(sent_.reported.lost, 0U);
}

TEST_F(RoleTest, PlantedCorruptionOfAStampIsCounted) {
  int seen = 0;
  net_.meddle = [&seen](auto& wire) {
    for (auto& m : wire) {
      if (is_data(m) && ++seen % 250 == 0) m.bytes[9] ^= std::byte{0x10};
    }
  };
  run(thousand_messages());
  EXPECT_EQ(sent_.reported.corrupted, 4U);
  EXPECT_EQ(sent_.reported.received, 996U);
  EXPECT_EQ(sent_.reported.lost, 4U);
}

TEST_F(RoleTest, CorruptionOfABodyIsSeenByFullVerificationAlone) {
  const auto flip_last = [](auto& wire) {
    for (auto& m : wire) {
      if (is_data(m)) m.bytes.back() ^= std::byte{1};
    }
  };
  SourceConfig source = thousand_messages();
  source.sizes = SizeMix{1'001};
  source.verify = Verify::kFull;
  net_.meddle = flip_last;
  run(source, Verify::kFull);
  EXPECT_EQ(received_.received.corrupted, 1'000U);

  Loopback stamp_only;
  stamp_only.meddle = flip_last;
  stamp_only.add(source_on(kA, source));
  TrafficRole& sink = stamp_only.add(sink_on(kB, Verify::kStamp));
  stamp_only.mark_sink(kB);
  stamp_only.run(kStart, kStep, seconds(20));
  Snapshot seen;
  sink.snapshot(seen);
  EXPECT_EQ(seen.received.corrupted, 0U);
  EXPECT_EQ(seen.received.received, 1'000U);
}

TEST_F(RoleTest, FullVerificationPassesWhateverTheCut) {
  for (const std::size_t cut : {1U, 8U, 23U, 24U, 25U, 700U}) {
    Loopback net;
    net.cut_at = cut;
    SourceConfig source = thousand_messages();
    source.sizes = *SizeMix::parse("24:1,64:2,1001:3");
    source.verify = Verify::kFull;
    net.add(source_on(kA, source));
    TrafficRole& sink = net.add(sink_on(kB, Verify::kFull));
    net.mark_sink(kB);
    net.run(kStart, kStep, seconds(20));
    Snapshot seen;
    sink.snapshot(seen);
    EXPECT_EQ(seen.received.corrupted, 0U) << cut;
    EXPECT_EQ(seen.received.received, 1'000U) << cut;
  }
}

TEST_F(RoleTest, VerificationOffCountsWithoutLooking) {
  net_.meddle = [](auto& wire) {
    for (auto& m : wire) {
      if (is_data(m)) m.bytes[3] ^= std::byte{1};
    }
  };
  run(thousand_messages(), Verify::kOff);
  EXPECT_EQ(received_.received, (ReceiveCounters{1'000, 64'000, 0, 0, 0, 0}));
  EXPECT_EQ(received_.received_latency.count(), 0U);
  EXPECT_EQ(sent_.reported, received_.received);
}

// The wire stands still for 5 of 10 ms: every message due in that time waited for it, and the
// percentiles must say so (coordinated omission would show one slow message and 499 missing ones).
TEST_F(RoleTest, AStallIsChargedToEveryMessageDueDuringIt) {
  TrafficRole& a = net_.add(source_on(kA, thousand_messages()));
  TrafficRole& b = net_.add(sink_on(kB));
  net_.mark_sink(kB);
  net_.queue_messages = 0;
  Nanos now = net_.run(kStart, kStep, milliseconds(5));
  net_.queue_messages = 1'024;
  now = net_.run(now, kStep, seconds(10));
  a.snapshot(sent_);
  b.snapshot(received_);
  EXPECT_EQ(received_.received.received, 1'000U);
  const Histogram& latency = received_.received_latency;
  EXPECT_GE(latency.max(), 4'900'000U);
  EXPECT_NEAR(static_cast<double>(latency.quantile(0.75)), 2'500'000, 60'000);
  EXPECT_NEAR(static_cast<double>(latency.quantile(0.90)), 4'000'000, 60'000);
  // The node refused, so the generator is not to blame.
  EXPECT_EQ(sent_.send.late, 0U);
  EXPECT_GT(sent_.send.refused[static_cast<std::size_t>(SendResult::kQueueFull)], 0U);
}

TEST_F(RoleTest, AGeneratorThatIsNotRunInTimeSaysItWasLate) {
  TrafficRole& a = net_.add(source_on(kA, thousand_messages()));
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  Nanos now = net_.run(kStart, kStep, milliseconds(2));
  now = now + milliseconds(3);
  net_.run(now, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_NEAR(static_cast<double>(sent_.send.late), 300, 15);
  EXPECT_GE(sent_.send.late_ns_max, 2'900'000U);
  EXPECT_EQ(sent_.reported.received, 1'000U);
}

TEST_F(RoleTest, WarmUpIsSentAndVerifiedButNotCounted) {
  SourceConfig source = thousand_messages();
  source.warmup = milliseconds(5);
  run(source);
  EXPECT_EQ(sent_.send.sent, 1'000U);
  EXPECT_EQ(sent_.send.sent_all_phases, 1'500U);
  EXPECT_EQ(sent_.reported.received, 1'000U);
  EXPECT_EQ(sent_.reported.lost, 0U);
  EXPECT_EQ(sent_.reported_latency.count(), 1'000U);
}

TEST_F(RoleTest, LossDuringTheWarmUpIsNotChargedToTheRun) {
  net_.meddle = [](auto& wire) {
    std::erase_if(wire, [](const CarriedMessage& m) {
      const StampHead head{load_le<std::uint64_t>(m.bytes.data())};
      return is_data(m) && !head.has(kMeasured) && head.sequence() == 3;
    });
  };
  SourceConfig source = thousand_messages();
  source.warmup = milliseconds(5);
  run(source);
  EXPECT_EQ(sent_.reported.lost, 0U);
  EXPECT_EQ(sent_.reported.received, 1'000U);
}

TEST_F(RoleTest, AsFastAsPossibleSendsUntilRefusedAndMeetsBackpressure) {
  net_.queue_messages = 100;
  run({.to = {kB}, .sizes = SizeMix{64}, .duration = milliseconds(1)});
  EXPECT_EQ(sent_.send.sent, 100U * 100U);
  EXPECT_EQ(sent_.reported.received, 10'000U);
  EXPECT_EQ(sent_.send.polls, sent_.send.polls_with_backpressure + 1);
}

TEST_F(RoleTest, TheArenaBoundsWhatIsInFlight) {
  net_.queue_messages = 100'000;
  net_.flowing = false;
  SourceConfig source{.to = {kB}, .sizes = SizeMix{64}, .duration = milliseconds(1)};
  source.slots_max = 32;
  source.drain_timeout = milliseconds(2);
  run(source);
  EXPECT_EQ(sent_.send.sent, 32U);
  EXPECT_GT(sent_.send.waited_for_slot, 0U);
  EXPECT_TRUE(sent_.done);
  EXPECT_EQ(sent_.peers_reporting, 0U);
}

TEST_F(RoleTest, ALimitOnTheNumberIsExact) {
  SourceConfig source = thousand_messages();
  source.messages_max = 123;
  source.duration = seconds(10);
  source.warmup = milliseconds(1);
  run(source);
  EXPECT_EQ(sent_.send.sent, 123U);
  EXPECT_EQ(sent_.reported.received, 123U);
}

TEST_F(RoleTest, SeveralPeersAndPrioritiesEachHaveTheirStreamAndShareTheRate) {
  SourceConfig source = thousand_messages();
  source.to = {kB, kC};
  source.priorities = {Priority{2}, Priority{5}};
  TrafficRole& a = net_.add(source_on(kA, source));
  TrafficRole& b = net_.add(sink_on(kB));
  TrafficRole& c = net_.add(sink_on(kC));
  net_.mark_sink(kB);
  net_.mark_sink(kC);
  net_.run(kStart, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_EQ(sent_.send.sent, 1'000U);
  EXPECT_EQ(sent_.peers_final, 2U);
  EXPECT_EQ(sent_.reported, (ReceiveCounters{1'000, 64'000, 0, 0, 0, 0}));
  for (TrafficRole* sink : {&b, &c}) {
    sink->snapshot(received_);
    EXPECT_EQ(received_.received.received, 500U);
  }
}

TEST_F(RoleTest, ABroadcastReachesEveryPeerOnceThoughSomeRefuseForAWhile) {
  SourceConfig source = thousand_messages();
  source.to = {kB, kC};
  source.broadcast = true;
  // Room for an odd number of copies a step: most steps end with one peer served and one not.
  net_.queue_messages = 3;
  TrafficRole& a = net_.add(source_on(kA, source));
  TrafficRole& b = net_.add(sink_on(kB));
  TrafficRole& c = net_.add(sink_on(kC));
  net_.mark_sink(kB);
  net_.mark_sink(kC);
  net_.run(kStart, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_EQ(sent_.send.sent, 2'000U);
  EXPECT_EQ(sent_.reported, (ReceiveCounters{2'000, 128'000, 0, 0, 0, 0}));
  for (TrafficRole* sink : {&b, &c}) {
    sink->snapshot(received_);
    EXPECT_EQ(received_.received.received, 1'000U);
  }
}

TEST_F(RoleTest, ASecondRunAgainstTheSameSinkStartsAfresh) {
  for (std::uint32_t run = 1; run <= 40; ++run) {
    SourceConfig source = thousand_messages();
    source.run = run;
    source.messages_max = 50;
    TrafficRole role{source_on(kA, source)};
  }
  TrafficSink sink{{.self = kB}};
  for (std::uint32_t run = 1; run <= 40; ++run) {
    for (std::uint64_t sequence = 0; sequence < 50; ++sequence) {
      std::byte bytes[64];
      const StampHead head{kA, Priority{4}, kMeasured};
      write_stamp(bytes, {head.with_sequence(sequence), kStart, run}, 64, kB);
      const std::span<const std::byte> piece{bytes};
      Stamp stamp;
      ASSERT_EQ(sink.on_message({.from = kA, .length = 64, .pieces = {&piece, 1}}, stamp),
                Verdict::kGood);
    }
    sink.settle(kStart);
  }
  EXPECT_EQ(sink.counters(), (ReceiveCounters{2'000, 128'000, 0, 0, 0, 0}));
  Histogram latency;
  sink.add_latency_to(latency);
  EXPECT_EQ(latency.count(), 2'000U);
}

TEST_F(RoleTest, WithoutASinkTheRunEndsByItselfAndOutcomesSayWhy) {
  TrafficRole& a = net_.add(source_on(kA, thousand_messages()));
  const Nanos ended = net_.run(kStart, kStep, seconds(20));
  a.snapshot(sent_);
  EXPECT_TRUE(sent_.done);
  EXPECT_LT(ended, kStart + milliseconds(50));
  EXPECT_EQ(sent_.send.outcome(Outcome::kNoReceiver), 1'000U);
  EXPECT_EQ(sent_.peers_reporting, 0U);
}

TEST_F(RoleTest, NothingIsDueBeforeThePeersAreConnected) {
  net_.connected = false;
  TrafficRole& a = net_.add(source_on(kA, thousand_messages()));
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  const Nanos now = net_.run(kStart, kStep, milliseconds(30));
  a.snapshot(sent_);
  EXPECT_TRUE(sent_.waiting_for_peers);
  net_.connected = true;
  net_.run(now, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_EQ(sent_.reported.received, 1'000U);
  EXPECT_LE(sent_.reported_latency.max(), 100'000U);
}

TEST_F(RoleTest, StoppingEarlyDrainsWhatIsInFlight) {
  TrafficRole& a = net_.add(source_on(kA, thousand_messages()));
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  const Nanos now = net_.run(kStart, kStep, milliseconds(2));
  a.stop();
  net_.run(now, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_TRUE(sent_.done);
  EXPECT_NEAR(static_cast<double>(sent_.send.sent), 200, 5);
  EXPECT_EQ(sent_.reported.received, sent_.send.sent);
}

TEST_F(RoleTest, LatencyToTheOutcomeIsRecordedWhenAsked) {
  SourceConfig source = thousand_messages();
  source.outcome_latency = true;
  run(source);
  EXPECT_EQ(sent_.outcome_latency.count(), 1'000U);
}

TEST_F(RoleTest, PingsComeBackAndTheirTripsAreMeasured) {
  RoleConfig pinger{.self = kA};
  pinger.ping = PingConfig{.to = kB, .bytes = 64, .messages_max = 100};
  TrafficRole& a = net_.add(pinger);
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  net_.run(kStart, kStep, seconds(10));
  a.snapshot(sent_);
  EXPECT_TRUE(sent_.done);
  EXPECT_EQ(sent_.ping.sent, 100U);
  EXPECT_EQ(sent_.ping.answered, 100U);
  EXPECT_EQ(sent_.round_trips.count(), 100U);
  EXPECT_LE(sent_.round_trips.max(), 3 * 10'000U);
  EXPECT_GE(sent_.round_trips.quantile(0.5), 10'000U);
}

TEST_F(RoleTest, ALostPingIsCountedAndTheNextOneGoesOut) {
  bool dropped = false;
  net_.meddle = [&dropped](auto& wire) {
    if (!dropped && !wire.empty() && is_data(wire.front())) {
      wire.pop_front();
      dropped = true;
    }
  };
  RoleConfig pinger{.self = kA};
  pinger.ping = PingConfig{.to = kB, .messages_max = 10};
  TrafficRole& a = net_.add(pinger);
  net_.add(sink_on(kB));
  net_.mark_sink(kB);
  net_.run(kStart, milliseconds(1), seconds(10));
  a.snapshot(sent_);
  EXPECT_EQ(sent_.ping.sent, 10U);
  EXPECT_EQ(sent_.ping.lost, 1U);
  EXPECT_EQ(sent_.ping.answered, 9U);
}

TEST_F(RoleTest, AReaderInAnotherThreadIsAnsweredAtTheNextPollOrWithdraws) {
  TrafficRole& b = net_.add(sink_on(kB));
  Snapshot out;
  EXPECT_FALSE(b.snapshot_from_outside(out, 3, [] {}));
  EXPECT_TRUE(b.snapshot_from_outside(out, 3, [this] { net_.step(kStart); }));
  EXPECT_EQ(out.at, kStart);
}

TEST_F(RoleTest, MessagesOfOtherTypesAndMangledControlAreTurnedAway) {
  TrafficRole& b = net_.add(sink_on(kB));
  std::byte bytes[30]{};
  const std::span<const std::byte> piece{bytes};
  InboundMessage message{.from = kA, .type = MessageType{1}, .length = 30, .pieces = {&piece, 1}};
  EXPECT_EQ(b.on_message(message), DeliverResult::kNoReceiver);
  for (std::uint32_t offset : {1U, 2U}) {
    message.type = MessageType{kTypeDefault.value + offset};
    EXPECT_EQ(b.on_message(message), DeliverResult::kDelivered);
  }
  b.snapshot(received_);
  EXPECT_EQ(received_.received.corrupted, 1U);
  EXPECT_EQ(received_.peers_reporting, 0U);
}

}  // namespace
}  // namespace ringroad::gen
