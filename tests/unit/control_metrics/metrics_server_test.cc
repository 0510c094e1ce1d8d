// Where the server listens, and that it goes away when told to. How it answers, and how it bears
// hostile clients, is tested end to end.
#include "control/metrics/metrics_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "tests/unit/control_metrics/sample_snapshot.h"

namespace ringroad::control {
namespace {

class Sample final : public SnapshotSource {
 public:
  void snapshot(MetricsSnapshot& out) override { out = *snapshot_; }

 private:
  std::unique_ptr<MetricsSnapshot> snapshot_ = full_snapshot();
};

// A TCP socket of the test's own, closed at its end.
class Socket {
 public:
  Socket() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) { EXPECT_GE(descriptor_, 0); }
  ~Socket() { ::close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // At 127.0.0.1 and a port that the kernel chooses.
  std::uint16_t listen() {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    EXPECT_TRUE(try_to_listen(0));
    EXPECT_EQ(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin_port);
  }
  bool try_to_listen(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
           ::listen(descriptor_, 4) == 0;
  }
  void receive_at_most(int bytes) {
    EXPECT_EQ(::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
  }
  bool connect(std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
           0;
  }
  void say(const std::string& text) {
    EXPECT_EQ(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string hear() {
    std::string heard;
    char buffer[4096];
    ssize_t bytes = 0;
    while ((bytes = ::recv(descriptor_, buffer, sizeof(buffer), 0)) > 0) {
      heard.append(buffer, static_cast<std::size_t>(bytes));
    }
    return heard;
  }
  void wait_until_readable() {
    char byte = 0;
    EXPECT_EQ(::recv(descriptor_, &byte, 1, MSG_PEEK), 1);
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int descriptor_;
};

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::uint16_t port_of(const MetricsServer& server) {
  return static_cast<std::uint16_t>(
      std::stoul(server.address().substr(server.address().rfind(':') + 1)));
}

std::unique_ptr<MetricsServer> started(const std::string& listen, SnapshotSource& source) {
  auto server = MetricsServer::start(listen, source);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? std::move(*server) : nullptr;
}

TEST(MetricsServer, LetsTheKernelChooseAPortAndTellsWhich) {
  Sample sample;
  const auto server = started("127.0.0.1:0", sample);
  ASSERT_NE(server, nullptr);
  EXPECT_NE(port_of(*server), 0);
  EXPECT_FALSE(server->has_moved());
  Socket client;
  ASSERT_TRUE(client.connect(port_of(*server)));
  client.say("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.hear().ends_with("\r\n\r\nok\n"));
}

TEST(MetricsServer, TakesThePortItIsAskedForWhenItIsFree) {
  Sample sample;
  std::uint16_t port = 0;
  {
    Socket taken;
    port = taken.listen();
  }
  const auto server = started(at(port), sample);
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(server->address(), at(port));
  EXPECT_FALSE(server->has_moved());
}

TEST(MetricsServer, TakesTheNextFreePortWhenSomebodyHasTheOneAskedFor) {
  Sample sample;
  Socket taken;
  const std::uint16_t port = taken.listen();
  const auto first = started(at(port), sample);
  const auto second = started(at(port), sample);
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(first->has_moved());
  EXPECT_TRUE(second->has_moved());
  EXPECT_GT(port_of(*first), port);
  EXPECT_GT(port_of(*second), port_of(*first));
  EXPECT_LT(port_of(*second), port + MetricsServer::kPortsMax);
}

TEST(MetricsServer, RefusesWhatIsNoPlaceToListenAt) {
  Sample sample;
  for (const char* listen : {"", ":", "9090", "127.0.0.1", "127.0.0.1:", ":9090", "127.0.0.1:65536",
                             "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:9090s",
                             "127.0.0.1:1,127.0.0.1:2", "localhost:9090", "127.0.0:9090"}) {
    const auto server = MetricsServer::start(listen, sample);
    ASSERT_FALSE(server.ok()) << listen;
    EXPECT_EQ(server.status().message(),
              std::string("metrics: \"") + listen +
                  "\" is no place to listen at; an IPv4 address, a colon and a port are, as in "
                  "127.0.0.1:9090");
  }
}

TEST(MetricsServer, SaysWhyItCannotListenAtAnAddressOfSomebodyElse) {
  Sample sample;
  // Set aside for documentation (RFC 5737): no host has it.
  const auto server = MetricsServer::start("192.0.2.1:9090", sample);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.status().message(),
            "metrics: cannot listen at 192.0.2.1:9090: Cannot assign requested address");
}

// Sanitizers need room themselves.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RINGROAD_IS_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RINGROAD_IS_SANITIZED
#endif

#ifndef RINGROAD_IS_SANITIZED

// Starts a server where there is no room for the stack of another thread; what it says is left on
// stderr. Only in a process of its own, which has no stacks left to use again.
void start_without_room_for_threads() {
  Sample sample;
  std::free(std::malloc(100'000));  // but for what is allocated on the way
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit now{.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
                   .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_AS, &now) != 0) std::_Exit(3);
  const auto server = MetricsServer::start("127.0.0.1:0", sample);
  const rlimit no_more{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_AS, &no_more);
  if (server.ok()) std::_Exit(0);
  const std::string said(server.status().message());
  (void)!::write(STDERR_FILENO, said.data(), said.size());
  std::_Exit(1);
}

TEST(MetricsServerDeathTest, SaysWhyItCannotStartAndDoesNotBlameThePort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(start_without_room_for_threads(), testing::ExitedWithCode(1),
              "cannot listen at 127.0.0.1:0: .*thread");
}

#endif

TEST(MetricsServer, SaysSoWhenEveryPortUpToTheLastIsTaken) {
  Sample sample;
  Socket taken;
  (void)taken.try_to_listen(65'535);  // else somebody else has it, which serves as well
  const auto server = MetricsServer::start("127.0.0.1:65535", sample);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.status().message(),
            "metrics: cannot listen at 127.0.0.1:65535 nor at a port up to 65535; \"metrics\": "
            "{\"listen\": ...} in the configuration chooses another");
}

TEST(MetricsServer, PrintsNothingWhateverHappens) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  {
    Sample sample;
    Socket taken;
    const auto server = started(at(taken.listen()), sample);
    ASSERT_NE(server, nullptr);
    Socket client;
    ASSERT_TRUE(client.connect(port_of(*server)));
    client.say("\x01\x02 garbage\r\n\r\n");
    client.hear();
  }
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// Clients that have said half of what they want, that say nothing, and that do not take their
// answer: each kind, two at a time, so that both threads are held.
TEST(MetricsServer, GoesInAboutTwoSecondsThoughClientsHoldItsThreads) {
  for (const char* said : {"", "GET /metr", "GET /metrics HTTP/1.1\r\n\r\n"}) {
    Sample sample;
    auto server = started("127.0.0.1:0", sample);
    ASSERT_NE(server, nullptr);
    std::vector<std::unique_ptr<Socket>> clients;
    for (int i = 0; i < 6; ++i) {
      clients.push_back(std::make_unique<Socket>());
      clients.back()->receive_at_most(1'024);
      ASSERT_TRUE(clients.back()->connect(port_of(*server)));
      clients.back()->say(said);
    }
    if (std::string(said).ends_with("\r\n\r\n")) clients[0]->wait_until_readable();
    const auto before = std::chrono::steady_clock::now();
    server.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(2'500)) << said;
  }
}

}  // namespace
}  // namespace ringroad::control
