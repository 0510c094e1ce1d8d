// local_pair: two programs of one node over a direct channel, by reference, the dataplane asleep.
//
//   latency  one message at a time, payload untouched: the answer to a message is the next one, as
//            in the baseline (bounce). The send time travels in the type field, so one-way delay is
//            read off the shared TSC; every message of both ways is recorded, so that neither skew
//            nor the slower end can hide. Nothing is sent while a message is under way: what
//            interrupts the machine delays one message, which is recorded, and not also those that
//            would have queued behind it: the channel's delay is wanted, not the machine's. p50 and
//            p99 in ns.
//   rate     the sender writes every byte of the payload, the receiver reads every byte; bursts of
//            32 messages and 128 KB at most on both sides, as in the baseline (rte_ring_pair).
//
// Prints one JSON object. Two processes, a CPU each, both polling.
#include <sys/mman.h>
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <new>

#include "dataplane/base/histogram.h"
#include "dataplane/client/dist_net.h"
#include "perf/dataplane_child.h"

namespace {

constexpr std::uint32_t kBurst = 32;
constexpr std::size_t kBurstBytes = 128 * 1'024;  // or one message
constexpr std::uint32_t kStop = 0xffff'ffff;
constexpr std::uint32_t kTicksMask = 0x7fff'ffff;
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

std::uint32_t burst_of(std::size_t size) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(kBurstBytes / size, 1, kBurst));
}

// The rate's receiving end. False when the sender said stop.
struct Receiver {
  dist_net_local_t* channel = nullptr;
  std::uint32_t burst;
  std::uint64_t received = 0, sum = 0;

  bool pass() {
    std::array<dist_net_message_t, kBurst> messages;
    const std::int32_t count = dist_net_local_receive(channel, messages.data(), burst);
    if (count < 0) fail("receive");
    for (std::int32_t i = 0; i < count; ++i) {
      if (messages[i].type == kStop) return false;
      sum += read_all(messages[i].payload, messages[i].size);
      ++received;
    }
    dist_net_local_release(channel, messages.data(), static_cast<std::uint32_t>(count));
    return true;
  }
};

void send_rate(dist_net_local_t* channel, std::size_t size, double run_seconds) {
  std::array<dist_net_claim_t, kBurst> claims;
  std::array<std::uint32_t, kBurst> types;
  types.fill(1);
  const std::uint32_t burst = burst_of(size);
  const auto start = Clock::now();
  for (unsigned passes = 0; passes % 64 != 0 || seconds_since(start) < run_seconds; ++passes) {
    const std::int32_t claimed = dist_net_local_claim_burst(channel, size, claims.data(), burst);
    for (std::int32_t i = 0; i < claimed; ++i) std::memset(claims[i].data, 0x5a, size);
    if (claimed > 0 && dist_net_local_commit_burst(channel, claims.data(), types.data(),
                                                   static_cast<std::uint32_t>(claimed),
                                                   0) != static_cast<std::uint32_t>(claimed)) {
      fail("commit");
    }
  }
}

std::uint32_t ticks_now() { return static_cast<std::uint32_t>(__rdtsc()) & kTicksMask; }

// Sends one message, payload untouched, with the time at which it leaves, or with kStop.
void send_now(dist_net_local_t* channel, std::size_t size, bool stop = false) {
  dist_net_claim_t claim;
  while (dist_net_local_claim(channel, size, &claim) == DIST_NET_WOULD_BLOCK) _mm_pause();
  const std::uint32_t type = stop ? kStop : ticks_now();
  if (dist_net_local_commit(channel, &claim, type, size, 0) != DIST_NET_SUCCESS) fail("commit");
}

// Takes the one message that is under way and records its delay in ticks; false for kStop.
bool receive_one(dist_net_local_t* channel, ringroad::Histogram& delays) {
  dist_net_message_t message;
  std::int32_t count = 0;
  while ((count = dist_net_local_receive(channel, &message, 1)) == 0) {
    _mm_pause();  // as in bounce
  }
  const std::uint32_t now = ticks_now();
  if (count < 0) fail("receive");
  if (message.type == kStop) return false;
  delays.record((now - message.type) & kTicksMask);
  dist_net_local_release(channel, &message, 1);
  return true;
}

