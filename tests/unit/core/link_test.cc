#include "dataplane/core/link.h"

#include <gtest/gtest.h>

#include "dataplane/core/frame_codec.h"
#include "tests/unit/core/link_pair.h"

namespace ringroad {
namespace {

using test::End;
using test::Frame;
using test::LinkPair;

TEST(Link, ComesUpAtBothEndsAndTellsItsSink) {
  LinkPair pair;
  EXPECT_EQ(pair.a->send("early"), SendResult::kNotConnected);
  pair.connect();
  EXPECT_EQ(pair.a->states, std::vector{LinkState::kUp});
  EXPECT_EQ(pair.b->states, std::vector{LinkState::kUp});
}

TEST(Link, DeliversInOrderAndTellsTheOutcome) {
  LinkPair pair;
  pair.connect();
  for (const char* text : {"one ", "two ", "", "three"}) {
    ASSERT_EQ(pair.a->send(text), SendResult::kAccepted);
  }
  pair.settle();
  EXPECT_EQ(pair.b->received(), "one two three");
  EXPECT_EQ(pair.b->arrivals.size(), 4u);
  ASSERT_EQ(pair.a->outcomes.size(), 4u);
  for (const auto& [token, outcome] : pair.a->outcomes) EXPECT_EQ(outcome, Outcome::kDelivered);
  EXPECT_EQ(pair.a->link->unresolved(Priority{1}), 0u);
}

TEST(Link, FallsSilentOnceAllIsSaid) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("x"), SendResult::kAccepted);
  pair.settle(60);
  const auto sent = pair.a->link->statistics().frames_sent + pair.b->link->statistics().frames_sent;
  pair.settle(60);
  EXPECT_EQ(pair.a->link->statistics().frames_sent + pair.b->link->statistics().frames_sent, sent);
  EXPECT_FALSE(pair.a->link->has_work());
}

TEST(Link, PacksManySmallMessagesIntoOneFrame) {
  LinkPair pair;
  pair.connect();
  for (int i = 0; i < 20; ++i) ASSERT_EQ(pair.a->send("0123456789"), SendResult::kAccepted);
  EXPECT_EQ(pair.a->poll(pair.now).size(), 1u);
}

TEST(Link, SendsTheMostUrgentPriorityFirst) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("late", 7), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("soon", 2), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("now ", 0), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->received(), "now soonlate");
}

TEST(Link, SplitsALongMessageAndDeliversItWholeWithoutCopying) {
  LinkPair pair;
  pair.connect();
  std::string payload(60'000, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 7 + i / 251);
  ASSERT_EQ(pair.a->send(payload), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("after"), SendResult::kAccepted);
  pair.settle();
  ASSERT_EQ(pair.b->arrivals.size(), 2u);
  EXPECT_EQ(pair.b->arrivals[0].payload, payload);
  EXPECT_GT(pair.b->arrivals[0].pieces, 40u);
  EXPECT_EQ(pair.b->arrivals[1].payload, "after");
  EXPECT_TRUE(pair.b->held.empty());
  EXPECT_EQ(pair.a->outcomes.size(), 2u);
}

TEST(Link, RepairsALostFrameWithinARoundTripOfLaterOnes) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("lost "), SendResult::kAccepted);
  ASSERT_EQ(pair.a->poll(pair.now).size(), 1u);  // and dropped
  for (const char* text : {"1", "2", "3"}) {
    ASSERT_EQ(pair.a->send(text), SendResult::kAccepted);
    for (const Frame& frame : pair.a->poll(pair.now)) pair.b->receive(frame, pair.now);
  }
  EXPECT_EQ(pair.b->received(), "");
  EXPECT_EQ(pair.b->held.size(), 3u);
  pair.settle(3);
  EXPECT_EQ(pair.b->received(), "lost 123");
  EXPECT_TRUE(pair.b->held.empty());
  EXPECT_EQ(pair.a->link->statistics().probes_sent, 0u);
  EXPECT_EQ(pair.a->link->statistics().frames_lost, 1u);
}

