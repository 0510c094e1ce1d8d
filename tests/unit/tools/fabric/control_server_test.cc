#include "tools/ringroad-fabric/control_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/temporary_directory.h"
#include "tools/ringroad-fabric/unix_socket.h"

namespace ringroad::fabric {
namespace {

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() { start(); }
  ~ControlServerTest() override {
    for (const int client : clients_) close(client);
    server_.reset();
  }

  std::string path() const { return directory_ / "control.sock"; }
  void start() {
    auto server = ControlServer::create(path());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  int connect_client() {
    const auto client = connect_to(path());
    EXPECT_TRUE(client.ok()) << client.status();
    fcntl(*client, F_SETFL, O_NONBLOCK);
    clients_.push_back(*client);
    service();
    return *client;
  }
  // Everything is local and non-blocking: a few turns serve all that is there.
  void service(Nanos now = seconds(1)) {
    for (int i = 0; i < 4; ++i) server_->service(now, handler_);
  }
  static void say(int client, std::string_view text) {
    EXPECT_EQ(send(client, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  static std::string heard(int client) {
    std::string text;
    std::array<char, 65'536> bytes;
    for (ssize_t n; (n = recv(client, bytes.data(), bytes.size(), 0)) > 0;) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    }
    return text;
  }
  static bool is_hung_up(int client) {
    char byte;
    return recv(client, &byte, 1, 0) == 0;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ControlServer> server_;
  std::vector<int> clients_;
  ControlServer::Handler handler_ = [](std::string_view line, Nanos) {
    return "<" + std::string(line) + ">";
  };
};

TEST_F(ControlServerTest, AnswersEachLineOfEachClientInOrder) {
  const int a = connect_client();
  const int b = connect_client();
  say(a, "one\ntwo\nthr");
  say(b, "other\n");
  service();
  EXPECT_EQ(heard(a), "<one>\n<two>\n");
  EXPECT_EQ(heard(b), "<other>\n");
  say(a, "ee\n");
  service();
  EXPECT_EQ(heard(a), "<three>\n");
}

TEST_F(ControlServerTest, AnswersWhoHasFinishedSpeakingAndThenHangsUp) {
  const int client = connect_client();
  say(client, "last\n");
  shutdown(client, SHUT_WR);
  service();
  EXPECT_EQ(heard(client), "<last>\n");
  EXPECT_TRUE(is_hung_up(client));
}

TEST_F(ControlServerTest, TheLongestLineIsServedAndALongerOneRefused) {
  const std::string longest(ControlServer::kLineBytesMax, 'x');
  const int good = connect_client();
  say(good, longest + "\n");
  service();
  EXPECT_EQ(heard(good), "<" + longest + ">\n");
  const int bad = connect_client();
  say(bad, longest + "y");
  service();
  EXPECT_NE(heard(bad).find("a line has at most 1024 bytes"), std::string::npos);
  EXPECT_TRUE(is_hung_up(bad));
}

TEST_F(ControlServerTest, AClientThatReadsNothingIsDroppedAndOthersAreServed) {
  handler_ = [](std::string_view, Nanos) { return std::string(4 << 20, 'x'); };
  const int slow = connect_client();
  say(slow, "big\nbig\nbig\n");
  service(seconds(1));
  handler_ = [](std::string_view, Nanos) { return std::string("ok"); };
  const int quick = connect_client();
  say(quick, "hello\n");
  service(seconds(1));
  EXPECT_EQ(heard(quick), "ok\n");
  EXPECT_LE(server_->next_deadline(), seconds(1) + ControlServer::kPatience);
  service(seconds(1) + ControlServer::kPatience);
  EXPECT_EQ(server_->next_deadline(), kNever);
  (void)heard(slow);
  EXPECT_TRUE(is_hung_up(slow));
}

TEST_F(ControlServerTest, RefusesMoreClientsThanItsLimitAndRecovers) {
  for (std::size_t i = 0; i < ControlServer::kClientsMax; ++i) connect_client();
  const int extra = connect_client();
  EXPECT_NE(heard(extra).find("16 clients are connected already"), std::string::npos);
  EXPECT_TRUE(is_hung_up(extra));
  close(clients_.front());
  clients_.erase(clients_.begin());
  service();
  const int late = connect_client();
  say(late, "hi\n");
  service();
  EXPECT_EQ(heard(late), "<hi>\n");
}

TEST_F(ControlServerTest, ItsDescriptorWakesWhoeverWaits) {
  pollfd waiting{.fd = server_->wait_descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  const int client = connect_client();
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  say(client, "x\n");
  EXPECT_EQ(poll(&waiting, 1, 1'000), 1);
}

TEST_F(ControlServerTest, TakesOverAStaleSocketButNotALivingOneNorAFile) {
  EXPECT_FALSE(ControlServer::create(path()).ok()) << "in use";
  struct stat status{};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  server_.reset();
  EXPECT_NE(stat(path().c_str(), &status), 0) << "a clean end removes the socket";
  // A socket left behind: bound, never listened on again.
  const auto leftover = listen_at(path());
  ASSERT_TRUE(leftover.ok());
  close(*leftover);
  start();
  server_.reset();
  const int file = open(path().c_str(), O_CREAT | O_WRONLY, 0600);
  close(file);
  const auto refused = ControlServer::create(path());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.status().message()).find("no socket"), std::string::npos);
}

}  // namespace
}  // namespace ringroad::fabric
