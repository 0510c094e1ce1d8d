// The control process as a node sees it: what it tells the node to do, what passes between two
// nodes' control processes, and what it can read, over the real channel.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <map>
#include <vector>

#include "dataplane/control_endpoint.h"
#include "dataplane/host/control_attachment.h"
#include "dataplane/host_commands.h"
#include "dataplane/io_loop.h"
#include "tests/pmd/eal_fixture.h"
#include "tests/pmd/node/node_pair.h"
#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

using host::ControlAttachment;
using host::ControlCommand;
using host::ControlCommandKind;
using host::ControlEvent;
using host::ControlEventKind;
using host::ControlResult;

Nanos wall_now() { return Nanos{std::chrono::steady_clock::now().time_since_epoch().count()}; }

// All that stands around one node's control process, without its threads: step() is their work.
struct ControlSide {
  ControlSide(Node& attached_node, const std::string& socket) : node(attached_node) {
    host::HostServerConfig config;
    config.socket = socket;
    config.self = node.sender().self();
    config.started_config = "as it was started";
    server = *host::HostServer::create(config);
    commands = std::make_unique<HostCommands>(*server);
    endpoint = std::make_unique<ControlEndpoint>(node, loop, changes,
                                                 [this](IdlePolicy idle) { told_idle = idle; });
    commands->set_control(*endpoint);
  }
  void step(Nanos now) {
    server->service(wall_now());
    commands->poll(node);
    PeerRequest request;
    while (changes.poll_request(request)) {
      PeerReady ready{.asked = request, .draft = {}};
      if (has_room) {
        ready.draft = node.draft_peer(
            {.node_id = request.peer, .address = request.address, .port = request.port}, 7, now);
      }
      changes.give(std::move(ready));
    }
    PeerChanged change;
    while (changes.poll_changed(change)) {
      changed.push_back(change.is_added ? change.peer.value : -change.peer.value);
      change.retired.reset();
    }
    if (attachment == nullptr || !reads) return;
    ControlEvent event;
    while (attachment->poll_event(event)) events.push_back(event);
  }

  Node& node;
  IoLoop loop{IoLoop::Options{}};
  host::Descriptor bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  PeerChanges changes{bell.get()};
  std::unique_ptr<host::HostServer> server;
  std::unique_ptr<HostCommands> commands;
  std::unique_ptr<ControlEndpoint> endpoint;
  std::unique_ptr<ControlAttachment> attachment;
  std::vector<ControlEvent> events;
  std::vector<int> changed;  // node ids, negative when they left
  bool has_room = true;
  bool reads = true;  // false: a control process that hangs
  IdlePolicy told_idle = IdlePolicy::kAdaptive;
};

class Control : public NodePair {
 protected:
  void SetUp() override {
    NodePair::SetUp();
    for (int i = 0; i < 2; ++i) {
      sides_[i] = std::make_unique<ControlSide>(*nodes_[i], socket_of(i));
    }
    ASSERT_TRUE(connect());
  }
  void TearDown() override {
    // Nodes first: they tell their endpoints what became of their messages no more.
    NodePair::TearDown();
    sides_[0].reset();
    sides_[1].reset();
  }
  void after_pass() override {
    for (auto& side : sides_) {
      if (side) side->step(now_);
    }
  }

  std::string socket_of(int i) const {
    return directory_ / ("node-" + std::to_string(i + 1) + ".sock");
  }
  void attach(int i) {
    auto connected = ControlAttachment::connect(socket_of(i));
    ASSERT_TRUE(connected.ok()) << connected.status();
    auto attachment = std::move(*connected);
    ASSERT_TRUE(
        run_until([&] { return attachment->greet() == ControlAttachment::Greeting::kAttached; }));
    sides_[i]->attachment = std::move(attachment);
    ASSERT_TRUE(run_until([&] { return sides_[i]->server->has_control(); }));
  }
  void detach(int i) {
    sides_[i]->attachment.reset();
    ASSERT_TRUE(run_until([&] { return !sides_[i]->server->has_control(); }));
  }

