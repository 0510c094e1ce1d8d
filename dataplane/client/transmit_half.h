// The sending half of an attachment: the transmit arena, what is in it, and how it ended. Not
// thread-safe: the Context holds its lock.
//
// All bookkeeping is private to this process, and a message's record and memory are taken before
// its descriptor is written, so that a refusal leaves no trace. What is full is known here exactly
// (ring, arena, units, quota) or advised by the dataplane (the node's queues).
//
// Invariants: units_ counts one for each node a message is under way to and one more for each
// broadcast, and never exceeds kTransmitUnits. Outcomes that wait to be collected and those still
// owed never exceed kOutcomesMax.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/client/attachment.h"
#include "dataplane/client/dist_net.h"
#include "dataplane/host/block_allocator.h"
#include "dataplane/host/layout.h"
#include "dataplane/host/quota.h"

namespace ringroad::client {

class TransmitHalf {
 public:
  static constexpr std::uint32_t kOutcomesMax = 2 * host::kTransmitUnits;

  explicit TransmitHalf(Attachment& attachment);

  // Copies of the payloads of up to `count` messages, in order. Sets `accepted` of those it took
  // and of the one it refused, if any. Returns how many it took.
  std::uint32_t send(dist_net_outgoing_t* messages, std::uint32_t count);
  // What was written into the claim. Sets message.accepted.
  dist_net_error_t claim(std::size_t size, dist_net_claim_t& claim);
  dist_net_error_t commit(dist_net_claim_t& claim, dist_net_outgoing_t& message);
  dist_net_error_t abandon(dist_net_claim_t& claim);
  // Makes what was sent since the last flush visible to the dataplane, and wakes it.
  void flush();

  // Reads what ended since. Returns whether anything did.
  bool drain();
  bool has_completions() const;
  // After a refusal and a flush: whether what was refused may be accepted now. When it says no, the
  // dataplane will count a change as soon as a ring that was full has room.
  bool finds_room();
  std::uint32_t take_outcomes(dist_net_outcome_report_t* reports, std::uint32_t count);
  bool has_outcomes() const { return outcome_head_ != outcome_tail_; }
  // The attachment is lost: everything without outcome ends as unknown.
  void end_all();

  bool is_known(std::uint32_t node) const;
  bool is_connected(std::uint32_t node) const;
  std::uint64_t peers() const;  // as configured now; bit n: node n + 1
  const dist_net_statistics_t& statistics() const { return statistics_; }
  std::uint32_t units_in_use() const { return units_; }

 private:
  // A message without outcome. `asked_` says more of those that need it.
  struct Record {
    std::uint32_t offset, length, block_bytes;
    std::uint16_t to;
    std::uint8_t flags;
    bool in_use;
  };
  static_assert(sizeof(Record) == 16);
  struct Asked {
    std::uint64_t token;  // with DIST_NET_WANT_OUTCOME
    std::uint64_t peers;  // of a broadcast: not heard of yet
  };
  // Where a message may go, once everything that can refuse it has been asked.
  struct Route {
    std::uint64_t peers = 0;
    std::uint32_t units = 1;
  };

  dist_net_error_t send_one(dist_net_outgoing_t& message);
  std::uint32_t send_run(dist_net_outgoing_t* messages, std::uint32_t count);
  std::uint32_t place_run(const dist_net_outgoing_t* messages, std::uint32_t limit,
                          std::span<std::uint32_t> offsets);
  void ask_ahead(std::uint32_t run, std::uint32_t length);
  std::uint32_t run_room(const dist_net_outgoing_t& first);
  std::uint16_t take_record();
  dist_net_error_t check(const dist_net_outgoing_t& message) const;
  dist_net_error_t find_route(const dist_net_outgoing_t& message, Route& route);
  dist_net_error_t check_room(const dist_net_outgoing_t& message, std::uint32_t units);
  bool may_send(std::uint32_t node, const dist_net_outgoing_t& message,
                dist_net_error_details_t& refusal) const;
  dist_net_error_t would_block(const dist_net_error_details_t& refusal);
  void write(const dist_net_outgoing_t& message, const Route& route, std::uint32_t offset,
             std::uint32_t block_bytes);
  void end(const host::Completion& completion, std::uint32_t index);
  void end_run(const host::Completion& completion);
  bool should_drain() const;
  void give_back(Record& record, std::uint32_t index);
  void report(std::uint32_t index, std::uint32_t node, std::uint8_t result);
  void count(std::uint8_t result, std::uint32_t messages);

  Attachment& attachment_;
  host::ChannelControl& control_;
  host::TransmitDescriptor* ring_;
  std::uint64_t* masks_;
  const host::Completion* completions_;
  std::byte* arena_;
  std::uint32_t message_bytes_max_;
  std::uint32_t arena_bytes_;

  std::uint32_t tail_ = 0, shown_tail_ = 0, head_seen_ = 0, completion_head_ = 0;
  std::uint32_t units_ = 0;
  std::uint32_t block_bytes_ = 0;  // of records in use
  host::BlockAllocator blocks_;
  host::QuotaLedger quota_;
  std::vector<Record> records_;
  std::vector<Asked> asked_;  // by record
  // First in, first out, so that tokens in flight are consecutive and complete together; but only
  // as many go round as were ever needed at once, so that they stay in the cache.
  std::vector<std::uint16_t> free_records_;
  std::uint32_t free_head_ = 0, free_tail_ = 0, records_used_ = 0;
  std::vector<dist_net_outcome_report_t> outcomes_;
  std::uint32_t outcome_head_ = 0, outcome_tail_ = 0, outcomes_owed_ = 0;
  dist_net_statistics_t statistics_{};
};

}  // namespace ringroad::client
