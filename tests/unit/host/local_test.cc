// Two programs of one node over a local channel, through dist_net.h.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "dataplane/base/prng.h"
#include "tests/unit/host/client.h"

namespace ringroad::host::test {
namespace {

class LocalPair : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const std::uint32_t flags = DIST_NET_ACCEPT_LOCAL | (GetParam() ? DIST_NET_BY_REFERENCE : 0);
    a_ = std::make_unique<Client>(node_.socket, "a", flags);
    b_ = std::make_unique<Client>(node_.socket, "b", flags);
    ASSERT_EQ(dist_net_local_open(*a_, "b", &from_a_), DIST_NET_SUCCESS) << dist_net_last_error();
    ASSERT_TRUE(eventually([&] { return dist_net_local_accept(*b_, &from_b_) == 0; }));
  }

  NodeThread node_;
  std::unique_ptr<Client> a_, b_;
  dist_net_local_t* from_a_ = nullptr;
  dist_net_local_t* from_b_ = nullptr;
};

TEST_P(LocalPair, MessagesGoBothWaysInOrder) {
  EXPECT_STREQ(dist_net_local_name(from_a_), "b");
  EXPECT_STREQ(dist_net_local_name(from_b_), "a");
  EXPECT_EQ(dist_net_local_is_by_reference(from_a_), GetParam());
  constexpr std::uint32_t kMessages = 10'000;
  for (dist_net_local_t* sender : {from_a_, from_b_}) {
    dist_net_local_t* receiver = sender == from_a_ ? from_b_ : from_a_;
    std::uint32_t sent = 0, read = 0;
    dist_net_message_t messages[16];
    while (read < kMessages) {
      const std::string payload = std::to_string(sent) + std::string(sent % 200, '.');
      if (sent < kMessages && dist_net_local_send(sender, sent, payload.data(), payload.size(),
                                                  DIST_NET_MORE) == DIST_NET_SUCCESS) {
        ++sent;
        if (sent % 7 != 0) continue;
      }
      const std::int32_t got = dist_net_local_receive(receiver, messages, 16);
      ASSERT_GE(got, 0);
      for (std::int32_t i = 0; i < got; ++i, ++read) {
        const std::string text{static_cast<const char*>(messages[i].payload), messages[i].size};
        ASSERT_EQ(text, std::to_string(read) + std::string(read % 200, '.'));
        ASSERT_EQ(messages[i].type, read);
      }
      dist_net_local_release(receiver, messages, static_cast<std::uint32_t>(got));
    }
  }
}

