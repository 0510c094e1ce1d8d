// The parts under the channel, one thread, no socket: blocks, quotas, and an Application driven by
// hand through its shared segment.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <set>

#include "dataplane/base/prng.h"
#include "dataplane/config.h"
#include "dataplane/host/application.h"
#include "dataplane/host/socket.h"
#include "dataplane/host/socket_path.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {
namespace {

TEST(BlockAllocator, NeverHandsOutOverlappingBlocksAndMergesThemAllBack) {
  constexpr std::uint32_t kArena = 320 * 1024;  // no power of two
  BlockAllocator blocks{kArena};
  Prng prng{7};
  std::map<std::uint32_t, std::uint32_t> out;  // offset to bytes
  for (int i = 0; i < 200'000; ++i) {
    if (out.empty() || prng.below(100) < 55) {
      const auto bytes = static_cast<std::uint32_t>(prng.below(1 + (64U << prng.below(11))));
      const std::uint32_t offset = blocks.allocate(bytes);
      if (offset == BlockAllocator::kNone) continue;
      ASSERT_EQ(offset % BlockAllocator::kBlockBytes, 0U);
      ASSERT_LE(offset + BlockAllocator::block_bytes(bytes), kArena);
      const auto next = out.lower_bound(offset);
      ASSERT_TRUE(next == out.end() || offset + BlockAllocator::block_bytes(bytes) <= next->first);
      if (next != out.begin()) {
        const auto before = std::prev(next);
        ASSERT_LE(before->first + BlockAllocator::block_bytes(before->second), offset);
      }
      out.emplace(offset, bytes);
    } else {
      auto victim = out.begin();
      std::advance(victim, static_cast<long>(prng.below(out.size())));
      blocks.release(victim->first, victim->second);
      out.erase(victim);
    }
  }
  for (const auto& [offset, bytes] : out) blocks.release(offset, bytes);
  EXPECT_NE(blocks.allocate(256 * 1024), BlockAllocator::kNone);
  EXPECT_NE(blocks.allocate(64 * 1024), BlockAllocator::kNone);
  EXPECT_EQ(blocks.allocate(1), BlockAllocator::kNone);
}

TEST(Quota, AllowsOneOfTheLargestMessagesHoweverSmall) {
  QuotaLedger ledger{Quota::of(1, 1024 * 1024, 64 * 1024)};
  EXPECT_TRUE(ledger.has_room(5, 64 * 1024));
  ledger.take(5, 64 * 1024);
  EXPECT_FALSE(ledger.has_room(5, 0));
  EXPECT_TRUE(ledger.has_room(6, 64 * 1024));
  ledger.give_back(5, 64 * 1024);
  EXPECT_TRUE(ledger.has_room(5, 64 * 1024));
}

TEST(SocketPath, IsTheOneTheConfigurationFillsIn) {
  EXPECT_EQ(runtime_directory(), ringroad::runtime_directory());
  EXPECT_EQ(default_socket(NodeId{3}), default_host_socket(NodeId{3}));
  ::setenv("RINGROAD_RUNTIME_DIR", "/tmp/elsewhere", 1);
  EXPECT_EQ(default_socket(NodeId{3}), "/tmp/elsewhere/node-3.sock");
  EXPECT_EQ(default_socket(NodeId{3}), default_host_socket(NodeId{3}));
  ::setenv("RINGROAD_RUNTIME_DIR", "relative", 1);
  EXPECT_EQ(runtime_directory(), ringroad::runtime_directory());
  ::unsetenv("RINGROAD_RUNTIME_DIR");
}

// An application whose program is the test itself, writing its rings by hand.
class ByHand : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kArena = 256 * 1024;

