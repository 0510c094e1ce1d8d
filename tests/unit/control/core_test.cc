// The control process's cores: what a node tells another, what follows from it, and what is said of
// it to people.
#include <gtest/gtest.h>

#include "control/core/cluster_view.h"
#include "control/core/problems.h"
#include "control/core/rates.h"
#include "control/core/summary.h"

namespace ringroad::control {
namespace {

constexpr NodeId kOne{1}, kTwo{2}, kThree{3};
constexpr Nanos kStart = seconds(100);

std::uint64_t bits(std::initializer_list<NodeId> nodes) {
  std::uint64_t mask = 0;
  for (NodeId node : nodes) mask |= node_bit(node);
  return mask;
}

Summary told(NodeId node, std::uint64_t links_up) {
  Summary summary;
  summary.node = node;
  summary.links_up = links_up;
  summary.links_configured = 2;
  return summary;
}

TEST(Rates, AreOfTheTimeBetween) {
  EXPECT_DOUBLE_EQ(rate_between(100, 300, milliseconds(500)), 400);
  EXPECT_DOUBLE_EQ(rate_between(300, 100, seconds(1)), 0) << "a counter went back: it began anew";
  EXPECT_DOUBLE_EQ(rate_between(100, 300, Nanos{0}), 0);
  EXPECT_DOUBLE_EQ(share_between(0, 250'000'000, seconds(1)), 0.25);
  EXPECT_DOUBLE_EQ(share_between(0, 5'000'000'000, seconds(1)), 1) << "never more than all of it";
}

TEST(HistogramWindow, ForgetsWhatIsOlderThanItsTicks) {
  LatencyHistogram total;
  HistogramWindow window;
  total.record(1'000'000, 100);
  EXPECT_EQ(window.recent(total).count(), 100u);
  for (std::size_t i = 0; i < HistogramWindow::kTicks; ++i) window.tick(total);
  EXPECT_EQ(window.recent(total).count(), 0u);
  total.record(10, 7);
  EXPECT_EQ(window.recent(total).count(), 7u);
  const LatencyHistogram of_another_dataplane;
  window.tick(of_another_dataplane);
  EXPECT_EQ(window.recent(of_another_dataplane).count(), 0u);
}

TEST(Summary, ArrivesAsItWasSent) {
  Summary summary = told(kTwo, bits({kOne, kThree}));
  summary.problems = kProblemPortDown;
  summary.applications = 3;
  summary.links_waiting = bits({kOne});
  summary.drops_per_second = 12;
  summary.messages_sent_per_second = 412'000.5;
  summary.messages_received_per_second = 0.25;
  summary.round_trip_p99 = microseconds(9);
  summary.uptime = seconds(77);
  summary.config_version = 4;
  const auto bytes = encode(summary);
  const auto read = decode_summary(kTwo, bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->node, kTwo);
  EXPECT_EQ(read->problems, kProblemPortDown);
  EXPECT_EQ(read->applications, 3u);
  EXPECT_EQ(read->links_up, summary.links_up);
  EXPECT_EQ(read->links_waiting, summary.links_waiting);
  EXPECT_EQ(read->links_configured, 2u);
  EXPECT_EQ(read->drops_per_second, 12u);
  EXPECT_DOUBLE_EQ(read->messages_sent_per_second, 412'000.5);
  EXPECT_DOUBLE_EQ(read->messages_received_per_second, 0.25);
  EXPECT_EQ(read->round_trip_p99, microseconds(9));
  EXPECT_EQ(read->uptime, seconds(77));
  EXPECT_EQ(read->config_version, 4u);
}

TEST(Summary, IsBelievedOnlyWhenItCanBeTrue) {
  const auto good = encode(told(kTwo, bits({kOne})));
  EXPECT_FALSE(decode_summary(kThree, good)) << "of another node than the one that sent it";
  EXPECT_FALSE(decode_summary(kTwo, std::span(good).first(kSummaryBytes - 1)));
  EXPECT_FALSE(decode_summary(kTwo, {}));
  for (const std::size_t at : {0u, 4u, 6u, 13u, 33u, 47u, 55u, 63u, 71u}) {
    auto bad = good;
    bad[at] = std::byte{0xff};
    EXPECT_FALSE(decode_summary(kTwo, bad)) << "byte " << at;
  }
}

TEST(ClusterView, TellsUpDegradedDownAndUnknown) {
  ClusterView view(kOne, std::array{kTwo, kThree}, kStart);
  const auto state = [&](NodeId node) { return view.find(node)->state; };
  view.tick(kStart);
  EXPECT_EQ(state(kOne), NodeState::kDown) << "node 1: no dataplane is attached";
  EXPECT_EQ(state(kTwo), NodeState::kUnknown) << "and so nothing is known of others";

  view.on_links(bits({kTwo, kThree}), {}, kStart);
  view.on_summary(told(kOne, bits({kTwo, kThree})), kStart);
  view.on_summary(told(kTwo, bits({kOne, kThree})), kStart);
  view.on_summary(told(kThree, bits({kTwo})), kStart);
  view.tick(kStart);
  EXPECT_EQ(state(kOne), NodeState::kUp);
  EXPECT_EQ(state(kTwo), NodeState::kUp);
  EXPECT_EQ(state(kThree), NodeState::kDegraded) << "one of its two links is down";

  view.on_links(bits({kTwo}), {}, kStart);
  view.tick(kStart);
  EXPECT_EQ(state(kThree), NodeState::kDegraded) << "node 2 still sees it";
  view.on_summary(told(kTwo, bits({kOne})), kStart);
  view.tick(kStart);
  EXPECT_EQ(state(kThree), NodeState::kDown) << "nobody sees it";

  view.tick(kStart + ClusterView::kFresh);
  EXPECT_EQ(state(kTwo), NodeState::kUnknown) << "its link is up and it tells nothing";
  EXPECT_EQ(view.find(kTwo)->since, kStart + ClusterView::kFresh);
}

TEST(ClusterView, TellsSinceWhenByTheDataplanesWordAndNotSinceItBeganToLook) {
  const Nanos now = kStart + seconds(725);
  ClusterView view(kOne, std::array{kTwo, kThree}, now);  // control was restarted
  const std::array times = {LinkTime{kOne, kStart}, LinkTime{kTwo, kStart + seconds(1)},
                            LinkTime{kThree, kStart + seconds(700)}};
  view.on_links(bits({kTwo}), times, now);
  view.tick(now);
  view.on_summary(told(kOne, bits({kTwo, kThree})), now);
  view.on_summary(told(kTwo, bits({kOne, kThree})), now);
  view.tick(now);
  EXPECT_EQ(view.find(kOne)->since, kStart);
  EXPECT_EQ(view.find(kTwo)->since, kStart + seconds(1));
  EXPECT_EQ(view.find(kThree)->since, kStart + seconds(700)) << "down since its link is";
}

TEST(ClusterView, KeepsWhatItKnowsWhenPeersComeAndGo) {
  ClusterView view(kTwo, std::array{kThree}, kStart);
  EXPECT_TRUE(view.on_summary(told(kThree, bits({kTwo})), kStart));
  EXPECT_FALSE(view.on_summary(told(kOne, bits({kTwo})), kStart)) << "no member";
  view.set_peers(std::array{kThree, kOne}, kStart + seconds(1));
  ASSERT_EQ(view.nodes().size(), 3u);
  EXPECT_EQ(view.nodes()[0].node, kOne);
  EXPECT_TRUE(view.find(kThree)->summary);
  EXPECT_FALSE(view.find(kOne)->summary);
  view.set_peers(std::array{kOne}, kStart + seconds(2));
  EXPECT_EQ(view.find(kThree), nullptr);
}

class Problems : public testing::Test {
 protected:
  Problems() : view_(kOne, std::array{kTwo, kThree}, kStart) {
    facts_.attached = true;
    facts_.buffers = facts_.buffers_free = 1'000;
    facts_.links = {{.peer = kTwo, .up = true, .since = kStart},
                    {.peer = kThree, .up = true, .since = kStart}};
    view_.on_links(bits({kTwo, kThree}), {}, kStart);
    view_.on_summary(told(kOne, bits({kTwo, kThree})), now_);
    view_.on_summary(told(kTwo, bits({kOne, kThree})), now_);
    view_.on_summary(told(kThree, bits({kOne, kTwo})), now_);
  }

  std::vector<Problem> find() {
    view_.tick(now_);
    return find_problems(view_, facts_, now_);
  }

  Nanos now_ = kStart + seconds(38);
  ClusterView view_;
  LocalFacts facts_;
};

TEST_F(Problems, AreNoneWhenAllIsWell) { EXPECT_TRUE(find().empty()); }

TEST_F(Problems, NameACutLinkAndWhoStillSeesTheNode) {
  facts_.links[1].up = false;
  view_.on_links(bits({kTwo}), {}, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text, "node 1: link to node 3 is down for 38 s; node 2 sees node 3");
  EXPECT_EQ(found[0].severity, ProblemSeverity::kWrong);
  EXPECT_EQ(found[0].node, kOne);
  EXPECT_EQ(found[0].peer, kThree);
  EXPECT_EQ(found[0].restart, Restart::kNetwork);
  EXPECT_EQ(found[0].next, (std::vector<std::string>{"ringroad link show 3 --node 1",
                                                     "ringroad doctor --node 3"}));
}

TEST_F(Problems, BlameNoNetworkBeforeTheOthersCouldTellWhetherTheyMissThePeer) {
  facts_.links[1] = {.peer = kThree, .up = false, .since = now_ - seconds(1)};
  view_.on_links(bits({kTwo}), {}, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].restart, Restart::kNothing);
}

TEST_F(Problems, TellADeadNodeOnceWhoeverMissesIt) {
  facts_.links[1].up = false;
  view_.on_links(bits({kTwo}), {}, now_);
  view_.on_summary(told(kTwo, bits({kOne})), now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text,
            "node 3: down for 38 s: no other node hears it; its dataplane is dead or stopped, or "
            "its network is cut");
  EXPECT_EQ(found[0].next[0], "ringroad node show --node 3");
  EXPECT_EQ(found[0].restart, Restart::kDataplane);
  EXPECT_TRUE(concerns(found[0], kOne)) << "its link to node 3 is down";
}

TEST_F(Problems, DoNotClaimThatNobodyHearsANodeWhileAWitnessIsSilent) {
  now_ = now_ + ClusterView::kFresh;
  facts_.links[1].up = false;
  view_.on_links(bits({kTwo}), {}, now_);
  view_.on_summary(told(kOne, bits({kTwo})), now_);  // and node 2 has told nothing for long
  const auto found = find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].text.find("node 2: its link is up, but its control process has told nothing"),
            0u)
      << found[1].text;
  EXPECT_EQ(found[0].text,
            "node 3: not heard by node 1 for 43 s, and node 2 tells nothing: whether it is down, "
            "or only a link to it, is not known");
  EXPECT_EQ(found[0].node, kThree);
  EXPECT_EQ(found[0].restart, Restart::kNothing);
  EXPECT_EQ(found[0].next[0], "ringroad link show 3 --node 1");
  EXPECT_TRUE(concerns(found[0], kOne));
}

TEST_F(Problems, AskNoNodeThatIsDownWhatItHears) {
  constexpr NodeId kFour{4};
  view_.set_peers(std::array{kTwo, kThree, kFour}, kStart);
  facts_.links.push_back({.peer = kFour, .up = false, .since = kStart});
  facts_.links[1].up = false;
  now_ = now_ + ClusterView::kFresh;
  view_.on_links(bits({kTwo}), {}, now_);
  view_.on_summary(told(kOne, bits({kTwo})), now_);
  view_.on_summary(told(kTwo, bits({kOne})), now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 2u);
  for (const Problem& problem : found) {
    EXPECT_NE(problem.text.find("no other node hears it"), std::string::npos) << problem.text;
  }
}

TEST_F(Problems, TellOfANetworkThatIsGoneOnce) {
  for (auto& link : facts_.links) link.up = false;
  view_.on_links(bits({}), {}, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text,
            "node 1: all its 2 links are down for 38 s, and its port is up: no other node is "
            "heard, its network is cut, or they are all down");
  EXPECT_EQ(found[0].restart, Restart::kNetwork);
}

TEST_F(Problems, NameMessagesThatNoProgramIsBoundFor) {
  facts_.unclaimed_per_second = 120;
  Summary other = told(kTwo, bits({kOne, kThree}));
  other.problems = kProblemNoReceiver;
  view_.on_summary(other, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].text,
            "node 1: 120 messages a second are dropped there: no program is bound to their type "
            "(no receiver)");
  EXPECT_EQ(found[0].subject, ProblemSubject::kProgram);
  EXPECT_EQ(found[1].text,
            "node 2: messages are dropped there: no program is bound to their type (no receiver)");
  EXPECT_FALSE(concerns(found[1], kOne));
}

TEST_F(Problems, AccuseNobodyOfWaitingForAProgramThatIsKnownNotToRead) {
  facts_.links[0].waiting = true;
  Summary other = told(kTwo, bits({kOne, kThree}));
  other.problems = kProblemUnread;
  view_.on_summary(other, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].node, kTwo);
}