TEST(Link, RepairsALostTailByProbing) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("tail"), SendResult::kAccepted);
  ASSERT_EQ(pair.a->poll(pair.now).size(), 1u);  // and dropped
  pair.settle(1'000);
  EXPECT_EQ(pair.b->received(), "tail");
  EXPECT_GE(pair.a->link->statistics().probes_sent, 1u);
  EXPECT_EQ(pair.a->link->statistics().frames_lost, 0u) << "that it was lost nobody knows";
}

TEST(Link, TellsTheFrameSizesAgreedWithThePeerWhileItIsUp) {
  LinkConfig jumbo, plain;
  jumbo.frame_bytes_max = 8'972;
  plain.frame_bytes_max = 1'472;
  LinkPair pair(jumbo, plain);
  EXPECT_EQ(pair.a->link->frame_bytes_max(), 0u);
  pair.connect();
  EXPECT_EQ(pair.a->link->frame_bytes_max(), 1'472u);
  EXPECT_EQ(pair.a->link->peer_frame_bytes_max(), 1'472u);
  EXPECT_EQ(pair.b->link->frame_bytes_max(), 1'472u);
  EXPECT_EQ(pair.b->link->peer_frame_bytes_max(), 8'972u);
}

TEST(Link, DiscardsARepeatedFrame) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("once"), SendResult::kAccepted);
  const auto frames = pair.a->poll(pair.now);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(pair.b->receive(frames[0], pair.now), FrameError::kNone);
  EXPECT_EQ(pair.b->receive(frames[0], pair.now), FrameError::kDuplicate);
  EXPECT_EQ(pair.b->received(), "once");
}

TEST(Link, RefusesEveryTruncationAndEveryBitFlip) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("some payload"), SendResult::kAccepted);
  const Frame frame = pair.a->poll(pair.now).at(0);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const Frame cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(pair.b->receive(cut, pair.now), FrameError::kNone) << size;
  }
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Frame flipped = frame;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(pair.b->receive(flipped, pair.now), FrameError::kNone) << bit;
  }
  Frame longer = frame;
  longer.push_back(std::byte{0});
  EXPECT_EQ(pair.b->receive(longer, pair.now), FrameError::kLengths);
  EXPECT_EQ(pair.b->received(), "");
  EXPECT_EQ(pair.b->receive(frame, pair.now), FrameError::kNone);
  EXPECT_EQ(pair.b->received(), "some payload");
}

TEST(Link, ABusyReceiverStallsOnlyItsOwnPriority) {
  LinkPair pair;
  pair.connect();
  pair.b->is_busy[3] = true;
  ASSERT_EQ(pair.a->send("three", 3), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("five", 5), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->received(), "five");
  EXPECT_TRUE(pair.b->link->has_stalled());
  EXPECT_EQ(pair.a->outcomes.size(), 1u);
  pair.b->is_busy[3] = false;
  EXPECT_EQ(pair.b->link->redeliver(pair.now), 1u);
  EXPECT_FALSE(pair.b->link->has_stalled());
  EXPECT_TRUE(pair.b->held.empty());
  pair.settle();
  EXPECT_EQ(pair.b->received(), "fivethree");
  EXPECT_EQ(pair.a->outcomes.size(), 2u);
}

TEST(Link, SaysWhenNobodyIsBoundToTheType) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("x", 1, 1), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("y", 1, 1'000), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("z", 1, 1), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->received(), "xz");
  EXPECT_EQ(pair.a->outcomes.at(0), Outcome::kDelivered);
  EXPECT_EQ(pair.a->outcomes.at(1), Outcome::kNoReceiver);
  EXPECT_EQ(pair.a->outcomes.at(2), Outcome::kDelivered);
}

TEST(Link, StopsAtThePeersCreditAndSaysWhichOne) {
  LinkConfig config;
  config.window_messages = 4;
  LinkPair pair(config);
  pair.connect();
  pair.b->is_busy[1] = true;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(pair.a->send("m"), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.a->link->backpressure(Priority{1}), Backpressure::kMessageCredit);
  EXPECT_EQ(pair.a->link->statistics().messages_sent, 4u);
  pair.b->is_busy[1] = false;
  pair.b->link->redeliver(pair.now);
  pair.settle();
  EXPECT_EQ(pair.b->arrivals.size(), 10u);
  EXPECT_EQ(pair.a->link->backpressure(Priority{1}), Backpressure::kNone);
}