  // Posts a command and returns its result's event; kNone when none came.
  ControlEvent ask(int i, ControlCommandKind kind, std::uint16_t node = 0, std::uint64_t value = 0,
                   const std::string& payload = "", std::uint32_t type = 0) {
    ControlCommand command{};
    command.kind = kind;
    command.node = node;
    command.type = type;
    command.request = ++request_;
    command.value = value;
    command.length = static_cast<std::uint32_t>(payload.size());
    std::memcpy(command.payload, payload.data(), std::min(payload.size(), sizeof command.payload));
    EXPECT_TRUE(sides_[i]->attachment->post_command(command));
    const auto find = [&] {
      return std::ranges::find_if(sides_[i]->events, [&](const ControlEvent& event) {
        return event.kind == ControlEventKind::kResult && event.request == request_;
      });
    };
    if (!run_until([&] { return find() != sides_[i]->events.end(); })) return {};
    return *find();
  }
  ControlResult result_of(const ControlEvent& event) {
    EXPECT_EQ(event.kind, ControlEventKind::kResult) << "no answer";
    return event.result;
  }
  std::string peer_at(std::uint16_t node, std::uint16_t port = kUdpPortDefault) {
    const host::PeerParameters parameters{
        .address = 0x0a4d0000u + node, .port = port, .reserved = 0};
    return {reinterpret_cast<const char*>(&parameters), sizeof parameters};
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ControlSide> sides_[2];
  std::uint64_t request_ = 1'000;
};

TEST_F(Control, APingGoesThroughTheLinkAndTellsItsTime) {
  attach(0);
  const ControlEvent pong = ask(0, ControlCommandKind::kPing, 2, 0, std::string(1'024, 'p'));
  EXPECT_EQ(result_of(pong), ControlResult::kDone);
  EXPECT_GT(pong.value, 0u);
  EXPECT_LT(pong.value, 1'000'000u) << "passes of 5 us";
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 9)), ControlResult::kNoSuchNode);
}

TEST_F(Control, MessagesReachTheOtherControlProcessOrAreToldToHaveNoReceiver) {
  attach(0);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSend, 2, 0, "hello", host::kSystemControl)),
            ControlResult::kNoReceiver);
  attach(1);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSend, 2, 0, "hello", host::kSystemControl)),
            ControlResult::kDone);
  ASSERT_EQ(sides_[1]->events.size(), 1u);
  const ControlEvent& event = sides_[1]->events.front();
  EXPECT_EQ(event.kind, ControlEventKind::kMessage);
  EXPECT_EQ(event.node, 1);
  EXPECT_EQ(event.type, host::kSystemControl);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(event.payload), event.length), "hello");
}

TEST_F(Control, AControlProcessThatHangsHoldsUpNobodyElsesMessages) {
  attach(0);
  attach(1);
  sides_[1]->reads = false;
  int done = 0, refused = 0;
  for (std::uint32_t i = 0; i < 2 * host::kControlRing; ++i) {
    const auto result =
        result_of(ask(0, ControlCommandKind::kSend, 2, 0, "summary", host::kSystemControl));
    done += result == ControlResult::kDone;
    refused += result == ControlResult::kNoReceiver;
  }
  EXPECT_EQ(done + refused, static_cast<int>(2 * host::kControlRing));
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 2)), ControlResult::kDone);
}

TEST_F(Control, ApplicationsNeverSeeTheSystemsMessages) {
  attach(0);
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{}, BindMode::kCatchAll), BindResult::kBound);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSend, 2, 0, "hello", host::kSystemControl)),
            ControlResult::kNoReceiver);
  EXPECT_TRUE(endpoints_[1].received.empty());
}

TEST_F(Control, AnAnswerNeverReachesTheNextControlProcess) {
  attach(0);
  ControlCommand command{};
  command.kind = ControlCommandKind::kPing;
  command.node = 2;
  command.request = 77;
  ASSERT_TRUE(sides_[0]->attachment->post_command(command));
  nodes_[0]->poll(now_);  // it leaves, and is not answered yet
  detach(0);
  attach(0);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 2)), ControlResult::kDone);
  for (const ControlEvent& event : sides_[0]->events) EXPECT_NE(event.request, 77u);
}

