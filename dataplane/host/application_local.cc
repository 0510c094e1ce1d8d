// Messages between programs of this node, a burst at a time. They end in the pass that takes them,
// so a burst needs no units and holds no quota; it asks for the same room as the one-message form,
// which gets whatever a burst does not take: it alone refuses, parks and counts violations.
//
// Each step goes over the whole burst before the next begins, so that the cache lines a step needs
// (descriptors, then payloads, then blocks) are under way together: one at a time they cost a
// crossing between two cores each.
#include <algorithm>
#include <bit>

#include "dataplane/base/copy_bytes.h"
#include "dataplane/host/application.h"

namespace ringroad::host {
namespace {

constexpr std::uint32_t kDescriptorsAhead = 2 * kDescriptorsALine;

// A descriptor, each word of it read once: whatever the program writes meanwhile, ours changes no
// more.
struct DescriptorWords {
  std::uint64_t place;   // offset, length
  std::uint64_t header;  // type, token, to, options

  explicit DescriptorWords(const TransmitDescriptor* shared)
      : place(word_once<std::uint64_t>(shared)), header(word_once<std::uint64_t>(&shared->type)) {}
  std::uint32_t offset() const { return static_cast<std::uint32_t>(place); }
  std::uint32_t length() const { return static_cast<std::uint32_t>(place >> 32); }
  std::uint32_t type() const { return static_cast<std::uint32_t>(header); }
  std::uint16_t token() const { return static_cast<std::uint16_t>(header >> 32); }
  std::uint8_t to() const { return static_cast<std::uint8_t>(header >> 48); }
  std::uint8_t options() const { return static_cast<std::uint8_t>(header >> 56); }
  // All but payload and token.
  bool is_like(const DescriptorWords& other) const {
    return ((header ^ other.header) & ~(std::uint64_t{0xffff} << 32)) == 0;
  }
};
static_assert(std::endian::native == std::endian::little);
static_assert(offsetof(TransmitDescriptor, length) == 4 && offsetof(TransmitDescriptor, type) == 8);
static_assert(offsetof(TransmitDescriptor, token) == 12 && offsetof(TransmitDescriptor, to) == 14);

}  // namespace

// The longest message to this node that the quota has room for, if any: it has ended when the next
// one is taken.
std::uint32_t Application::local_length_max() const {
  const std::uint32_t left = quota_.quota().bytes - quota_.used(config_.self.value).bytes;
  return std::min(config_.message_bytes_max, std::bit_floor(left));
}

// The first descriptors, while there is something else to do.
void Application::ask_for_descriptors() const {
  const std::uint32_t tail = control().application.transmit_tail.load(std::memory_order_acquire);
  if (tail == transmit_head_) return;
  __builtin_prefetch(&transmit_ring_[transmit_head_ % kTransmitRing]);
  __builtin_prefetch(&transmit_ring_[(transmit_head_ + kDescriptorsALine) % kTransmitRing]);
}

// Delivers the well-formed messages to this node, of one type and priority, at the ring's head.
// Returns how many it took.
std::uint32_t Application::take_local(std::uint32_t limit, Sender& sender) {
  const DescriptorWords first{&transmit_ring_[transmit_head_ % kTransmitRing]};
  const auto priority = static_cast<std::uint8_t>(first.options() & kTransmitPriority);
  if (first.to() != config_.self.value || priority == 0 || priority >= kPriorities ||
      (first.options() & ~kTransmitOptionsKnown) != 0 ||
      lanes_[lane_index(first.to(), priority)].first != kNoUnit ||
      !quota_.has_room(first.to(), 0)) {
    return 0;
  }
  limit = std::min({limit, kLocalBurst, kTransmitUnits - units_in_use()});
  if (!has_completion_room(limit)) return 0;
  const std::uint32_t length_max = local_length_max();
  auto& [payloads, tokens] = local_;
  std::uint32_t count = 0;
  for (; count < limit; ++count) {
    if (count + kDescriptorsAhead < limit) {
      __builtin_prefetch(
          &transmit_ring_[(transmit_head_ + count + kDescriptorsAhead) % kTransmitRing]);
    }
    const DescriptorWords next{&transmit_ring_[(transmit_head_ + count) % kTransmitRing]};
    if (!next.is_like(first) || next.length() > length_max ||
        next.offset() > geometry_.transmit_arena_bytes - next.length()) {
      break;
    }
    payloads[count] = {transmit_arena_ + next.offset(), next.length()};
    tokens[count] = next.token();
    __builtin_prefetch(payloads[count].data());
  }
  if (count == 0) return 0;
  const std::size_t delivered =
      sender.deliver_local({.from = config_.self,
                            .type = MessageType{first.type()},
                            .priority = Priority{priority},
                            .payloads = std::span{payloads}.first(count)});
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < delivered; ++i) bytes += payloads[i].size();
  complete_delivered(std::span{tokens}.first(delivered));
  add(counters_.messages_taken, delivered);
  add(counters_.bytes_taken, bytes);
  add(counters_.outcomes[static_cast<std::size_t>(Outcome::kDelivered)], delivered);
  transmit_head_ += static_cast<std::uint32_t>(delivered);
  return static_cast<std::uint32_t>(delivered);
}

