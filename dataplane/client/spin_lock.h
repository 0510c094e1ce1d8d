// A lock for sections of tens of nanoseconds that are rarely contended. Yields when the holder
// seems to be off its CPU.
#pragma once

#include <sched.h>

#include <atomic>

namespace ringroad::client {

class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) {
      for (int i = 0; held_.load(std::memory_order_relaxed); ++i) {
        if (i < 128) {
          __builtin_ia32_pause();
        } else {
          ::sched_yield();
        }
      }
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace ringroad::client
