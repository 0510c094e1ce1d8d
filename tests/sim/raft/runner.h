// Runs scenarios in processes of their own: an invariant that the core itself asserts ends the
// process, and the seed that did it still has to be told. A pool of such processes shares the
// seeds; one that dies is replaced and goes on behind the seed that killed it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/raft/world.h"

namespace ringroad::raft::sim {

struct Outcome {
  Report report;  // of a process that died: only `failure`
  std::vector<std::string> lines;
};

// The kind of a failure, without its particulars: what stands before the first colon.
std::string kind_of(const std::string& failure);

// One run; `lines_max` of its timeline come back.
Outcome run_apart(const Scenario& scenario, std::size_t lines_max);

using MakeScenario = std::function<Scenario(std::uint64_t seed)>;
// Called for each seed as it is done, in no particular order. False: enough.
using TakeReport = std::function<bool(std::uint64_t seed, const Report& report)>;
// Seeds from `from` on, `count` of them, in `processes` at a time.
void run_seeds(std::uint64_t from, std::uint64_t count, unsigned processes,
               const MakeScenario& make, const TakeReport& take);

struct Minimised {
  Scenario scenario;
  Outcome outcome;
  std::uint32_t runs = 0;
};
// Fewer kinds of trouble and a shorter time of it, as long as the same kind of failure comes back.
Minimised minimise(const Scenario& failing, const std::string& kind);

}  // namespace ringroad::raft::sim
