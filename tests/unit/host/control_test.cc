// The channel between a dataplane and its control process: attaching, everything that passes, and
// either side going away.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "dataplane/host/control_attachment.h"
#include "dataplane/host/control_channel.h"
#include "dataplane/host/socket.h"
#include "tests/unit/host/client.h"
#include "tests/unit/host/fake_node.h"

namespace ringroad::host::test {
namespace {

using Greeting = ControlAttachment::Greeting;

// One thread plays the dataplane's two: serve() does what they would.
struct Dataplane {
  Dataplane() : node(NodeId{1}, {NodeId{2}, NodeId{3}}) {
    auto created = HostServer::create(server_config(socket(), node));
    EXPECT_TRUE(created.ok()) << created.status();
    host = std::move(*created);
  }
  std::string socket() const { return directory.path() + "/node-1.sock"; }
  void serve() {
    host->service(monotonic_now());
    node.take_commands(*host);
  }
  // Attached on both sides, or null.
  std::unique_ptr<ControlAttachment> attach() {
    auto connected = ControlAttachment::connect(socket());
    if (!connected.ok()) return nullptr;
    auto control = std::move(*connected);
    auto greeting = Greeting::kPending;
    const bool is_there = eventually([&] {
      serve();
      if (greeting == Greeting::kPending) greeting = control->greet();
      return greeting == Greeting::kTurnedAway ||
             (greeting == Greeting::kAttached && node.control != nullptr && host->has_control());
    });
    refusal = control->refusal();
    return is_there && greeting == Greeting::kAttached ? std::move(control) : nullptr;
  }
  bool detached() {
    return eventually([&] {
      serve();
      return node.control == nullptr && !host->has_control();
    });
  }

  TemporaryDirectory directory;
  FakeNode node;
  std::unique_ptr<HostServer> host;
  std::string refusal;
};

ControlCommand command_of(ControlCommandKind kind, std::uint64_t request) {
  ControlCommand command{};
  command.kind = kind;
  command.request = request;
  return command;
}

TEST(ControlChannel, CommandsAndEventsPassInOrderAndWhole) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr) << dataplane.refusal;
  EXPECT_EQ(control->node(), NodeId{1});
  EXPECT_EQ(control->dataplane_process(), static_cast<std::uint32_t>(::getpid()));
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto command = command_of(ControlCommandKind::kSend, 7 + i);
    command.length = 3;
    std::memcpy(command.payload, "abc", 3);
    ASSERT_TRUE(control->post_command(command));
  }
  for (std::uint64_t i = 0; i < 3; ++i) {
    ControlCommand got;
    ASSERT_TRUE(dataplane.node.control->poll_command(got));
    EXPECT_EQ(got.request, 7 + i);
    EXPECT_EQ(std::memcmp(got.payload, "abc", 3), 0);
    ControlEvent event{};
    event.kind = ControlEventKind::kResult;
    event.request = got.request;
    event.value = 100 + i;
    ASSERT_TRUE(dataplane.node.control->post_event(event));
  }
  for (std::uint64_t i = 0; i < 3; ++i) {
    ControlEvent event;
    ASSERT_TRUE(control->poll_event(event));
    EXPECT_EQ(event.request, 7 + i);
    EXPECT_EQ(event.value, 100 + i);
  }
  ControlEvent none;
  EXPECT_FALSE(control->poll_event(none));
}

TEST(ControlChannel, AFullRingRefusesAndLosesNothing) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  std::uint64_t posted = 0;
  while (control->post_command(command_of(ControlCommandKind::kPing, posted))) ++posted;
  EXPECT_EQ(posted, kControlRing - 1);
  ControlCommand got;
  for (std::uint64_t i = 0; i < posted; ++i) {
    ASSERT_TRUE(dataplane.node.control->poll_command(got));
    EXPECT_EQ(got.request, i);
  }
}

TEST(ControlChannel, CountersAreReadWholeWhileTheyAreWritten) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  auto read = std::make_unique<NodeReport>();
  EXPECT_FALSE(control->read_report(*read)) << "nothing was written yet";
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> last{0};
  std::thread writer([&, channel = dataplane.node.control] {
    auto report = std::make_unique<NodeReport>();
    report->link_count = 2;
    // Far apart in the report, and always the same.
    for (std::uint64_t n = 1; !stop; ++n) {
      report->node.polls = n;
      report->links[1].statistics.outcomes[4] = n;
      channel->write_report(*report);
      // Sixteen without a pause, then none until the last was read: a reader whom each write meets
      // would starve where it is as slow as the writer.
      while (n % 16 == 0 && last != n && !stop) std::this_thread::yield();
    }
  });
  for (std::uint64_t reads = 0; reads < 300;) {
    if (!control->read_report(*read)) continue;
    reads += read->node.polls != last;
    EXPECT_EQ(read->node.polls, read->links[1].statistics.outcomes[4]);
    EXPECT_GE(read->node.polls, last);
    last = read->node.polls;
  }
  stop = true;
  writer.join();
}