TEST(Link, RefusesOffersBeyondTheQueueAndTheLongestMessage) {
  LinkConfig config;
  config.queue_messages_max = 4;
  config.message_bytes_max = 100;
  LinkPair pair(config);
  pair.connect();
  EXPECT_EQ(pair.a->send(std::string(101, 'x')), SendResult::kTooLarge);
  EXPECT_EQ(pair.a->send("x", 8), SendResult::kBadPriority);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(pair.a->send("m"), SendResult::kAccepted);
  EXPECT_EQ(pair.a->send("m"), SendResult::kQueueFull);
}

TEST(Link, ForgottenOwnersMessagesEndAtOnceAndOrderHolds) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("in flight", 1, 1, 7), SendResult::kAccepted);
  const auto lost = pair.a->poll(pair.now);
  ASSERT_EQ(lost.size(), 1u);
  ASSERT_EQ(pair.a->send("queued", 1, 1, 7), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("other", 1, 1, 8), SendResult::kAccepted);
  pair.a->link->forget_owner(7);
  EXPECT_EQ(pair.a->outcomes.at(0), Outcome::kUnknown);
  EXPECT_EQ(pair.a->outcomes.at(1), Outcome::kNotSent);
  for (auto& byte : pair.a->payloads[pair.a->payloads.size() - 2]) byte = std::byte{'!'};
  pair.settle(1'000);
  EXPECT_EQ(pair.b->received(), "other");
  EXPECT_EQ(pair.a->outcomes.at(2), Outcome::kDelivered);
  EXPECT_EQ(pair.a->link->unresolved(Priority{1}), 0u);
}

