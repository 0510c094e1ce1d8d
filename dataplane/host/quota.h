// How much of an application's sending capacity is out toward each node, and how much may be. The
// library asks before it commits a message and the dataplane again when it takes it: the same
// arithmetic on both sides, so that a library that keeps to it is never refused.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/host/block_allocator.h"
#include "dataplane/host/layout.h"

namespace ringroad::host {

struct Quota {
  std::uint32_t messages;
  std::uint32_t bytes;

  static constexpr Quota of(std::uint32_t percent, std::uint32_t arena_bytes,
                            std::uint32_t message_bytes_max) {
    const std::uint64_t bytes = std::uint64_t{arena_bytes} * percent / 100;
    return {std::max(1U, kTransmitUnits * percent / 100),
            std::max(BlockAllocator::block_bytes(message_bytes_max),
                     static_cast<std::uint32_t>(bytes))};
  }
};

class QuotaLedger {
 public:
  explicit QuotaLedger(Quota quota) : quota_(quota) {}

  // `node` is below or at kNodesMax, `length` at most the largest message.
  bool has_room(std::uint16_t node, std::uint32_t length) const {
    return used_[node].messages < quota_.messages &&
           used_[node].bytes + BlockAllocator::block_bytes(length) <= quota_.bytes;
  }
  void take(std::uint16_t node, std::uint32_t length) {
    ++used_[node].messages;
    used_[node].bytes += BlockAllocator::block_bytes(length);
  }
  void give_back(std::uint16_t node, std::uint32_t length) {
    --used_[node].messages;
    used_[node].bytes -= BlockAllocator::block_bytes(length);
  }
  // Messages and bytes of whole blocks at once.
  void take_many(std::uint16_t node, Quota share) {
    used_[node].messages += share.messages;
    used_[node].bytes += share.bytes;
  }
  void give_back_many(std::uint16_t node, Quota share) {
    used_[node].messages -= share.messages;
    used_[node].bytes -= share.bytes;
  }
  const Quota& quota() const { return quota_; }
  const Quota& used(std::uint16_t node) const { return used_[node]; }

 private:
  Quota quota_;
  std::array<Quota, kNodesMax + 1> used_{};
};

}  // namespace ringroad::host