TEST_F(Problems, TellALinkBetweenTwoOthersOnce) {
  view_.on_summary(told(kTwo, bits({kOne})), now_);
  view_.on_summary(told(kThree, bits({kOne})), now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].node, kTwo);
  EXPECT_EQ(found[0].text, "node 2: link to node 3 is down; node 1 sees node 3");
}

TEST_F(Problems, NameADeadControlProcess) {
  now_ = now_ + seconds(12);
  view_.on_summary(told(kOne, bits({kTwo, kThree})), now_);
  view_.on_summary(told(kTwo, bits({kOne, kThree})), now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].node, kThree);
  EXPECT_EQ(found[0].text,
            "node 3: its link is up, but its control process has told nothing for 12 s: is "
            "ringroad-control running there?");
}

TEST_F(Problems, BlameALinkThatIsSlowWhenNoProgramBehindItIs) {
  facts_.links[0].waiting = true;
  facts_.links[0].waiting_looks = 6;
  facts_.links[0].waiting_messages = 512;
  facts_.links[0].waiting_priority = 3;
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text,
            "node 1: 512 messages at priority 3 wait for node 2: the link does not carry them fast "
            "enough, and no program there is behind with reading");
  EXPECT_EQ(found[0].severity, ProblemSeverity::kWarning);
  EXPECT_EQ(found[0].next[0], "ringroad link show 2 --node 1");
}

