// An attached application, as the io lcore sees it: takes its descriptors, copies to it what
// arrives, tells it outcomes. Made and destroyed by the slow path (HostServer); between attach and
// detach owned by the io lcore, which alone calls the Endpoint functions. Nothing is allocated
// after construction.
//
// The application is not trusted. All bookkeeping is here, in private memory; what is read from the
// shared segment is read once and checked. Descriptors no library writes are counted and skipped;
// the kViolationsMax-th of them, or one index that cannot be, ends the conversation: the verdict is
// published and its rings are not looked at again.
//
// Messages to this node go by bursts (application_local.cc) as long as they end at once; all
// others, and those that do not, one at a time.
//
// A message the node's queue has no room for is parked here, in order, and offered again in every
// pass; the application reads that (peer, priority) as blocked meanwhile. So of what a library
// commits, only messages to a peer whose link just went down are refused late, and those it is
// told about.
//
// publish() costs a few compares when nothing changed. It rings for what a program can wait for:
// deliveries, completions (refusals made in poll() among them), states of peers, and room in a
// transmit ring that was full.
//
// Invariants: units in use + free units = kTransmitUnits. Unread completions + those still owed
// never exceed kCompletionRing. Delivered and not returned never exceeds kReceiveSlots.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/core/endpoint.h"
#include "dataplane/host/block_allocator.h"
#include "dataplane/host/layout.h"
#include "dataplane/host/protocol.h"
#include "dataplane/host/quota.h"
#include "dataplane/host/shared_segment.h"

namespace ringroad::host {

// One writer at a time, the io lcore; read from anywhere.
struct ApplicationCounters {
  std::atomic<std::uint64_t> messages_taken, bytes_taken, messages_refused, messages_waited,
      messages_received, bytes_received, receive_busy, outcomes[5], violations, bells;
};

inline constexpr std::uint32_t kViolationsMax = 16;
inline constexpr std::uint32_t kTransmitBurst = 256;  // descriptors taken in one poll

inline constexpr std::uint32_t kLocalBurst = 32;  // of those, delivered within the node at a time

struct ApplicationConfig {
  std::uint16_t index = 0;  // names the endpoint, below kApplicationsMax
  NodeId self;
  std::vector<NodeId> peers;
  std::uint32_t message_bytes_max = 0;
  std::uint32_t quota_percent = 100;
  bool never_rings = false;  // was told that this lcore never sleeps, so it may not while attached
  int bell = -1;             // rung for the application; owned by the caller, outlives this
  int notice = -1;           // eventfd written once when the application is broken; likewise
};

class Application final : public Endpoint {
 public:
  // `segment` is mapped and populated, laid out as `geometry` says.
  Application(const ApplicationConfig& config, const ChannelGeometry& geometry,
              SharedSegment segment);

  DeliverResult on_message(const InboundMessage& message) override;
  std::size_t on_messages(const InboundBurst& burst) override;
  void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) override;
  std::uint32_t poll(Nanos now, Sender& sender) override;
  void publish() override;
  bool arm() override;
  void disarm() override;
  void on_peers(std::span<const NodeId> peers) override;

  std::uint16_t index() const { return config_.index; }
  // Any thread may ask: it sent garbage, and is to be detached.
  bool is_broken() const { return broken_.load(std::memory_order_acquire); }
  // The slow path, once the io lcore has let go: says why, and wakes the application.
  void tell_verdict(Verdict verdict);
  // Any thread may read these.
  ChannelCounts counts() const;
  // For tests and invariants: nothing in flight, everything returned.
  std::uint32_t units_in_use() const {
    return kTransmitUnits - static_cast<std::uint32_t>(free_units_.size());
  }
  std::uint32_t slots_in_use() const { return kReceiveSlots - free_slot_count_; }

 private:
  static constexpr std::uint16_t kNoUnit = 0xffff;

  // A descriptor, as it was read once.
  struct Request {
    std::uint64_t peers;  // of a broadcast
    std::uint32_t offset, length, type;
    std::uint16_t token;
    std::uint16_t to;  // kBroadcast's value included
    std::uint8_t priority, flags;
  };

  // One message toward one node, or the broadcast it belongs to.
  struct Unit {
    std::uint32_t offset, length, type;
    std::uint16_t token;  // the application's
    std::uint16_t to;
    std::uint16_t parent;     // the broadcast's unit, or kNoUnit
    std::uint16_t next;       // parked behind this one
    std::uint16_t remaining;  // of a broadcast: peers not heard of
    std::uint8_t priority;
    std::uint8_t flags;
    std::uint8_t result;  // of a broadcast: the worst so far
    bool in_use;
  };