TEST_F(Control, ManyPingsAtOnceAreEachAnsweredOnce) {
  attach(0);
  std::vector<std::uint64_t> asked;
  for (int i = 0; i < 200; ++i) {
    ControlCommand command{};
    command.kind = ControlCommandKind::kPing;
    command.node = 2;
    command.request = ++request_;
    ASSERT_TRUE(sides_[0]->attachment->post_command(command));
    asked.push_back(request_);
  }
  ASSERT_TRUE(run_until([&] { return sides_[0]->events.size() >= asked.size(); }));
  std::map<std::uint64_t, int> answers;
  int done = 0;
  for (const ControlEvent& event : sides_[0]->events) {
    ++answers[event.request];
    done += event.result == ControlResult::kDone;
  }
  for (const std::uint64_t request : asked) EXPECT_EQ(answers[request], 1);
  EXPECT_GE(done, 100) << "the others were refused as too many";
}

// More of all kinds than the events' ring could hold, while control does not read and another
// node's messages come: what finds no room waits in the commands' ring, and nothing is lost or said
// twice.
TEST_F(Control, EachCommandIsAnsweredOnceHoweverLateItsControlProcessReads) {
  attach(0);
  attach(1);
  sides_[0]->reads = false;
  sides_[0]->has_room = false;
  const auto post = [&](ControlCommandKind kind, std::uint16_t node, const std::string& payload) {
    ControlCommand command{};
    command.kind = kind;
    command.node = node;
    command.request = ++request_;
    command.length = static_cast<std::uint32_t>(payload.size());
    std::memcpy(command.payload, payload.data(), payload.size());
    return sides_[0]->attachment->post_command(command);
  };
  std::map<std::uint64_t, int> answers;
  // One before the threes, so that the ring's last places fall in the middle of three.
  ASSERT_TRUE(post(ControlCommandKind::kResetLink, 9, ""));
  answers[request_] = 0;
  bool is_full = false;
  for (std::uint16_t i = 0; i < 200 && !is_full; ++i) {
    const auto peer = static_cast<std::uint16_t>(3 + i % 60);
    const bool took_all = post(ControlCommandKind::kAddPeer, peer, peer_at(peer)) &&
                          post(ControlCommandKind::kPing, 2, "") &&
                          post(ControlCommandKind::kResetLink, 9, "");
    for (std::uint64_t k = request_ - 2; took_all && k <= request_; ++k) answers[k] = 0;
    is_full = !took_all;
    EXPECT_EQ(result_of(ask(1, ControlCommandKind::kPing, 1)), ControlResult::kDone);
  }
  EXPECT_TRUE(is_full) << "control is told that no more can be posted";
  EXPECT_GT(answers.size(), host::kControlRing) << "those in both rings";
  EXPECT_TRUE(run_until([&] { return sides_[0]->endpoint->arm(); }))
      << "commands that may not be taken keep no loop awake";
  sides_[0]->endpoint->disarm();
  sides_[0]->reads = true;
  const auto is_answered = [&] {
    for (const ControlEvent& event : sides_[0]->events) {
      if (event.kind == ControlEventKind::kResult) ++answers[event.request];
    }
    sides_[0]->events.clear();
    return std::ranges::all_of(answers, [](const auto& one) { return one.second > 0; });
  };
  ASSERT_TRUE(run_until(is_answered));
  for (const auto& [request, count] : answers) EXPECT_EQ(count, 1) << request;
  const auto report = std::make_unique<NodeReport>();
  EXPECT_TRUE(run_until([&] {
    return sides_[0]->attachment->read_report(*report) &&
           report->control.commands == report->control.answers;
  }));
  EXPECT_EQ(report->control.unanswered, 0u);
}

