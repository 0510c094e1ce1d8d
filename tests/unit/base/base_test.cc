// Ids and units, byte order, the seeded generator, and checks that abort.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <type_traits>
#include <unordered_set>

#include "absl/container/flat_hash_set.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"

namespace ringroad {
namespace {

TEST(Ids, AreTheSizeOfTheirIntegerAndDoNotMix) {
  static_assert(sizeof(NodeId) == 2 && sizeof(PacketNumber) == 8 && sizeof(Priority) == 1);
  static_assert(std::is_trivially_copyable_v<NodeId>);
  static_assert(!std::is_convertible_v<std::uint16_t, NodeId>, "a raw integer is no node");
  static_assert(!std::is_convertible_v<NodeId, ApplicationId>);
  static_assert(!std::is_constructible_v<ApplicationId, NodeId>);
  EXPECT_LT(NodeId{1}, NodeId{2});
  EXPECT_EQ(NodeId{}, kNoNode);
  EXPECT_NE(kBroadcast, kNoNode);
}

TEST(Ids, HashByValue) {
  absl::flat_hash_set<NodeId> nodes{NodeId{1}, NodeId{2}, NodeId{1}};
  EXPECT_EQ(nodes.size(), 2u);
  EXPECT_TRUE(nodes.contains(NodeId{2}));
}

TEST(Nanos, CountsInNanoseconds) {
  EXPECT_EQ(milliseconds(3), Nanos{3'000'000});
  EXPECT_EQ(seconds(1), microseconds(1'000'000));
  EXPECT_EQ(milliseconds(5) - milliseconds(7), Nanos{-2'000'000});
  EXPECT_EQ(milliseconds(5) * 2 / 10, milliseconds(1));
  EXPECT_LT(seconds(1'000'000'000), kNever);
}

TEST(ByteOrder, BytesLieWhereTheOrderSays) {
  std::array<std::byte, 9> bytes{};
  store_le<std::uint32_t>(bytes.data() + 1, 0x01020304u);  // unaligned, on purpose
  EXPECT_EQ(bytes[1], std::byte{4});
  EXPECT_EQ(bytes[4], std::byte{1});
  EXPECT_EQ(load_le<std::uint32_t>(bytes.data() + 1), 0x01020304u);
  EXPECT_EQ(load_be<std::uint32_t>(bytes.data() + 1), 0x04030201u);

  store_be<std::uint64_t>(bytes.data() + 1, 0x0102030405060708u);
  EXPECT_EQ(bytes[1], std::byte{1});
  EXPECT_EQ(bytes[8], std::byte{8});
  EXPECT_EQ(bytes[0], std::byte{0});
  EXPECT_EQ(load_be<std::uint64_t>(bytes.data() + 1), 0x0102030405060708u);
  EXPECT_EQ(load_be<std::uint16_t>(bytes.data() + 1), 0x0102u);
}

TEST(ByteOrder, SwapsEveryWidth) {
  EXPECT_EQ(byte_swap<std::uint8_t>(0x12), 0x12);
  EXPECT_EQ(byte_swap<std::uint16_t>(0x1234), 0x3412);
  EXPECT_EQ(byte_swap<std::uint32_t>(0x12345678u), 0x78563412u);
  EXPECT_EQ(byte_swap<std::uint64_t>(0x0123456789abcdefu), 0xefcdab8967452301u);
}

TEST(Prng, ASeedReplaysARun) {
  Prng a{42}, b{42}, c{43};
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t value = a.next();
    ASSERT_EQ(value, b.next());
    differs |= value != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(Prng, SeedingAndSequenceAreThePublishedOnes) {
  // splitmix64 from seed 0 gives these four words of state (Vigna's reference); the first output of
  // xoshiro256** is rotl(state[1] * 5, 7) * 9.
  constexpr std::uint64_t kSecondWord = 0x6e789e6aa1b965f4;
  EXPECT_EQ(Prng{0}.next(), std::rotl(kSecondWord * 5, 7) * 9);
}

TEST(Prng, BelowStaysBelowAndReachesEverything) {
  Prng prng{1};
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t value = prng.below(7);
    ASSERT_LT(value, 7u);
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(prng.below(1), 0u);
}

TEST(Prng, ChanceIsInPartsPerMillion) {
  Prng prng{5};
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += prng.chance_ppm(250'000) ? 1 : 0;
  EXPECT_NEAR(hits, 25'000, 700) << "five standard deviations";
  EXPECT_FALSE(prng.chance_ppm(0));
  EXPECT_TRUE(prng.chance_ppm(1'000'000));
}

TEST(Prng, AForkIsAStreamOfItsOwn) {
  Prng parent{9};
  Prng child = parent.fork();
  Prng again{9};
  EXPECT_EQ(again.fork().next(), child.next()) << "the same seed forks the same stream";
  EXPECT_NE(child.next(), parent.next());
}

TEST(CheckDeathTest, ABrokenInvariantNamesItself) {
  const int answer = 41;
  EXPECT_DEATH(RR_CHECK(answer == 42), "base_test.cc:[0-9]+: invariant broken: answer == 42");
  RR_CHECK(answer == 41);
}

}  // namespace
}  // namespace ringroad
