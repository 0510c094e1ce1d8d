// One direction of a wire under virtual time: rate, latency, and seeded faults. Frames wait in a
// heap until they are due; their buffers are pooled. Everything follows from the seed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <queue>
#include <span>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"

namespace ringroad::sim {

struct PathFaults {
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t flip_ppm = 0;
  std::uint32_t reorder_ppm = 0;
  Nanos reorder_delay_max = microseconds(100);
  Nanos blackout_until{};
};

struct Buffer {
  std::vector<std::byte> bytes;
  std::size_t size = 0;
};

class SimulatedPath {
 public:
  SimulatedPath(Prng prng, Nanos latency, std::uint64_t bits_per_second)
      : prng_(prng), latency_(latency), bits_per_second_(bits_per_second) {}

  PathFaults faults;

  // Whether the sender's port has room: at most twenty microseconds wait in it.
  bool has_room(Nanos now) const { return free_at_ - now < microseconds(20); }
  Nanos room_time() const { return free_at_ - microseconds(20) + Nanos{1}; }

  std::unique_ptr<Buffer> take_buffer(std::size_t bytes_max) {
    if (pool_.empty()) {
      pool_.push_back(std::make_unique<Buffer>());
      pool_.back()->bytes.resize(bytes_max);
    }
    auto buffer = std::move(pool_.back());
    pool_.pop_back();
    return buffer;
  }
  void give_back(std::unique_ptr<Buffer> buffer) { pool_.push_back(std::move(buffer)); }

  // What became of a frame.
  struct Fate {
    bool is_lost = false;
    bool is_duplicated = false;
    bool is_reordered = false;
  };
  Fate send(std::unique_ptr<Buffer> buffer, Nanos now) {
    Fate fate;
    // Preamble, gap, Ethernet, IPv4 and UDP headers weigh 66 bytes.
    const auto bits = static_cast<std::int64_t>((buffer->size + 66) * 8);
    const Nanos on_wire{bits * 1'000'000'000 / static_cast<std::int64_t>(bits_per_second_)};
    free_at_ = std::max(free_at_, now) + on_wire;
    if (now < faults.blackout_until || prng_.chance_ppm(faults.loss_ppm)) {
      give_back(std::move(buffer));
      fate.is_lost = true;
      return fate;
    }
    if (prng_.chance_ppm(faults.duplicate_ppm)) {
      fate.is_duplicated = true;
      auto twin = take_buffer(buffer->bytes.size());
      twin->size = buffer->size;
      std::copy_n(buffer->bytes.begin(), buffer->size, twin->bytes.begin());
      enqueue(std::move(twin), true);
    }
    if (prng_.chance_ppm(faults.flip_ppm)) {
      for (auto flips = 1 + prng_.below(3); flips > 0; --flips) {
        buffer->bytes[prng_.below(buffer->size)] ^= std::byte{1} << prng_.below(8);
      }
    }
    fate.is_reordered = prng_.chance_ppm(faults.reorder_ppm);
    enqueue(std::move(buffer), fate.is_reordered);
    return fate;
  }

  Nanos next_arrival() const { return queue_.empty() ? kNever : queue_.front().due; }
  std::unique_ptr<Buffer> arrive() {
    std::pop_heap(queue_.begin(), queue_.end(), Later{});
    auto buffer = std::move(queue_.back().buffer);
    queue_.pop_back();
    return buffer;
  }

 private:
  struct Flight {
    Nanos due;
    std::uint64_t order;
    std::unique_ptr<Buffer> buffer;
  };
  struct Later {
    bool operator()(const Flight& a, const Flight& b) const {
      return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
  };

  void enqueue(std::unique_ptr<Buffer> buffer, bool late) {
    Nanos due = free_at_ + latency_;
    if (late) {
      due = due + Nanos{static_cast<std::int64_t>(
                      prng_.below(static_cast<std::uint64_t>(faults.reorder_delay_max.count)))};
    }
    queue_.push_back({due, order_++, std::move(buffer)});
    std::push_heap(queue_.begin(), queue_.end(), Later{});
  }

  Prng prng_;
  Nanos latency_;
  std::uint64_t bits_per_second_;
  Nanos free_at_{};
  std::uint64_t order_ = 0;
  std::vector<Flight> queue_;
  std::vector<std::unique_ptr<Buffer>> pool_;
};

}  // namespace ringroad::sim
