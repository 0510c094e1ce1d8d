// local_pair: two programs of one node over a direct channel, by reference, the dataplane asleep.
//
//   latency  one message at a time, payload untouched; the send time travels in the type field, so
//            one-way delay is read off the shared TSC. p50 and p99 in ns.
//   rate     the sender writes every byte of the payload, the receiver reads every byte.
//
// Prints one JSON object. Two processes, a CPU each, both polling.
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#include "dataplane/client/dist_net.h"
#include "perf/dataplane_child.h"

namespace {

constexpr std::uint32_t kBurst = 32;
constexpr std::uint32_t kStop = 0xffff'ffff;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] void fail(const char* who) {
  std::fprintf(stderr, "local_pair: %s: %s\n", who, dist_net_last_error());
  std::exit(1);
}

dist_net_context_t* open(const std::string& socket, const char* name) {
  dist_net_options_t options{};
  options.socket = socket.c_str();
  options.name = name;
  options.flags = DIST_NET_ACCEPT_LOCAL | DIST_NET_BY_REFERENCE;
  dist_net_context_t* context = nullptr;
  if (dist_net_open(&options, &context) != DIST_NET_SUCCESS) fail(name);
  return context;
}

double tsc_hz() {
  const auto start = Clock::now();
  const std::uint64_t ticks = __rdtsc();
  while (seconds_since(start) < 0.05) _mm_pause();
  return static_cast<double>(__rdtsc() - ticks) / seconds_since(start);
}

// Sums every word, so that every byte is read.
std::uint64_t read_all(const void* data, std::size_t size) {
  std::uint64_t sum = 0, word = 0;
  const char* bytes = static_cast<const char*>(data);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    std::memcpy(&word, bytes + i, 8);
    sum += word;
  }
  return sum;
}

struct Receiver {
  dist_net_local_t* channel = nullptr;
  std::vector<std::uint32_t> delays;  // TSC ticks
  std::uint64_t received = 0, sum = 0;
  bool touch;

  // False when the sender said stop.
  bool pass() {
    std::array<dist_net_message_t, kBurst> messages;
    const std::int32_t count = dist_net_local_receive(channel, messages.data(), kBurst);
    if (count < 0) fail("receive");
    if (count == 0) return true;
    const auto now = static_cast<std::uint32_t>(__rdtsc());
    bool go_on = true;
    for (std::int32_t i = 0; i < count; ++i) {
      if (messages[i].type == kStop) {
        go_on = false;
        break;
      }
      if (touch) {
        sum += read_all(messages[i].payload, messages[i].size);
      } else if (delays.size() < delays.capacity()) {
        delays.push_back(now - messages[i].type);
      }
      ++received;
    }
    dist_net_local_release(channel, messages.data(), static_cast<std::uint32_t>(count));
    return go_on;
  }
};

void send_one(dist_net_local_t* channel, std::size_t size, bool touch, std::uint32_t flags,
              bool stop) {
  dist_net_claim_t claim;
  while (dist_net_local_claim(channel, size, &claim) == DIST_NET_WOULD_BLOCK) _mm_pause();
  if (touch) std::memset(claim.data, 0x5a, size);
  const auto type = stop ? kStop : static_cast<std::uint32_t>(__rdtsc()) & 0x7fff'ffffu;
  if (dist_net_local_commit(channel, &claim, touch && !stop ? 1u : type, size, flags) !=
      DIST_NET_SUCCESS) {
    fail("commit");
  }
}

void run_sender(const std::string& socket, std::size_t size, bool touch, double run_seconds) {
  dist_net_context_t* context = open(socket, "sender");
  dist_net_local_t* channel = nullptr;
  const auto waiting = Clock::now();
  while (dist_net_local_open(context, "receiver", &channel) != DIST_NET_SUCCESS) {
    if (seconds_since(waiting) > 10) fail("open");
  }
  const auto start = Clock::now();
  const std::uint64_t gap = 3'000;  // ticks: the receiver has taken one before the next leaves
  while (seconds_since(start) < run_seconds) {
    for (std::uint32_t i = 0; i < kBurst; ++i) {
      send_one(channel, size, touch, touch && i + 1 < kBurst ? DIST_NET_MORE : 0, false);
      if (touch) continue;
      const std::uint64_t sent = __rdtsc();
      while (__rdtsc() - sent < gap) _mm_pause();
    }
  }
  send_one(channel, size, false, 0, true);
  // Stay until the receiver hung up, or what it has not read would be gone.
  std::array<dist_net_message_t, 1> none;
  while (dist_net_local_receive(channel, none.data(), 1) >= 0) _mm_pause();
  dist_net_local_close(channel);
  dist_net_close(context);
}

}  // namespace

int main(int argc, char** argv) {
  std::string mode = "latency";
  std::size_t size = 1'024;
  double run_seconds = 1;
  int cpus[2] = {0, 1};
  CLI::App app{"Latency and rate of a direct channel between two programs of one node"};
  app.add_option("mode", mode, "latency or rate")->check(CLI::IsMember({"latency", "rate"}));
  app.add_option("--size", size, "message bytes")->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_option("--cpu-sender", cpus[0])->capture_default_str();
  app.add_option("--cpu-receiver", cpus[1])->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const bool touch = mode == "rate";

  ringroad::perf::DataplaneChild dataplane(R"({"idle": "adaptive"})");
  const std::string socket = dataplane.socket();
  const pid_t sender = fork();
  if (sender == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ringroad::perf::pin_to(cpus[0]);
    run_sender(socket, size, touch, run_seconds);
    _exit(0);
  }
  ringroad::perf::pin_to(cpus[1]);
  const double hz = tsc_hz();
  dist_net_context_t* context = open(socket, "receiver");
  Receiver receiver{.touch = touch};
  receiver.delays.reserve(4'000'000);
  const auto waiting = Clock::now();
  while (dist_net_local_accept(context, &receiver.channel) != DIST_NET_SUCCESS) {
    if (seconds_since(waiting) > 10) fail("accept");
  }
  while (receiver.received == 0 && receiver.pass()) {
  }
  const auto start = Clock::now();
  while (receiver.pass()) {
  }
  const double elapsed = seconds_since(start);
  const bool by_reference = dist_net_local_is_by_reference(receiver.channel);
  dist_net_local_close(receiver.channel);
  dist_net_close(context);
  waitpid(sender, nullptr, 0);
  if (touch) {
    std::printf(
        "{\"value\": %.0f, \"unit\": \"messages/s\", \"size_bytes\": %zu, "
        "\"by_reference\": %s, \"sum\": %llu}\n",
        static_cast<double>(receiver.received) / elapsed, size, by_reference ? "true" : "false",
        static_cast<unsigned long long>(receiver.sum));
    return 0;
  }
  auto& delays = receiver.delays;
  for (auto& delay : delays) delay &= 0x7fff'ffffu;
  std::sort(delays.begin(), delays.end());
  if (delays.empty()) return 1;
  const auto ns = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(delays.size() - 1));
    return static_cast<double>(delays[index]) / hz * 1e9;
  };
  std::printf(
      "{\"value\": %.1f, \"unit\": \"ns\", \"p50_ns\": %.1f, \"p99_ns\": %.1f, "
      "\"samples\": %zu, \"size_bytes\": %zu, \"by_reference\": %s}\n",
      ns(0.99), ns(0.5), ns(0.99), delays.size(), size, by_reference ? "true" : "false");
  return 0;
}