  void SetUp() override {
    ASSERT_TRUE(make_bell(bell_));
    notice_ = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    start(100);
  }
  void start(std::uint32_t quota_percent) {
    geometry_ = channel_geometry(kArena, 4'096);
    auto segment = SharedSegment::create("ringroad-test", geometry_.segment_bytes);
    ASSERT_TRUE(segment.ok() && segment->map().ok());
    data_ = segment->data();
    const ApplicationConfig config{.index = 0,
                                   .self = NodeId{1},
                                   .peers = {NodeId{2}, NodeId{3}},
                                   .message_bytes_max = 4'096,
                                   .quota_percent = quota_percent,
                                   .bell = bell_.ringer.get(),
                                   .notice = notice_.get()};
    application_ = std::make_unique<Application>(config, geometry_, std::move(*segment));
    node_.attach(0, *application_);
    tail_ = completion_head_ = 0;
  }
  void put(std::uint16_t to, std::uint32_t length, std::uint64_t token, std::uint8_t priority = 4,
           std::uint64_t peers = 0, std::uint8_t flags = 0) {
    auto* ring = reinterpret_cast<TransmitDescriptor*>(data_ + geometry_.transmit_ring);
    auto* masks = reinterpret_cast<std::uint64_t*>(data_ + transmit_masks(geometry_));
    masks[tail_ % kTransmitRing] = peers;
    ring[tail_++ % kTransmitRing] = {
        0,
        length,
        7,
        static_cast<std::uint16_t>(token),
        to == kBroadcast.value ? kToPeers : static_cast<std::uint8_t>(to),
        static_cast<std::uint8_t>(priority | flags)};
    control().application.transmit_tail.store(tail_);
  }
  std::vector<Completion> completions() {
    std::vector<Completion> read;
    const auto* ring = reinterpret_cast<const Completion*>(data_ + geometry_.completion_ring);
    while (completion_head_ != control().dataplane.completion_tail.load()) {
      read.push_back(ring[completion_head_++ % kCompletionRing]);
    }
    control().application.completion_head.store(completion_head_);
    return read;
  }
  ChannelControl& control() { return *reinterpret_cast<ChannelControl*>(data_); }
  static std::uint8_t refusal(SendResult result) {
    return static_cast<std::uint8_t>(kRefused + static_cast<std::uint8_t>(result));
  }

  FakeNode node_{NodeId{1}, {NodeId{2}, NodeId{3}}};
  BellPair bell_;
  Descriptor notice_;
  ChannelGeometry geometry_{};
  std::byte* data_ = nullptr;
  std::unique_ptr<Application> application_;
  std::uint32_t tail_ = 0, completion_head_ = 0;
};

TEST_F(ByHand, ConsecutiveTokensWithOneOutcomeShareACompletion) {
  for (std::uint64_t token = 10; token < 20; ++token) put(2, 5, token);
  node_.poll(Nanos{});
  const auto read = completions();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].token, 10U);
  EXPECT_EQ(read[0].count, 10U);
  EXPECT_EQ(read[0].result, static_cast<std::uint8_t>(Outcome::kDelivered));
  EXPECT_EQ(application_->units_in_use(), 0U);
}

