// Every kind of port through the one interface, over real EAL and mempools: what goes in comes out,
// and every buffer comes home.
//
// `--huge` runs the same on 2 MB hugepages, when some are free. The kernel's side of tap and
// af_packet lives in a network namespace of this process's own, which needs root.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "drivers/factory.h"
#include "tests/pmd/eal_fixture.h"

namespace ringroad {
namespace {

bool own_namespace = false;  // set once, before the tests

constexpr std::uint32_t kPoolSize = 1'023;

Nanos monotonic_now() {
  return Nanos{std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1)};
}

class PortTest : public testing::Test {
 protected:
  void SetUp() override {
    pool_ = rte_pktmbuf_pool_create(absl::StrCat("pool", ++pools_).c_str(), kPoolSize, 0, 0,
                                    RTE_PKTMBUF_HEADROOM + 9'088, 0);  // as a node at MTU 9000
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override {
    ports_.clear();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kPoolSize) << "buffers did not come home";
    rte_mempool_free(pool_);
  }

  Port* make(const PortConfig& config) {
    auto made = make_port(config, 0, NodeId{7}, pool_);
    EXPECT_TRUE(made.ok()) << made.status();
    if (!made.ok()) return nullptr;
    ports_.push_back(*std::move(made));
    const absl::Status started = ports_.back()->start();
    EXPECT_TRUE(started.ok()) << started;
    return started.ok() ? ports_.back().get() : nullptr;
  }
  rte_mbuf* packet(std::uint16_t size, std::uint8_t seed) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    auto* data = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, size));
    for (std::uint16_t i = 0; i < size; ++i) data[i] = static_cast<std::uint8_t>(i * 7 + seed);
    if (size >= 14) {  // broadcast, from a station of ours, of a type nobody listens to
      std::memset(data, 0xff, 6);
      std::memcpy(data + 6, "\x02\x52\x52\x00\x00\x63\x88\xb5", 8);
    }
    return mbuf;
  }
  static std::string bytes_of(const rte_mbuf* mbuf) {
    return {rte_pktmbuf_mtod(mbuf, const char*), mbuf->data_len};
  }
  // Receives until `count` packets of our type came, or five seconds passed; frees them all.
  std::vector<std::string> receive(Port& port, std::size_t count, std::uint16_t burst = 32) {
    std::vector<std::string> received;
    eventually([&] {
      std::vector<rte_mbuf*> mbufs(burst);
      const std::uint16_t got = port.receive_burst(mbufs);
      for (std::uint16_t i = 0; i < got; ++i) {
        const std::string bytes = bytes_of(mbufs[i]);
        if (bytes.size() < 14 || bytes.substr(12, 2) == "\x88\xb5") received.push_back(bytes);
      }
      rte_pktmbuf_free_bulk(mbufs.data(), got);
      return received.size() >= count;
    });
    return received;
  }
  bool eventually(const std::function<bool()>& condition) {
    const Nanos deadline = monotonic_now() + seconds(5);
    while (!condition()) {
      if (monotonic_now() > deadline) return false;
      for (auto& port : ports_) port->service(monotonic_now());
    }
    return true;
  }

  static inline unsigned pools_ = 0;
  rte_mempool* pool_ = nullptr;
  std::vector<std::unique_ptr<Port>> ports_;
};

// Packets are too long to print: says which differ, and how long they are.
testing::AssertionResult same(const std::vector<std::string>& received,
                              const std::vector<std::string>& sent) {
  if (received == sent) return testing::AssertionSuccess();
  auto result = testing::AssertionFailure();
  result << received.size() << " received, " << sent.size() << " sent;";
  for (std::size_t i = 0; i < std::min(received.size(), sent.size()); ++i) {
    if (received[i] == sent[i]) continue;
    return result << " first difference at " << i << ": " << received[i].size() << " and "
                  << sent[i].size() << " bytes";
  }
  return result;
}

