// Changes of membership as bytes and as words: one encoding each.
#include "consensus/core/conf_change.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/base/prng.h"
#include "nodes.h"

namespace ringroad::raft {
namespace {

using Bytes = std::vector<std::byte>;

Bytes encoded(const ConfChange& change) {
  Bytes bytes(ConfChange::kBytesMax);
  bytes.resize(encode(change, bytes));
  EXPECT_EQ(bytes.size(), encoded_bytes(change));
  return bytes;
}

ConfChange random_change(Prng& prng) {
  ConfChange change{static_cast<ConfChangeTransition>(prng.below(3))};
  for (std::uint64_t left = prng.below(65); left > 0; --left) {
    EXPECT_TRUE(change.add(
        {static_cast<ConfChangeType>(prng.below(4)), node(static_cast<unsigned>(prng.below(65)))}));
  }
  return change;
}

Bytes of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(ConfChangeCodec, GivesBackWhatItWasGiven) {
  Prng prng{3};
  for (int round = 0; round < 5'000; ++round) {
    const ConfChange change = random_change(prng);
    const auto back = decode_conf_change(encoded(change));
    ASSERT_TRUE(back.has_value());
    ASSERT_EQ(*back, change);
  }
}

TEST(ConfChangeCodec, WritesTheDocumentedBytes) {
  ConfChange change{ConfChangeTransition::kJointExplicit};
  ASSERT_TRUE(change.add({ConfChangeType::kAddLearner, node(64)}));
  ASSERT_TRUE(change.add({ConfChangeType::kRemoveNode, node(2)}));
  EXPECT_EQ(encoded(change), of({2, 2, 3, 0, 64, 0, 1, 0, 2, 0}));
}

TEST(ConfChangeCodec, SpendsNoByteOnLeavingAJointConfiguration) {
  EXPECT_EQ(encoded(ConfChange{}), Bytes{});
  ASSERT_TRUE(decode_conf_change({}).has_value());
  EXPECT_TRUE(decode_conf_change({})->leaves_joint());
}

TEST(ConfChangeCodec, RefusesBytesThatAreNoChange) {
  const struct {
    const char* why;
    Bytes bytes;
  } cases[] = {
      {"a header cut short", of({0})},
      {"leaving, spelt out", of({0, 0})},
      {"a transition that isn't one", of({3, 1, 0, 0, 1, 0})},
      {"a type that isn't one", of({0, 1, 4, 0, 1, 0})},
      {"something where zero belongs", of({0, 1, 0, 1, 1, 0})},
      {"node 65", of({0, 1, 0, 0, 65, 0})},
      {"node 257, whose low byte is 1", of({0, 1, 0, 0, 1, 1})},
      {"fewer changes than told", of({0, 2, 0, 0, 1, 0})},
      {"more bytes than told", of({0, 1, 0, 0, 1, 0, 0})},
      {"half a change", of({0, 1, 0, 0})},
  };
  for (const auto& c : cases) EXPECT_FALSE(decode_conf_change(c.bytes).has_value()) << c.why;
  Bytes many(2 + 4 * 65);
  many[1] = std::byte{65};
  EXPECT_FALSE(decode_conf_change(many).has_value()) << "65 changes";
}

// So that two nodes never read one entry differently.
TEST(ConfChangeCodec, ReadsNothingThatItWouldWriteOtherwise) {
  Prng prng{9};
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = encoded(random_change(prng));
    bytes.resize(std::min<std::size_t>(bytes.size(), 2 + 4 * prng.below(5)));
    if (bytes.size() >= 2) bytes[1] = static_cast<std::byte>((bytes.size() - 2) / 4);
    for (std::uint64_t faults = prng.below(3); faults > 0 && !bytes.empty(); --faults) {
      bytes[prng.below(bytes.size())] ^= std::byte{1} << prng.below(8);
    }
    const auto change = decode_conf_change(bytes);
    if (!change) continue;
    ++read;
    ASSERT_EQ(encoded(*change), bytes);
  }
  EXPECT_GT(read, 1'000);
  EXPECT_LT(read, 19'000);
}

TEST(ConfChange, HoldsSixtyFourChangesAndDeclinesTheNext) {
  ConfChange change;
  for (unsigned i = 1; i <= 64; ++i) ASSERT_TRUE(change.add({ConfChangeType::kAddNode, node(i)}));
  EXPECT_FALSE(change.add({ConfChangeType::kAddNode, node(1)}));
  EXPECT_EQ(change.changes().size(), 64u);
  EXPECT_EQ(decode_conf_change(encoded(change)), change);
}

TEST(ConfChange, GoesByAJointConfigurationWhenSeveralNodesChangeOrItWasAsked) {
  const ConfChangeSingle one{ConfChangeType::kAddNode, node(1)};
  ConfChange change{one};
  EXPECT_FALSE(change.enters_joint());
  EXPECT_FALSE(change.leaves_joint());
  ASSERT_TRUE(change.add(one));
  EXPECT_TRUE(change.enters_joint());
  EXPECT_TRUE(change.auto_leave());

  const ConfChange implicit{ConfChangeTransition::kJointImplicit};
  EXPECT_TRUE(implicit.enters_joint());
  EXPECT_TRUE(implicit.auto_leave());
  const ConfChange by_hand{ConfChangeTransition::kJointExplicit};
  EXPECT_TRUE(by_hand.enters_joint());
  EXPECT_FALSE(by_hand.auto_leave());
  EXPECT_FALSE(by_hand.leaves_joint());
}

TEST(ConfChange, DescribesItsChangesInOrder) {
  const ConfChangeSingle changes[] = {{ConfChangeType::kAddNode, node(1)},
                                      {ConfChangeType::kAddLearner, node(2)},
                                      {ConfChangeType::kRemoveNode, node(3)},
                                      {ConfChangeType::kUpdateNode, node(4)}};
  EXPECT_EQ(describe(changes), "v1 l2 r3 u4");
}

}  // namespace
}  // namespace ringroad::raft
