// What a service tells its manager, read at the other end of NOTIFY_SOCKET.
#include "dataplane/notify.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "tests/temporary_directory.h"

namespace ringroad {
namespace {

// A manager's socket; what systemd sets in a service's environment is set while this lives.
class FakeManager {
 public:
  explicit FakeManager(const char* watchdog_microseconds) {
    const std::string path = directory_ / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    EXPECT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    if (watchdog_microseconds != nullptr) setenv("WATCHDOG_USEC", watchdog_microseconds, 1);
  }
  ~FakeManager() {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (socket_ >= 0) close(socket_);
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;

  // The next message; empty when none has come. Sends to it have ended by then: nothing is waited
  // for.
  std::string take() {
    std::array<char, 1'024> bytes;
    const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
    return count < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(count));
  }
  void go_away() {
    close(socket_);
    socket_ = -1;
  }

 private:
  TemporaryDirectory directory_;
  int socket_ = -1;
};

TEST(ServiceNotifier, SaysNothingWithoutAManager) {
  ServiceNotifier service;
  EXPECT_FALSE(service.is_heard());
  EXPECT_FALSE(service.ping_interval());
  service.ready("up");
  service.ping();
  service.stopping();
}

TEST(ServiceNotifier, TellsReadinessStatusPingsAndItsEnd) {
  FakeManager manager("2000000");
  ServiceNotifier service;
  EXPECT_TRUE(service.is_heard());
  service.ready("node 1: 0 of 2 links up");
  EXPECT_EQ(manager.take(), "READY=1\nSTATUS=node 1: 0 of 2 links up");
  service.ping();
  EXPECT_EQ(manager.take(), "WATCHDOG=1");
  service.stopping();
  EXPECT_EQ(manager.take(), "STOPPING=1\nSTATUS=stopping");
  EXPECT_EQ(manager.take(), "");
}

TEST(ServiceNotifier, TellsAStatusOnce) {
  FakeManager manager(nullptr);
  ServiceNotifier service;
  service.ready("one link");
  (void)manager.take();
  service.status("one link");
  EXPECT_EQ(manager.take(), "");
  service.status("two links");
  EXPECT_EQ(manager.take(), "STATUS=two links");
}

TEST(ServiceNotifier, AStatusCannotSmuggleAnotherAssignmentIn) {
  FakeManager manager(nullptr);
  ServiceNotifier service;
  service.status("a name\nMAINPID=1");
  EXPECT_EQ(manager.take(), "STATUS=a name MAINPID=1");
}

TEST(ServiceNotifier, PingsFourTimesInTheManagersPatience) {
  FakeManager manager("10000000");
  EXPECT_EQ(ServiceNotifier().ping_interval()->count, seconds(10).count / 4);
  setenv("WATCHDOG_PID", "1", 1);  // asked of another process
  EXPECT_FALSE(ServiceNotifier().ping_interval());
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_TRUE(ServiceNotifier().ping_interval());
  setenv("WATCHDOG_USEC", "18446744073709551614", 1);
  EXPECT_LE(ServiceNotifier().ping_interval()->count, seconds(3'600).count);
  setenv("WATCHDOG_USEC", "nonsense", 1);
  EXPECT_FALSE(ServiceNotifier().ping_interval());
}

TEST(ServiceNotifier, OutlivesItsManager) {
  FakeManager manager("2000000");
  ServiceNotifier service;
  manager.go_away();
  service.ready("up");
  service.ping();
  service.stopping();
}

}  // namespace
}  // namespace ringroad