TEST(Link, ForgettingAnOwnerFreesItsHalfSentMessageAtThePeer) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send(std::string(50'000, 'x'), 1, 1, 7), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("next", 1, 1, 8), SendResult::kAccepted);
  Frame out(pair.a->link->config().frame_bytes_max);
  for (int i = 0; i < 5; ++i) {
    out.resize(pair.a->link->config().frame_bytes_max);
    out.resize(pair.a->link->poll_frame(pair.now, out));
    pair.b->receive(out, pair.now);
  }
  EXPECT_EQ(pair.b->held.size(), 5u);
  pair.a->link->forget_owner(7);
  EXPECT_EQ(pair.a->outcomes.at(0), Outcome::kUnknown);
  pair.settle();
  EXPECT_TRUE(pair.b->held.empty());
  EXPECT_EQ(pair.b->received(), "next");
}

TEST(Link, ADeadPeerEndsWhatWasInFlightAsUnknownAndTheRestAsNotSent) {
  LinkConfig config;
  config.window_messages = 1;
  LinkPair pair(config);
  pair.connect();
  ASSERT_EQ(pair.a->send("left"), SendResult::kAccepted);
  ASSERT_EQ(pair.a->send("never"), SendResult::kAccepted);
  const Nanos end = pair.now + seconds(3);
  while (pair.a->link->state() == LinkState::kUp && pair.now < end) {
    pair.a->poll(pair.now);
    pair.now = pair.a->link->next_deadline();
    pair.a->link->on_time(pair.now);
  }
  EXPECT_EQ(pair.a->link->state(), LinkState::kConnecting);
  EXPECT_EQ(pair.a->outcomes.at(0), Outcome::kUnknown);
  EXPECT_EQ(pair.a->outcomes.at(1), Outcome::kNotSent);
  pair.settle();
  EXPECT_EQ(pair.a->link->state(), LinkState::kUp);
  EXPECT_EQ(pair.b->link->statistics().sessions, 2u);
  EXPECT_EQ(pair.b->received(), "");
}

TEST(Link, AnIdleLinkPingsAndStaysUp) {
  LinkPair pair;
  pair.connect();
  for (int i = 0; i < 500; ++i) {
    pair.now = pair.now + milliseconds(10);
    pair.settle(3);
  }
  EXPECT_EQ(pair.a->link->state(), LinkState::kUp);
  EXPECT_EQ(pair.a->link->statistics().sessions, 1u);
}

// The time of a loop whose port takes no frame of `a`, until that one's link is down or for 4 s.
void run_unsent(LinkPair& pair, bool is_heard) {
  const Nanos end = pair.now + seconds(4);
  while (pair.a->link->state() == LinkState::kUp && pair.now < end) {
    pair.now = pair.now + milliseconds(5);
    for (End* side : {pair.a.get(), pair.b.get()}) {
      if (pair.now >= side->link->next_deadline()) side->link->on_time(pair.now);
    }
    for (const Frame& frame : pair.b->poll(pair.now)) {
      if (is_heard) LinkPair::expect_accepted(pair.a->receive(frame, pair.now));
    }
  }
}

TEST(Link, AnIdleLinkWhosePortSendsNothingIsDeadLikeAnyOther) {
  LinkPair pair;
  pair.connect();
  const LinkConfig& config = pair.a->link->config();
  const Nanos start = pair.now;
  run_unsent(pair, false);
  EXPECT_EQ(pair.a->link->state(), LinkState::kConnecting);
  EXPECT_GE(pair.now - start, config.dead_after);
  EXPECT_LE(pair.now - start, config.keepalive_interval + config.dead_after + milliseconds(10));
  pair.settle();
  EXPECT_EQ(pair.a->link->state(), LinkState::kUp);
}

// The word that comes in clears what the peer owes, with the ping still waiting for the port.
TEST(Link, AnIdleLinkWhosePortSendsNothingIsDeadOnceItsPeerIsSilentAsWell) {
  LinkPair pair;
  pair.connect();
  run_unsent(pair, true);
  EXPECT_EQ(pair.b->link->state(), LinkState::kConnecting) << "nobody answered it";
  EXPECT_EQ(pair.a->link->state(), LinkState::kConnecting);
}

TEST(Link, OldHellosChangeNothing) {
  LinkPair pair;
  const Frame old_hello = pair.a->poll(pair.now).at(0);
  pair.a->link->reset(pair.now);
  pair.connect();
  ASSERT_EQ(pair.a->send("a"), SendResult::kAccepted);
  EXPECT_EQ(pair.b->receive(old_hello, pair.now), FrameError::kNone);
  // The answer names a session that is over.
  for (const Frame& frame : pair.b->poll(pair.now)) pair.a->receive(frame, pair.now);
  pair.settle();
  EXPECT_EQ(pair.b->received(), "a");
  EXPECT_EQ(pair.b->link->statistics().sessions, 1u);
  EXPECT_EQ(pair.a->link->statistics().sessions, 1u);
}

TEST(Link, ARestartedPeerReplacesTheSession) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.b->send("doomed"), SendResult::kAccepted);
  pair.b->poll(pair.now);
  pair.a = std::make_unique<End>(pair.a->link->config(), 77, pair.now);
  pair.settle();
  EXPECT_EQ(pair.a->link->state(), LinkState::kUp);
  EXPECT_EQ(pair.b->link->state(), LinkState::kUp);
  EXPECT_EQ(pair.b->outcomes.at(0), Outcome::kUnknown);
  EXPECT_EQ(pair.b->states, (std::vector{LinkState::kUp, LinkState::kConnecting, LinkState::kUp}));
  ASSERT_EQ(pair.a->send("new"), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->received(), "new");
}

TEST(Link, ClosingEndsEverythingAndThePeerLearnsAtOnce) {
  LinkPair pair;
  pair.connect();
  ASSERT_EQ(pair.a->send("x"), SendResult::kAccepted);
  ASSERT_EQ(pair.b->send("y"), SendResult::kAccepted);
  pair.a->link->close(pair.now);
  EXPECT_EQ(pair.a->link->state(), LinkState::kClosed);
  EXPECT_EQ(pair.a->outcomes.at(0), Outcome::kNotSent);
  const auto frames = pair.a->poll(pair.now);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(pair.b->receive(frames[0], pair.now), FrameError::kNone);
  EXPECT_EQ(pair.b->link->state(), LinkState::kConnecting);
  EXPECT_EQ(pair.b->outcomes.at(0), Outcome::kNotSent);
  EXPECT_EQ(pair.a->send("z"), SendResult::kNotConnected);
}

