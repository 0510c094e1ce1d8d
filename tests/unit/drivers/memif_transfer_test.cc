// Packets through a connected memif, both ways: sizes, chains, full rings, indices that wrap.
#include "memif_pair.h"

namespace ringroad::memif {
namespace {

// Every test runs slave to master and master to slave.
class Transfer : public testing::TestWithParam<Role> {
 protected:
  static Interface& sender(Pair& pair) {
    return GetParam() == Role::kSlave ? *pair.slave : *pair.master;
  }
  static Interface& receiver(Pair& pair) {
    return GetParam() == Role::kSlave ? *pair.master : *pair.slave;
  }
};

INSTANTIATE_TEST_SUITE_P(Both, Transfer, testing::Values(Role::kSlave, Role::kMaster),
                         [](const auto& role) {
                           return role.param == Role::kSlave ? "FromSlave" : "FromMaster";
                         });

TEST_P(Transfer, EverySizeArrivesUnchanged) {
  Pair pair;
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  for (std::size_t size :
       {2'047u, 2'048u, 2'049u, 4'096u, 4'097u, 9'014u, 65'535u, 65'536u, 70'001u}) {
    sizes.push_back(size);
  }
  std::uint64_t bytes = 0;
  for (std::size_t size : sizes) {
    const Bytes sent = pattern(size, static_cast<std::uint32_t>(size));
    ASSERT_TRUE(send_one(sender(pair), sent)) << size;
    Bytes received;
    ASSERT_TRUE(receive_one(receiver(pair), &received)) << size;
    ASSERT_EQ(received, sent) << size;
    bytes += size;
  }
  EXPECT_EQ(sender(pair).statistics().packets_sent, sizes.size());
  EXPECT_EQ(receiver(pair).statistics().packets_received, sizes.size());
  EXPECT_EQ(sender(pair).statistics().bytes_sent, bytes);
  EXPECT_EQ(receiver(pair).statistics().bytes_received, bytes);
}

TEST_P(Transfer, LargestBufferCarriesAJumboInOneSlot) {
  Pair pair(/*log2_ring_size=*/1, /*buffer_bytes=*/65'536);
  const Bytes one = pattern(65'536, 1), two = pattern(65'000, 2);
  EXPECT_TRUE(send_one(sender(pair), one));
  EXPECT_TRUE(send_one(sender(pair), two));
  EXPECT_FALSE(send_one(sender(pair), two)) << "both slots are taken";
  Bytes received;
  EXPECT_TRUE(receive_one(receiver(pair), &received));
  EXPECT_EQ(received, one);
  EXPECT_TRUE(receive_one(receiver(pair), &received));
  EXPECT_EQ(received, two);
}

TEST_P(Transfer, FullRingRefusesTheRestAndKeepsOrder) {
  Pair pair(/*log2_ring_size=*/4);
  std::vector<Bytes> packets;
  std::vector<TransmitBuffer> buffers;
  for (std::uint32_t i = 0; i < 20; ++i) packets.push_back(pattern(64, i));
  for (const Bytes& packet : packets) buffers.push_back({packet.data(), 64});
  EXPECT_EQ(sender(pair).transmit(buffers), 16u);
  EXPECT_EQ(sender(pair).statistics().send_ring_full, 4u);
  EXPECT_EQ(sender(pair).transmit(buffers), 0u);
  for (std::uint32_t i = 0; i < 16; ++i) {
    Bytes received;
    ASSERT_TRUE(receive_one(receiver(pair), &received));
    EXPECT_EQ(received, packets[i]);
  }
  Bytes received;
  EXPECT_FALSE(receive_one(receiver(pair), &received));
  EXPECT_EQ(sender(pair).transmit(buffers), 16u) << "the ring is free again";
}

TEST_P(Transfer, PacketsBuiltInPlaceArriveAmongCopiedOnes) {
  Pair pair(/*log2_ring_size=*/3, /*buffer_bytes=*/512);
  Interface& from = sender(pair);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    const Bytes packet = pattern(1 + i % 500, i);
    if (i % 3 == 2) {
      ASSERT_TRUE(send_one(from, packet));
    } else {
      std::span<std::byte> room;
      ASSERT_EQ(from.claim(500, &room), Claim::kReady);
      ASSERT_GE(room.size(), 500u);
      std::copy(packet.begin(), packet.end(), room.begin());
      from.commit(static_cast<std::uint32_t>(packet.size()));
      Bytes nothing;
      ASSERT_FALSE(receive_one(receiver(pair), &nothing)) << "not published yet";
      from.publish();
    }
    Bytes received;
    ASSERT_TRUE(receive_one(receiver(pair), &received)) << i;
    ASSERT_EQ(received, packet) << i;
  }
  EXPECT_EQ(from.statistics().packets_sent, 1'000u);
}

TEST_P(Transfer, AClaimWithoutACommitSendsNothingAndAFullRingOffersNone) {
  Pair pair(/*log2_ring_size=*/2, /*buffer_bytes=*/128);
  Interface& from = sender(pair);
  std::span<std::byte> room, again;
  EXPECT_EQ(from.claim(129, &room), Claim::kTooSmall);
  ASSERT_EQ(from.claim(128, &room), Claim::kReady);
  ASSERT_EQ(from.claim(128, &again), Claim::kReady);
  EXPECT_EQ(room.data(), again.data());
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(from.claim(128, &room), Claim::kReady);
    from.commit(100);
  }
  EXPECT_EQ(from.claim(128, &room), Claim::kFull);
  EXPECT_EQ(from.statistics().send_ring_full, 1u);
  from.publish();
  Bytes received;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(receive_one(receiver(pair), &received));
  EXPECT_FALSE(receive_one(receiver(pair), &received));
  EXPECT_EQ(from.claim(128, &room), Claim::kReady) << "the ring is free again";
}

TEST_P(Transfer, IndicesWrapWithBurstsAndChainsOfAllLengths) {
  Pair pair(/*log2_ring_size=*/3, /*buffer_bytes=*/64);
  // 70,000 packets of one to three slots: 16-bit indices wrap more than twice.
  std::uint32_t sent = 0, received = 0;
  constexpr std::uint32_t kPackets = 70'000;
  const auto size_of = [](std::uint32_t i) { return std::size_t{i} * 37 % 180; };
  while (received < kPackets) {
    const std::uint32_t burst = 1 + sent % 5;
    for (std::uint32_t i = 0; i < burst && sent < kPackets; ++i) {
      if (!send_one(sender(pair), pattern(size_of(sent), sent))) break;
      ++sent;
    }
    Bytes packet;
    for (std::uint32_t i = 0; i < 1 + received % 3 && receive_one(receiver(pair), &packet, 256);
         ++i) {
      ASSERT_EQ(packet, pattern(size_of(received), received)) << received;
      ++received;
    }
  }
  EXPECT_EQ(receiver(pair).statistics().received_malformed, 0u);
}

TEST_P(Transfer, PacketLongerThanTheReceiversBufferIsCountedAndSkipped) {
  Pair pair(/*log2_ring_size=*/6, /*buffer_bytes=*/512);
  ASSERT_TRUE(send_one(sender(pair), pattern(400, 1)));
  ASSERT_TRUE(send_one(sender(pair), pattern(2'000, 2)));  // a chain
  ASSERT_TRUE(send_one(sender(pair), pattern(100, 3)));
  Bytes received;
  ASSERT_TRUE(receive_one(receiver(pair), &received, /*capacity=*/128));
  EXPECT_EQ(received, pattern(100, 3));
  EXPECT_EQ(receiver(pair).statistics().received_too_long, 2u);
}

TEST_P(Transfer, PacketThatNeverFitsTheRingIsCountedAndDropped) {
  Pair pair(/*log2_ring_size=*/2, /*buffer_bytes=*/64);
  EXPECT_TRUE(send_one(sender(pair), pattern(300, 1))) << "taken, to be dropped";
  EXPECT_EQ(sender(pair).statistics().send_too_long, 1u);
  EXPECT_EQ(sender(pair).statistics().packets_sent, 0u);
  EXPECT_TRUE(send_one(sender(pair), pattern(256, 2)));
  EXPECT_FALSE(send_one(sender(pair), pattern(70, 3))) << "fits later, so it is refused now";
  Bytes received;
  EXPECT_TRUE(receive_one(receiver(pair), &received));
  EXPECT_EQ(received, pattern(256, 2));
}

TEST(TransferBothWays, DirectionsDoNotDisturbEachOther) {
  Pair pair(/*log2_ring_size=*/5, /*buffer_bytes=*/256);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(send_one(*pair.slave, pattern(i % 700, i)));
    ASSERT_TRUE(send_one(*pair.master, pattern(i % 500, i + 1)));
    Bytes at_master, at_slave;
    ASSERT_TRUE(receive_one(*pair.master, &at_master));
    ASSERT_TRUE(receive_one(*pair.slave, &at_slave));
    ASSERT_EQ(at_master, pattern(i % 700, i));
    ASSERT_EQ(at_slave, pattern(i % 500, i + 1));
  }
}

}  // namespace
}  // namespace ringroad::memif
