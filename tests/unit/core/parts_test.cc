// The pure parts of a link, each against a table or a plain model of itself.
#include <gtest/gtest.h>

#include <set>

#include "dataplane/base/copy_bytes.h"
#include "dataplane/base/prng.h"
#include "dataplane/core/frame_codec.h"
#include "dataplane/core/held_frames.h"
#include "dataplane/core/reassembly.h"
#include "dataplane/core/received_packets.h"
#include "dataplane/core/sent_packets.h"

namespace ringroad {
namespace {

TEST(BitRing, FindsAndMarksLikeASet) {
  Prng prng{5};
  BitRing ring{256};
  std::set<std::uint64_t> model;
  std::uint64_t base = 0;
  for (int round = 0; round < 20'000; ++round) {
    if (round % 100 == 0) {
      base += prng.below(200);
      ring.clear_all();
      model.clear();
    }
    const std::uint64_t first = base + prng.below(256);
    const std::uint64_t count = prng.below(base + 256 - first + 1);
    const bool sets = prng.below(2) == 0;
    sets ? ring.set_range(first, count) : ring.clear_range(first, count);
    for (std::uint64_t i = first; i < first + count; ++i) {
      sets ? (void)model.insert(i) : (void)model.erase(i);
    }
    const std::uint64_t from = base + prng.below(256);
    const std::uint64_t end = from + prng.below(base + 256 - from + 1);
    const auto at = model.lower_bound(from);
    ASSERT_EQ(ring.find_set(from, end), at == model.end() ? end : std::min(*at, end));
    std::uint64_t clear = from;
    while (clear < end && model.contains(clear)) ++clear;
    ASSERT_EQ(ring.find_clear(from, end), clear);
  }
}

TEST(CopyBytes, CopiesExactlyItsSizeAtEveryLength) {
  std::vector<std::byte> from(600), to(700);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 31 + 1);
  for (std::size_t size = 0; size <= from.size(); ++size) {
    std::fill(to.begin(), to.end(), std::byte{0});
    copy_bytes(to.data() + 8, from.data(), size);
    ASSERT_TRUE(
        std::equal(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(size), to.begin() + 8));
    ASSERT_EQ(to[7], std::byte{0});
    ASSERT_EQ(to[8 + size], std::byte{0}) << size;
  }
}

TEST(Widen, FindsTheNearestSequence) {
  EXPECT_EQ(widen(5, 3), 5u);
  EXPECT_EQ(widen(0xffffffff, 0x1'0000'0000), 0xffffffffu);
  EXPECT_EQ(widen(2, 0xffff'fffe), 0x1'0000'0002u);
  EXPECT_EQ(widen(0x7fff'ffff, 0), 0x7fff'ffffu);
}

TEST(ReceivedPackets, RefusesWhatItHasSeenAndWhatIsTooOld) {
  ReceivedPackets packets;
  packets.add(10);
  EXPECT_FALSE(packets.is_new(10));
  EXPECT_TRUE(packets.is_new(9));
  EXPECT_TRUE(packets.is_new(11));
  packets.add(10 + kPacketWindow);
  EXPECT_FALSE(packets.is_new(10)) << "at the edge of the window";
  EXPECT_TRUE(packets.is_new(11));
  packets.add(10'000'000);
  EXPECT_FALSE(packets.is_new(11)) << "too old to tell";
  EXPECT_TRUE(packets.is_new(9'999'999));
}

TEST(ReceivedPackets, ForgetsTheOldestRangeWhenThereAreTooMany) {
  ReceivedPackets packets;
  for (std::uint64_t i = 0; i < 50; ++i) packets.add(i * 2);
  PacketRange ranges[kAckRangesMax + 5];
  ASSERT_EQ(packets.newest_ranges(ranges), kAckRangesMax);
  EXPECT_EQ(ranges[0].last, 98u);
  EXPECT_EQ(ranges[kAckRangesMax - 1].first, 98u - 2 * (kAckRangesMax - 1));
  packets.forget_through(96);
  EXPECT_EQ(packets.newest_ranges(ranges), 1u);
}

TEST(ReceivedPackets, AcksSayExactlyWhatArrivedThroughTheWireAndBack) {
  Prng prng{6};
  for (int round = 0; round < 300; ++round) {
    ReceivedPackets packets;
    std::set<std::uint64_t> model;
    const std::uint64_t span = 1 + prng.below(40);
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t number = 1'000 + prng.below(span);
      ASSERT_EQ(packets.is_new(number), !model.contains(number));
      if (model.insert(number).second) packets.add(number);
    }
    PacketRange ranges[kAckRangesMax], read[kAckRangesMax];
    const std::size_t count = packets.newest_ranges(ranges);
    std::byte record[kRecordSlotBytes * ack_slots(kAckRangesMax)];
    ASSERT_EQ(write_ack(record, std::span(ranges).first(count)), ack_slots(count));
    ASSERT_EQ(read_ack(record, read), count);
    std::set<std::uint64_t> told;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::uint64_t n = read[i].first; n <= read[i].last; ++n) told.insert(n);
    }
    ASSERT_EQ(told, model);
  }
}

TEST(ReadAck, RefusesMalformedRanges) {
  struct Case {
    const char* what;
    std::uint8_t count;
    std::uint64_t largest;
    AckRangeRecord ranges[2];
  };
  const Case cases[] = {
      {"no range", 0, 10, {{0, 1}, {0, 0}}},
      {"too many ranges", 33, 10, {{0, 1}, {0, 0}}},
      {"a first gap", 1, 10, {{1, 1}, {0, 0}}},
      {"an empty range", 1, 10, {{0, 0}, {0, 0}}},
      {"a range below zero", 1, 10, {{0, 12}, {0, 0}}},
      {"adjacent ranges", 2, 10, {{0, 1}, {1, 1}}},
      {"a gap below zero", 2, 10, {{0, 1}, {11, 1}}},
      {"an unused pair that is not zero", 1, 10, {{0, 1}, {2, 1}}},
  };
  PacketRange ranges[kAckRangesMax];
  for (const Case& c : cases) {
    std::byte record[kRecordSlotBytes * 20] = {};
    AckRecord ack;
    ack.range_count = c.count;
    ack.largest = c.largest;
    store_record(record, ack);
    store_record(record + kRecordSlotBytes, c.ranges[0]);
    store_record(record + kRecordSlotBytes + sizeof(AckRangeRecord), c.ranges[1]);
    EXPECT_EQ(read_ack(record, ranges), 0u) << c.what;
  }
}

TEST(PiecePool, InsertsInOrderAndRefusesOverlaps) {
  struct Case {
    std::uint32_t offset, length;
    PieceResult want;
  };
  const Case cases[] = {
      {100, 50, PieceResult::kInserted}, {0, 100, PieceResult::kInserted},
      {0, 100, PieceResult::kDuplicate}, {100, 50, PieceResult::kDuplicate},
      {100, 49, PieceResult::kOverlap},  {99, 1, PieceResult::kOverlap},
      {0, 150, PieceResult::kOverlap},   {149, 2, PieceResult::kOverlap},
      {0, 1, PieceResult::kOverlap},     {200, 10, PieceResult::kInserted},
      {150, 51, PieceResult::kOverlap},  {150, 50, PieceResult::kInserted},
      {120, 200, PieceResult::kOverlap},
  };
  std::byte data[300];
  PiecePool pool{16};
  PieceList list;
  for (const Case& c : cases) {
    std::uint32_t before = 0;
    ASSERT_EQ(pool.find(list, c.offset, c.length, before), c.want) << c.offset << "+" << c.length;
    if (c.want == PieceResult::kInserted) {
      pool.insert(list, before, c.offset, c.length, data + c.offset, 0);
    }
  }
  std::span<const std::byte> pieces[16];
  ASSERT_EQ(pool.gather(list, pieces), 4u);
  const std::byte* at = data;
  for (const auto piece : std::span(pieces).first(4)) {
    EXPECT_EQ(piece.data(), at);
    at += piece.size();
  }
  EXPECT_EQ(list.received, 210u);
  int dropped = 0;
  pool.clear(list, [&](std::uint32_t) { ++dropped; });
  EXPECT_EQ(dropped, 4);
  EXPECT_EQ(pool.free_count(), 16u);
}

TEST(PiecePool, SaysWhenItIsEmpty) {
  PiecePool pool{1};
  PieceList list;
  std::byte data[2];
  std::uint32_t before = 0;
  ASSERT_EQ(pool.find(list, 0, 1, before), PieceResult::kInserted);
  pool.insert(list, before, 0, 1, data, 0);
  EXPECT_EQ(pool.find(list, 1, 1, before), PieceResult::kNoRoom);
}

TEST(HeldFrames, KeepsAReserveForEachPriority) {
  HeldFrames frames{64};
  frames.reserve_for(4);
  EXPECT_EQ(frames.reserve(), 4u);
  std::uint32_t held = 0;
  while (frames.hold(held, 1, true, false) != HeldFrames::kNone) ++held;
  EXPECT_EQ(held, 36u) << "its own reserve and all that is shared";
  EXPECT_EQ(frames.hold(99, 2, false, false), HeldFrames::kNone) << "not what comes next";
  for (int i = 0; i < 4; ++i) EXPECT_NE(frames.hold(99, 2, true, false), HeldFrames::kNone);
  EXPECT_EQ(frames.hold(99, 2, true, false), HeldFrames::kNone);
  EXPECT_EQ(frames.held(), 40u);
}

TEST(HeldFrames, AStalledPriorityTakesNoMoreThanHalf) {
  HeldFrames frames{10};
  frames.reserve_for(1);
  std::uint32_t held = 0;
  while (frames.hold(held, 1, false, true) != HeldFrames::kNone) ++held;
  EXPECT_EQ(held, 5u);
}

void send_at(SentPackets& sent, Nanos time) {
  sent.draft().asks_ack_soon = true;
  sent.push(time);
}

TEST(SentPackets, ThreeLaterAcknowledgementsMakeAPacketLost) {
  SentPackets sent{8};
  RoundTrip round_trip{milliseconds(10), milliseconds(1)};
  for (int i = 0; i < 5; ++i) send_at(sent, Nanos{i});
  int lost = 0;
  const PacketRange two{1, 2}, three{1, 3};
  EXPECT_EQ(sent.acknowledge({&two, 1}, Nanos{10}, round_trip, [](const SentPacket&) {}), 2u);
  EXPECT_EQ(sent.detect_lost(Nanos{10}, round_trip, [&](const SentPacket&) { ++lost; }), 0u);
  EXPECT_NE(sent.loss_time(), kNever);
  EXPECT_EQ(sent.acknowledge({&three, 1}, Nanos{10}, round_trip, [](const SentPacket&) {}), 1u);
  EXPECT_EQ(sent.detect_lost(Nanos{10}, round_trip, [&](const SentPacket&) { ++lost; }), 1u);
  EXPECT_EQ(lost, 1);
  EXPECT_EQ(sent.count(), 1u);
}

TEST(SentPackets, TimeMakesAPacketLostOnceALaterOneWasAcknowledged) {
  SentPackets sent{8};
  RoundTrip round_trip{milliseconds(10), milliseconds(1)};
  send_at(sent, Nanos{0});
  send_at(sent, Nanos{0});
  const PacketRange range{1, 1};
  sent.acknowledge({&range, 1}, milliseconds(8), round_trip, [](const SentPacket&) {});
  EXPECT_EQ(sent.detect_lost(milliseconds(8), round_trip, [](const SentPacket&) {}), 0u);
  EXPECT_EQ(sent.loss_time(), milliseconds(9)) << "9/8 of a round trip of 8 ms";
  EXPECT_EQ(sent.detect_lost(milliseconds(9), round_trip, [](const SentPacket&) {}), 1u);
}

TEST(SentPackets, AnAcknowledgementOfWhatWasNeverSentSaysNothing) {
  SentPackets sent{8};
  RoundTrip round_trip{milliseconds(10), milliseconds(1)};
  send_at(sent, Nanos{0});
  const PacketRange range{0, 1};
  EXPECT_EQ(sent.acknowledge({&range, 1}, Nanos{1}, round_trip, [](const SentPacket&) {}), 0u);
  EXPECT_EQ(sent.count(), 1u);
}

TEST(SentPackets, NumbersUsedByBareAcknowledgementsNeverBlockTheRing) {
  SentPackets sent{8};
  for (int i = 0; i < 100; ++i) sent.skip();
  EXPECT_TRUE(sent.has_room());
  send_at(sent, Nanos{0});
  for (int i = 0; i < 100; ++i) sent.skip();
  EXPECT_FALSE(sent.has_room());
  sent.lose_oldest([](const SentPacket&) {});
  EXPECT_TRUE(sent.has_room());
}

}  // namespace
}  // namespace ringroad
