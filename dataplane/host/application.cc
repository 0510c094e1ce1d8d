#include "dataplane/host/application.h"

#include <bit>

#include "dataplane/base/check.h"

namespace ringroad::host {
namespace {

// Of two results of one broadcast, the one the sender must hear: delivered yields to all others,
// unknown to none.
std::uint8_t worse(std::uint8_t a, std::uint8_t b) {
  const auto rank = [](std::uint8_t result) {
    if (result == 0) return 0;
    if (result == static_cast<std::uint8_t>(Outcome::kDelivered)) return 1;
    if (result == static_cast<std::uint8_t>(Outcome::kNoReceiver)) return 2;
    return result == static_cast<std::uint8_t>(Outcome::kUnknown) ? 4 : 3;
  };
  return rank(b) > rank(a) ? b : a;
}

constexpr std::uint32_t kReturnsALine = kCacheLineBytes / sizeof(std::uint32_t);

constexpr std::uint16_t next_generation(std::uint16_t generation) {
  return static_cast<std::uint16_t>((generation + 1) &
                                    ((1U << ReceiveDescriptor::kGenerationBits) - 1));
}

constexpr std::uint8_t refused(SendResult result) {
  return static_cast<std::uint8_t>(kRefused + static_cast<std::uint8_t>(result));
}

}  // namespace

Application::Application(const ApplicationConfig& config, const ChannelGeometry& geometry,
                         SharedSegment segment)
    : config_(config),
      geometry_(geometry),
      segment_(std::move(segment)),
      control_(reinterpret_cast<ChannelControl*>(segment_.data())),
      transmit_ring_(
          reinterpret_cast<const TransmitDescriptor*>(segment_.data() + geometry.transmit_ring)),
      transmit_masks_(
          reinterpret_cast<const std::uint64_t*>(segment_.data() + transmit_masks(geometry))),
      completion_ring_(reinterpret_cast<Completion*>(segment_.data() + geometry.completion_ring)),
      receive_ring_(reinterpret_cast<ReceiveDescriptor*>(segment_.data() + geometry.receive_ring)),
      return_ring_(reinterpret_cast<std::uint32_t*>(segment_.data() + geometry.return_ring)),
      transmit_arena_(segment_.data() + geometry.transmit_arena),
      receive_arena_(segment_.data() + geometry.receive_arena),
      units_(kTransmitUnits),
      quota_(
          Quota::of(config.quota_percent, geometry.transmit_arena_bytes, config.message_bytes_max)),
      receive_blocks_(geometry.receive_arena_bytes),
      slots_(kReceiveSlots) {
  RR_CHECK(segment_.bytes() >= geometry.segment_bytes);
  // Last in, first out, lowest index first.
  free_units_.reserve(kTransmitUnits);
  for (std::uint32_t i = kTransmitUnits; i-- > 0;) {
    free_units_.push_back(static_cast<std::uint16_t>(i));
  }
  for (std::uint32_t i = 0; i < kReceiveSlots; ++i) {
    free_slots_[i] = static_cast<std::uint16_t>(kReceiveSlots - 1 - i);
  }
  parked_lanes_.reserve(lanes_.size());
  config_.peers.reserve(kNodesMax);  // on_peers() allocates nothing
  show_peers();
}

// --- Sending -----------------------------------------------------------------------------------

std::uint32_t Application::poll(Nanos /*now*/, Sender& sender) {
  if (deaf_) return 0;
  sender_ = &sender;
  ask_for_descriptors();
  std::uint32_t work = take_returns();
  if (!parked_lanes_.empty()) work += retry_parked(sender);
  work += take_descriptors(sender);
  refresh_next_peer(sender);
  return work;
}

std::uint32_t Application::take_descriptors(Sender& sender) {
  const std::uint32_t tail = control().application.transmit_tail.load(std::memory_order_acquire);
  const std::uint32_t waiting = tail - transmit_head_;
  stuck_ = false;
  if (waiting == 0) return 0;
  if (waiting > kTransmitRing || !read_completion_head()) {
    violation(kViolationsMax);
    return 0;
  }
  const std::uint32_t burst = std::min(waiting, kTransmitBurst);
  std::uint32_t taken = 0;
  // Messages to take one at a time before the next try of a burst: where not one of a burst could
  // be delivered, to look at all of them again for each would cost the lcore dearly.
  std::uint32_t singles = 0;
  while (taken < burst && !deaf_) {
    if (singles == 0) {
      const std::uint32_t delivered = take_local(burst - taken, sender);
      taken += delivered;
      if (taken == burst || delivered == kLocalBurst) continue;
      singles = delivered == 0 ? kLocalBurst : 1;
    }
    --singles;
    const Request request = read_request();
    if (!is_well_formed(request)) {
      violation(1);
    } else if (take(request, sender) == Taken::kNoRoom) {
      stuck_ = true;
      break;
    } else {
      add(counters_.messages_taken);
      add(counters_.bytes_taken, request.length);
    }
    ++transmit_head_;
    ++taken;
  }
  return taken;
}

Application::Request Application::read_request() const {
  const std::uint32_t at = transmit_head_ % kTransmitRing;
  const auto shared = copy_once(&transmit_ring_[at]);
  const bool is_broadcast = shared.to == kToPeers;
  return {.peers = is_broadcast ? word_once<std::uint64_t>(&transmit_masks_[at]) : 0,
          .offset = shared.offset,
          .length = shared.length,
          .type = shared.type,
          .token = shared.token,
          .to = is_broadcast ? kBroadcast.value : std::uint16_t{shared.to},
          .priority = static_cast<std::uint8_t>(shared.options & kTransmitPriority),
          .flags = static_cast<std::uint8_t>(shared.options & ~kTransmitPriority)};
}

bool Application::is_well_formed(const Request& request) const {
  return request.offset <= geometry_.transmit_arena_bytes &&
         request.length <= geometry_.transmit_arena_bytes - request.offset &&
         (request.flags & ~kTransmitOptionsKnown) == 0;
}

Application::Taken Application::take(const Request& request, Sender& sender) {
  if (request.to == kBroadcast.value) return take_broadcast(request, sender);
  if (free_units_.empty() || !has_completion_room(1)) return Taken::kNoRoom;
  const bool is_known =
      request.to >= 1 && request.to <= kNodesMax &&
      (request.to == config_.self.value || (known_peers_ >> (request.to - 1) & 1) != 0);
  if (!is_known) {
    refuse(request, SendResult::kNoSuchNode);
  } else if (request.priority == 0 || request.priority >= kPriorities) {
    refuse(request, SendResult::kBadPriority);
  } else if (request.length > config_.message_bytes_max) {
    refuse(request, SendResult::kTooLarge);
  } else if (!quota_.has_room(request.to, request.length)) {
    refuse(request, SendResult::kQuotaFull);
  } else {
    const std::uint16_t index = new_unit();
    units_[index] = Unit{.offset = request.offset,
                         .length = request.length,
                         .type = request.type,
                         .token = request.token,
                         .to = request.to,
                         .parent = kNoUnit,
                         .next = kNoUnit,
                         .remaining = 0,
                         .priority = request.priority,
                         .flags = request.flags,
                         .result = 0,
                         .in_use = true};
    quota_.take(request.to, request.length);
    offer_or_park(index, sender);
  }
  return Taken::kDone;
}

// A broadcast is one unit of its own, told to the application once, and one for each peer in its
// mask. The library chose the peers when it told its caller how many it accepted.
Application::Taken Application::take_broadcast(const Request& request, Sender& sender) {
  const auto count = static_cast<std::uint32_t>(std::popcount(request.peers));
  if (free_units_.size() < count + 1 || !has_completion_room(count + 1)) return Taken::kNoRoom;
  SendResult bad = SendResult::kAccepted;
  if (count == 0 || (request.peers & ~known_peers_) != 0) bad = SendResult::kNoSuchNode;
  if (request.priority == 0 || request.priority >= kPriorities) {
    bad = SendResult::kBadPriority;
  }
  if (request.length > config_.message_bytes_max) bad = SendResult::kTooLarge;
  if (bad != SendResult::kAccepted) {
    refuse(request, bad);
    return Taken::kDone;
  }
  const std::uint16_t parent = new_unit();
  units_[parent] = Unit{.offset = request.offset,
                        .length = request.length,
                        .type = request.type,
                        .token = request.token,
                        .to = kBroadcast.value,
                        .parent = kNoUnit,
                        .next = kNoUnit,
                        .remaining = static_cast<std::uint16_t>(count),
                        .priority = request.priority,
                        .flags = request.flags,
                        .result = 0,
                        .in_use = true};
  for (std::uint64_t left = request.peers; left != 0; left &= left - 1) {
    const auto to = static_cast<std::uint16_t>(std::countr_zero(left) + 1);
    const std::uint16_t index = new_unit();
    units_[index] = units_[parent];
    units_[index].to = to;
    units_[index].parent = parent;
    const bool has_room = quota_.has_room(to, request.length);
    quota_.take(to, request.length);
    if (has_room) {
      offer_or_park(index, sender);
    } else {
      add(counters_.messages_refused);
      end_unit(index, refused(SendResult::kQuotaFull));
    }
  }
  return Taken::kDone;
}

std::uint16_t Application::new_unit() {
  const std::uint16_t index = free_units_.back();
  free_units_.pop_back();
  return index;
}

SendResult Application::offer(std::uint16_t index, Sender& sender) {
  const Unit& unit = units_[index];
  return sender.send(OutboundMessage{.to = NodeId{unit.to},
                                     .type = MessageType{unit.type},
                                     .priority = Priority{unit.priority},
                                     .owner = config_.index,
                                     .length = unit.length,
                                     .payload = transmit_arena_ + unit.offset,
                                     .token = index});
}

void Application::offer_or_park(std::uint16_t index, Sender& sender) {
  const Unit unit = units_[index];  // a copy: it may end within the offer
  const Lane& lane = lanes_[lane_index(unit.to, unit.priority)];
  if (lane.first != kNoUnit) {
    park(index);
    return;
  }
  const SendResult result = offer(index, sender);
  if (result == SendResult::kAccepted) return;
  if (result == SendResult::kQueueFull) {
    park(index);
  } else {
    add(counters_.messages_refused);
    end_unit(index, refused(result));
  }
  refresh_state(NodeId{unit.to}, unit.priority, sender);
}

void Application::park(std::uint16_t index) {
  Unit& unit = units_[index];
  const std::size_t at = lane_index(unit.to, unit.priority);
  Lane& lane = lanes_[at];
  unit.next = kNoUnit;
  if (lane.first == kNoUnit) {
    lane.first = index;
    parked_lanes_.push_back(static_cast<std::uint16_t>(at));
  } else {
    units_[lane.last].next = index;
  }
  lane.last = index;
  add(counters_.messages_waited);
}

std::uint32_t Application::retry_parked(Sender& sender) {
  std::uint32_t work = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < parked_lanes_.size(); ++i) {
    Lane& lane = lanes_[parked_lanes_[i]];
    const NodeId node{static_cast<std::uint16_t>(parked_lanes_[i] / kPriorities)};
    const auto priority = static_cast<std::uint8_t>(parked_lanes_[i] % kPriorities);
    while (lane.first != kNoUnit) {
      const std::uint16_t index = lane.first;
      lane.first = units_[index].next;
      const SendResult result = offer(index, sender);
      if (result == SendResult::kQueueFull) {
        lane.first = index;
        break;
      }
      ++work;
      if (result != SendResult::kAccepted) {
        add(counters_.messages_refused);
        end_unit(index, refused(result));
      }
    }
    if (lane.first != kNoUnit) {
      parked_lanes_[kept++] = parked_lanes_[i];
    } else {
      lane.last = kNoUnit;
    }
    refresh_state(node, priority, sender);
  }
  parked_lanes_.resize(kept);
  return work;
}

