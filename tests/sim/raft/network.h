// What carries messages between simulated nodes, and what goes wrong with them. Two kinds: over
// real links on simulated wires (link_network.cc), and directly, message by message
// (direct_network.cc), which is much cheaper and has the same faults. Either may lose, repeat and
// reorder messages, and any directed pair of nodes can be cut off.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>

#include "consensus/core/node_set.h"
#include "dataplane/base/prng.h"
#include "tests/sim/raft/disk.h"
#include "tests/sim/raft/scheduler.h"
#include "tests/sim/raft/tally.h"

namespace ringroad::raft::sim {

struct WireFaults {
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t reorder_ppm = 0;
  Nanos reorder_delay_max = milliseconds(5);
};

class Network {
 public:
  struct Hooks {
    std::function<void(NodeId from, NodeId to, std::span<const std::byte>)> on_message;
    // The message may not have arrived; `from` may want to know.
    std::function<void(NodeId from, NodeId to, bool was_snapshot)> on_unreachable;
  };

  // Whoever counts outlives the network.
  Network(Hooks hooks, Tally& tally) : hooks_(std::move(hooks)), tally_(tally) {}
  virtual ~Network() = default;

  virtual void send(NodeId from, NodeId to, Bytes message) = 0;
  virtual void start(NodeId node) = 0;
  // What it has not sent is gone; nothing arrives there any more.
  virtual void stop(NodeId node) = 0;
  virtual void set_faults(const WireFaults& faults) = 0;

  // Nothing sent from `from` arrives at `to`.
  virtual void cut(NodeId from, NodeId to) { cut_[from.value].insert(to); }
  virtual void mend_all() { cut_ = {}; }
  bool is_cut(NodeId from, NodeId to) const { return cut_[from.value].contains(to); }

 protected:
  Hooks hooks_;
  Tally& tally_;

 private:
  std::array<NodeSet, kNodesMax + 1> cut_{};
};

struct WireTiming {
  Nanos latency_min = microseconds(100);
  Nanos latency_max = milliseconds(1);
};

std::unique_ptr<Network> make_direct_network(Scheduler& scheduler, Prng prng, WireTiming timing,
                                             Network::Hooks hooks, Tally& tally);
std::unique_ptr<Network> make_link_network(Scheduler& scheduler, Prng prng, WireTiming timing,
                                           Network::Hooks hooks, Tally& tally);

}  // namespace ringroad::raft::sim
