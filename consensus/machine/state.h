// All that is replicated, in one place: what two nodes that applied the same entries have alike,
// and what a snapshot holds. Derived structures (who waits for the clock, which keys a lease has)
// are inside the parts and follow from the rest.
#pragma once

#include "consensus/machine/application_log.h"
#include "consensus/machine/registry.h"
#include "consensus/machine/sessions.h"

namespace ringroad::machine {

struct State {
  explicit State(const Limits& l) : limits(l) { RR_CHECK(is_valid(limits)); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Limits limits;
  Level level = kLevelFirst;
  Index applied;
  Nanos clock;
  Registry registry{limits};
  Sessions sessions{limits};
  ApplicationLog log;
};

}  // namespace ringroad::machine
