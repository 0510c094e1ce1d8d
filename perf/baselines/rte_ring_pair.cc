// rte_ring_pair: two processes and an rte_ring (SPSC, made by rte_ring_init inside a memfd; no EAL)
// whose elements name slots of a shared, L2-sized arena. The least a message between applications
// costs. One way, bursts of 32.
//
//   --touch   the producer writes the payload in place, the consumer reads it in place
//   --copies  the producer copies from a private buffer, the consumer copies to a private buffer
//
// A slot is written again only after the consumer gave the ring's element back by dequeuing it and
// being done with its burst: there are two bursts more slots than ring elements.
// Prints messages a second, as the consumer counts them.
#include <rte_ring.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "perf/baselines/baseline.h"

namespace {

using namespace ringroad::baseline;

constexpr unsigned kBurst = 32;

struct Options {
  std::size_t size = 1'024;
  std::size_t arena_bytes = 512 * 1'024;
  bool copies = false, touch = false;
  double seconds = 1;
  int cpu_a = 0, cpu_b = 1;
};

struct Shared {
  std::atomic<bool> stop;
  unsigned slots, ring_slots;
  rte_ring* ring;  // in the same mapping, at the same address in both: it is inherited
  unsigned char* arena;
};

Shared* make_shared_memory(const Options& options) {
  // Slots to fit the arena, at least three bursts' worth; a ring that is two bursts shorter.
  const auto fitting = static_cast<unsigned>(options.arena_bytes / options.size);
  const unsigned burst = std::clamp(fitting / 4, 1U, kBurst);
  const unsigned slots = std::max(fitting, 4U);
  unsigned ring_slots = 2;
  while (ring_slots * 2 + 2 * burst <= slots && ring_slots < 1'024) ring_slots *= 2;
  const auto ring_bytes = static_cast<std::size_t>(rte_ring_get_memsize(ring_slots));
  const std::size_t bytes = 4'096 + (ring_bytes + 4'095) / 4'096 * 4'096 + slots * options.size;
  const int fd = memfd_create("rte_ring_pair", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) return nullptr;
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  close(fd);
  if (base == MAP_FAILED) return nullptr;
  auto* shared = new (base) Shared{};
  auto* at = static_cast<unsigned char*>(base) + 4'096;
  shared->slots = slots;
  shared->ring_slots = ring_slots;
  shared->ring = reinterpret_cast<rte_ring*>(at);
  shared->arena = at + (ring_bytes + 4'095) / 4'096 * 4'096;
  if (rte_ring_init(shared->ring, "pair", ring_slots, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
    return nullptr;
  }
  return shared;
}

unsigned burst_of(const Shared& shared) {
  return std::min(kBurst, std::max(1U, (shared.slots - shared.ring_slots) / 2));
}

// Writes payloads until told to stop. A slot follows the other in turn.
void produce(Shared& shared, const Options& options) {
  std::vector<unsigned char> source(options.size * 4, 0x5a);
  const unsigned burst = burst_of(shared);
  void* elements[kBurst];
  std::uintptr_t slot = 0;
  while (!shared.stop.load(std::memory_order_relaxed)) {
    const unsigned count = std::min(burst, rte_ring_free_count(shared.ring));
    for (unsigned i = 0; i < count; ++i) {
      unsigned char* payload = shared.arena + slot * options.size;
      if (options.copies) {
        std::memcpy(payload, source.data() + (i % 4) * options.size, options.size);
      } else {
        std::memset(payload, 0x5a, options.size);
      }
      elements[i] = reinterpret_cast<void*>(slot);
      slot = slot + 1 == shared.slots ? 0 : slot + 1;
    }
    rte_ring_sp_enqueue_bulk(shared.ring, elements, count, nullptr);
  }
}

// Reads every whole word.
std::uint64_t sum_words(const unsigned char* bytes, std::size_t size) {
  std::uint64_t sum = 0, word = 0;
  for (std::size_t i = 0; i + sizeof word <= size; i += sizeof word) {
    std::memcpy(&word, bytes + i, sizeof word);
    sum += word;
  }
  return sum;
}

// Takes payloads until the time is over; returns how many.
std::uint64_t consume(Shared& shared, const Options& options, std::int64_t deadline) {
  std::vector<unsigned char> target(options.size * 4);
  const unsigned burst = burst_of(shared);
  void* elements[kBurst];
  std::uint64_t messages = 0, sum = 0;
  for (unsigned passes = 0;; ++passes) {
    if (passes % 64 == 0 && now_ns() >= deadline) break;
    const unsigned count = rte_ring_sc_dequeue_burst(shared.ring, elements, burst, nullptr);
    for (unsigned i = 0; i < count; ++i) {
      const unsigned char* payload =
          shared.arena + reinterpret_cast<std::uintptr_t>(elements[i]) * options.size;
      if (options.copies) {
        std::memcpy(target.data() + (i % 4) * options.size, payload, options.size);
      } else {
        sum += sum_words(payload, options.size);
      }
    }
    keep(target.data());
    messages += count;
  }
  keep(&sum);
  return messages;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"an rte_ring between two processes, payloads in a shared arena: messages a second"};
  app.add_option("--size", options.size, "payload bytes")->check(CLI::Range(1, 1 << 20));
  app.add_option("--arena-bytes", options.arena_bytes)->check(CLI::Range(1 << 14, 1 << 26));
  auto* mode = app.add_option_group("mode")->require_option(1);
  mode->add_flag("--copies", options.copies);
  mode->add_flag("--touch", options.touch);
  app.add_option("--seconds", options.seconds)->check(CLI::Range(0.01, 60.0));
  app.add_option("--cpu-a", options.cpu_a, "the consumer's CPU");
  app.add_option("--cpu-b", options.cpu_b, "the producer's CPU");
  CLI11_PARSE(app, argc, argv);

  Shared* shared = make_shared_memory(options);
  if (shared == nullptr) return std::perror("shared memory"), 1;
  const pid_t producer = fork();
  if (producer < 0) return std::perror("fork"), 1;
  if (producer == 0) {
    end_with_parent();
    pin_to(options.cpu_b);
    produce(*shared, options);
    _exit(0);
  }
  pin_to(options.cpu_a);
  const std::int64_t start = now_ns();
  const std::uint64_t messages = consume(*shared, options, deadline_after(options.seconds));
  const double elapsed = static_cast<double>(now_ns() - start) / 1e9;
  shared->stop = true;
  int status = 0;
  waitpid(producer, &status, 0);
  std::printf(
      "{\"value\": %.0f, \"unit\": \"messages/s\", \"mode\": \"%s\", \"size_bytes\": %zu, "
      "\"messages\": %llu}\n",
      static_cast<double>(messages) / elapsed, options.copies ? "copies" : "touch", options.size,
      static_cast<unsigned long long>(messages));
  return status == 0 ? 0 : 1;
}
