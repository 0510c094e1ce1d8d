// The stack against the kernel's own: a tap device in a network namespace of this test's own, the
// kernel on one side, a Stack on the other. The kernel's ping and arping get their answers, its UDP
// arrives as frames, and ours arrives in its sockets. No DPDK.
//
// Needs the right to make a network namespace and a tap device; skips, saying so, without it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/net/stack.h"

extern char** environ;

namespace ringroad {
namespace {

constexpr const char* kDevice = "rrtap0";
constexpr Ipv4Address kKernelAddress{0x0a4d0001};  // 10.77.0.1
constexpr Ipv4Address kOurAddress{0x0a4d0002};     // 10.77.0.2
constexpr const char* kOurAddressText = "10.77.0.2";
constexpr std::uint16_t kPort = 8801;
constexpr std::uint32_t kMtu = 9000;
constexpr Nanos kPatience = seconds(20);

Nanos now() {
  return Nanos{
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count()};
}

// Starts a program found on the PATH; its output goes to the test's.
std::optional<pid_t> start(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    return std::nullopt;
  }
  return pid;
}

// The exit code of a short command, or -1.
int run(const std::vector<std::string>& words) {
  const auto pid = start(words);
  int status = 0;
  if (!pid || waitpid(*pid, &status, 0) != *pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// A tap device with the kernel's end configured; closed with the test.
class Tap {
 public:
  // Why there is none, or nothing when it is ready.
  std::string open() {
    // Its own namespace: nothing of the machine's network is touched, and it goes with the process.
    if (unshare(CLONE_NEWNET) != 0) {
      return std::string("no right to make a network namespace: ") + std::strerror(errno);
    }
    descriptor_ = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor_ < 0) return std::string("/dev/net/tun: ") + std::strerror(errno);
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
    if (ioctl(descriptor_, TUNSETIFF, &request) != 0) {
      return std::string("TUNSETIFF: ") + std::strerror(errno);
    }
    if (run({"ip", "link", "set", kDevice, "mtu", std::to_string(kMtu), "up"}) != 0 ||
        run({"ip", "address", "add", to_string(kKernelAddress) + "/24", "dev", kDevice}) != 0) {
      return "the ip command failed (is iproute2 installed?)";
    }
    return "";
  }
  ~Tap() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

class Ping : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tap_ = std::make_unique<Tap>();
    missing_ = std::make_unique<std::string>(tap_->open());
  }
  static void TearDownTestSuite() {
    tap_.reset();
    missing_.reset();
  }
  void SetUp() override {
    if (!missing_->empty()) GTEST_SKIP() << *missing_;
  }

  // Serves the tap until `done`, or until patience ends. Returns whether it was done.
  bool serve(const std::function<bool()>& done) {
    const Nanos deadline = now() + kPatience;
    while (now() < deadline) {
      if (done()) return true;
      pollfd waiting{.fd = tap_->descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&waiting, 1, 10);
      receive();
      stack_.on_time(now());
      transmit();
    }
    return false;
  }

  // Serves until the command has ended; its exit code, or -1 when it did not end in time.
  int serve_command(const std::vector<std::string>& words) {
    const auto pid = start(words);
    if (!pid) return -1;
    int status = 0;
    if (serve([&] { return waitpid(*pid, &status, WNOHANG) == *pid; })) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    kill(*pid, SIGKILL);
    waitpid(*pid, &status, 0);
    return -1;
  }

  void send(std::span<const std::byte> packet) {
    EXPECT_EQ(write(tap_->descriptor(), packet.data(), packet.size()),
              static_cast<ssize_t>(packet.size()));
  }

  static bool has_program(const char* name) {
    return run({"sh", "-c", std::string("command -v ") + name + " > /dev/null"}) == 0;
  }

  Stack stack_{StackConfig{.mac = {{0x02, 0x52, 0x52, 0, 0, 2}},
                           .address = kOurAddress,
                           .prefix_length = 24,
                           .udp_port = kPort,
                           .mtu = kMtu}};
  std::vector<std::string> frames_;  // payloads that arrived

 private:
  void receive() {
    std::vector<std::byte> packet(stack_.packet_bytes_max() + 64);
    while (true) {
      const ssize_t bytes = read(tap_->descriptor(), packet.data(), packet.size());
      if (bytes <= 0) return;
      const auto whole = std::span(packet).first(static_cast<std::size_t>(bytes));
      const Inbound inbound = stack_.on_packet(whole, now());
      if (inbound.kind != Inbound::Kind::kFrame) continue;
      EXPECT_EQ(inbound.source, kKernelAddress);
      frames_.emplace_back(reinterpret_cast<const char*>(inbound.payload.data()),
                           inbound.payload.size());
    }
  }
  void transmit() {
    std::vector<std::byte> packet(stack_.packet_bytes_max());
    while (stack_.has_packet()) {
      send(std::span(packet).first(stack_.poll_packet(now(), packet)));
    }
  }

  static inline std::unique_ptr<Tap> tap_;
  static inline std::unique_ptr<std::string> missing_;
};

// A kernel UDP socket bound to kPort, to send to us and to receive from us.
class KernelSocket {
 public:
  KernelSocket() : descriptor_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const sockaddr_in here = address_of(kKernelAddress);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
  }
  ~KernelSocket() { close(descriptor_); }
  KernelSocket(const KernelSocket&) = delete;
  KernelSocket& operator=(const KernelSocket&) = delete;