TEST_F(Control, CountsCommandsWhoseControlProcessHasGone) {
  attach(0);
  nodes_[1].reset();  // so that a ping stays unanswered
  sides_[1].reset();
  ControlCommand command{};
  command.kind = ControlCommandKind::kPing;
  command.node = 2;
  ASSERT_TRUE(sides_[0]->attachment->post_command(command));
  nodes_[0]->poll(now_);
  detach(0);
  attach(0);
  const auto report = std::make_unique<NodeReport>();
  EXPECT_TRUE(run_until([&] {
    return sides_[0]->attachment->read_report(*report) && report->control.unanswered == 1;
  }));
  EXPECT_EQ(report->control.commands, 1u);
  EXPECT_EQ(report->control.answers, 0u);
}

TEST_F(Control, ALinkIsResetAndComesBack) {
  attach(0);
  const std::uint64_t sessions = nodes_[0]->link(NodeId{2})->statistics().sessions;
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kResetLink, 2)), ControlResult::kDone);
  EXPECT_TRUE(
      run_until([&] { return nodes_[0]->link(NodeId{2})->statistics().sessions == sessions + 1; }));
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kResetLink, 3)), ControlResult::kNoSuchNode);
}

TEST_F(Control, TimersAndIdlePolicyChangeWithinTheirRange) {
  attach(0);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSetDeadAfter, 0, 100)), ControlResult::kDone);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSetDeadAfter, 0, 1)), ControlResult::kMalformed);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSetIdle, 0, 1)), ControlResult::kDone);
  EXPECT_EQ(sides_[0]->told_idle, IdlePolicy::kPoll);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSetIdle, 0, 2)), ControlResult::kMalformed);
  auto report = std::make_unique<NodeReport>();
  EXPECT_TRUE(run_until([&] {
    return sides_[0]->attachment->read_report(*report) && report->idle == IdlePolicy::kPoll &&
           report->dead_after == milliseconds(100);
  })) << "what control set is reported";
  // The new time holds: a peer that falls silent is dead after 100 ms, not after a second.
  nodes_[1].reset();
  sides_[1].reset();
  ASSERT_EQ(send(0, "anybody there?", 1), SendResult::kAccepted);
  const Nanos before = now_;
  ASSERT_TRUE(run_until([&] { return !nodes_[0]->sender().is_connected(NodeId{2}); }));
  EXPECT_LT((now_ - before).count, milliseconds(400).count);
}

TEST_F(Control, APeerIsAddedSpeaksAndIsRemoved) {
  attach(0);
  // Node 2 leaves and comes back under node 1's eyes.
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kRemovePeer, 2)), ControlResult::kDone);
  EXPECT_EQ(nodes_[0]->link(NodeId{2}), nullptr);
  EXPECT_EQ(send(0, "x", 1), SendResult::kNoSuchNode);
  EXPECT_TRUE(nodes_[0]->sender().peers().empty());
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kRemovePeer, 2)), ControlResult::kNoSuchNode);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kAddPeer, 2, 0, peer_at(2))),
            ControlResult::kDone);
  EXPECT_EQ(sides_[0]->changed, (std::vector<int>{-2, 2}));
  ASSERT_TRUE(connect());
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  ASSERT_EQ(send(0, "again", 2), SendResult::kAccepted);
  ASSERT_TRUE(run_until([&] { return !endpoints_[0].outcomes.empty(); }));
  EXPECT_EQ(endpoints_[1].received, std::vector<std::string>{"again"});
}

TEST_F(Control, PeersThatCannotComeAreRefusedWithTheReason) {
  attach(0);
  const auto add = [&](std::uint16_t node, const std::string& parameters) {
    return result_of(ask(0, ControlCommandKind::kAddPeer, node, 0, parameters));
  };
  EXPECT_EQ(add(2, peer_at(2)), ControlResult::kExists);
  EXPECT_EQ(add(1, peer_at(1)), ControlResult::kExists) << "the node itself";
  EXPECT_EQ(add(0, peer_at(3)), ControlResult::kMalformed);
  EXPECT_EQ(add(65, peer_at(3)), ControlResult::kMalformed);
  EXPECT_EQ(add(3, "short"), ControlResult::kMalformed);
  EXPECT_EQ(add(3, peer_at(3, 0)), ControlResult::kMalformed);
  sides_[0]->has_room = false;
  EXPECT_EQ(add(3, peer_at(3)), ControlResult::kNoRoom);
  EXPECT_EQ(nodes_[0]->link(NodeId{3}), nullptr);
}