TEST_F(ByHand, EachRefusalNamesItsReason) {
  node_.peer(3).connected = false;
  put(9, 1, 0);
  put(0, 1, 2);
  put(2, 1, 4, 0);
  put(2, 1, 6, 8);
  put(2, 4'097, 8);
  put(3, 1, 10);
  put(kBroadcast.value, 1, 12, 4, 0);
  put(kBroadcast.value, 1, 14, 4, 1U << 8);  // node 9
  node_.poll(Nanos{});
  std::vector<std::uint8_t> results;
  for (const Completion& completion : completions()) {
    EXPECT_EQ(completion.flags, kCompletionFinal);
    results.push_back(completion.result);
  }
  EXPECT_EQ(results, (std::vector<std::uint8_t>{
                         refusal(SendResult::kNoSuchNode), refusal(SendResult::kNoSuchNode),
                         refusal(SendResult::kBadPriority), refusal(SendResult::kBadPriority),
                         refusal(SendResult::kTooLarge), refusal(SendResult::kNotConnected),
                         refusal(SendResult::kNoSuchNode), refusal(SendResult::kNoSuchNode)}));
  EXPECT_FALSE(application_->is_broken());
}

TEST_F(ByHand, PeersThatComeAndGoAreShownAndHeededAtOnce) {
  node_.peer(3).queue_max = 0;
  put(3, 1, 0);  // waits for room
  put(4, 1, 1);
  node_.poll(Nanos{});
  EXPECT_EQ(control().dataplane.peers.load(), 0b110U);
  node_.change_peers({NodeId{2}, NodeId{4}});
  EXPECT_EQ(control().dataplane.peers.load(), 0b1010U);
  put(4, 1, 2);
  put(3, 1, 3);
  for (int pass = 0; pass < 4; ++pass) node_.poll(Nanos{});
  std::map<std::uint64_t, std::uint8_t> ended;
  for (const Completion& completion : completions()) ended[completion.token] = completion.result;
  EXPECT_EQ(ended[0], refusal(SendResult::kNoSuchNode)) << "it waited for a peer that left";
  EXPECT_EQ(ended[1], refusal(SendResult::kNoSuchNode));
  EXPECT_EQ(ended[2], static_cast<std::uint8_t>(Outcome::kDelivered));
  EXPECT_EQ(ended[3], refusal(SendResult::kNoSuchNode));
  EXPECT_EQ(control().peers[3][1].load(), 0);
  EXPECT_EQ(control().peers[4][1].load(), kPeerKnown | kPeerConnected);
}

TEST_F(ByHand, TheQuotaHoldsAgainstALibraryThatIgnoresIt) {
  start(25);
  node_.peer(2).answers = false;
  for (std::uint64_t i = 0; i < 20; ++i) put(2, 4'096, 2 * i);
  put(3, 4'096, 100);
  node_.poll(Nanos{});
  const auto read = completions();
  ASSERT_EQ(read.size(), 5U);  // 16 blocks of 4 KB are a quarter of 256 KB
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read[i].result, refusal(SendResult::kQuotaFull));
  EXPECT_EQ(read[4].token, 100U);
  EXPECT_EQ(read[4].result, static_cast<std::uint8_t>(Outcome::kDelivered));
}

TEST_F(ByHand, WhatFindsTheQueueFullWaitsInOrderAndBehindItAllElseOfItsLane) {
  node_.keep_bytes = true;
  node_.peer(2).answers = false;
  node_.peer(2).queue_max = 2;
  for (std::uint32_t i = 0; i < 6; ++i) put(2, i, i);
  put(3, 6, 6);
  node_.poll(Nanos{});
  EXPECT_EQ(node_.sent.size(), 3U);  // two to node 2, and node 3 is not held up
  EXPECT_NE(control().peers[2][4].load() & kPeerBlocked, 0);
  EXPECT_EQ(control().peers[3][4].load() & kPeerBlocked, 0);
  node_.peer(2).answers = true;
  for (int i = 0; i < 10; ++i) node_.poll(Nanos{});
  std::vector<std::size_t> lengths;
  for (const auto& payload : node_.sent) lengths.push_back(payload.size());
  EXPECT_EQ(lengths, (std::vector<std::size_t>{0, 1, 6, 2, 3, 4, 5}));
  EXPECT_EQ(control().peers[2][4].load() & kPeerBlocked, 0);
  EXPECT_EQ(application_->units_in_use(), 0U);
}

TEST_F(ByHand, ABroadcastEndsOnceAndWithItsWorstOutcome) {
  node_.peer(3).outcome = static_cast<int>(Outcome::kUnknown);
  put(kBroadcast.value, 8, 1, 4, 0b110, kTransmitEachOutcome);
  node_.poll(Nanos{});
  const auto read = completions();
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].flags, 0);
  EXPECT_EQ(read[1].flags, 0);
  EXPECT_EQ(read[0].peer + read[1].peer, 5);
  EXPECT_EQ(read[2].flags, kCompletionFinal);
  EXPECT_EQ(read[2].result, static_cast<std::uint8_t>(Outcome::kUnknown));
  EXPECT_EQ(application_->units_in_use(), 0U);
}

