// api_loop: what the C API carries. One application sends to its own node; the io lcore on another
// CPU copies each message to the application's receive arena; the application reads and releases
// it.
//
// Prints one JSON object. `value` counts a message each time it crosses between the two processes:
// once out, once back. The baseline is an rte_ring between two processes with the same copies.
#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#include "dataplane/client/dist_net.h"
#include "perf/dataplane_child.h"

namespace {

constexpr std::uint32_t kBurst = 32;
constexpr std::uint32_t kType = 7;
constexpr std::uint32_t kInFlightBytes = 256 * 1024;  // with both arenas, well within L2

struct Loop {
  dist_net_context_t* context = nullptr;
  std::vector<std::byte> payload, sink;
  std::array<dist_net_outgoing_t, kBurst> out{};
  std::array<dist_net_message_t, kBurst> in{};
  std::uint64_t sent = 0, received = 0, bytes_wrong = 0;
  std::uint64_t in_flight_max;

  explicit Loop(std::size_t size)
      : payload(size, std::byte{0x5a}),
        sink(size),
        in_flight_max(std::max<std::size_t>(
            kBurst, std::min<std::size_t>(1'024, kInFlightBytes / (size + 1)))) {
    for (auto& message : out) {
      message.node = 1;
      message.type = kType;
      message.priority = DIST_NET_PRIORITY_NORMAL;
      message.payload = payload.data();
      message.size = size;
    }
  }

  void pass() {
    if (sent - received + kBurst <= in_flight_max)
      sent += dist_net_send(context, out.data(), kBurst);
    const std::int32_t count = dist_net_receive(context, in.data(), kBurst);
    if (count <= 0) return;
    for (std::int32_t i = 0; i < count; ++i) {
      bytes_wrong += in[i].size != payload.size();
      std::memcpy(sink.data(), in[i].payload, in[i].size);
    }
    dist_net_release(context, in.data(), static_cast<std::uint32_t>(count));
    received += static_cast<std::uint64_t>(count);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t size = 64;
  double run_seconds = 1;
  int io_cpu = 0, application_cpu = 1;
  CLI::App app{"Messages a second through the C API, an io lcore looping them back"};
  app.add_option("--size", size, "message bytes")->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_option("--io-cpu", io_cpu)->capture_default_str();
  app.add_option("--application-cpu", application_cpu)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  ringroad::perf::DataplaneChild dataplane("{\"idle\": \"poll\", \"io\": [" +
                                           std::to_string(io_cpu) + "]}");
  ringroad::perf::pin_to(application_cpu);
  Loop loop{size};
  const std::string socket = dataplane.socket();
  dist_net_options_t options{};
  options.socket = socket.c_str();
  if (dist_net_open(&options, &loop.context) != DIST_NET_SUCCESS ||
      dist_net_bind(loop.context, kType, DIST_NET_BIND_EXCLUSIVE) != DIST_NET_SUCCESS) {
    std::fprintf(stderr, "api_loop: %s\n", dist_net_last_error());
    return 1;
  }
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  const auto warm = Clock::now();
  while (seconds_since(warm) < 0.2) loop.pass();
  const std::uint64_t sent = loop.sent, received = loop.received;
  const auto start = Clock::now();
  do {
    for (int i = 0; i < 100; ++i) loop.pass();
  } while (seconds_since(start) < run_seconds);
  const double elapsed = seconds_since(start);
  const double out = static_cast<double>(loop.sent - sent) / elapsed;
  const double back = static_cast<double>(loop.received - received) / elapsed;
  std::printf(
      "{\"value\": %.0f, \"unit\": \"messages/s\", \"sent_per_s\": %.0f, \"received_per_s\": %.0f, "
      "\"size_bytes\": %zu}\n",
      out + back, out, back, size);
  dist_net_close(loop.context);
  return loop.bytes_wrong == 0 && loop.received > received ? 0 : 1;
}
