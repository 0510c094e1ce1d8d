// Placeholder until links are here.
#include "tests/sim/raft/network.h"

namespace ringroad::raft::sim {

std::unique_ptr<Network> make_link_network(Scheduler& scheduler, Prng prng, WireTiming timing,
                                           Network::Hooks hooks) {
  return make_direct_network(scheduler, prng, timing, std::move(hooks));
}

}  // namespace ringroad::raft::sim