TEST(Link, MessagesOfOneTypeAreHandedOverTogetherAndAReceiverMayTakeFewer) {
  LinkPair pair;
  pair.connect();
  pair.b->burst_max = 3;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string payload = std::to_string(i) + ' ';
    ASSERT_EQ(pair.a->send(payload, 1, i < 50 ? 1 : 2), SendResult::kAccepted);
    expected += payload;
  }
  pair.settle();
  EXPECT_EQ(pair.b->received(), expected);
  EXPECT_GE(pair.b->bursts, 25u) << "each of three and one more";
  EXPECT_LE(pair.b->bursts, 30u);
  ASSERT_EQ(pair.a->outcomes.size(), 100u);
  for (const auto& [token, outcome] : pair.a->outcomes) EXPECT_EQ(outcome, Outcome::kDelivered);
  EXPECT_EQ(pair.b->link->statistics().messages_received, 100u);
  EXPECT_EQ(pair.b->link->statistics().payload_bytes_received, expected.size());
}

TEST(Link, ABurstWithAnUnboundTypeInItsMidstLosesOnlyThatOne) {
  LinkPair pair;
  pair.connect();
  for (int i = 0; i < 9; ++i) {
    ASSERT_EQ(pair.a->send(std::to_string(i), 1, i == 4 ? 1'000 : 1), SendResult::kAccepted);
  }
  pair.settle();
  EXPECT_EQ(pair.b->received(), "01235678");
  for (const auto& [token, outcome] : pair.a->outcomes) {
    EXPECT_EQ(outcome, token == 4 ? Outcome::kNoReceiver : Outcome::kDelivered) << token;
  }
}

TEST(Link, ABurstIsTakenUpToTheFirstMessageThatIsRefused) {
  LinkConfig config;
  config.queue_messages_max = 8;
  config.message_bytes_max = 100;
  LinkPair pair(config);
  pair.connect();
  const Frame payload(200);
  std::vector<OutboundMessage> burst(12);
  for (std::size_t i = 0; i < burst.size(); ++i) {
    burst[i].priority = Priority{static_cast<std::uint8_t>(i < 3 ? 1 : 2)};
    burst[i].length = i == 6 ? 101 : 10;
    burst[i].payload = payload.data();
    burst[i].token = i;
  }
  SendResult refusal{};
  EXPECT_EQ(pair.a->link->offer_burst(burst, refusal), 6u);
  EXPECT_EQ(refusal, SendResult::kTooLarge);
  burst[6].length = 10;
  EXPECT_EQ(pair.a->link->offer_burst(std::span(burst).subspan(6), refusal), 5u)
      << "the queue of priority 2 holds three already";
  EXPECT_EQ(refusal, SendResult::kQueueFull);
  pair.settle();
  EXPECT_EQ(pair.b->arrivals.size(), 11u);
  EXPECT_EQ(pair.a->outcomes.size(), 11u);
}

TEST(Link, AnOutcomeMayOfferTheNextMessage) {
  LinkConfig config;
  config.queue_messages_max = 4;
  LinkPair pair(config);
  pair.connect();
  pair.a->when_outcome = [](End& end) {
    if (end.next_token < 40) {
      EXPECT_EQ(end.send("again"), SendResult::kAccepted);
    }
  };
  for (int i = 0; i < 4; ++i) ASSERT_EQ(pair.a->send("first"), SendResult::kAccepted);
  pair.settle();
  EXPECT_EQ(pair.b->arrivals.size(), 40u);
  EXPECT_EQ(pair.a->outcomes.size(), 40u);
}

TEST(Link, NeverHoldsMoreFramesThanItMay) {
  LinkConfig config;
  config.held_frames_max = 16;
  config.message_bytes_max = 2'000;
  LinkPair pair(config);
  pair.connect();
  ASSERT_EQ(pair.a->send("first"), SendResult::kAccepted);
  pair.a->poll(pair.now);  // and dropped
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(pair.a->send(std::string(1'000, 'm')), SendResult::kAccepted);
  }
  for (const Frame& frame : pair.a->poll(pair.now)) {
    pair.b->receive(frame, pair.now);
    ASSERT_LE(pair.b->held.size(), 16u);
  }
  EXPECT_GT(pair.b->link->statistics().held_frames_full, 0u);
  pair.settle(1'000);
  EXPECT_EQ(pair.b->arrivals.size(), 41u);
  EXPECT_EQ(pair.a->outcomes.size(), 41u);
}

}  // namespace
}  // namespace ringroad
