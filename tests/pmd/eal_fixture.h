// Starts EAL for a test program, runs its tests and takes EAL down again.
#pragma once

#include <gtest/gtest.h>
#include <rte_eal.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/pmd/eal_start.h"

namespace ringroad {

inline int run_with_eal(const char* program,
                        const std::vector<std::string>& memory = {"--no-huge", "-m", "512"}) {
  if (!start_eal(program, memory)) {
    std::fprintf(stderr, "EAL did not start\n");
    return 1;
  }
  const int result = RUN_ALL_TESTS();
  rte_eal_cleanup();
  return result;
}

}  // namespace ringroad
