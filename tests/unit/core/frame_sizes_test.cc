// Two ends whose ports carry frames of different sizes: neither sends what the other cannot take,
// and a message that the other could never hold is refused when it is offered.
#include <gtest/gtest.h>

#include "dataplane/core/frame_sizes.h"
#include "dataplane/core/link.h"
#include "tests/unit/core/link_pair.h"

namespace ringroad {
namespace {

using test::End;
using test::LinkPair;

constexpr std::uint32_t kLarge = 8'972;  // an MTU of 9,000
constexpr std::uint32_t kSmall = 1'472;  // an MTU of 1,500
constexpr std::uint32_t kSmallFragment = 1'336;

LinkConfig with_frames(std::uint32_t frame_bytes_max, std::uint32_t held_frames_max = 512) {
  LinkConfig config;
  config.frame_bytes_max = frame_bytes_max;
  config.held_frames_max = held_frames_max;
  return config;
}

// Sends all kinds of messages and expects them delivered within frames that the other end takes.
void expect_to_arrive(LinkPair& pair, End& from, End& to) {
  const std::size_t before = from.outcomes.size();
  std::string expected;
  for (const std::size_t size : {1u, 1'400u, 1'421u, 8'900u, 9'000u, 65'536u, 3u}) {
    expected += std::string(size, static_cast<char>('a' + size % 26));
    ASSERT_EQ(from.send(expected.substr(expected.size() - size)), SendResult::kAccepted) << size;
  }
  for (int i = 0; i < 200; ++i) {
    expected += std::string(100, 's');
    ASSERT_EQ(from.send(std::string(100, 's')), SendResult::kAccepted);
  }
  to.arrivals.clear();
  pair.settle(100);
  EXPECT_EQ(pair.dropped_for_size, 0u);
  EXPECT_EQ(to.received(), expected);
  EXPECT_TRUE(to.held.empty());
  ASSERT_EQ(from.outcomes.size(), before + 207);
  for (const auto& [token, outcome] : from.outcomes) EXPECT_EQ(outcome, Outcome::kDelivered);
}

TEST(FrameSizes, TheLargerEndSendsFramesThatTheSmallerTakes) {
  LinkPair pair(with_frames(kLarge), with_frames(kSmall));
  pair.connect();
  expect_to_arrive(pair, *pair.a, *pair.b);
}

// The larger end reserved frames for a message in large fragments; in small ones it needs more.
TEST(FrameSizes, TheSmallerEndsLongestMessageFitsTheLarger) {
  LinkPair pair(with_frames(kLarge), with_frames(kSmall));
  pair.connect();
  expect_to_arrive(pair, *pair.b, *pair.a);
}

TEST(FrameSizes, EqualEndsUseAllOfAFrame) {
  LinkPair pair(with_frames(kLarge));
  pair.connect();
  ASSERT_EQ(pair.a->send(std::string(8'900, 'x')), SendResult::kAccepted);
  EXPECT_EQ(pair.a->poll(pair.now).size(), 1u);
}

TEST(FrameSizes, WhatThePeerCannotHoldInItsFramesIsRefusedAtOnce) {
  // 8 frames for each priority.
  LinkPair pair(with_frames(kLarge), with_frames(kSmall, 64));
  pair.connect();
  EXPECT_EQ(pair.a->send(std::string(8 * kSmallFragment + 1, 'x')), SendResult::kTooLarge);
  const std::string longest(8 * kSmallFragment, 'x');
  ASSERT_EQ(pair.a->send(longest), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->received(), longest);
  EXPECT_EQ(pair.dropped_for_size, 0u);
}

// What the check of configurations asks for is what a link takes.
TEST(FrameSizes, TheFramesNeededAreEnoughAndOneLessIsNot) {
  for (const std::uint32_t frame : {512u, 548u, kSmall, kLarge, 64'972u}) {
    for (const std::uint32_t message : {1u, 4'000u, 65'536u, 300'000u}) {
      const auto needed = static_cast<std::uint32_t>(held_frames_needed(message, frame));
      LinkConfig config = with_frames(frame, needed);
      config.message_bytes_max = message;
      LinkPair enough(config);
      enough.connect();
      ASSERT_EQ(enough.a->send(std::string(message, 'x')), SendResult::kAccepted);
      if (needed == 0) continue;
      config.held_frames_max = needed - 1;
      LinkPair lacking(config);
      lacking.connect();
      ASSERT_EQ(lacking.a->send(std::string(message, 'x')), SendResult::kTooLarge)
          << message << " in frames of " << frame;
    }
  }
}

TEST(FrameSizes, APeerThatComesBackWithAnotherSizeIsFollowed) {
  LinkPair pair(with_frames(kLarge));
  pair.connect();
  for (const std::uint32_t size : {kSmall, 512u, kLarge}) {
    LinkConfig config = pair.b->link->config();
    config.frame_bytes_max = size;
    config.held_frames_max = 2'048;
    pair.b = std::make_unique<End>(config, size, pair.now);
    pair.settle(100);
    ASSERT_EQ(pair.b->link->state(), LinkState::kUp);
    expect_to_arrive(pair, *pair.a, *pair.b);
  }
  ASSERT_EQ(pair.a->send(std::string(8'900, 'x')), SendResult::kAccepted);
  EXPECT_EQ(pair.a->poll(pair.now).size(), 1u);
}

}  // namespace
}  // namespace ringroad
