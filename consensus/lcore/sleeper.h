// Somebody who may sleep, and those who wake him: a flag that says so, and a bell that is rung only
// then. Either the sleeper sees what was published, or the publisher sees him asleep.
#pragma once

#include <atomic>
#include <functional>

namespace ringroad::consensus {

class Sleeper {
 public:
  // `ring` may be called from any thread.
  explicit Sleeper(std::function<void()> ring) : ring_(std::move(ring)) {}

  // The sleeper: from here on it is rung. Look once more for work, then block.
  void fall_asleep() { is_asleep_.store(true, std::memory_order_seq_cst); }
  void wake_up() { is_asleep_.store(false, std::memory_order_relaxed); }

  // Whoever has published something.
  void wake() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (is_asleep_.load(std::memory_order_relaxed)) ring_();
  }

 private:
  std::function<void()> ring_;
  std::atomic<bool> is_asleep_{false};
};

}  // namespace ringroad::consensus