bool mentions(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

PortConfig config_of(PortKind kind, std::uint32_t mtu) {
  PortConfig config;
  config.kind = kind;
  config.mtu = mtu;
  return config;
}

TEST_F(PortTest, NullSwallowsEverythingAndSaysNothing) {
  Port* port = make(config_of(PortKind::kNull, 9'000));
  ASSERT_NE(port, nullptr);
  EXPECT_TRUE(port->is_link_up());
  EXPECT_EQ(port->wait_descriptor(), -1);
  for (int round = 0; round < 100; ++round) {
    std::vector<rte_mbuf*> burst;
    for (std::uint8_t i = 0; i < 32; ++i) burst.push_back(packet(64, i));
    ASSERT_EQ(port->transmit_burst(burst), 32);
  }
  std::vector<rte_mbuf*> none(32);
  EXPECT_EQ(port->receive_burst(none), 0);
  EXPECT_EQ(port->statistics().packets_sent, 3'200u);
  EXPECT_EQ(port->statistics().bytes_sent, 3'200u * 64);
  const std::string text = print_capabilities(*port);
  EXPECT_NE(text.find("null (net_null)"), std::string::npos) << text;
  EXPECT_NE(text.find("9000 bytes"), std::string::npos) << text;
  EXPECT_NE(text.find("it has no descriptor"), std::string::npos) << text;
  EXPECT_NE(text.find("02:52:52:00:00:07"), std::string::npos) << text;
}

TEST_F(PortTest, RingGivesBackWhatItWasGivenInOrder) {
  Port* port = make(config_of(PortKind::kRing, 9'000));
  ASSERT_NE(port, nullptr);
  std::vector<std::string> sent;
  for (std::uint8_t i = 0; i < 200; ++i) {
    rte_mbuf* one = packet(static_cast<std::uint16_t>(60 + i * 40), i);
    sent.push_back(bytes_of(one));
    ASSERT_EQ(port->transmit_burst({&one, 1}), 1);
  }
  EXPECT_TRUE(same(receive(*port, sent.size()), sent));
  EXPECT_EQ(port->statistics().packets_received, sent.size());
  EXPECT_EQ(port->statistics().bytes_received, port->statistics().bytes_sent);
}

TEST_F(PortTest, TwoRingPortsAreTwoDevices) {
  Port* one = make(config_of(PortKind::kRing, 1'500));
  Port* two = make(config_of(PortKind::kRing, 1'500));
  ASSERT_TRUE(one != nullptr && two != nullptr);
  rte_mbuf* sent = packet(64, 1);
  ASSERT_EQ(one->transmit_burst({&sent, 1}), 1);
  std::vector<rte_mbuf*> mbufs(4);
  EXPECT_EQ(two->receive_burst(mbufs), 0);
  EXPECT_EQ(receive(*one, 1).size(), 1u);
}

TEST_F(PortTest, RingGivesBackWhatNobodyReceived) {
  Port* port = make(config_of(PortKind::kRing, 1'500));
  ASSERT_NE(port, nullptr);
  rte_mbuf* sent = packet(64, 1);
  ASSERT_EQ(port->transmit_burst({&sent, 1}), 1);
  port->stop();
  EXPECT_EQ(rte_mempool_avail_count(pool_), kPoolSize);
}

// ---- memif ------------------------------------------------------------------------------------

class MemifPortTest : public PortTest {
 protected:
  void SetUp() override {
    PortTest::SetUp();
    PortConfig config = config_of(PortKind::kMemif, 9'000);
    config.socket = absl::StrCat("@ringroad-port-test-", getpid());
    config.ring_slots = 64;
    config.master = true;
    master_ = make(config);
    config.master = false;
    slave_ = make(config);
    ASSERT_TRUE(master_ != nullptr && slave_ != nullptr);
    ASSERT_TRUE(eventually([this] { return master_->is_link_up() && slave_->is_link_up(); }));
  }
  Port* master_ = nullptr;
  Port* slave_ = nullptr;
};

TEST_F(MemifPortTest, CarriesPacketsBothWays) {
  for (auto [from, to] : {std::pair(master_, slave_), std::pair(slave_, master_)}) {
    std::vector<std::string> sent, received;
    for (std::uint8_t i = 0; i < 250; ++i) {
      rte_mbuf* one = packet(static_cast<std::uint16_t>(14 + i * 36), i);
      sent.push_back(bytes_of(one));
      ASSERT_EQ(from->transmit_burst({&one, 1}), 1);
      if (i % 50 != 49) continue;
      for (std::string& bytes : receive(*to, 50)) received.push_back(std::move(bytes));
    }
    EXPECT_TRUE(same(received, sent));
  }
  EXPECT_EQ(master_->statistics().link_changes, 1u);
  EXPECT_TRUE(master_->capabilities().shared_memory);
  EXPECT_GE(slave_->wait_descriptor(), 0);
}

TEST_F(MemifPortTest, KeepsWhatTheRingHasNoRoomFor) {
  std::vector<rte_mbuf*> burst;
  for (std::uint8_t i = 0; i < 100; ++i) burst.push_back(packet(64, i));
  EXPECT_EQ(slave_->transmit_burst(burst), 64);
  EXPECT_EQ(slave_->statistics().send_ring_full, 36u);
  EXPECT_EQ(receive(*master_, 64).size(), 64u);
  EXPECT_EQ(slave_->transmit_burst(std::span(burst).subspan(64)), 36);
  EXPECT_EQ(receive(*master_, 36).size(), 36u);
}

TEST_F(MemifPortTest, WithoutBuffersPacketsWaitInTheRing) {
  rte_mbuf* one = packet(64, 1);
  ASSERT_EQ(slave_->transmit_burst({&one, 1}), 1);
  std::vector<rte_mbuf*> hoard;
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_)) hoard.push_back(mbuf);
  std::vector<rte_mbuf*> mbufs(4);
  EXPECT_EQ(master_->receive_burst(mbufs), 0);
  EXPECT_GT(master_->statistics().received_no_buffer, 0u);
  rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
  EXPECT_EQ(receive(*master_, 1).size(), 1u);
}

TEST_F(MemifPortTest, StopAndStartAgain) {
  slave_->stop();
  EXPECT_TRUE(eventually([this] { return !master_->is_link_up(); }));
  ASSERT_TRUE(slave_->start().ok());
  EXPECT_TRUE(eventually([this] { return master_->is_link_up() && slave_->is_link_up(); }));
  EXPECT_EQ(master_->statistics().link_changes, 3u);
}

TEST_F(PortTest, MtuBeyondTheBuffersIsRefused) {
  for (PortKind kind : {PortKind::kMemif, PortKind::kNull}) {
    PortConfig config = config_of(kind, 9'100);
    config.socket = "@unused";
    auto made = make_port(config, 0, NodeId{7}, pool_);
    const absl::Status status = made.ok() ? (*made)->start() : made.status();
    EXPECT_TRUE(mentions(status, "mtu 9100 needs buffers of 9118 bytes")) << status;
  }
}

// ---- the kernel's interfaces ------------------------------------------------------------------

class KernelPortTest : public PortTest {
 protected:
  void SetUp() override {
    PortTest::SetUp();
    if (!own_namespace) GTEST_SKIP() << "needs root, for a network namespace and a tap in it";
    if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
  }
  PortConfig tap(std::uint32_t mtu) {
    PortConfig config = config_of(PortKind::kTap, mtu);
    config.interface = "rrtap0";
    return config;
  }
};

// The kernel's end of a tap: a packet socket bound to it.
class PacketSocket {
 public:
  explicit PacketSocket(const char* interface)
      : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x88b5))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x88b5);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~PacketSocket() { ::close(fd_); }
  bool send(const std::string& bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  }
  std::string receive() const {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, 5'000) != 1) return "nothing came";
    std::string bytes(65'536, '\0');
    bytes.resize(static_cast<std::size_t>(::recv(fd_, bytes.data(), bytes.size(), 0)));
    return bytes;
  }

 private:
  int fd_;
};

TEST_F(KernelPortTest, TapExchangesFramesWithTheKernelAtBothMtus) {
  for (const std::uint32_t mtu : {1'500u, 9'000u}) {
    Port* port = make(tap(mtu));
    ASSERT_NE(port, nullptr);
    EXPECT_TRUE(eventually([&] { return port->is_link_up(); }));
    const PacketSocket kernel("rrtap0");
    std::vector<std::string> sent;
    for (std::uint32_t i = 0; i < 100; ++i) {
      rte_mbuf* one = packet(static_cast<std::uint16_t>(60 + i * (mtu + 14 - 60) / 99),
                             static_cast<std::uint8_t>(i));
      sent.push_back(bytes_of(one));
      ASSERT_TRUE(kernel.send(sent.back())) << std::strerror(errno);
      ASSERT_EQ(port->transmit_burst({&one, 1}), 1) << one->data_len;
      EXPECT_TRUE(same({kernel.receive()}, {sent.back()}));
    }
    // Small bursts: the driver must not forget what was behind the first.
    EXPECT_TRUE(same(receive(*port, sent.size(), /*burst=*/3), sent));
    ports_.clear();
  }
}

TEST_F(KernelPortTest, TapMixesJumboAndShortFramesInOneBurst) {
  Port* port = make(tap(9'000));
  ASSERT_NE(port, nullptr);
  const PacketSocket kernel("rrtap0");
  std::vector<rte_mbuf*> burst;
  std::vector<std::string> sent;
  for (const std::uint16_t size :
       std::initializer_list<std::uint16_t>{100, 9'014, 9'014, 60, 1'526, 2'000, 1'527, 60}) {
    burst.push_back(packet(size, static_cast<std::uint8_t>(burst.size())));
    sent.push_back(bytes_of(burst.back()));
  }
  ASSERT_EQ(port->transmit_burst(burst), burst.size());
  for (const std::string& bytes : sent) EXPECT_TRUE(same({kernel.receive()}, {bytes}));
}

TEST_F(KernelPortTest, TapWakesASleeper) {
  Port* port = make(tap(1'500));
  ASSERT_NE(port, nullptr);
  ASSERT_GE(port->wait_descriptor(), 0);
  EXPECT_TRUE(port->capabilities().has_descriptor);
  receive(*port, 0);
  const PacketSocket kernel("rrtap0");
  rte_mbuf* one = packet(100, 1);
  ASSERT_TRUE(kernel.send(bytes_of(one)));
  rte_pktmbuf_free(one);
  EXPECT_TRUE(port->arm());
  pollfd wait{port->wait_descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 5'000), 1);
  port->disarm();
  EXPECT_EQ(receive(*port, 1).size(), 1u);
}

// As `ip link del` does.
bool delete_interface(const char* name) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_DELLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(if_nametoindex(name));
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  const bool answered =
      ::send(fd, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request) &&
      ::recv(fd, &answer, sizeof answer, 0) > 0;
  ::close(fd);
  return answered && answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
}

TEST_F(KernelPortTest, ADeletedTapIsALinkThatWentDownAndWakesNobody) {
  Port* port = make(tap(1'500));
  ASSERT_NE(port, nullptr);
  ASSERT_TRUE(eventually([&] { return port->is_link_up(); }));
  const std::uint64_t changes = port->statistics().link_changes;
  // As an io loop waits: level-triggered, on an epoll descriptor around the port's.
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(loop, EPOLL_CTL_ADD, port->wait_descriptor(), &event), 0);
  ASSERT_TRUE(delete_interface("rrtap0"));
  EXPECT_EQ(::epoll_wait(loop, &event, 1, 5'000), 1) << "the loss itself wakes the loop";
  EXPECT_TRUE(eventually([&] { return !port->is_link_up(); }));
  EXPECT_EQ(port->statistics().link_changes, changes + 1);
  EXPECT_EQ(::epoll_wait(loop, &event, 1, 0), 0) << "it would spin for ever";

  // Another interface that takes the name is not this port's.
  Port* other = make(tap(1'500));
  ASSERT_NE(other, nullptr);
  ASSERT_TRUE(eventually([&] { return other->is_link_up(); }));
  const Nanos later = monotonic_now() + seconds(1);
  port->service(later);
  EXPECT_FALSE(port->is_link_up());
  rte_mbuf* one = packet(100, 1);
  EXPECT_EQ(port->transmit_burst({&one, 1}), 0) << "the caller keeps it";
  rte_pktmbuf_free(one);
  ::close(loop);
}

TEST_F(KernelPortTest, AfPacketMeetsTapOnOneInterface) {
  for (const std::uint32_t mtu : {1'500u, 9'000u}) {
    Port* wire = make(tap(mtu));
    ASSERT_NE(wire, nullptr);
    PortConfig config = config_of(PortKind::kAfPacket, mtu);
    config.interface = "rrtap0";
    Port* port = make(config);
    ASSERT_NE(port, nullptr);
    EXPECT_EQ(port->wait_descriptor(), -1) << "this driver has none";
    EXPECT_TRUE(eventually([&] { return port->is_link_up(); }));
    for (auto [from, to] : {std::pair(wire, port), std::pair(port, wire)}) {
      std::vector<std::string> sent;
      for (std::uint32_t i = 0; i < 50; ++i) {
        rte_mbuf* one = packet(static_cast<std::uint16_t>(60 + i * (mtu + 14 - 60) / 49),
                               static_cast<std::uint8_t>(i));
        sent.push_back(bytes_of(one));
        ASSERT_EQ(from->transmit_burst({&one, 1}), 1) << one->data_len;
      }
      EXPECT_TRUE(same(receive(*to, sent.size()), sent))
          << to->capabilities().kind << " mtu " << mtu;
    }
    ports_.clear();
  }
}

TEST_F(KernelPortTest, FaultsNameThePortTheValueAndTheMend) {
  const auto refused = [this](PortConfig config, const std::string& text) {
    const auto made = make_port(config, 0, NodeId{7}, pool_);
    ASSERT_FALSE(made.ok());
    EXPECT_TRUE(mentions(made.status(), text)) << made.status();
  };
  PortConfig config = config_of(PortKind::kAfPacket, 1'500);
  config.interface = "nosuch0";
  refused(config, "port af_packet \"nosuch0\": no such interface; one of: lo");
  config.interface = "lo,fanout=1";
  refused(config, "is no interface name");
  config = tap(1'500);
  config.interface = "lo";
  refused(config, "there already");
  config.interface = "";
  refused(config, "is no interface name");
}

// Has at least so many hugepages while it lives; gives back what it added.
class Hugepages {
 public:
  explicit Hugepages(unsigned pages) : before_(count()) {
    if (before_ < pages) set(pages);
    enough_ = count() >= pages;
  }
  ~Hugepages() { set(before_); }
  explicit operator bool() const { return enough_; }

 private:
  static constexpr const char* kFile = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
  static unsigned count() {
    unsigned pages = 0;
    std::ifstream(kFile) >> pages;
    return pages;
  }
  static void set(unsigned pages) { std::ofstream(kFile) << pages; }

  unsigned before_;
  bool enough_ = false;
};

}  // namespace
}  // namespace ringroad

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  ringroad::own_namespace = unshare(CLONE_NEWNET) == 0;
  const bool huge = argc > 1 && std::string(argv[1]) == "--huge";
  if (!huge) return ringroad::run_with_eal(argv[0]);
  constexpr unsigned kPages = 40;
  const ringroad::Hugepages hugepages(kPages);
  if (!hugepages) {
    std::printf("skipped: no %u free hugepages of 2 MB, and may not reserve them\n", kPages);
    return 77;
  }
  return ringroad::run_with_eal(argv[0], {"--in-memory", "-m", "64"});
}