// Opens the bouts: sends, awaits the answer, sends again.
void send_and_await(dist_net_local_t* channel, std::size_t size, double run_seconds,
                    ringroad::Histogram& delays) {
  const auto start = Clock::now();
  for (unsigned passes = 0; passes % 64 != 0 || seconds_since(start) < run_seconds; ++passes) {
    send_now(channel, size);
    receive_one(channel, delays);
  }
}

void run_sender(const std::string& socket, std::size_t size, bool touch, double run_seconds,
                ringroad::Histogram& delays) {
  dist_net_context_t* context = open(socket, "sender");
  dist_net_local_t* channel = nullptr;
  const auto waiting = Clock::now();
  while (dist_net_local_open(context, "receiver", &channel) != DIST_NET_SUCCESS) {
    if (seconds_since(waiting) > 10) fail("open");
  }
  if (touch) {
    send_rate(channel, size, run_seconds);
  } else {
    send_and_await(channel, size, run_seconds, delays);
  }
  send_now(channel, size, true);
  // Stay until the receiver hung up, or what it has not read would be gone.
  std::array<dist_net_message_t, 1> none;
  while (dist_net_local_receive(channel, none.data(), 1) >= 0) _mm_pause();
  dist_net_local_close(channel);
  dist_net_close(context);
}

// A histogram for each end, in memory that both processes see.
ringroad::Histogram* make_histograms() {
  void* at = mmap(nullptr, 2 * sizeof(ringroad::Histogram), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (at == MAP_FAILED) std::perror("mmap"), std::exit(1);
  return new (at) ringroad::Histogram[2];
}

}  // namespace

int main(int argc, char** argv) {
  std::string mode = "latency";
  std::size_t size = 1'024;
  double run_seconds = 1;
  int cpus[2] = {0, 1};
  CLI::App app{"Latency and rate of a direct channel between two programs of one node"};
  app.add_option("mode", mode, "latency or rate")->check(CLI::IsMember({"latency", "rate"}));
  app.add_option("--size", size, "message bytes")
      ->check(CLI::Range(1, 1 << 18))
      ->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  app.add_option("--cpu-sender", cpus[0])->capture_default_str();
  app.add_option("--cpu-receiver", cpus[1])->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const bool touch = mode == "rate";

  ringroad::perf::DataplaneChild dataplane(R"({"idle": "adaptive"})");
  const std::string socket = dataplane.socket();
  ringroad::Histogram* delays = make_histograms();
  const pid_t sender = fork();
  if (sender == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ringroad::perf::pin_to(cpus[0]);
    run_sender(socket, size, touch, run_seconds, delays[0]);
    _exit(0);
  }
  ringroad::perf::pin_to(cpus[1]);
  const double hz = tsc_hz();
  dist_net_context_t* context = open(socket, "receiver");
  Receiver receiver{.burst = burst_of(size)};
  const auto waiting = Clock::now();
  while (dist_net_local_accept(context, &receiver.channel) != DIST_NET_SUCCESS) {
    if (seconds_since(waiting) > 10) fail("accept");
  }
  double elapsed = 0;
  if (touch) {
    while (receiver.received == 0 && receiver.pass()) {
    }
    const auto start = Clock::now();
    while (receiver.pass()) {
    }
    elapsed = seconds_since(start);
  } else {
    while (receive_one(receiver.channel, delays[1])) send_now(receiver.channel, size);
  }
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
  delays[1].add(delays[0]);
  const auto ns = [&](double share) {
    return static_cast<double>(delays[1].quantile(share)) / hz * 1e9;
  };
  std::printf(
      "{\"value\": %.1f, \"unit\": \"ns\", \"p50_ns\": %.1f, \"p99_ns\": %.1f, "
      "\"max_ns\": %.1f, \"samples\": %llu, \"size_bytes\": %zu, \"by_reference\": %s}\n",
      ns(0.99), ns(0.5), ns(0.99), ns(1.0), static_cast<unsigned long long>(delays[1].count()),
      size, by_reference ? "true" : "false");
  return 0;
}
