// A ring of bits indexed by an ever-growing number (a sequence, a packet number): index i lives at
// i mod size. Callers keep the span they use within `size`. Sixty-four flags a word make "the next
// set one" and "mark this run" a few instructions, which is what loss recovery and outcomes need.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/base/check.h"

namespace ringroad {

class BitRing {
 public:
  // `bits` is a power of two; fewer than a word's worth are rounded up to one.
  explicit BitRing(std::uint32_t bits)
      : words_(bits <= 64 ? 1 : bits / 64), mask_((bits <= 64 ? 64 : bits) - 1) {
    RR_CHECK(std::has_single_bit(bits));
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(mask_ + 1); }
  bool test(std::uint64_t i) const { return (words_[(i & mask_) >> 6] >> (i & 63)) & 1; }
  void set(std::uint64_t i) { words_[(i & mask_) >> 6] |= std::uint64_t{1} << (i & 63); }
  void clear(std::uint64_t i) { words_[(i & mask_) >> 6] &= ~(std::uint64_t{1} << (i & 63)); }

  void set_range(std::uint64_t first, std::uint64_t count) {
    each_word(first, count, [](std::uint64_t& word, std::uint64_t bits) { word |= bits; });
  }
  void clear_range(std::uint64_t first, std::uint64_t count) {
    each_word(first, count, [](std::uint64_t& word, std::uint64_t bits) { word &= ~bits; });
  }
  void clear_all() { words_.assign(words_.size(), 0); }

  // The first set (or clear) index in [from, end), or end.
  std::uint64_t find_set(std::uint64_t from, std::uint64_t end) const { return find(from, end, 0); }
  std::uint64_t find_clear(std::uint64_t from, std::uint64_t end) const {
    return find(from, end, ~std::uint64_t{0});
  }

 private:
  template <typename F>
  void each_word(std::uint64_t first, std::uint64_t count, F f) {
    while (count > 0) {
      const std::uint64_t shift = first & 63;
      const std::uint64_t here = count < 64 - shift ? count : 64 - shift;
      const std::uint64_t bits = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
      f(words_[(first & mask_) >> 6], bits << shift);
      first += here;
      count -= here;
    }
  }

  std::uint64_t find(std::uint64_t from, std::uint64_t end, std::uint64_t flip) const {
    while (from < end) {
      const std::uint64_t word = (words_[(from & mask_) >> 6] ^ flip) >> (from & 63);
      if (word != 0) {
        const std::uint64_t at = from + static_cast<std::uint64_t>(std::countr_zero(word));
        return at < end ? at : end;
      }
      from += 64 - (from & 63);
    }
    return end;
  }

  std::vector<std::uint64_t> words_;
  std::uint64_t mask_;
};

}  // namespace ringroad
