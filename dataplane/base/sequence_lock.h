// One writer's figures for readers on other threads, or in other processes, that must not wait for
// it nor keep it waiting. Fits what is read whole and now and then; a reader that is unlucky a
// hundred times in a row is told so and comes again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ringroad {

// A value one writer replaces again and again and others copy: a sequence lock over words, each
// stored and loaded atomically, so that a torn copy is noticed and never undefined.
template <typename T>
class SequenceLocked {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);

  // The first `bytes` of the value; the rest keeps what it had.
  void write(const T& value, std::size_t bytes = sizeof(T)) {
    const std::uint64_t before = sequence_.load(std::memory_order_relaxed);
    sequence_.store(before + 1, std::memory_order_relaxed);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < (bytes + 7) / 8; ++i) {
      std::uint64_t word;
      std::memcpy(&word, from + 8 * i, sizeof word);
      words_[i].store(word, std::memory_order_release);
    }
    sequence_.store(before + 2, std::memory_order_release);
  }

  // False when it has never been written, or was being written all the time; `out` may then hold
  // anything.
  [[nodiscard]] bool read(T& out) const {
    auto* to = reinterpret_cast<std::byte*>(&out);
    for (int attempt = 0; attempt < 100; ++attempt) {
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      if (before == 0) return false;
      if (before % 2 != 0) continue;
      for (std::size_t i = 0; i < kWords; ++i) {
        const std::uint64_t word = words_[i].load(std::memory_order_acquire);
        std::memcpy(to + 8 * i, &word, sizeof word);
      }
      if (sequence_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kWords = sizeof(T) / 8;
  std::atomic<std::uint64_t> sequence_;
  std::atomic<std::uint64_t> words_[kWords];
};

}  // namespace ringroad
