// One end of a local channel: a segment shared with exactly one other program of this node, see
// host/pair_layout.h. Each direction belongs to one thread at a time; there are no locks.
//
// The other program is not trusted: blocks and descriptors out are remembered privately, what comes
// in is read once and checked, and the first descriptor or return that cannot be disconnects.
#pragma once

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

  dist_net_error_t claim(std::size_t size, dist_net_claim_t& claim);
  dist_net_error_t commit(dist_net_claim_t& claim, std::uint32_t type, std::size_t size, bool more);
  dist_net_error_t abandon(dist_net_claim_t& claim);
  // Messages taken, or an error below 0.
  std::int32_t receive(dist_net_message_t* messages, std::uint32_t count);
  void release(const dist_net_message_t* messages, std::uint32_t count);

  // For waiting: whether there is a message, or room again for a sender that found none; asking to
  // be rung; and taking that back. arm() is followed by a fence and is_ready() by the caller.
  bool is_ready();
  void arm();
  void disarm();

  std::uint32_t id() const { return incoming_.id; }
  const std::string& name() const { return incoming_.from; }
  bool by_reference() const { return incoming_.by_reference; }
  int bell() const { return incoming_.bell.get(); }

 private:
  struct Record {
    std::uint32_t index = 0, offset = 0, block_bytes = 0;
    bool in_use = false;
  };
  // A message handed to our program: what to return, and our copy of it when not by reference.
  LocalChannel(IncomingChannel incoming, bool is_opener, std::byte* data);
  void take_returns();
  bool is_alive();
  void ring_if(std::atomic<std::uint32_t>& asleep);
  std::uint32_t copy_out(const std::byte* from, std::uint32_t length);
  void give_return(std::uint32_t index);
  void ring_for_returns();

  IncomingChannel incoming_;
  std::byte* data_;
  host::PairDirection* out_;
  host::PairDirection* in_;
  std::byte* out_arena_;
  const std::byte* in_arena_;
  bool is_broken_ = false;

  // Sending.
  host::BlockAllocator blocks_;
  std::vector<Record> records_;
  std::uint32_t tail_ = 0, return_head_ = 0, outstanding_ = 0;
  bool wants_room_ = false;

  // Receiving.
  std::uint32_t head_ = 0, return_tail_ = 0, returns_unrung_ = 0, polls_empty_ = 0;
  std::vector<std::byte> copies_;  // not by reference: our own memory for payloads
  std::unique_ptr<host::BlockAllocator> copy_blocks_;
};

}  // namespace ringroad::client