  void send(const std::string& payload) {
    const sockaddr_in there = address_of(kOurAddress);
    EXPECT_EQ(sendto(descriptor_, payload.data(), payload.size(), 0,
                     reinterpret_cast<const sockaddr*>(&there), sizeof there),
              static_cast<ssize_t>(payload.size()));
  }
  std::optional<std::string> receive() {
    std::string payload(kMtu, '\0');
    const ssize_t bytes = recv(descriptor_, payload.data(), payload.size(), 0);
    if (bytes < 0) return std::nullopt;
    payload.resize(static_cast<std::size_t>(bytes));
    return payload;
  }

 private:
  static sockaddr_in address_of(Ipv4Address address) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(kPort);
    result.sin_addr.s_addr = htonl(address.value);
    return result;
  }
  int descriptor_;
};

TEST_F(Ping, TheKernelsPingGetsAnswersOfEverySizeUpToTheMtu) {
  if (!has_program("ping")) GTEST_SKIP() << "ping is not installed";
  for (const char* size : {"56", "1472", "8972"}) {
    // Never fragmented, bounded by -w; 0 only when answers came.
    EXPECT_EQ(serve_command({"ping", "-n", "-q", "-M", "do", "-c", "3", "-i", "0.2", "-w", "10",
                             "-s", size, kOurAddressText}),
              0)
        << size;
  }
  EXPECT_GE(stack_.statistics().echo_replies_sent, 9u);
}

TEST_F(Ping, TheKernelsArpingGetsAnswers) {
  if (!has_program("arping")) GTEST_SKIP() << "arping is not installed";
  EXPECT_EQ(serve_command({"arping", "-q", "-c", "2", "-w", "10", "-I", kDevice, kOurAddressText}),
            0);
  EXPECT_GE(stack_.statistics().arp_replies_sent, 2u);
}

TEST_F(Ping, NobodyAnswersForAnAddressThatIsNotOurs) {
  if (!has_program("ping")) GTEST_SKIP() << "ping is not installed";
  EXPECT_EQ(serve_command({"ping", "-n", "-q", "-c", "1", "-w", "1", "10.77.0.3"}), 1);
  EXPECT_EQ(stack_.statistics().arp_replies_sent, 0u);
}

TEST_F(Ping, UdpFromTheKernelArrivesAsFrames) {
  KernelSocket socket;
  const std::string small = "hello from the kernel";
  const std::string large(kMtu - Stack::kIpv4AndUdpBytes, 'x');
  socket.send(small);
  ASSERT_TRUE(serve([&] { return !frames_.empty(); }));
  socket.send(large);
  ASSERT_TRUE(serve([&] { return frames_.size() == 2; }));
  EXPECT_EQ(frames_[0], small);
  EXPECT_EQ(frames_[1], large);
  for (std::size_t i = 0; i < static_cast<std::size_t>(DropReason::kCount); ++i) {
    const auto reason = static_cast<DropReason>(i);
    if (is_malformed(reason)) {
      EXPECT_EQ(stack_.statistics().drops[i], 0u) << drop_reason_name(reason);
    }
  }
}

TEST_F(Ping, OurFramesArriveInTheKernelsSocket) {
  KernelSocket socket;
  auto kernel = stack_.destination(kKernelAddress, kPort, 50'000);
  ASSERT_TRUE(serve([&] { return stack_.route(kernel, now()) == Route::kReady; }))
      << "the kernel did not answer our ARP request";
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, stack_.payload_bytes_max()}) {
    std::vector<std::byte> packet(Stack::kHeadroomBytes + size, std::byte{'r'});
    stack_.encapsulate(kernel, packet.data(), size);
    send(packet);
    std::optional<std::string> received;
    ASSERT_TRUE(serve([&] { return (received = socket.receive()).has_value(); })) << size;
    EXPECT_EQ(*received, std::string(size, 'r'));
  }
}

}  // namespace
}  // namespace ringroad