TEST(ControlChannel, AttachedProgramsAreListedWithTheirNames) {
  NodeThread node;
  auto connected = ControlAttachment::connect(node.socket);
  ASSERT_TRUE(connected.ok()) << connected.status();
  auto& control = *connected;
  ASSERT_TRUE(eventually([&] { return control->greet() == Greeting::kAttached; }));
  Client program(node.socket, "pricer");
  ASSERT_EQ(program.error, DIST_NET_SUCCESS);
  auto report = std::make_unique<ApplicationsReport>();
  ASSERT_TRUE(
      eventually([&] { return control->read_applications(*report) && report->count == 1; }));
  EXPECT_STREQ(report->rows[0].name, "pricer");
  EXPECT_EQ(report->rows[0].process_id, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(report->rows[0].user_id, ::geteuid());
  EXPECT_EQ(report->attached, 1u);
}

TEST(ControlChannel, CapturedPacketsWrapAndWhatDoesNotFitIsCounted) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  ControlChannel& channel = *dataplane.node.control;
  std::vector<std::byte> bytes(9'000);
  std::uint64_t written = 0, got = 0;
  CapturedPacket packet;
  std::span<const std::byte> content;
  for (int round = 0; round < 5; ++round) {
    while (control->packets_dropped() == static_cast<std::uint64_t>(round)) {
      const auto kept = static_cast<std::uint32_t>(1'000 + written % 777);
      std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(written));
      channel.capture({.time = Nanos{static_cast<std::int64_t>(written)},
                       .length = 9'000,
                       .captured_length = kept,
                       .direction = kCaptureOut},
                      bytes);
      ++written;
    }
    --written;  // the one that was dropped
    for (; control->poll_packet(packet, content); ++got) {
      ASSERT_EQ(packet.time.count, static_cast<std::int64_t>(got));
      ASSERT_EQ(content.size(), 1'000 + got % 777);
      ASSERT_EQ(content.front(), static_cast<std::byte>(got));
      ASSERT_EQ(content.back(), static_cast<std::byte>(got));
      ASSERT_EQ(packet.length, 9'000u);
    }
    EXPECT_EQ(got, written);
  }
}

TEST(ControlChannel, ASleepingControlIsRungAndASleepingDataplaneToo) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  control->hush();
  ASSERT_TRUE(control->is_idle_after_arming());
  ControlEvent event{};
  event.kind = ControlEventKind::kMessage;
  ASSERT_TRUE(dataplane.node.control->post_event(event));
  EXPECT_FALSE(control->is_idle_after_arming()) << "an event before sleep keeps it awake";
  dataplane.node.control->publish();
  pollfd bell{control->bell(), POLLIN, 0};
  EXPECT_EQ(::poll(&bell, 1, 5'000), 1);

  ASSERT_TRUE(dataplane.node.control->arm());
  dataplane.host->clear_wake();
  ASSERT_TRUE(control->post_command(command_of(ControlCommandKind::kPing, 1)));
  pollfd wake{dataplane.host->wake_descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&wake, 1, 5'000), 1);
  EXPECT_FALSE(dataplane.node.control->arm()) << "a command before sleep keeps it awake";
}

TEST(ControlChannel, OneControlProcessAtATimeAndTheNextStartsAfresh) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  EXPECT_EQ(dataplane.attach(), nullptr);
  EXPECT_EQ(dataplane.refusal, "another control process is attached to this dataplane");
  ASSERT_TRUE(control->post_command(command_of(ControlCommandKind::kPing, 1)));
  control.reset();  // as when it is killed
  ASSERT_TRUE(dataplane.detached());
  control = dataplane.attach();
  ASSERT_NE(control, nullptr) << dataplane.refusal;
  ControlCommand stale;
  EXPECT_FALSE(dataplane.node.control->poll_command(stale)) << "an old command came through";
}

TEST(ControlChannel, ControlNoticesThatTheDataplaneIsGone) {
  Dataplane dataplane;
  auto control = dataplane.attach();
  ASSERT_NE(control, nullptr);
  EXPECT_TRUE(control->is_alive());
  dataplane.host.reset();
  EXPECT_FALSE(control->is_alive());
  auto report = std::make_unique<NodeReport>();
  EXPECT_FALSE(control->read_report(*report)) << "its memory stays readable";
  EXPECT_FALSE(ControlAttachment::connect(dataplane.socket()).ok());
}

// What a control process of another build, or anything else, may say.
TEST(ControlChannel, OtherBuildsAndNonsenseAreTurnedAway) {
  Dataplane dataplane;
  const auto say = [&](ControlHello hello, SocketMessage& answer) {
    Descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    dataplane.socket().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(send_message(socket.get(), hello), SocketResult::kDone);
    auto result = SocketResult::kAgain;
    EXPECT_TRUE(eventually([&] {
      dataplane.serve();
      result = receive_message(socket.get(), answer);
      return result != SocketResult::kAgain;
    }));
    if (result != SocketResult::kDone) return result;
    // Attached or not: whatever it says over the socket now, if it still can, ends it.
    (void)send_message(socket.get(), hello);
    SocketMessage after;
    EXPECT_TRUE(eventually([&] {
      dataplane.serve();
      return receive_message(socket.get(), after) == SocketResult::kClosed;
    }));
    return result;
  };
  SocketMessage answer;
  auto hello = make_message<ControlHello>();
  hello.version = kControlVersion + 1;
  hello.report_bytes = sizeof(NodeReport);
  ASSERT_EQ(say(hello, answer), SocketResult::kDone);
  ASSERT_NE(answer.as<Answer>(), nullptr);
  EXPECT_EQ(answer.as<Answer>()->reply, Reply::kVersion);
  hello.version = kControlVersion;
  hello.report_bytes = 8;
  ASSERT_EQ(say(hello, answer), SocketResult::kDone);
  ASSERT_NE(answer.as<Answer>(), nullptr);
  EXPECT_EQ(answer.as<Answer>()->reply, Reply::kVersion);
  hello.report_bytes = sizeof(NodeReport);
  ASSERT_EQ(say(hello, answer), SocketResult::kDone);
  EXPECT_NE(answer.as<ControlOffer>(), nullptr);
  EXPECT_TRUE(dataplane.detached());
}

}  // namespace
}  // namespace ringroad::host::test
