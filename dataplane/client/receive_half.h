// The receiving half of an attachment. receive() belongs to one thread at a time; release() may be
// called by any, under the Context's lock for it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dataplane/client/attachment.h"
#include "dataplane/client/dist_net.h"
#include "dataplane/host/layout.h"

namespace ringroad::client {

class ReceiveHalf {
 public:
  explicit ReceiveHalf(Attachment& attachment)
      : attachment_(attachment),
        control_(attachment.control()),
        ring_(attachment.at<host::ReceiveDescriptor>(attachment.offer().geometry.receive_ring)),
        returns_(attachment.at<std::uint32_t>(attachment.offer().geometry.return_ring)),
        arena_(attachment.at<std::byte>(attachment.offer().geometry.receive_arena)) {}

  bool has_messages() const {
    return control_.dataplane.receive_tail.load(std::memory_order_acquire) != head_;
  }

  std::uint32_t receive(dist_net_message_t* messages, std::uint32_t count) {
    // The tail's line is the dataplane's: it is asked for only when what is known is not enough.
    if (tail_seen_ - head_ < count) {
      tail_seen_ = control_.dataplane.receive_tail.load(std::memory_order_acquire);
    }
    const std::uint32_t taken = std::min(count, tail_seen_ - head_);
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < taken; ++i, ++head_) {
      const host::ReceiveDescriptor& descriptor = ring_[head_ % host::kReceiveSlots];
      messages[i] = {.payload = arena_ + descriptor.offset,
                     .size = descriptor.length,
                     .from = descriptor.from(),
                     .type = descriptor.type,
                     .priority = descriptor.priority(),
                     .handle = descriptor.handle()};
      __builtin_prefetch(messages[i].payload);
      bytes += descriptor.length;
    }
    messages_.store(messages_received() + taken, std::memory_order_relaxed);
    bytes_.store(bytes_received() + bytes, std::memory_order_relaxed);
    return taken;
  }

  // Returns whether the dataplane had to be woken.
  bool release(const dist_net_message_t* messages, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      returns_[return_tail_++ % host::kReceiveSlots] = messages[i].handle;
    }
    control_.application.return_tail.store(return_tail_, std::memory_order_release);
    return attachment_.wake_dataplane(host::kWakeForReturns);
  }

  std::uint64_t messages_received() const { return messages_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_received() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Attachment& attachment_;
  host::ChannelControl& control_;
  const host::ReceiveDescriptor* ring_;
  std::uint32_t* returns_;
  const std::byte* arena_;
  std::uint32_t head_ = 0, tail_seen_ = 0, return_tail_ = 0;
  std::atomic<std::uint64_t> messages_{0}, bytes_{0};  // written by receive() alone
};

}  // namespace ringroad::client
