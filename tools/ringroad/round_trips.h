// What a ping measured, in the words of ping(8) and as JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace ringroad::cli {

class RoundTrips {
 public:
  RoundTrips(std::uint32_t peer, std::uint64_t bytes) : peer_(peer), bytes_(bytes) {}

  void on_answer(double seconds);
  void on_loss() { ++lost_; }

  std::uint64_t sent() const { return lost_ + seconds_.size(); }
  std::uint64_t received() const { return seconds_.size(); }
  // "4 sent, 3 received, 25 % lost", and the times when there are any.
  std::string text() const;
  nlohmann::json json() const;

 private:
  double quantile(double share) const;  // of what was received, which is not nothing

  std::uint32_t peer_;
  std::uint64_t bytes_;
  std::uint64_t lost_ = 0;
  std::vector<double> seconds_;  // ascending
};

}  // namespace ringroad::cli
