// Finding each other, losing each other, and being refused.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "memif_pair.h"

namespace ringroad::memif {
namespace {

class Connect : public testing::Test {
 protected:
  Config config(Role role, std::uint32_t id = 0) const {
    Config c;
    c.role = role;
    c.id = id;
    c.socket_path = directory / "memif.sock";
    c.log2_ring_size = 4;
    return c;
  }
  static bool both_up(const Interface& a, const Interface& b) {
    return a.is_connected() && b.is_connected();
  }
  static bool carries(Interface& from, Interface& to) {
    Bytes received;
    return send_one(from, pattern(100, 5)) && receive_one(to, &received) &&
           received == pattern(100, 5);
  }

  TemporaryDirectory directory;
  Nanos now{1};
};

bool mentions(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

TEST_F(Connect, SlaveMayStartFirst) {
  auto slave = make_interface(config(Role::kSlave));
  EXPECT_FALSE(step_until({slave.get()}, &now, [&] { return slave->is_connected(); }));
  EXPECT_NE(slave->last_error().find("no master listens"), std::string::npos);
  auto master = make_interface(config(Role::kMaster));
  const Nanos began = now;
  ASSERT_TRUE(
      step_until({slave.get(), master.get()}, &now, [&] { return both_up(*slave, *master); }));
  EXPECT_LT(now - began, seconds(1));
  EXPECT_TRUE(carries(*slave, *master));
  EXPECT_TRUE(carries(*master, *slave));
  EXPECT_EQ(slave->last_error(), "");
}

TEST_F(Connect, NamesAreExchanged) {
  Pair pair;
  EXPECT_EQ(pair.master->peer_name(), "the slave");
  EXPECT_EQ(pair.slave->peer_name(), "the master");
}

TEST_F(Connect, EitherEndMayLeaveAndComeBackManyTimes) {
  auto master = make_interface(config(Role::kMaster));
  auto slave = make_interface(config(Role::kSlave));
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(
        step_until({slave.get(), master.get()}, &now, [&] { return both_up(*slave, *master); }));
    ASSERT_TRUE(carries(*slave, *master));
    ASSERT_TRUE(carries(*master, *slave));
    std::unique_ptr<Interface>& leaver = round % 2 == 0 ? slave : master;
    Interface& survivor = round % 2 == 0 ? *master : *slave;
    const Config again = leaver->config();
    leaver.reset();
    EXPECT_TRUE(survivor.is_connected()) << "the end is applied in service() only";
    EXPECT_TRUE(send_one(survivor, pattern(64, 1))) << "and until then copies are safe";
    ASSERT_TRUE(step_until({&survivor}, &now, [&] { return !survivor.is_connected(); }));
    EXPECT_FALSE(send_one(survivor, pattern(64, 1)));
    leaver = make_interface(again);
  }
}

TEST_F(Connect, ManyInterfacesShareOneSocket) {
  std::vector<std::unique_ptr<Interface>> masters, slaves;
  std::vector<Interface*> all;
  for (std::uint32_t id = 0; id < 8; ++id) {
    masters.push_back(make_interface(config(Role::kMaster, id * 3)));
    all.push_back(masters.back().get());
  }
  for (std::uint32_t id = 8; id-- > 0;) {
    slaves.push_back(make_interface(config(Role::kSlave, id * 3)));
    all.push_back(slaves.back().get());
  }
  ASSERT_TRUE(step_until(all, &now, [&] {
    return std::all_of(all.begin(), all.end(), [](Interface* i) { return i->is_connected(); });
  }));
  for (std::size_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(send_one(*slaves[7 - i], pattern(50 + i, 1)));
    Bytes received;
    ASSERT_TRUE(receive_one(*masters[i], &received));
    EXPECT_EQ(received.size(), 50 + i);
  }
  const auto twice = Interface::create(config(Role::kMaster, 3));
  ASSERT_FALSE(twice.ok());
  EXPECT_TRUE(mentions(twice.status(), "interface id 3 is taken")) << twice.status();
}

TEST_F(Connect, AbstractSocketsNeedNoFile) {
  Config master_config = config(Role::kMaster), slave_config = config(Role::kSlave);
  master_config.socket_path = absl::StrCat("@ringroad-test-", ::getpid());
  slave_config.socket_path = master_config.socket_path;
  auto master = make_interface(master_config);
  auto slave = make_interface(slave_config);
  ASSERT_TRUE(
      step_until({slave.get(), master.get()}, &now, [&] { return both_up(*slave, *master); }));
  EXPECT_TRUE(carries(*slave, *master));
  EXPECT_FALSE(std::filesystem::exists(master_config.socket_path));
}

TEST_F(Connect, SecretsMustMatch) {
  Config master_config = config(Role::kMaster);
  master_config.secret = "exactly-twenty-four-char";
  auto master = make_interface(master_config);
  for (const std::string secret : {"", "exactly-twenty-four-chaR", "exactly"}) {
    Config slave_config = config(Role::kSlave);
    slave_config.secret = secret;
    auto slave = make_interface(slave_config);
    EXPECT_TRUE(step_until({slave.get(), master.get()}, &now,
                           [&] {
                             return slave->last_error().find(secret.empty() ? "Secret required"
                                                                            : "Incorrect secret") !=
                                    std::string::npos;
                           }))
        << secret << ": " << slave->last_error();
    EXPECT_FALSE(both_up(*slave, *master));
  }
  Config slave_config = config(Role::kSlave);
  slave_config.secret = master_config.secret;
  auto slave = make_interface(slave_config);
  EXPECT_TRUE(
      step_until({slave.get(), master.get()}, &now, [&] { return both_up(*slave, *master); }));
}

TEST_F(Connect, UnknownIdIsRefusedWithAReason) {
  auto master = make_interface(config(Role::kMaster, 1));
  auto slave = make_interface(config(Role::kSlave, 2));
  EXPECT_TRUE(step_until({slave.get(), master.get()}, &now, [&] {
    return slave->last_error().find("ID not found") != std::string::npos;
  })) << slave->last_error();
  EXPECT_FALSE(slave->is_connected());
}

TEST_F(Connect, SecondSlaveOfOneIdIsRefusedUntilTheFirstLeaves) {
  auto master = make_interface(config(Role::kMaster));
  auto first = make_interface(config(Role::kSlave));
  ASSERT_TRUE(
      step_until({first.get(), master.get()}, &now, [&] { return both_up(*first, *master); }));
  auto second = make_interface(config(Role::kSlave));
  ASSERT_TRUE(step_until({first.get(), second.get(), master.get()}, &now, [&] {
    return second->last_error().find("Already connected") != std::string::npos;
  })) << second->last_error();
  EXPECT_TRUE(both_up(*first, *master));
  EXPECT_TRUE(carries(*first, *master));
  first.reset();
  EXPECT_TRUE(
      step_until({second.get(), master.get()}, &now, [&] { return both_up(*second, *master); }));
  EXPECT_TRUE(carries(*second, *master));
}

TEST_F(Connect, LeftoverSocketFileIsTakenOver) {
  const std::string path = directory / "memif.sock";
  {
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    ::close(fd);  // what a killed master leaves behind
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  auto master = make_interface(config(Role::kMaster));
  auto slave = make_interface(config(Role::kSlave));
  EXPECT_TRUE(
      step_until({slave.get(), master.get()}, &now, [&] { return both_up(*slave, *master); }));
  master.reset();
  EXPECT_FALSE(std::filesystem::exists(path)) << "a master that ends cleanly removes its socket";
}

TEST_F(Connect, LiveSocketOfAnotherOwnerIsLeftAlone) {
  const std::string path = directory / "memif.sock";
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  const auto master = Interface::create(config(Role::kMaster));
  ASSERT_FALSE(master.ok());
  EXPECT_TRUE(mentions(master.status(), path)) << master.status();
  EXPECT_TRUE(mentions(master.status(), "in use by another process")) << master.status();
  EXPECT_TRUE(mentions(master.status(), "stop that process")) << master.status();
  EXPECT_TRUE(std::filesystem::exists(path));
  ::close(fd);
}

TEST_F(Connect, BadConfigurationsNameTheValueAndTheMend) {
  std::ofstream(directory / "file") << "not a socket";
  const auto refused = [](Config c, const std::string& text) {
    const auto made = Interface::create(c);
    EXPECT_FALSE(made.ok());
    EXPECT_TRUE(mentions(made.status(), text)) << made.status();
  };
  Config c = config(Role::kMaster);
  c.socket_path = directory / "file";
  refused(c, "is no socket");
  c.socket_path = directory / "nowhere/memif.sock";
  refused(c, "mkdir -p");
  c.socket_path = "/tmp/" + std::string(200, 'x');
  refused(c, "at most 107");
  c.socket_path = "";
  refused(c, "the path is empty");
  c = config(Role::kSlave);
  c.secret = std::string(25, 's');
  refused(c, "25; at most 24");
  c = config(Role::kSlave);
  c.log2_ring_size = 15;
  refused(c, "log2_ring_size is 15");
  c = config(Role::kSlave);
  c.buffer_bytes = 65'537;
  refused(c, "buffer_bytes is 65537");
}

// A slave that sleeps on its descriptor is woken to try again, with no clock but the kernel's.
TEST_F(Connect, SleepingSlaveIsWokenToReconnect) {
  Config slave_config = config(Role::kSlave);
  slave_config.reconnect_interval = milliseconds(5);
  auto slave = make_interface(slave_config);
  slave->service(now);
  auto master = make_interface(config(Role::kMaster));
  for (int wakes = 0; wakes < 200 && !both_up(*slave, *master); ++wakes) {
    slave->arm();
    epoll_event event{};
    const int poll = ::epoll_create1(0);
    event.events = EPOLLIN;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, slave->wait_descriptor(), &event);
    ASSERT_EQ(::epoll_wait(poll, &event, 1, 2'000), 1) << "nothing woke the slave";
    ::close(poll);
    slave->disarm();
    slave->service(now);  // the caller's clock stands still
    master->arm();
    master->service(now);
  }
  EXPECT_TRUE(both_up(*slave, *master));
}

}  // namespace
}  // namespace ringroad::memif
