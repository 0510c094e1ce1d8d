// One end of a memif as a process of its own, for the tests beside it. It says on standard output,
// a line each, what it sees:
//
//   up <k>        the k-th connection is there       moving <k>   1,000 packets came over it
//   down <k>      it is gone                         verified     --packets echoes were checked
//   total ...     counters, when SIGTERM ends it
//
// Modes: blast sends and receives as fast as it can; sink only receives; verify sends numbered
// packets of mixed sizes and checks that the other end echoes them, in order and unchanged.
#include <signal.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "drivers/memif/interface.h"

namespace ringroad::memif {
namespace {

constexpr std::size_t kBurst = 32;
constexpr std::uint32_t kCapacity = 16'384;
constexpr std::uint64_t kMovingPackets = 1'000;
constexpr std::uint64_t kInFlightMax = 200;

volatile sig_atomic_t stopped = 0;

struct Options {
  Config config;
  std::string mode = "blast";
  std::uint32_t size = 64;  // the largest
  std::uint64_t packets = 100'000;
};

Nanos monotonic_now() {
  return Nanos{std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1)};
}

class Peer {
 public:
  Peer(const Options& options, Interface& interface)
      : options_(options), interface_(interface), memory_(kBurst * kCapacity), out_(kCapacity) {}

  // Returns whether it had anything to do.
  bool turn() {
    bool busy = interface_.service(monotonic_now()) != 0;
    report_link();
    if (!interface_.is_connected()) return busy;
    busy |= receive();
    if (options_.mode == "blast") busy |= blast();
    if (options_.mode == "verify") busy |= send_numbered();
    return busy;
  }
  bool is_wrong() const { return wrong_; }

 private:
  void report_link() {
    const std::uint64_t count = interface_.statistics().connects;
    if (interface_.is_connected() == up_ && count == connection_) return;
    if (up_) std::printf("down %" PRIu64 "\n", connection_);
    up_ = interface_.is_connected();
    connection_ = count;
    received_before_ = interface_.statistics().packets_received;
    moving_ = false;
    if (up_) std::printf("up %" PRIu64 "\n", connection_);
  }

  bool receive() {
    std::vector<ReceiveBuffer> buffers(kBurst);
    for (std::size_t i = 0; i < kBurst; ++i) {
      buffers[i] = {memory_.data() + i * kCapacity, kCapacity, 0};
    }
    const std::size_t count = interface_.receive(buffers);
    if (options_.mode == "verify") {
      for (std::size_t i = 0; i < count; ++i) check(buffers[i]);
    }
    if (!moving_ && interface_.statistics().packets_received - received_before_ >= kMovingPackets) {
      moving_ = true;
      std::printf("moving %" PRIu64 "\n", connection_);
    }
    return count != 0;
  }

  bool blast() {
    std::vector<TransmitBuffer> burst(kBurst, {out_.data(), options_.size});
    return interface_.transmit(burst) != 0;
  }

  // Every seventh packet is the largest, so that chains and single buffers mix.
  std::uint32_t size_of(std::uint64_t number) const {
    return number % 7 == 0 ? options_.size
                           : static_cast<std::uint32_t>(60 + number * 13 % (options_.size - 59));
  }
  void fill(std::uint64_t number, std::byte* data) const {
    std::memset(data, static_cast<int>(number & 0xff), size_of(number));
    std::memset(data, 0x02, 12);  // addresses: no multicast
    std::memcpy(data + 12, "\x88\xb5", 2);
    std::memcpy(data + 14, &number, sizeof number);
  }

  bool send_numbered() {
    if (sent_ == options_.packets || sent_ - echoed_ >= kInFlightMax) return false;
    fill(sent_, out_.data());
    const TransmitBuffer packet{out_.data(), size_of(sent_)};
    if (interface_.transmit({&packet, 1}) == 0) return false;
    ++sent_;
    return true;
  }

  void check(const ReceiveBuffer& packet) {
    std::vector<std::byte> expected(kCapacity);
    fill(echoed_, expected.data());
    if (packet.length != size_of(echoed_) ||
        std::memcmp(packet.data, expected.data(), packet.length) != 0) {
      std::printf("wrong echo of packet %" PRIu64 ": %u bytes\n", echoed_, packet.length);
      wrong_ = true;
    }
    if (++echoed_ == options_.packets) std::printf("verified\n");
  }

  const Options& options_;
  Interface& interface_;
  std::vector<std::byte> memory_, out_;
  bool up_ = false, moving_ = false, wrong_ = false;
  std::uint64_t connection_ = 0, received_before_ = 0, sent_ = 0, echoed_ = 0;
};

int run(const Options& options) {
  auto made = Interface::create(options.config);
  if (!made.ok()) {
    std::fprintf(stderr, "memif_peer: %s\n", std::string(made.status().message()).c_str());
    return 1;
  }
  Interface& interface = **made;
  Peer peer(options, interface);
  while (stopped == 0 && !peer.is_wrong()) {
    if (!peer.turn()) std::this_thread::yield();
  }
  const Statistics& s = interface.statistics();
  std::printf("total received=%" PRIu64 " sent=%" PRIu64 " bytes_received=%" PRIu64
              " malformed=%" PRIu64 " too_long=%" PRIu64 " protocol_errors=%" PRIu64 "\n",
              s.packets_received, s.packets_sent, s.bytes_received, s.received_malformed,
              s.received_too_long, s.protocol_errors);
  return peer.is_wrong() ? 1 : 0;
}

}  // namespace
}  // namespace ringroad::memif

int main(int argc, char** argv) {
  ringroad::memif::Options options;
  bool master = false;
  CLI::App app("one end of a memif, for tests");
  app.add_option("--socket", options.config.socket_path)->required();
  app.add_option("--id", options.config.id);
  app.add_option("--mode", options.mode)->check(CLI::IsMember({"blast", "sink", "verify"}));
  app.add_option("--size", options.size)->check(CLI::Range(60, 16'384));
  app.add_option("--packets", options.packets);
  app.add_flag("--master", master);
  CLI11_PARSE(app, argc, argv);
  options.config.role = master ? ringroad::memif::Role::kMaster : ringroad::memif::Role::kSlave;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, [](int) { ringroad::memif::stopped = 1; });
  setvbuf(stdout, nullptr, _IOLBF, 0);
  return ringroad::memif::run(options);
}