void Application::on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) {
  RR_CHECK(token < kTransmitUnits);
  const Unit& unit = units_[token];
  RR_CHECK(unit.in_use && unit.to == peer.value);
  add(counters_.outcomes[static_cast<std::size_t>(outcome)]);
  end_unit(static_cast<std::uint16_t>(token), static_cast<std::uint8_t>(outcome));
}

void Application::end_unit(std::uint16_t index, std::uint8_t result) {
  Unit& unit = units_[index];
  unit.in_use = false;
  free_units_.push_back(index);
  if (unit.to != kBroadcast.value) quota_.give_back(unit.to, unit.length);
  if (unit.parent == kNoUnit) {
    complete({unit.token, 1, unit.to, result, kCompletionFinal});
    return;
  }
  Unit& whole = units_[unit.parent];
  whole.result = worse(whole.result, result);
  if ((whole.flags & kTransmitEachOutcome) != 0) complete({unit.token, 1, unit.to, result, 0});
  if (--whole.remaining == 0) end_unit(unit.parent, whole.result);
}

void Application::refuse(const Request& request, SendResult result) {
  add(counters_.messages_refused);
  complete({request.token, 1, request.to, refused(result), kCompletionFinal});
}

// Room was reserved when the descriptor was taken. Final completions of consecutive tokens with the
// same result share an entry as long as it has not been published.
void Application::complete(const Completion& completion) {
  Completion& last = last_completion_;
  const bool joins = completion_tail_ != shown_completion_tail_ &&
                     completion.flags == kCompletionFinal && last.flags == kCompletionFinal &&
                     completion.result == last.result &&
                     completion.token == last.token + last.count;
  if (joins) {
    last.count += completion.count;
  } else {
    last = completion;
    ++completion_tail_;
  }
  completion_ring_[(completion_tail_ - 1) % kCompletionRing] = last;
}

