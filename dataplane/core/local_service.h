// Part of a node that programs of the same node ask: a request is a message to the node itself of a
// type set aside for it, the answer one back to whoever asked. No binding is involved, so no other
// program can stand in for it, or be taken for the asker.
//
// Called by the io lcore only; no call blocks or allocates.
#pragma once

#include <cstdint>

#include "dataplane/core/consensus_counts.h"
#include "dataplane/core/message.h"

namespace ringroad {

// Types that no program can be bound to. What arrives of them from other nodes has no receiver.
inline constexpr std::uint32_t kServiceTypeFirst = 0xffffff00;
inline constexpr MessageType kRegistryRequest{kServiceTypeFirst};
inline constexpr MessageType kRegistryReply{kServiceTypeFirst + 1};
constexpr bool is_service_type(MessageType type) { return type.value >= kServiceTypeFirst; }

class LocalService {
 public:
  // From the program attached as `owner`.
  [[nodiscard]] virtual DeliverResult on_request(std::uint16_t owner,
                                                 const InboundMessage& message) = 0;
  // That program is gone: what it asked for concerns nobody any more.
  virtual void on_detached(std::uint16_t owner) = 0;
  // What it counts, as it was up to 100 ms ago.
  virtual void report(ConsensusCounts& out) = 0;

 protected:
  ~LocalService() = default;
};

}  // namespace ringroad
