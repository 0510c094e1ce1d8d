// Waits for a condition, for as long as a slow machine may take.
#pragma once

#include <chrono>
#include <thread>

namespace ringroad::control::test {

template <typename Condition>
bool becomes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

}  // namespace ringroad::control::test
