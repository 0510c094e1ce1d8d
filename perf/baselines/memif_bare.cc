// memif_bare: what a pair of processes moves over our memif with the same copies and checksums as
// Ringroad and no protocol. The sender fills frames from an L2-sized arena, closes each with a
// CRC32C and transmits; the receiver receives (a copy), checks the CRC, and copies the messages out
// to an L2-sized arena. One CPU each; bytes in flight fit L2. Prints bytes and messages a second,
// counted by the receiver.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "drivers/memif/interface.h"
#include "perf/baselines/baseline.h"
#include "perf/baselines/frame_filler.h"

namespace {

using namespace ringroad::baseline;
using ringroad::Nanos;
namespace memif = ringroad::memif;

constexpr std::size_t kBurst = 8;  // frames

struct Options {
  std::size_t size = 1'024, frame_bytes = 8'192, arena_bytes = 256 * 1'024;
  unsigned log2_slots = 5;
  double seconds = 1;
  int cpu_a = 0, cpu_b = 1;
};

std::unique_ptr<memif::Interface> connect(const Options& options, memif::Role role,
                                          const std::string& socket) {
  memif::Config config;
  config.role = role;
  config.socket_path = socket;
  config.log2_ring_size = static_cast<std::uint16_t>(options.log2_slots);
  config.buffer_bytes = static_cast<std::uint32_t>((options.frame_bytes + 63) / 64 * 64);
  config.reconnect_interval = ringroad::milliseconds(5);
  auto created = memif::Interface::create(config);
  if (!created.ok()) {
    std::fprintf(stderr, "memif: %s\n", created.status().ToString().c_str());
    return nullptr;
  }
  const std::int64_t deadline = deadline_after(5);
  while (!(*created)->is_connected()) {
    (*created)->service(Nanos{now_ns()});
    if (now_ns() > deadline) {
      std::fprintf(stderr, "memif: not connected after 5 s\n");
      return nullptr;
    }
  }
  return std::move(*created);
}

// Sends until the receiver hangs up or says stop.
bool run_sender(const Options& options, const std::string& socket, const std::atomic<bool>& stop) {
  const auto port = connect(options, memif::Role::kSlave, socket);
  if (port == nullptr) return false;
  std::vector<unsigned char> arena(options.arena_bytes, 0x5a);
  // Twice a burst: none is filled again before it was transmitted (transmit copies).
  FrameFiller filler(options.frame_bytes, 2 * kBurst);
  std::array<memif::TransmitBuffer, kBurst> burst;
  std::size_t pending = 0;
  const auto flush = [&](const unsigned char* frame) {
    burst[pending++] = {reinterpret_cast<const std::byte*>(frame),
                        static_cast<std::uint32_t>(options.frame_bytes)};
    for (std::size_t done = 0; pending == kBurst && !stop.load(std::memory_order_relaxed);) {
      done += port->transmit({burst.data() + done, kBurst - done});
      if (done == kBurst) pending = 0;
    }
    if (pending == kBurst) pending = 0;  // told to stop
  };
  const std::size_t slots = options.arena_bytes / options.size;
  for (std::size_t slot = 0; !stop.load(std::memory_order_relaxed);) {
    filler.add(arena.data() + slot * options.size, options.size, flush);
    slot = slot + 1 == slots ? 0 : slot + 1;
  }
  return true;
}

struct Received {
  std::uint64_t bytes = 0, damaged = 0;
  double seconds = 0;
};

// Copies payloads out, message by message, to the next place in the arena.
class Unpacker {
 public:
  explicit Unpacker(const Options& options) : size_(options.size), arena_(options.arena_bytes) {}
  void take(const unsigned char* bytes, std::size_t count) {
    while (count > 0) {
      const std::size_t part = std::min(count, size_ - filled_);
      std::memcpy(arena_.data() + at_ + filled_, bytes, part);
      bytes += part;
      count -= part;
      filled_ += part;
      if (filled_ < size_) continue;
      filled_ = 0;
      at_ = at_ + 2 * size_ > arena_.size() ? 0 : at_ + size_;
    }
  }

 private:
  std::size_t size_, at_ = 0, filled_ = 0;
  std::vector<unsigned char> arena_;
};

bool run_receiver(const Options& options, memif::Interface& port, Received& result) {
  std::vector<unsigned char> frames(kBurst * options.frame_bytes);
  Unpacker unpacker(options);
  const std::size_t payload = options.frame_bytes - 4;
  std::int64_t start = 0, deadline = deadline_after(5);
  for (unsigned pass = 0;; ++pass) {
    if (pass % 64 == 0 && now_ns() >= deadline) break;
    std::array<memif::ReceiveBuffer, kBurst> burst;
    for (std::size_t i = 0; i < kBurst; ++i) {
      burst[i] = {reinterpret_cast<std::byte*>(frames.data() + i * options.frame_bytes),
                  static_cast<std::uint32_t>(options.frame_bytes), 0};
    }
    const std::size_t count = port.receive(burst);
    if (count > 0 && start == 0) start = now_ns(), deadline = deadline_after(options.seconds);
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned char* frame = frames.data() + i * options.frame_bytes;
      std::uint32_t told = 0;
      std::memcpy(&told, frame + payload, sizeof told);
      const bool whole = burst[i].length == options.frame_bytes;
      if (!whole || frame_checksum(frame, payload) != told) {
        ++result.damaged;
        continue;
      }
      unpacker.take(frame, payload);
      result.bytes += payload;
    }
  }
  result.seconds = static_cast<double>(now_ns() - start) / 1e9;
  return start != 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"frames over our memif with copies and CRC32C, no protocol: bytes a second"};
  app.add_option("--size", options.size, "message bytes")->check(CLI::Range(1, 1 << 18));
  app.add_option("--frame-bytes", options.frame_bytes)->check(CLI::Range(64, 65'000));
  app.add_option("--arena-bytes", options.arena_bytes)->check(CLI::Range(1 << 18, 1 << 26));
  app.add_option("--log2-slots", options.log2_slots, "ring slots")->check(CLI::Range(1, 14));
  app.add_option("--seconds", options.seconds)->check(CLI::Range(0.01, 60.0));
  app.add_option("--cpu-a", options.cpu_a, "the receiver's CPU");
  app.add_option("--cpu-b", options.cpu_b, "the sender's CPU");
  CLI11_PARSE(app, argc, argv);

  void* page = mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return std::perror("mmap"), 1;
  auto* stop = new (page) std::atomic<bool>(false);
  const std::string socket = "@ringroad-memif-bare-" + std::to_string(getpid());
  const pid_t sender = fork();
  if (sender < 0) return std::perror("fork"), 1;
  if (sender == 0) {
    end_with_parent();
    pin_to(options.cpu_b);
    _exit(run_sender(options, socket, *stop) ? 0 : 1);
  }
  pin_to(options.cpu_a);
  Received result;
  const auto port = connect(options, memif::Role::kMaster, socket);
  const bool received = port != nullptr && run_receiver(options, *port, result);
  *stop = true;
  int status = 0;
  waitpid(sender, &status, 0);
  if (!received || status != 0) return 1;
  const double bytes_per_s = static_cast<double>(result.bytes) / result.seconds;
  std::printf(
      "{\"value\": %.0f, \"unit\": \"bytes/s\", \"msgs_per_s\": %.0f, \"damaged\": %llu, "
      "\"size_bytes\": %zu, \"frame_bytes\": %zu}\n",
      bytes_per_s, bytes_per_s / static_cast<double>(options.size),
      static_cast<unsigned long long>(result.damaged), options.size, options.frame_bytes);
  return result.damaged == 0 ? 0 : 1;
}