TEST_F(Problems, BlameNeitherLinkNorProgramBeforeThePeerCouldTellOfAProgram) {
  facts_.links[0].waiting = true;
  facts_.links[0].waiting_looks = 5;
  facts_.links[0].waiting_messages = 512;
  const std::string either =
      "node 1: 512 messages at priority 0 wait for node 2: the link does not carry them fast "
      "enough, or a program there does not read";
  ASSERT_EQ(find().size(), 1u);
  EXPECT_EQ(find()[0].text, either);
  EXPECT_EQ(find()[0].next, (std::vector<std::string>{"ringroad link show 2 --node 1",
                                                      "ringroad app show --node 2"}));
  // Nor when its control process is silent.
  facts_.links[0].waiting_looks = 60;
  now_ = now_ + ClusterView::kFresh;
  view_.on_summary(told(kOne, bits({kTwo, kThree})), now_);
  view_.on_summary(told(kThree, bits({kOne, kTwo})), now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].text, either);
}

TEST_F(Problems, ClaimNothingOfWhyMessagesWaitBetweenOthers) {
  Summary other = told(kTwo, bits({kOne, kThree}));
  other.links_waiting = bits({kThree});
  view_.on_summary(other, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text,
            "node 2: messages wait for node 3: the link does not carry them fast enough, or a "
            "program there does not read");
}