// A message under way to a peer that is removed ends, and is told.
TEST_F(Control, WhatIsOnItsWayToARemovedPeerEnds) {
  attach(0);
  endpoints_[1].busy = true;
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  const std::string text(100, 'x');
  for (std::uint64_t token = 1; token <= 50; ++token) {
    ASSERT_EQ(send(0, text, token), SendResult::kAccepted);
  }
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kRemovePeer, 2)), ControlResult::kDone);
  EXPECT_EQ(endpoints_[0].outcomes.size(), 50u);
}

TEST_F(Control, TheReportCountsWhatTheNodeDid) {
  attach(0);
  ASSERT_EQ(nodes_[1]->bind(0, MessageType{7}, BindMode::kExclusive), BindResult::kBound);
  ASSERT_EQ(send(0, "counted", 1), SendResult::kAccepted);
  auto report = std::make_unique<NodeReport>();
  ASSERT_TRUE(run_until([&] {
    return sides_[0]->attachment->read_report(*report) && report->link_count == 1 &&
           report->links[0].statistics.outcomes[static_cast<int>(Outcome::kDelivered)] == 1;
  }));
  EXPECT_EQ(sides_[0]->attachment->started_config(), "as it was started");
  EXPECT_EQ(report->links[0].peer, NodeId{2});
  EXPECT_EQ(report->links[0].address, Ipv4Address{0x0a4d0002u});
  EXPECT_EQ(report->links[0].port, kUdpPortDefault);
  EXPECT_EQ(report->links[0].state, LinkState::kUp);
  EXPECT_GE(report->links[0].statistics.round_trip.count(), 1u);
  EXPECT_EQ(report->buffers, 2'047u);
  EXPECT_GT(report->buffers_free, 0u);
}

TEST_F(Control, ACaptureSeesBothDirectionsCutToItsLength) {
  attach(0);
  const host::CaptureParameters both{.snap_bytes = 64,
                                     .directions = host::kCaptureIn | host::kCaptureOut};
  const std::string parameters(reinterpret_cast<const char*>(&both), sizeof both);
  ASSERT_EQ(result_of(ask(0, ControlCommandKind::kStartCapture, 0, 0, parameters)),
            ControlResult::kDone);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kStartCapture, 0, 0, parameters)),
            ControlResult::kExists);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 2, 0, std::string(500, 'p'))),
            ControlResult::kDone);
  int seen[2] = {};
  host::CapturedPacket packet;
  std::span<const std::byte> bytes;
  while (sides_[0]->attachment->poll_packet(packet, bytes)) {
    ++seen[packet.direction == host::kCaptureOut];
    EXPECT_LE(bytes.size(), 64u);
    EXPECT_GE(packet.length, bytes.size());
    ASSERT_GE(bytes.size(), 14u);
    EXPECT_EQ(bytes[12], std::byte{0x08}) << "IPv4 or ARP";
  }
  EXPECT_GE(seen[0], 1);
  EXPECT_GE(seen[1], 1);
  ASSERT_EQ(result_of(ask(0, ControlCommandKind::kStopCapture)), ControlResult::kDone);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 2)), ControlResult::kDone);
  EXPECT_FALSE(sides_[0]->attachment->poll_packet(packet, bytes)) << "captured after the end";
}

TEST_F(Control, NonsenseIsAnsweredAsMalformed) {
  attach(0);
  EXPECT_EQ(result_of(ask(0, static_cast<ControlCommandKind>(200))), ControlResult::kMalformed);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kSend, 2, 0, "x", host::kSystemEchoReply)),
            ControlResult::kMalformed);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kStartCapture, 0, 0, "x")),
            ControlResult::kMalformed);
  EXPECT_EQ(result_of(ask(0, ControlCommandKind::kPing, 2, 0, std::string(2'000, 'x'))),
            ControlResult::kMalformed);
}

}  // namespace
}  // namespace ringroad

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return ringroad::run_with_eal(argv[0]);
}
