#include "tools/ringroad-fabric/fabric.h"

#include <gtest/gtest.h>

#include "tests/unit/tools/fabric/memory_port.h"

namespace ringroad::fabric {
namespace {

constexpr PortId kOne{1};
constexpr PortId kTwo{2};

// Frames that came in are sent, dropped or held: nothing vanishes and nothing is made up. For
// frames with one destination each and no duplication.
void expect_conserved(const WiredFabric& w) {
  std::uint64_t received = 0, accounted = w.fabric.delayed();
  for (std::size_t i = 0; i < w.fabric.ports(); ++i) {
    const PortCounts& counts = w.fabric.counts(port_at(i));
    received += counts.frames_received;
    accounted += counts.frames_sent + w.fabric.queued(port_at(i));
    for (const std::uint64_t drops : counts.drops) accounted += drops;
  }
  EXPECT_EQ(received, accounted);
}

TEST(Fabric, FloodsUntilItKnowsAndThenSendsToOnePort) {
  WiredFabric w(3);
  w.wire(1).incoming.push_back(frame(2, 1, "hello"));
  w.settle();
  EXPECT_EQ(w.wire(1).outgoing.size(), 0u);
  EXPECT_EQ(w.wire(2).outgoing, std::vector{frame(2, 1, "hello")});
  EXPECT_EQ(w.wire(3).outgoing, std::vector{frame(2, 1, "hello")});

  w.wire(2).incoming.push_back(frame(1, 2, "back"));
  w.wire(2).incoming.push_back(frame(0xff, 2, "all"));
  w.settle();
  EXPECT_EQ(w.wire(1).outgoing, (std::vector{frame(1, 2, "back"), frame(0xff, 2, "all")}));
  EXPECT_EQ(w.wire(3).outgoing.size(), 2u) << "the flood and the broadcast, not the answer";
  EXPECT_EQ(w.fabric.counts(kOne).frames_flooded, 1u);
  EXPECT_EQ(w.fabric.counts(kTwo).frames_flooded, 1u);
  EXPECT_EQ(w.fabric.counts(kTwo).frames_received, 2u);
}

TEST(Fabric, RefusesFramesTooShortTooLongOrGoingBackWhereTheyCameFrom) {
  WiredFabric w(2);
  w.wire(1).incoming.push_back(std::string(13, 'x'));
  w.wire(1).incoming.push_back(frame(2, 1, std::string(1'509, 'x')));
  w.wire(1).incoming.push_back(frame(1, 1, "to myself"));
  w.wire(1).incoming.push_back(frame(2, 1, std::string(1'508, 'x')));
  w.settle();
  EXPECT_EQ(w.drops(1, Drop::kRunt), 1u);
  EXPECT_EQ(w.drops(1, Drop::kTooLong), 1u);
  EXPECT_EQ(w.drops(1, Drop::kSamePort), 1u);
  EXPECT_EQ(w.wire(2).outgoing.size(), 1u);
}

TEST(Fabric, KeepsTheOrderOfAFloodOfFramesAndLosesNone) {
  WiredFabric w(2);
  for (int i = 0; i < 10; ++i) w.wire(1).incoming.push_back(frame(2, 1, std::to_string(i)));
  w.settle();
  ASSERT_EQ(w.wire(2).outgoing.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(w.wire(2).outgoing[i], frame(2, 1, std::to_string(i)));
  }
}

TEST(Fabric, QueuesBeforeAFullRingDropsWhatIsTooMuchAndSendsTheRestLater) {
  WiredFabric w(2);
  w.wire(2).room = 4;
  for (int i = 0; i < 50; ++i) w.wire(1).incoming.push_back(frame(2, 1, std::to_string(i)));
  w.settle();
  // A burst is queued before it is flushed: 16 found room, 4 of them left.
  EXPECT_EQ(w.wire(2).outgoing.size(), 4u);
  EXPECT_EQ(w.fabric.queued(kTwo), 12u);
  EXPECT_EQ(w.drops(2, Drop::kOutputFull), 34u);
  EXPECT_LT(w.fabric.next_deadline(), kNever) << "a full ring is looked at again";
  expect_conserved(w);

  w.wire(2).room = 100;
  w.now = w.fabric.next_deadline();
  w.settle();
  ASSERT_EQ(w.wire(2).outgoing.size(), 16u);
  EXPECT_EQ(w.wire(2).outgoing.back(), frame(2, 1, "15"));
  EXPECT_EQ(w.fabric.next_deadline(), kNever);
  expect_conserved(w);
}

TEST(Fabric, AFullRingIsLookedAtLessAndLessOften) {
  WiredFabric w(2);
  w.wire(2).room = 0;
  w.wire(1).incoming.push_back(frame(2, 1, "x"));
  w.settle();
  Nanos last_wait;
  for (int i = 0; i < 20; ++i) {
    const Nanos wait = w.fabric.next_deadline() - w.now;
    EXPECT_GE(wait, last_wait);
    last_wait = wait;
    w.now = w.fabric.next_deadline();
    w.settle();
  }
  EXPECT_EQ(last_wait, milliseconds(5));
}

TEST(Fabric, APeerThatLeavesTakesItsQueueAndItsStationsAlong) {
  WiredFabric w(3);
  w.wire(2).incoming.push_back(frame(1, 2, "here I am"));
  w.settle();
  w.wire(2).room = 0;
  w.wire(1).incoming.push_back(frame(2, 1, "waits"));
  w.settle();
  w.wire(2).connected = false;
  w.fabric.service(w.now);
  EXPECT_EQ(w.drops(2, Drop::kNotConnected), 1u);
  EXPECT_EQ(w.fabric.counts(kTwo).disconnects, 1u);
  EXPECT_EQ(w.fabric.next_deadline(), kNever);

  w.wire(2).connected = true;
  w.wire(2).room = 10;
  w.fabric.service(w.now);
  w.wire(3).outgoing.clear();
  w.wire(1).incoming.push_back(frame(2, 1, "again"));
  w.settle();
  EXPECT_EQ(w.wire(2).outgoing, std::vector{frame(2, 1, "again")});
  EXPECT_EQ(w.wire(3).outgoing.size(), 1u) << "the station is unknown again: flooded";
  EXPECT_EQ(w.fabric.counts(kTwo).connects, 2u);
}

TEST(Fabric, DelayedFramesLeaveWhenDueAndInOrder) {
  WiredFabric w(2);
  w.fabric.faults().set(kOne, kTwo, {.delay = microseconds(100), .jitter = microseconds(50)});
  for (int i = 0; i < 10; ++i) w.wire(1).incoming.push_back(frame(2, 1, std::to_string(i)));
  w.settle();
  EXPECT_TRUE(w.wire(2).outgoing.empty());
  EXPECT_EQ(w.fabric.delayed(), 10u);
  EXPECT_GE(w.fabric.next_deadline(), w.now + microseconds(100));
  expect_conserved(w);
  w.now = w.now + microseconds(151);
  w.settle();
  ASSERT_EQ(w.wire(2).outgoing.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(w.wire(2).outgoing[i], frame(2, 1, std::to_string(i)));
  }
  EXPECT_EQ(w.fabric.next_deadline(), kNever);
}

TEST(Fabric, HoldsNoMoreDelayedFramesThanItsLimit) {
  WiredFabric w(2);
  w.fabric.faults().set(kOne, kTwo, {.delay = seconds(1)});
  for (int i = 0; i < 200; ++i) w.wire(1).incoming.push_back(frame(2, 1, std::to_string(i)));
  w.settle();
  EXPECT_EQ(w.fabric.delayed(), kSmallLimits.delayed_frames);
  EXPECT_EQ(w.drops(2, Drop::kDelayFull), 200u - kSmallLimits.delayed_frames);
  // The pool has room for the queues on top of that.
  w.wire(1).room = 0;
  for (int i = 0; i < 200; ++i) w.wire(2).incoming.push_back(frame(1, 2, std::to_string(i)));
  w.settle();
  EXPECT_EQ(w.fabric.queued(kOne), kSmallLimits.queued_frames);
  expect_conserved(w);
}

TEST(Fabric, CorruptionDamagesOneReceiversCopyByOneBit) {
  WiredFabric w(3);
  w.fabric.faults().set(kOne, kTwo, {.corrupt_ppm = 1'000'000});
  const std::string sent = frame(0xff, 1, "payload");
  w.wire(1).incoming.push_back(sent);
  w.settle();
  EXPECT_EQ(w.wire(3).outgoing, std::vector{sent});
  ASSERT_EQ(w.wire(2).outgoing.size(), 1u);
  const std::string& damaged = w.wire(2).outgoing[0];
  ASSERT_EQ(damaged.size(), sent.size());
  int bits = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    bits += __builtin_popcount(static_cast<unsigned char>(sent[i] ^ damaged[i]));
  }
  EXPECT_EQ(bits, 1);
}

TEST(Fabric, LosesDuplicatesAndReordersWhatItCounts) {
  WiredFabric w(2, kSmallLimits, 42);
  w.fabric.faults().set(kOne, kTwo,
                        {.loss_ppm = 200'000,
                         .duplicate_ppm = 200'000,
                         .reorder_ppm = 100'000,
                         .reorder_delay = microseconds(5)});
  std::size_t inversions = 0;
  for (int i = 0; i < 2'000; ++i) {
    w.wire(1).incoming.push_back(frame(2, 1, std::string(1, 'a') + std::to_string(10'000 + i)));
    w.now = w.now + microseconds(1);
    w.settle();
  }
  w.now = w.now + microseconds(10);
  w.settle();
  const auto& arrived = w.wire(2).outgoing;
  for (std::size_t i = 1; i < arrived.size(); ++i) inversions += arrived[i] < arrived[i - 1];
  const FaultCounts& counts = w.fabric.faults().counts(kOne, kTwo);
  EXPECT_GT(counts.lost, 300u);
  EXPECT_GT(counts.duplicated, 200u);
  EXPECT_EQ(arrived.size(), 2'000 - counts.lost + counts.duplicated);
  EXPECT_EQ(w.drops(2, Drop::kLoss), counts.lost);
  EXPECT_GT(inversions, 50u);
  EXPECT_LE(inversions, 2 * counts.reordered);
}

TEST(Fabric, TheSameSeedAndFramesGiveTheSameOutcome) {
  const auto run = [](std::uint64_t seed) {
    WiredFabric w(2, kSmallLimits, seed);
    w.fabric.faults().set(kOne, kTwo,
                          {.loss_ppm = 100'000,
                           .corrupt_ppm = 100'000,
                           .duplicate_ppm = 100'000,
                           .reorder_ppm = 100'000,
                           .delay = microseconds(3),
                           .jitter = microseconds(9)});
    for (int i = 0; i < 500; ++i) {
      w.wire(1).incoming.push_back(frame(2, 1, std::to_string(i)));
      w.now = w.now + microseconds(7);
      w.settle();
    }
    return w.wire(2).outgoing;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(Fabric, ARandomRunNeverLosesTrackOfABuffer) {
  WiredFabric w(4, kSmallLimits, 9);
  Prng random(9);
  const auto any_port = [&] { return static_cast<unsigned char>(1 + random.below(4)); };
  for (int turn = 0; turn < 20'000; ++turn) {
    const unsigned char from = any_port();
    const unsigned char to = random.chance_ppm(100'000) ? 0xff : any_port();
    w.wire(from).incoming.push_back(frame(to, from, std::string(random.below(400), 'x')));
    if (random.chance_ppm(20'000)) {
      const auto share = static_cast<std::uint32_t>(random.below(300'000));
      const PortId a{any_port()}, b{any_port()};
      if (a != b) {
        w.fabric.faults().set(a, b,
                              {.loss_ppm = share,
                               .corrupt_ppm = share,
                               .duplicate_ppm = share,
                               .reorder_ppm = share,
                               .delay = microseconds(static_cast<std::int64_t>(random.below(30)))});
      }
    }
    if (random.chance_ppm(10'000)) {
      MemoryWire& wire = w.wire(any_port());
      wire.connected = !wire.connected;
      w.fabric.service(w.now);
    }
    if (random.chance_ppm(50'000)) w.wire(any_port()).room = random.below(64);
    w.now = w.now + microseconds(1);
    w.fabric.poll(w.now);
  }
  for (MemoryWire& wire : w.wires) {
    wire.connected = false;
    wire.incoming.clear();
  }
  w.fabric.service(w.now);
  w.now = w.now + seconds(1);
  w.settle();
  EXPECT_EQ(w.fabric.delayed(), 0u);
  EXPECT_EQ(w.fabric.buffers_held(), 0u) << "every buffer came back";
}

}  // namespace
}  // namespace ringroad::fabric
