// frame_build: what it costs to batch messages into frames: offer, pack, copy, checksum; no port.
//
// Two links stand face to face in one thread. The sender's offers and poll_frame are timed; the
// receiver's on_frame is timed apart; acknowledgements, which give credit back, are not timed.
// Source payloads and frames together fit L2. Prints one JSON object: cycles and nanoseconds a
// message.
#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "dataplane/core/link.h"
#include "dataplane/kernels/crc32c.h"

namespace {

using namespace ringroad;

struct Sink final : LinkSink {
  DeliverResult on_message(const InboundMessage&) override { return DeliverResult::kDelivered; }
  void on_outcome(const OutboundMessage&, Outcome) override { ++ended; }
  void release_frame(std::uintptr_t) override {}
  void on_link_state(NodeId, LinkState) override {}
  std::uint32_t crc32c(std::span<const std::byte> bytes) override {
    return ringroad::crc32c(bytes);
  }
  std::uint64_t ended = 0;
};

LinkConfig link_config(std::uint16_t self, std::uint16_t peer, std::uint32_t frame_bytes) {
  LinkConfig config;
  config.self = NodeId{self};
  config.peer = NodeId{peer};
  config.frame_bytes_max = frame_bytes;
  return config;
}

struct Bench {
  explicit Bench(std::uint32_t size, std::uint32_t frame_bytes)
      : message_bytes(size),
        arena(512 * 1024),
        frames(kFrames, std::vector<std::byte>(frame_bytes)),
        sender(link_config(1, 2, frame_bytes), sender_sink, Prng{1}, now),
        receiver(link_config(2, 1, frame_bytes), receiver_sink, Prng{2}, now) {}

  // Carries what `from` has to say to `to`, untimed.
  bool carry(Link& from, Link& to) {
    bool any = false;
    while (std::size_t bytes = from.poll_frame(now, frames[0])) {
      FrameError error{};
      (void)to.on_frame({{frames[0].data(), bytes}, 0}, now, error);
      any = true;
    }
    return any;
  }

  bool connect() {
    for (int i = 0; i < 100'000 && sender.backpressure(Priority{1}) != Backpressure::kNone; ++i) {
      step();
    }
    for (int i = 0; i < 1'000; ++i) step();
    return sender.state() == LinkState::kUp;
  }

  void step() {
    now = now + microseconds(10);
    sender.on_time(now);
    receiver.on_time(now);
    while (carry(sender, receiver) || carry(receiver, sender)) {
    }
  }

  // Offers a burst and packs it; only this is timed. Returns the messages packed.
  std::uint32_t build(std::uint32_t count) {
    const std::uint64_t start = __rdtsc();
    std::uint32_t offered = 0;
    while (offered < count) {
      const std::uint32_t part = std::min<std::uint32_t>(count - offered, kOfferBurst);
      for (std::uint32_t i = 0; i < part; ++i) {
        if (next + message_bytes > arena.size()) next = 0;
        offers[i] = {.to = NodeId{2},
                     .type = MessageType{7},
                     .priority = Priority{1},
                     .length = message_bytes,
                     .payload = arena.data() + next};
        next += (message_bytes + 63) & ~63u;
      }
      SendResult refusal = SendResult::kAccepted;
      const std::uint32_t taken = sender.offer_burst({offers.data(), part}, refusal);
      offered += taken;
      if (taken < part) break;
    }
    built = 0;
    while (built < kFrames) {
      sizes[built] = sender.poll_frame(now, frames[built]);
      if (sizes[built] == 0) break;
      ++built;
    }
    cycles += __rdtsc() - start;
    return offered;
  }

  void absorb() {
    const std::uint64_t start = __rdtsc();
    for (std::size_t i = 0; i < built; ++i) {
      FrameError error{};
      (void)receiver.on_frame({{frames[i].data(), sizes[i]}, 0}, now, error);
    }
    receive_cycles += __rdtsc() - start;
    step();
  }

  static constexpr std::size_t kFrames = 64;
  static constexpr std::uint32_t kOfferBurst = 32;  // as endpoints do
  Nanos now = seconds(1);
  std::uint32_t message_bytes;
  std::vector<std::byte> arena;
  std::vector<std::vector<std::byte>> frames;
  std::array<std::size_t, kFrames> sizes{};
  std::array<OutboundMessage, kOfferBurst> offers;
  std::size_t built = 0, next = 0;
  std::uint64_t cycles = 0, receive_cycles = 0;
  Sink sender_sink, receiver_sink;
  Link sender, receiver;
};

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t size = 1'024, frame_bytes = 8'972;
  double run_seconds = 1;
  CLI::App app{"Cycles a message to batch, copy and checksum messages into frames"};
  app.add_option("--size", size, "message bytes")->capture_default_str();
  app.add_option("--frame-bytes", frame_bytes, "header to trailer")->capture_default_str();
  app.add_option("--seconds", run_seconds, "how long to run")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  Bench bench{size, frame_bytes};
  if (!bench.connect()) {
    std::fprintf(stderr, "frame_build: the two links did not come up\n");
    return 1;
  }
  // A burst that fills about half the frames, at most 1,024 messages.
  const std::uint32_t burst = std::max(1u, std::min(1'024u, 32 * frame_bytes / (size + 16)));
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t tsc_begin = __rdtsc();
  std::uint64_t messages = 0;
  for (int warm = 0; warm < 100; ++warm) bench.build(burst), bench.absorb();
  bench.cycles = bench.receive_cycles = 0;
  const std::uint64_t ended_before = bench.sender_sink.ended;
  double elapsed = 0;
  do {
    for (int i = 0; i < 16; ++i) {
      messages += bench.build(burst);
      bench.absorb();
    }
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } while (elapsed < run_seconds);
  const double hz = static_cast<double>(__rdtsc() - tsc_begin) / elapsed;
  const double cycles = static_cast<double>(bench.cycles) / static_cast<double>(messages);
  std::printf(
      "{\"value\": %.1f, \"unit\": \"cycles/message\", \"ns\": %.2f, \"receive_cycles\": %.1f, "
      "\"messages\": %llu, "
      "\"ended\": %llu, \"size_bytes\": %u, \"frame_bytes\": %u}\n",
      cycles, cycles / hz * 1e9,
      static_cast<double>(bench.receive_cycles) / static_cast<double>(messages),
      static_cast<unsigned long long>(messages),
      static_cast<unsigned long long>(bench.sender_sink.ended - ended_before), size, frame_bytes);
  return bench.sender_sink.ended - ended_before == messages ? 0 : 1;
}
