// Messages as they are, each with a fate of its own: lost, repeated, late. World owns the network;
// messages in flight are events of the scheduler. Invariant: nothing arrives over a pair that is
// cut when it arrives, nor at a node that has stopped. There are no links, queues or limits here.
#include "tests/sim/raft/network.h"

namespace ringroad::raft::sim {

namespace {

class DirectNetwork final : public Network {
 public:
  DirectNetwork(Scheduler& scheduler, Prng prng, WireTiming timing, Hooks hooks, Tally& tally)
      : Network(std::move(hooks), tally), scheduler_(scheduler), prng_(prng), timing_(timing) {}

  void send(NodeId from, NodeId to, Bytes message) override {
    if (prng_.chance_ppm(faults_.duplicate_ppm)) {
      tally_.add(Fault::kDuplicated);
      put_on_wire(from, to, message);
    }
    put_on_wire(from, to, std::move(message));
  }
  void start(NodeId node) override { running_.insert(node); }
  void stop(NodeId node) override { running_.erase(node); }
  void set_faults(const WireFaults& faults) override { faults_ = faults; }

 private:
  Nanos below(Nanos bound) {
    return Nanos{
        static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(bound.count) + 1))};
  }

  void put_on_wire(NodeId from, NodeId to, Bytes message) {
    if (prng_.chance_ppm(faults_.loss_ppm)) {
      tally_.add(Fault::kLost);
      return;
    }
    Nanos due =
        scheduler_.now() + timing_.latency_min + below(timing_.latency_max - timing_.latency_min);
    if (prng_.chance_ppm(faults_.reorder_ppm)) {
      tally_.add(Fault::kReordered);
      due = due + below(faults_.reorder_delay_max);
    } else {
      // In order, but for those.
      Nanos& last = last_due_[from.value][to.value];
      due = last = std::max(due, last);
    }
    scheduler_.at(due, [this, from, to, message = std::move(message)] {
      if (running_.contains(to) && !is_cut(from, to)) hooks_.on_message(from, to, message);
    });
  }

  Scheduler& scheduler_;
  Prng prng_;
  WireTiming timing_;
  WireFaults faults_;
  NodeSet running_;
  std::array<std::array<Nanos, kNodesMax + 1>, kNodesMax + 1> last_due_{};
};

}  // namespace

std::unique_ptr<Network> make_direct_network(Scheduler& scheduler, Prng prng, WireTiming timing,
                                             Network::Hooks hooks, Tally& tally) {
  return std::make_unique<DirectNetwork>(scheduler, prng, timing, std::move(hooks), tally);
}

}  // namespace ringroad::raft::sim
