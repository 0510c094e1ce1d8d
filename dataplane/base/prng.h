// xoshiro256** (Blackman and Vigna, 2018) seeded by splitmix64: the only source of chance in a
// core. A core is given one at construction, so that a seed replays a run exactly.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace ringroad {

class Prng {
 public:
  using result_type = std::uint64_t;

  constexpr explicit Prng(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); bound is at least 1. Lemire's multiply-shift: the bias is below 2^-32
  // for every bound a core uses.
  constexpr std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // True with the given probability in parts per million.
  constexpr bool chance_ppm(std::uint32_t parts) { return below(1'000'000) < parts; }

  // An independent stream for a part of the same run.
  constexpr Prng fork() { return Prng{next()}; }

  constexpr std::uint64_t operator()() { return next(); }
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }

 private:
  __extension__ using Wide = unsigned __int128;

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace ringroad