TEST_P(LocalPair, AReceiverThatKeepsEverythingBlocksItsSenderOnly) {
  std::uint32_t sent = 0;
  while (dist_net_local_send(from_a_, 0, "x", 1, 0) == DIST_NET_SUCCESS) ++sent;
  EXPECT_EQ(sent, 1'024U);
  EXPECT_EQ(dist_net_error_details().reason, DIST_NET_REASON_LOCAL);
  EXPECT_EQ(dist_net_local_send(from_b_, 0, "y", 1, 0), DIST_NET_SUCCESS);
}

TEST_P(LocalPair, TheSurvivorOfAClosedChannelIsTold) {
  ASSERT_EQ(dist_net_local_send(from_a_, 0, "last", 4, 0), DIST_NET_SUCCESS);
  dist_net_local_close(from_a_);
  dist_net_message_t message;
  ASSERT_TRUE(eventually([&] { return dist_net_wait(*b_, 1'000) == DIST_NET_SUCCESS; }));
  ASSERT_EQ(dist_net_local_receive(from_b_, &message, 1), 1);  // what was sent before arrives
  dist_net_local_release(from_b_, &message, 1);
  EXPECT_TRUE(eventually([&] {
    dist_net_wait(*b_, 1'000);
    return dist_net_local_receive(from_b_, &message, 1) == DIST_NET_DISCONNECTED;
  }));
}

TEST_P(LocalPair, ASleepingReceiverAndASleepingSenderAreWoken) {
  dist_net_set_spin(*a_, 0);
  dist_net_set_spin(*b_, 0);
  constexpr std::uint32_t kMessages = 20'000;
  std::thread receiving{[&] {
    dist_net_message_t messages[8];
    for (std::uint32_t read = 0; read < kMessages;) {
      const std::int32_t got = dist_net_local_receive(from_b_, messages, 8);
      ASSERT_GE(got, 0);
      if (got == 0) {
        ASSERT_NE(dist_net_wait(*b_, 10'000'000), DIST_NET_TIMEOUT) << read;
      }
      dist_net_local_release(from_b_, messages, static_cast<std::uint32_t>(got));
      read += static_cast<std::uint32_t>(got);
    }
  }};
  for (std::uint32_t sent = 0; sent < kMessages;) {
    if (dist_net_local_send(from_a_, 0, &sent, sizeof sent, 0) == DIST_NET_SUCCESS) {
      ++sent;
    } else {
      EXPECT_NE(dist_net_wait(*a_, 10'000'000), DIST_NET_TIMEOUT) << sent;
    }
  }
  receiving.join();
}

TEST_P(LocalPair, BurstsArriveWholeInOrderAndWithTheSizesTheyWereMadeLessTo) {
  constexpr std::uint32_t kBurst = 50, kRounds = 200;
  dist_net_claim_t claims[kBurst];
  dist_net_message_t messages[kBurst];
  std::uint32_t types[kBurst], sent = 0, read = 0;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    ASSERT_EQ(dist_net_local_claim_burst(from_a_, 300, claims, kBurst), std::int32_t{kBurst});
    for (std::uint32_t i = 0; i < kBurst; ++i) {
      types[i] = sent++;
      claims[i].size = 4 + types[i] % 200;
      std::memcpy(claims[i].data, &types[i], 4);
    }
    ASSERT_EQ(dist_net_local_commit_burst(from_a_, claims, types, kBurst, 0), kBurst);
    EXPECT_EQ(claims[kBurst - 1].data, nullptr);
    ASSERT_EQ(dist_net_local_receive(from_b_, messages, kBurst), std::int32_t{kBurst});
    for (const dist_net_message_t& message : messages) {
      ASSERT_EQ(message.type, read);
      ASSERT_EQ(message.size, 4 + read % 200);
      ASSERT_EQ(std::memcmp(message.payload, &read, 4), 0);
      ++read;
    }
    dist_net_local_release(from_b_, messages, kBurst);
  }
}

TEST_P(LocalPair, ABurstIsCommittedUpToTheFirstClaimThatIsNone) {
  dist_net_claim_t claims[4];
  const std::uint32_t types[4] = {};
  ASSERT_EQ(dist_net_local_claim_burst(from_a_, 64, claims, 4), 4);
  claims[2].size = 65;
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, claims, types, 4, 0), 2U);
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_INVALID_ARGUMENT);
  claims[2].size = 64;
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, claims + 2, types, 2, 0), 2U);
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, claims, types, 1, 0), 0U);
  // Too large, and more than there is room for.
  EXPECT_EQ(dist_net_local_claim_burst(from_a_, 1 << 20, claims, 4), DIST_NET_TOO_LARGE);
  std::int32_t claimed = 0, more = 0;
  std::vector<dist_net_claim_t> many(64);
  while ((more = dist_net_local_claim_burst(from_a_, 60'000, &many[claimed], 5)) > 0) {
    claimed += more;
  }
  EXPECT_EQ(more, DIST_NET_WOULD_BLOCK);
  EXPECT_GE(claimed, 8);
  for (std::int32_t i = 0; i < claimed; ++i) dist_net_local_abandon(from_a_, &many[i]);
  EXPECT_GT(dist_net_local_claim_burst(from_a_, 60'000, many.data(), 5), 0);
}

TEST_P(LocalPair, EveryClaimOfABurstCanBeCommittedThoughTheRingIsNearlyFull) {
  while (dist_net_local_send(from_a_, 0, "x", 1, 0) == DIST_NET_SUCCESS) {
  }
  dist_net_message_t messages[5];
  ASSERT_EQ(dist_net_local_receive(from_b_, messages, 5), 5);
  dist_net_local_release(from_b_, messages, 5);
  dist_net_claim_t claims[32];
  const std::uint32_t types[32] = {};
  const std::int32_t claimed = dist_net_local_claim_burst(from_a_, 1, claims, 32);
  ASSERT_EQ(claimed, 5) << "as many as there is room for";
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, claims, types, 5, 0), 5U);
}

TEST_P(LocalPair, WhatWasClaimedBeyondTheRingIsCommittedOnceThereIsRoom) {
  constexpr std::uint32_t kRing = 1'024, kMore = 10;
  std::vector<dist_net_claim_t> claims(kRing + kMore);
  for (auto& claim : claims) {
    ASSERT_EQ(dist_net_local_claim(from_a_, 8, &claim), DIST_NET_SUCCESS);
  }
  for (std::uint32_t i = 0; i < kRing; ++i) {
    ASSERT_EQ(dist_net_local_commit(from_a_, &claims[i], i, 8, 0), DIST_NET_SUCCESS) << i;
  }
  const std::uint32_t types[kMore] = {kRing,     kRing + 1, kRing + 2, kRing + 3, kRing + 4,
                                      kRing + 5, kRing + 6, kRing + 7, kRing + 8, kRing + 9};
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, &claims[kRing], types, kMore, DIST_NET_MORE), 0U);
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_WOULD_BLOCK);
  // A claim that is none makes no room for those before it.
  claims[kRing + 3].size = 1'000'000;
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, &claims[kRing], types, kMore, 0), 0U);
  claims[kRing + 3].size = 8;
  std::uint32_t read = 0;
  const auto read_all = [&] {
    dist_net_message_t messages[64];
    for (std::int32_t got; (got = dist_net_local_receive(from_b_, messages, 64)) > 0;) {
      for (std::int32_t i = 0; i < got; ++i) EXPECT_EQ(messages[i].type, read++);
      dist_net_local_release(from_b_, messages, static_cast<std::uint32_t>(got));
    }
  };
  read_all();
  ASSERT_EQ(read, kRing);
  EXPECT_EQ(dist_net_local_commit_burst(from_a_, &claims[kRing], types, kMore, 0), kMore)
      << "without another claim in between";
  read_all();
  EXPECT_EQ(read, kRing + kMore);
}