TEST_F(ByHand, CompletionsNobodyReadsStopTheTakingAndNothingIsOverwritten) {
  std::uint32_t taken = 0;
  for (int round = 0; round < 100; ++round) {
    // Tokens that are never consecutive: a completion each.
    while (tail_ - control().dataplane.transmit_head.load() < kTransmitRing) put(2, 1, 2 * tail_);
    node_.poll(Nanos{});
    taken = control().dataplane.transmit_head.load();
  }
  EXPECT_EQ(taken, kCompletionRing);
  EXPECT_TRUE(application_->arm());  // stuck: nothing to do until completions are read
  application_->disarm();
  const auto read = completions();
  ASSERT_EQ(read.size(), kCompletionRing);
  for (std::uint32_t i = 0; i < kCompletionRing; ++i) ASSERT_EQ(read[i].token, 2 * i);
  EXPECT_FALSE(application_->arm());
  application_->disarm();
  node_.poll(Nanos{});
  EXPECT_GT(control().dataplane.transmit_head.load(), taken);
}

TEST_F(ByHand, DeliveriesStopWhenSlotsOrArenaAreFullAndGoOnWhenTheyAreReturned) {
  node_.bind(0, MessageType{7}, BindMode::kExclusive);
  std::uint32_t delivered = 0;
  const std::string large(4'096, 'z');
  while (node_.arrive(NodeId{2}, MessageType{7}, large) == DeliverResult::kDelivered) ++delivered;
  EXPECT_EQ(delivered, kArena / 4'096);
  application_->publish();
  const auto* ring = reinterpret_cast<const ReceiveDescriptor*>(data_ + geometry_.receive_ring);
  auto* returns = reinterpret_cast<std::uint32_t*>(data_ + geometry_.return_ring);
  // The middle one comes back first: memory is reused in any order.
  EXPECT_TRUE(application_->arm());
  returns[0] = ring[delivered / 2].handle();
  control().application.return_tail.store(1);
  EXPECT_FALSE(application_->arm());
  application_->disarm();
  node_.poll(Nanos{});
  EXPECT_EQ(node_.arrive(NodeId{2}, MessageType{7}, large), DeliverResult::kDelivered);
  application_->publish();
  EXPECT_EQ(ring[delivered].offset, ring[delivered / 2].offset);
  // The same slot a second time, with the generation it had then: not its any more.
  returns[1] = ring[delivered / 2].handle();
  control().application.return_tail.store(2);
  node_.poll(Nanos{});
  EXPECT_EQ(application_->counts().violations, 1U);
  EXPECT_EQ(application_->slots_in_use(), delivered);
  EXPECT_EQ(application_->counts().receive_busy, 1U);
}

TEST_F(ByHand, BurstsWithinTheNodeArriveInOrderWithTheirBytesAndShareACompletion) {
  node_.bind(0, MessageType{7}, BindMode::kExclusive);
  const std::string text = "sixteen bytes or a few more, and so on, until it is seventy: here.....";
  std::memcpy(data_ + geometry_.transmit_arena, text.data(), text.size());
  constexpr std::uint32_t kCount = 3 * kLocalBurst + 5;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    put(1, i % 71, i, static_cast<std::uint8_t>(1 + i / 40));  // three priorities
  }
  node_.poll(Nanos{});
  EXPECT_GE(node_.delivered_by_bursts, kCount - 2);  // all but the first of another priority
  ASSERT_EQ(control().dataplane.receive_tail.load(), kCount);
  const auto* ring = reinterpret_cast<const ReceiveDescriptor*>(data_ + geometry_.receive_ring);
  std::set<std::uint32_t> handles;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(ring[i].length, i % 71);
    const auto* bytes =
        reinterpret_cast<const char*>(data_ + geometry_.receive_arena + ring[i].offset);
    EXPECT_EQ((std::string_view{bytes, ring[i].length}), text.substr(0, i % 71)) << i;
    EXPECT_EQ(ring[i].priority(), 1 + i / 40);
    EXPECT_EQ(ring[i].from(), 1U);
    EXPECT_EQ(ring[i].type, 7U);
    handles.insert(ring[i].handle());
  }
  EXPECT_EQ(handles.size(), kCount);
  const auto read = completions();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].count, kCount);
  EXPECT_EQ(read[0].result, static_cast<std::uint8_t>(Outcome::kDelivered));
  const ChannelCounts counts = application_->counts();
  EXPECT_EQ(counts.messages_taken, kCount);
  EXPECT_EQ(counts.messages_received, kCount);
  EXPECT_EQ(counts.bytes_taken, counts.bytes_received);
  EXPECT_EQ(counts.outcomes[static_cast<std::size_t>(Outcome::kDelivered)], kCount);
  EXPECT_EQ(application_->units_in_use(), 0U);
}

