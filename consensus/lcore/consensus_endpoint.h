// Consensus as an io lcore sees it: hands what peers and programs say to the consensus lcore, sends
// what that has for them, and tells it which peers messages do not reach.
//
// Owned by the io lcore; nothing is allocated after construction. The other end is a
// ConsensusLcore, on another thread.
//
// A parcel that is on a link stays with it until its outcome. An answer that its program has no
// room for waits in line; a program that does not read loses the oldest of its answers, and is told
// by its own patience. What a peer's message finds no parcel for stays with the link, which asks
// again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "consensus/lcore/parcel.h"
#include "consensus/lcore/sleeper.h"
#include "dataplane/base/sequence_lock.h"
#include "dataplane/core/endpoint.h"
#include "dataplane/core/local_service.h"
#include "dataplane/node.h"

namespace ringroad::consensus {

struct EndpointStatistics {
  std::uint64_t peer_messages_in = 0, peer_messages_out = 0;
  std::uint64_t requests = 0, answers = 0;
  std::uint64_t busy = 0;             // nothing could be taken in: no empty parcel
  std::uint64_t not_sent = 0;         // the link took it not, or lost it
  std::uint64_t answers_dropped = 0;  // the program did not read, or was gone
  std::uint64_t malformed = 0;        // requests too short or too long to be one
};

class ConsensusEndpoint final : public Endpoint, public LocalService {
 public:
  // Both pools outlive it: `inbound` is filled here, `outbound` emptied here.
  ConsensusEndpoint(Node& node, Parcels& inbound, Parcels& outbound, Sleeper& loop, Sleeper& io);

  DeliverResult on_message(const InboundMessage& message) override;
  void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) override;
  std::uint32_t poll(Nanos now, Sender& sender) override;
  void publish() override;
  bool arm() override;
  void disarm() override;

  DeliverResult on_request(std::uint16_t owner, const InboundMessage& message) override;
  void on_detached(std::uint16_t owner) override;
  void report(ConsensusCounts& out) override;

  // From the loop's thread: peers (bit n: node n + 1) whom messages did not reach since last asked.
  std::uint64_t take_unreachable() { return unreachable_.exchange(0, std::memory_order_relaxed); }
  // Likewise: what the loop counts, for report().
  void publish(const ConsensusCounts& counts) { counts_.write(counts); }
  const EndpointStatistics& statistics() const { return statistics_; }

 private:
  static constexpr std::size_t kAnswersWaiting = 64;

  DeliverResult take_in(Parcel::Kind kind, std::uint16_t owner, const InboundMessage& message);
  void send(Parcel* parcel, Sender& sender);
  bool answer(Parcel* parcel);
  void give_back(Parcel* parcel);

  Node& node_;
  Parcels& inbound_;
  Parcels& outbound_;
  Sleeper& loop_;
  Sleeper& io_;
  bool has_news_ = false;  // for the loop, in this pass
  std::array<std::uint32_t, kApplicationsMax> generations_{};
  std::array<Parcel*, kAnswersWaiting> waiting_{};  // answers, in order
  std::size_t waiting_count_ = 0;
  std::atomic<std::uint64_t> unreachable_{0};
  EndpointStatistics statistics_;
  SequenceLocked<ConsensusCounts> counts_;
  ConsensusCounts told_;  // of these, what was last read whole
};

}  // namespace ringroad::consensus