// Units in use owe at most one completion each.
bool Application::has_completion_room(std::uint32_t units) const {
  return completion_tail_ - completion_head_ + units_in_use() + units <= kCompletionRing;
}

bool Application::read_completion_head() {
  completion_head_ = control().application.completion_head.load(std::memory_order_acquire);
  return completion_tail_ - completion_head_ <= kCompletionRing &&
         shown_completion_tail_ - completion_head_ <= kCompletionRing;
}

// --- Receiving ---------------------------------------------------------------------------------

DeliverResult Application::on_message(const InboundMessage& message) {
  if (deaf_) return DeliverResult::kNoReceiver;
  if (free_slot_count_ == 0) take_returns();
  std::uint32_t offset = 0;
  const bool has_slot = free_slot_count_ != 0;
  if (has_slot && message.length != 0) offset = receive_blocks_.allocate(message.length);
  if (!has_slot || offset == BlockAllocator::kNone) {
    stalled_ = true;
    add(counters_.receive_busy);
    return DeliverResult::kBusy;
  }
  message.copy_to(receive_arena_ + offset);
  const std::uint16_t index = free_slots_[--free_slot_count_];
  Slot& slot = slots_[index];
  slot.offset = offset;
  slot.order = block_order(message.length);
  slot.in_use = true;
  receive_ring_[receive_tail_ % kReceiveSlots] = {
      .offset = offset,
      .length = message.length,
      .type = message.type.value,
      .rest = ReceiveDescriptor::rest_of(message.from.value, message.priority.value) |
              ReceiveDescriptor::handle_of(index, slot.generation)};
  ++receive_tail_;
  stalled_ = false;
  add(counters_.messages_received);
  add(counters_.bytes_received, message.length);
  return DeliverResult::kDelivered;
}

