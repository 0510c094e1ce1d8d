// Invariants of our own making, checked in release builds too: a node that has lost its bearings
// stops before it says something untrue. Never used on input from outside, which is counted and
// refused instead.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ringroad::detail {
[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* condition,
                                                                const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}
}  // namespace ringroad::detail

#define RR_CHECK(condition)                                             \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::ringroad::detail::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