// One completion for each run of consecutive tokens.
void Application::complete_delivered(std::span<const std::uint16_t> tokens) {
  for (std::size_t i = 0, end = 0; i < tokens.size(); i = end) {
    for (end = i + 1; end < tokens.size() && tokens[end] == tokens[end - 1] + 1; ++end) {
    }
    complete({tokens[i], static_cast<std::uint32_t>(end - i), config_.self.value,
              static_cast<std::uint8_t>(Outcome::kDelivered), kCompletionFinal});
  }
}

// Finds a block for each payload, as far as there are any.
std::size_t Application::place(std::span<const std::span<const std::byte>> payloads,
                               std::span<std::uint32_t> offsets) {
  std::size_t placed = 0;
  while (placed < payloads.size()) {
    // Blocks of one size at a time.
    const auto length = static_cast<std::uint32_t>(payloads[placed].size());
    const std::uint32_t block_bytes = BlockAllocator::block_bytes(length);
    std::size_t end = placed + 1;
    if (length == 0) {
      offsets[placed++] = 0;
      continue;
    }
    while (end < payloads.size() && !payloads[end].empty() &&
           BlockAllocator::block_bytes(static_cast<std::uint32_t>(payloads[end].size())) ==
               block_bytes) {
      ++end;
    }
    const std::size_t found =
        receive_blocks_.allocate_burst(block_bytes, offsets.subspan(placed, end - placed));
    for (std::size_t i = 0; i < found; ++i) prefetch_to_write(receive_arena_ + offsets[placed + i]);
    placed += found;
    if (placed != end) break;
  }
  return placed;
}

std::size_t Application::on_messages(const InboundBurst& burst) {
  if (deaf_) return 0;
  if (free_slot_count_ < burst.payloads.size()) take_returns();
  const std::size_t count =
      std::min<std::size_t>({burst.payloads.size(), free_slot_count_, kLocalBurst});
  std::array<std::uint32_t, kLocalBurst> offsets;
  const std::size_t placed = place(burst.payloads.first(count), offsets);
  std::uint64_t bytes = 0;
  const std::uint32_t rest = ReceiveDescriptor::rest_of(burst.from.value, burst.priority.value);
  Slot* const slots = slots_.data();
  std::uint32_t tail = receive_tail_, free_slots = free_slot_count_;
  for (std::size_t i = 0; i < placed; ++i) {
    const std::span<const std::byte> payload = burst.payloads[i];
    const auto length = static_cast<std::uint32_t>(payload.size());
    copy_bytes(receive_arena_ + offsets[i], payload.data(), payload.size());
    const std::uint16_t index = free_slots_[--free_slots];
    Slot& slot = slots[index];
    const std::uint16_t generation = slot.generation;
    slot = {offsets[i], generation, block_order(length), true};
    receive_ring_[tail++ % kReceiveSlots] = {
        .offset = offsets[i],
        .length = length,
        .type = burst.type.value,
        .rest = rest | ReceiveDescriptor::handle_of(index, generation)};
    bytes += length;
  }
  receive_tail_ = tail;
  free_slot_count_ = free_slots;
  if (placed == 0) return 0;
  stalled_ = false;
  add(counters_.messages_received, placed);
  add(counters_.bytes_received, bytes);
  // The next burst is likely to be as this one: asks for the lines it will write.
  for (std::size_t i = 0; i < placed; i += kDescriptorsALine) {
    prefetch_to_write(&receive_ring_[(receive_tail_ + i) % kReceiveSlots]);
  }
  receive_blocks_.foresee(
      static_cast<std::uint32_t>(burst.payloads.front().size()), static_cast<std::uint32_t>(placed),
      [this](std::uint32_t offset) { prefetch_to_write(receive_arena_ + offset); });
  return placed;
}

}  // namespace ringroad::host