std::uint32_t Application::take_returns() {
  if (deaf_) return 0;
  const std::uint32_t tail = control().application.return_tail.load(std::memory_order_acquire);
  const std::uint32_t count = tail - return_head_;
  if (count == 0) return 0;
  if (count > kReceiveSlots) {
    violation(kViolationsMax);
    return 0;
  }
  for (std::uint32_t i = 0; i < count; i += kReturnsALine) {
    __builtin_prefetch(&return_ring_[(return_head_ + i) % kReceiveSlots]);
  }
  while (return_head_ != tail && !deaf_) take_return_run(tail);
  return count;
}

// Some of the returns before `tail`: those with blocks of one size, which go back together, or one
// that names no slot.
void Application::take_return_run(std::uint32_t tail) {
  std::array<std::uint32_t, kLocalBurst> offsets;
  Slot* const slots = slots_.data();
  std::uint32_t head = return_head_, free_slots = free_slot_count_, run = 0;
  BlockAllocator::Order order = kNoBlock;
  bool is_bad = false;
  for (; head != tail && run < kLocalBurst; ++head) {
    const auto returned = word_once<std::uint32_t>(&return_ring_[head % kReceiveSlots]);
    const std::uint32_t index = returned % kReceiveSlots;
    Slot& slot = slots[index];
    is_bad = !slot.in_use || slot.generation != returned >> ReceiveDescriptor::kSlotBits;
    if (is_bad) break;
    if (run == 0) order = slot.order;
    if (slot.order != order) break;
    offsets[run++] = slot.offset;
    slot.in_use = false;
    slot.generation = next_generation(slot.generation);
    free_slots_[free_slots++] = static_cast<std::uint16_t>(index);
  }
  return_head_ = head;
  free_slot_count_ = free_slots;
  if (order != kNoBlock) receive_blocks_.release_burst(std::span{offsets}.first(run), order);
  if (is_bad) {
    ++return_head_;
    violation(1);
  }
}

}  // namespace ringroad::host