// Sizes and orders as they come: what was held is intact when it is released, and all memory comes
// back.
TEST_P(LocalPair, MessagesReleasedOutOfOrderAreIntactUntilThen) {
  std::vector<dist_net_message_t> held;
  std::uint32_t sent = 0;
  Prng prng{20261124};
  const auto random = [&](std::uint64_t below) {
    return static_cast<std::uint32_t>(prng.below(below));
  };
  const auto check_and_release = [&](std::size_t which) {
    const dist_net_message_t message = held[which];
    const auto* bytes = static_cast<const unsigned char*>(message.payload);
    for (std::size_t i = 0; i < message.size; ++i) {
      ASSERT_EQ(bytes[i], static_cast<unsigned char>(message.type)) << message.type;
    }
    dist_net_local_release(from_b_, &message, 1);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
  };
  while (sent < 20'000) {
    const std::string payload(random(10) == 0 ? random(20'000) : random(500),
                              static_cast<char>(sent));
    const dist_net_error_t error =
        dist_net_local_send(from_a_, sent, payload.data(), payload.size(), 0);
    ASSERT_TRUE(error == DIST_NET_SUCCESS || error == DIST_NET_WOULD_BLOCK);
    sent += error == DIST_NET_SUCCESS ? 1 : 0;
    dist_net_message_t message;
    const std::int32_t got = dist_net_local_receive(from_b_, &message, 1);
    ASSERT_GE(got, 0);
    if (got == 1) held.push_back(message);
    const std::uint32_t keeps = sent / 1'000 % 2 == 0 ? 900 : 20;
    while (held.size() > keeps || (error != DIST_NET_SUCCESS && !held.empty())) {
      check_and_release(random(held.size()));
      if (HasFatalFailure()) return;
      if (random(20) == 0) break;
    }
  }
  dist_net_message_t message;
  while (dist_net_local_receive(from_b_, &message, 1) == 1) held.push_back(message);
  while (!held.empty()) check_and_release(held.size() - 1);
  dist_net_claim_t large;
  ASSERT_EQ(dist_net_local_claim(from_a_, 200'000, &large), DIST_NET_SUCCESS);
  std::uint32_t small = 0;
  while (dist_net_local_send(from_a_, 0, "x", 1, 0) == DIST_NET_SUCCESS) ++small;
  EXPECT_EQ(small, 1'024U);
}

INSTANTIATE_TEST_SUITE_P(Modes, LocalPair, ::testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "ByReference" : "ByCopy";
});

TEST(Local, ProgramsThatDidNotOptInCannotBeReached) {
  NodeThread node;
  Client shy{node.socket, "shy"}, open{node.socket, "open", DIST_NET_ACCEPT_LOCAL};
  dist_net_local_t* channel = nullptr;
  EXPECT_EQ(dist_net_local_open(open, "shy", &channel), DIST_NET_NO_SUCH_PROGRAM);
  EXPECT_EQ(dist_net_local_open(open, "nobody", &channel), DIST_NET_NO_SUCH_PROGRAM);
  EXPECT_EQ(dist_net_local_accept(open, &channel), DIST_NET_WOULD_BLOCK);
  Client again{node.socket, "shy"};
  EXPECT_EQ(again.error, DIST_NET_NAME_TAKEN);
}

TEST(Local, ChannelsAreLimitedAndClosingGivesThemBack) {
  NodeThread node;
  Client a{node.socket, "a", DIST_NET_ACCEPT_LOCAL}, b{node.socket, "b", DIST_NET_ACCEPT_LOCAL};
  std::vector<dist_net_local_t*> channels;
  dist_net_local_t* channel = nullptr;
  while (dist_net_local_open(a, "b", &channel) == DIST_NET_SUCCESS) channels.push_back(channel);
  EXPECT_EQ(dist_net_error_details().error, DIST_NET_LIMIT_REACHED) << dist_net_last_error();
  EXPECT_EQ(channels.size(), 16U);
  dist_net_local_close(channels.front());
  EXPECT_EQ(dist_net_local_open(a, "b", &channel), DIST_NET_SUCCESS) << dist_net_last_error();
}

}  // namespace
}  // namespace ringroad::host::test