TEST_F(Problems, NameTheNodeWhereMessagesAreNotRead) {
  facts_.unread = true;
  facts_.unread_programs = "sink (process 4711)";
  Summary other = told(kTwo, bits({kOne, kThree}));
  other.problems = kProblemUnread;
  view_.on_summary(other, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].text,
            "node 1: messages wait for sink (process 4711), which does not read: continue or "
            "restart it");
  EXPECT_EQ(found[1].text, "node 2: messages wait for a program there that does not read them");
  EXPECT_EQ(found[1].next[0], "ringroad app show --node 2");
}

TEST_F(Problems, NamePortBuffersAndDropsTheGravestFirst) {
  facts_.drops_per_second = 120;
  facts_.drop_reason = "udp checksum";
  facts_.buffers_free = 12;
  facts_.port_up = false;
  facts_.port_since = now_ - seconds(3);
  const auto found = find();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].text, "node 1: its port is down for 3 s: nothing goes in or out");
  EXPECT_EQ(found[1].text, "node 1: packet buffers are nearly gone: 12 of 1000 are free");
  EXPECT_EQ(found[2].text, "node 1: 120 packets a second are dropped, most as: udp checksum");
}

TEST_F(Problems, NameWhereTheNodeDoesNotRunAsConfigured) {
  facts_.gaps = {.file_fault = "n.json: /cpu: what?",
                 .unmet = {"adding node 4: no room"},
                 .restarts = {{"ringroad-control", {"/metrics/listen"}},
                              {"ringroad-dataplane", {"/ports/0/mtu", "/eal_extra"}}}};
  const auto found = find();
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].severity, ProblemSeverity::kWarning);
  EXPECT_EQ(found[0].text,
            "node 1: its configuration file is wrong, and what was read before stays in force: "
            "n.json: /cpu: what?");
  EXPECT_EQ(found[1].text,
            "node 1: its dataplane differs from the configuration: adding node 4: no room");
  EXPECT_EQ(found[2].text, "node 1: /metrics/listen changes only at a restart of ringroad-control");
  EXPECT_EQ(found[3].text,
            "node 1: /ports/0/mtu, /eal_extra change only at a restart of ringroad-dataplane");
  EXPECT_EQ(found[3].next[0], "ringroad node show --node 1");
}

TEST_F(Problems, SayOfADataplaneThatStandsStillAndAccuseNobodyElse) {
  facts_.still_for = seconds(7);
  now_ = now_ + seconds(30);  // so that nobody's summary is fresh
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].node, kOne);
  EXPECT_EQ(found[0].text, "node 1: its dataplane has not moved for 7 s: it is stopped, or stuck");
}

TEST_F(Problems, SayOfALostDataplaneWhyAndNothingElse) {
  facts_.attached = false;
  facts_.away_reason = "nobody listens";
  facts_.away_since = now_ - seconds(300);
  view_.on_links(std::nullopt, {}, now_);
  const auto found = find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text, "node 1: no dataplane is attached for 5 min: nobody listens");
}

}  // namespace
}  // namespace ringroad::control
