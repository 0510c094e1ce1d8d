// Two programs of one node over a local channel, through dist_net.h.
#include <gtest/gtest.h>

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