TEST_F(ByHand, ABurstIsRefusedPieceByPieceWhereItCannotGo) {
  node_.bind(0, MessageType{7}, BindMode::kExclusive);
  put(1, 1, 0);
  put(1, kArena + 1, 2);  // lies outside the arena
  put(1, 2, 4);
  put(1, 4'097, 6);  // too large
  put(1, 3, 8);
  put(1, 4, 10, 0);  // no priority for programs
  put(1, 5, 12);
  node_.poll(Nanos{});
  EXPECT_EQ(application_->counts().violations, 1U);
  std::map<std::uint64_t, std::uint8_t> results;
  for (const Completion& completion : completions()) results[completion.token] = completion.result;
  const auto delivered = static_cast<std::uint8_t>(Outcome::kDelivered);
  EXPECT_EQ(results, (std::map<std::uint64_t, std::uint8_t>{{0, delivered},
                                                            {4, delivered},
                                                            {6, refusal(SendResult::kTooLarge)},
                                                            {8, delivered},
                                                            {10, refusal(SendResult::kBadPriority)},
                                                            {12, delivered}}));
  EXPECT_EQ(node_.delivered_by_bursts, 4U);
}

TEST_F(ByHand, ABurstThatFillsTheReceiverWaitsAndKeepsItsOrder) {
  node_.bind(0, MessageType{7}, BindMode::kExclusive);
  constexpr std::uint32_t kRoom = kArena / 4'096, kCount = kRoom + 20;
  for (std::uint32_t i = 0; i < kCount; ++i) put(1, 4'096 - i, i);
  node_.poll(Nanos{});
  EXPECT_EQ(control().dataplane.receive_tail.load(), kRoom);
  const auto* ring = reinterpret_cast<const ReceiveDescriptor*>(data_ + geometry_.receive_ring);
  auto* returns = reinterpret_cast<std::uint32_t*>(data_ + geometry_.return_ring);
  for (std::uint32_t i = 0; i < kRoom; ++i) returns[i] = ring[i].handle();
  control().application.return_tail.store(kRoom);
  for (int i = 0; i < 3; ++i) node_.poll(Nanos{});
  ASSERT_EQ(control().dataplane.receive_tail.load(), kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) EXPECT_EQ(ring[i].length, 4'096 - i);
  std::uint32_t ended = 0;
  for (const Completion& completion : completions()) ended += completion.count;
  EXPECT_EQ(ended, kCount);
  EXPECT_EQ(application_->slots_in_use(), 20U);
}

TEST_F(ByHand, ASleepingProgramIsRungOncePerSleep) {
  node_.bind(0, MessageType{7}, BindMode::kExclusive);
  node_.poll(Nanos{});
  EXPECT_TRUE(hush_bell(bell_.listener.get()));
  control().application_asleep.value.store(1);
  char heard = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(node_.arrive(NodeId{2}, MessageType{7}, "m"), DeliverResult::kDelivered);
    application_->publish();
  }
  EXPECT_EQ(::read(bell_.listener.get(), &heard, 1), 1);
  EXPECT_LT(::read(bell_.listener.get(), &heard, 1), 0);
  EXPECT_EQ(application_->counts().bells, 1U);
}

// Programs asleep while the lcore polls: what does one pass ring for?
class Asleep : public ByHand {
 protected:
  void SetUp() override {
    ByHand::SetUp();
    for (int i = 0; i < 4; ++i) node_.poll(Nanos{});  // links become known
    is_rung_after([] {});
  }
  bool is_rung_after(const std::function<void()>& happening) {
    hush_bell(bell_.listener.get());
    control().application_asleep.value.store(1);
    happening();
    application_->poll(Nanos{}, node_);
    application_->publish();
    char heard = 0;
    return ::read(bell_.listener.get(), &heard, 1) == 1;
  }
  std::uint32_t changes() { return control().dataplane.changes.load(); }
};

TEST_F(Asleep, AnIdlePassShowsNothingAndRingsNobody) {
  const std::uint32_t before = changes();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(is_rung_after([] {}));
  EXPECT_EQ(changes(), before);
}

TEST_F(Asleep, ARefusalMadeInThePollIsShownAndRung) {
  EXPECT_TRUE(is_rung_after([&] { put(9, 1, 77); }));
  const auto read = completions();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].token, 77U);
  EXPECT_EQ(read[0].result, refusal(SendResult::kNoSuchNode));
}