  // Messages of one (node, priority) that wait for room in the node's queue.
  struct Lane {
    std::uint16_t first = kNoUnit, last = kNoUnit;
  };

  struct Slot {
    std::uint32_t offset = 0;
    std::uint16_t generation = 0;
    BlockAllocator::Order order = kNoBlock;  // of its block
    bool in_use = false;
  };
  static constexpr BlockAllocator::Order kNoBlock = 0xff;  // an empty message
  static constexpr BlockAllocator::Order block_order(std::uint32_t length) {
    return length == 0 ? kNoBlock : BlockAllocator::order_of(length);
  }

  std::uint32_t take_returns();
  void take_return_run(std::uint32_t tail);
  std::uint32_t retry_parked(Sender& sender);
  std::uint32_t take_descriptors(Sender& sender);
  void ask_for_descriptors() const;
  std::uint32_t take_local(std::uint32_t limit, Sender& sender);
  std::uint32_t local_length_max() const;
  std::size_t place(std::span<const std::span<const std::byte>> payloads,
                    std::span<std::uint32_t> offsets);
  Request read_request() const;
  enum class Taken : std::uint8_t { kDone, kNoRoom };
  Taken take(const Request& request, Sender& sender);
  Taken take_broadcast(const Request& request, Sender& sender);
  bool is_well_formed(const Request& request) const;
  bool has_completion_room(std::uint32_t units) const;
  void offer_or_park(std::uint16_t index, Sender& sender);
  SendResult offer(std::uint16_t index, Sender& sender);
  void park(std::uint16_t index);
  void end_unit(std::uint16_t index, std::uint8_t result);
  void complete(const Completion& completion);
  void complete_delivered(std::span<const std::uint16_t> tokens);
  void refuse(const Request& request, SendResult result);
  std::uint16_t new_unit();
  std::size_t lane_index(std::uint16_t node, std::uint8_t priority) const {
    return std::size_t{node} * kPriorities + priority;
  }
  // Counters have one writer at a time; readers may be elsewhere.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void refresh_state(NodeId node, std::uint8_t priority, const Sender& sender);
  bool is_shown_right(NodeId node, const Sender& sender) const;
  bool is_all_shown_right() const;
  void refresh_next_peer(const Sender& sender);
  void show_peers();
  void wake();
  void violation(std::uint32_t weight);
  bool read_completion_head();
  ChannelControl& control() const { return *control_; }

  ApplicationConfig config_;
  ChannelGeometry geometry_;
  SharedSegment segment_;
  ChannelControl* control_;
  const TransmitDescriptor* transmit_ring_;
  const std::uint64_t* transmit_masks_;
  Completion* completion_ring_;
  ReceiveDescriptor* receive_ring_;
  std::uint32_t* return_ring_;
  const std::byte* transmit_arena_;
  std::byte* receive_arena_;

  // Sending.
  std::uint32_t transmit_head_ = 0;
  std::uint32_t completion_tail_ = 0, completion_head_ = 0;
  std::vector<Unit> units_;
  std::vector<std::uint16_t> free_units_;
  QuotaLedger quota_;
  std::array<Lane, (kNodesMax + 1) * kPriorities> lanes_;
  std::vector<std::uint16_t> parked_lanes_;  // those with anything in them
  std::uint64_t known_peers_ = 0;            // bit n: node n + 1
  Completion last_completion_{};
  struct LocalRun {
    std::array<std::span<const std::byte>, kLocalBurst> payloads;
    std::array<std::uint16_t, kLocalBurst> tokens;
  };
  LocalRun local_{};  // of the burst being delivered

  // Receiving.
  std::uint32_t receive_tail_ = 0;
  std::uint32_t return_head_ = 0;
  BlockAllocator receive_blocks_;
  std::vector<Slot> slots_;
  std::array<std::uint16_t, kReceiveSlots> free_slots_;  // a stack
  std::uint32_t free_slot_count_ = kReceiveSlots;

  // What the application has been shown; publish() compares.
  std::uint32_t shown_transmit_head_ = 0, shown_completion_tail_ = 0, shown_receive_tail_ = 0;
  std::array<std::uint8_t, (kNodesMax + 1) * kPriorities> shown_states_{};
  std::uint32_t changes_ = 0;
  bool state_changed_ = false;
  const Sender* sender_ = nullptr;  // the node that polls; outlives being attached to it
  bool stalled_ = false;            // the last delivery found no room
  bool stuck_ = false;  // a descriptor waits for units or for room among the completions
  std::size_t next_peer_ = 0;
  std::uint32_t violations_ = 0;
  bool deaf_ = false;  // the io lcore's own copy of broken_
  std::atomic<bool> broken_{false};
  ApplicationCounters counters_{};
};

}  // namespace ringroad::host
