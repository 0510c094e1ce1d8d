// One end of a local channel: a segment shared with exactly one other program of this node, see
// host/pair_layout.h. Each direction belongs to one thread at a time; there are no locks.
//
// The other program is not trusted: blocks and descriptors out are remembered privately, what comes
// in is read once and checked, and the first descriptor or return that cannot be disconnects.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/client/attachment.h"
#include "dataplane/client/dist_net.h"
#include "dataplane/host/block_allocator.h"
#include "dataplane/host/pair_layout.h"

namespace ringroad::client {

class LocalChannel {
 public:
  // Maps `incoming`; we are direction 0's sender when we opened it, 1's when we accepted. Null when
  // it cannot be mapped.
  static std::unique_ptr<LocalChannel> map(IncomingChannel incoming, bool is_opener);
  ~LocalChannel();
  LocalChannel(const LocalChannel&) = delete;
  LocalChannel& operator=(const LocalChannel&) = delete;

  // How many of `count` pieces of `size` bytes were claimed, or an error when there is none.
  std::int32_t claim(std::size_t size, dist_net_claim_t* claims, std::uint32_t count);
  // How many of `count` were committed, in order; fewer than all: the error is recorded.
  std::uint32_t commit(dist_net_claim_t* claims, const std::uint32_t* types, std::uint32_t count,
                       bool more);
  dist_net_error_t abandon(dist_net_claim_t& claim);
  // Messages taken, or an error below 0.
  std::int32_t receive(dist_net_message_t* messages, std::uint32_t count);
  void release(const dist_net_message_t* messages, std::uint32_t count);

  // For waiting: whether there is a message, or room again for a sender that found none; asking to
  // be rung; and taking that back. arm() is followed by a fence (everywhere, where fences() says
  // so) and is_ready() by the caller.
  bool is_ready();
  void arm();
  void disarm();
  bool fences() const { return fences_; }

  std::uint32_t id() const { return incoming_.id; }
  const std::string& name() const { return incoming_.from; }
  bool by_reference() const { return incoming_.by_reference; }
  int bell() const { return incoming_.bell.get(); }

 private:
  // The block of a descriptor that is out; of no size when it came back.
  struct Record {
    std::uint32_t offset = 0, block_bytes = 0;
  };
  LocalChannel(IncomingChannel incoming, bool is_opener, std::byte* data);
  void take_returns();
  void take_early_returns();
  void make_room(std::uint32_t count);
  std::uint32_t recycle(std::uint32_t block_bytes, std::uint32_t claimed);
  std::uint32_t room() const { return host::kPairRing - (tail_ - recycled_); }
  dist_net_error_t refuse();
  std::uint32_t claim_blocks(std::size_t size, dist_net_claim_t* claims, std::uint32_t count);
  std::uint32_t check_claims(const dist_net_claim_t* claims, std::uint32_t count);
  bool is_alive();
  void ring_if_asleep(std::atomic<std::uint32_t>& sleep);
  std::uint32_t copy_out(const std::byte* from, std::uint32_t length);
  void finish(std::uint32_t index);
  void publish_returns();
  void ring_for_returns();

  IncomingChannel incoming_;
  std::byte* data_;
  host::PairDirection* out_;
  host::PairDirection* in_;
  std::byte* out_arena_;
  const std::byte* in_arena_;
  bool is_broken_ = false;
  bool fences_;  // the kernel issues fences for others, here too

  // Sending. Invariant: recycled_ <= released_ <= tail_ <= recycled_ + kPairRing, counting freely;
  // the records from recycled_ to tail_ have blocks, but for those that came back early.
  host::BlockAllocator blocks_;
  std::vector<Record> records_;
  std::uint32_t tail_ = 0, released_ = 0, recycled_ = 0, early_head_ = 0;
  std::uint32_t sends_unlooked_ = 0, bytes_unlooked_ = 0;  // since the last look at returns
  std::uint32_t refusals_ = 0;
  bool wants_room_ = false;

  // Receiving. Invariant: done_ <= head_ <= done_ + kPairRing; all before done_ was released, and
  // of what comes after, what is_early_ says.
  std::uint32_t head_ = 0, done_ = 0, early_tail_ = 0, early_count_ = 0;
  std::uint32_t done_published_ = 0, returns_unrung_ = 0, polls_empty_ = 0;
  std::bitset<host::kPairRing> is_early_;
  std::vector<std::byte> copies_;  // not by reference: our own memory for payloads
  std::unique_ptr<host::BlockAllocator> copy_blocks_;
};

}  // namespace ringroad::client