TEST_F(Asleep, ALinkThatChangesIsCountedRungAndKeepsTheLcoreAwakeUntilItIsShown) {
  for (const bool up : {false, true}) {
    const std::uint32_t before = changes();
    EXPECT_TRUE(application_->arm());
    node_.peer(3).connected = up;
    EXPECT_FALSE(application_->arm());
    bool is_rung = false;
    for (int i = 0; i < 3; ++i) is_rung = is_rung_after([] {}) || is_rung;
    EXPECT_TRUE(is_rung);
    EXPECT_EQ(changes(), before + 1);
    EXPECT_EQ((control().peers[3][4].load() & kPeerConnected) != 0, up);
    EXPECT_TRUE(application_->arm());
    application_->disarm();
  }
}

TEST_F(Asleep, ALaneThatBlocksAndFlowsAgainIsCountedAndRungButItsReasonIsNot) {
  node_.peer(2).queue_max = 0;
  std::uint32_t before = changes();
  EXPECT_TRUE(is_rung_after([&] { put(2, 1, 1); }));
  EXPECT_EQ(changes(), before + 1);
  const auto flight = static_cast<int>(Backpressure::kFlight);
  EXPECT_FALSE(is_rung_after([&] { node_.peer(2).backpressure = flight; }));
  EXPECT_EQ(control().peers[2][4].load() >> kPeerReasonShift, flight);
  node_.peer(2).answers = false;
  EXPECT_TRUE(is_rung_after([&] { node_.peer(2).queue_max = 1; }));
  EXPECT_EQ(changes(), before + 2);
}

TEST_F(Asleep, RoomIsCountedAndRungWhenTheRingWasFullAndOnlyThen) {
  node_.peer(2).answers = false;
  const std::uint32_t before = changes();
  EXPECT_FALSE(is_rung_after([&] { put(2, 1, 0); }));
  EXPECT_EQ(control().dataplane.transmit_head.load(), 1U);
  EXPECT_EQ(changes(), before);
  EXPECT_TRUE(is_rung_after([&] {
    for (std::uint32_t i = 0; i < kTransmitRing; ++i) put(2, 1, i);
  }));
  EXPECT_EQ(control().dataplane.transmit_head.load(), 1 + kTransmitBurst);
  EXPECT_EQ(changes(), before + 1);
  EXPECT_FALSE(is_rung_after([] {}));  // there was room already
  EXPECT_EQ(changes(), before + 1);
}

}  // namespace
}  // namespace ringroad::host::test
