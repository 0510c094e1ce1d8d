#include "drivers/memif/rings.h"

#include <algorithm>
#include <atomic>

#include "dataplane/base/check.h"
#include "dataplane/base/copy_bytes.h"

namespace ringroad::memif {
namespace {

using Index = std::uint16_t;

constexpr Index add(Index a, std::uint32_t b) { return static_cast<Index>(a + b); }
constexpr Index distance(Index from, Index to) { return static_cast<Index>(to - from); }

std::atomic_ref<Index> atomic(Index& shared) { return std::atomic_ref<Index>(shared); }

constexpr std::uint16_t flags_of(std::uint64_t low) { return static_cast<std::uint16_t>(low); }
constexpr std::uint16_t region_of(std::uint64_t low) {
  return static_cast<std::uint16_t>(low >> 16);
}
constexpr std::uint32_t length_of(std::uint64_t low) {
  return static_cast<std::uint32_t>(low >> 32);
}
constexpr std::uint32_t offset_of(std::uint64_t high) { return static_cast<std::uint32_t>(high); }
constexpr std::uint64_t low_word(std::uint16_t flags, std::uint16_t region, std::uint32_t length) {
  return std::uint64_t{flags} | std::uint64_t{region} << 16 | std::uint64_t{length} << 32;
}

}  // namespace

// ---- attaching --------------------------------------------------------------------------------

void Rings::attach_as_slave(const Region& region, const SlaveLayout& layout) {
  RR_CHECK(layout.region_bytes() <= region.size());
  published_ = 0;
  role_ = Role::kSlave;
  buffer_bytes_ = layout.buffer_bytes;
  stride_ = layout.stride();
  const auto view = [&](std::uint32_t ring_offset, std::uint32_t buffers_offset) {
    View ring;
    ring.header = reinterpret_cast<RingHeader*>(region.base() + ring_offset);
    ring.slots = region.base() + ring_offset + sizeof(RingHeader);
    ring.buffers = region.base() + buffers_offset;
    ring.buffers_offset = buffers_offset;
    ring.size = static_cast<Index>(layout.slots());
    ring.mask = static_cast<Index>(layout.slots() - 1);
    ring.header->cookie = kRingCookie;
    return ring;
  };
  out_ = view(layout.s2m_offset(), layout.s2m_buffers());
  in_ = view(layout.m2s_offset(), layout.m2s_buffers());
  out_.limit = out_.size;
  in_.header->flags = kRingFlagMaskInterrupt;
  for (Index slot = 0; slot < out_.size; ++slot) {
    give_back<Role::kSlave>(slot);
    fill<Role::kSlave>(slot, Words{}, buffer_bytes_, 0);
  }
}

void Rings::offer_buffers() { atomic(in_.header->head).store(in_.size, std::memory_order_release); }

bool Rings::attach_as_master(std::span<const Region> regions, const AddRing& s2m,
                             const AddRing& m2s) {
  role_ = Role::kMaster;
  published_ = 0;
  RR_CHECK(regions.size() <= kRegionsMax);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    extents_[i] = {regions[i].base(), regions[i].size()};
  }
  const auto view = [&](const AddRing& ring, View* out) {
    const std::uint64_t offset = ring.offset;
    if (ring.region >= regions.size() || offset % alignof(std::uint64_t) != 0 ||
        ring.ring_size_log2 < 1 || ring.ring_size_log2 > kRingSizeLog2Max ||
        offset + ring_bytes(ring.ring_size_log2) > extents_[ring.region].size) {
      return false;
    }
    std::byte* base = extents_[ring.region].base + offset;
    out->header = reinterpret_cast<RingHeader*>(base);
    out->slots = base + sizeof(RingHeader);
    out->size = static_cast<Index>(1u << ring.ring_size_log2);
    out->mask = static_cast<Index>(out->size - 1);
    return out->header->cookie == kRingCookie;
  };
  if (!view(s2m, &in_) || !view(m2s, &out_)) return false;
  atomic(in_.header->flags).store(kRingFlagMaskInterrupt, std::memory_order_relaxed);
  return true;
}

// ---- descriptors and places -------------------------------------------------------------------

Rings::Words Rings::load(const View& ring, Index slot) {
  auto* words = reinterpret_cast<std::uint64_t*>(
      ring.slots + std::size_t{static_cast<Index>(slot & ring.mask)} * sizeof(Descriptor));
  return {std::atomic_ref<std::uint64_t>(words[0]).load(std::memory_order_relaxed),
          std::atomic_ref<std::uint64_t>(words[1]).load(std::memory_order_relaxed)};
}

void Rings::store(const View& ring, Index slot, Words value) {
  auto* words = reinterpret_cast<std::uint64_t*>(
      ring.slots + std::size_t{static_cast<Index>(slot & ring.mask)} * sizeof(Descriptor));
  std::atomic_ref<std::uint64_t>(words[0]).store(value.low, std::memory_order_relaxed);
  std::atomic_ref<std::uint64_t>(words[1]).store(value.high, std::memory_order_relaxed);
}

// Where a received buffer lies, or nullptr when its descriptor points outside.
template <Role kRole>
[[gnu::always_inline]] inline const std::byte* Rings::received_at(Index slot, Words words) const {
  const std::uint32_t length = length_of(words.low);
  if constexpr (kRole == Role::kSlave) {
    if (length > buffer_bytes_) return nullptr;
    return in_.buffers + std::size_t{static_cast<Index>(slot & in_.mask)} * stride_;
  } else {
    const std::uint16_t region = region_of(words.low);
    if (region >= kRegionsMax) return nullptr;
    const Extent& extent = extents_[region];
    if (std::uint64_t{offset_of(words.high)} + length > extent.size) return nullptr;
    return extent.base + offset_of(words.high);
  }
}

// A slave writes the whole descriptor anew: whatever the master left there is forgotten.
template <Role kRole>
[[gnu::always_inline]] inline void Rings::give_back(Index slot) const {
  if constexpr (kRole == Role::kSlave) {
    const std::uint32_t place = static_cast<Index>(slot & in_.mask) * stride_;
    store(in_, slot, {low_word(0, 0, buffer_bytes_), in_.buffers_offset + place});
  }
}

// The empty buffer of an outbound slot; no data when a slave's descriptor points outside.
template <Role kRole>
[[gnu::always_inline]] inline Rings::Place Rings::place_for(Index slot, Words words) const {
  if constexpr (kRole == Role::kSlave) {
    return {out_.buffers + std::size_t{static_cast<Index>(slot & out_.mask)} * stride_,
            buffer_bytes_};
  } else {
    const std::uint16_t region = region_of(words.low);
    const std::uint32_t capacity = length_of(words.low);
    if (region >= kRegionsMax) return {nullptr, 0};
    const Extent& extent = extents_[region];
    if (std::uint64_t{offset_of(words.high)} + capacity > extent.size) return {nullptr, 0};
    return {extent.base + offset_of(words.high), capacity};
  }
}

template <Role kRole>
[[gnu::always_inline]] inline void Rings::fill(Index slot, Words words, std::uint32_t length,
                                               std::uint16_t flags) const {
  if constexpr (kRole == Role::kSlave) {
    const std::uint32_t place = static_cast<Index>(slot & out_.mask) * stride_;
    store(out_, slot, {low_word(flags, 0, length), out_.buffers_offset + place});
  } else {
    store(out_, slot, {low_word(flags, region_of(words.low), length), words.high});
  }
}

// ---- indices ----------------------------------------------------------------------------------

// Both return how many slots are ours to use now, having read the peer's index.
template <Role kRole>
Index Rings::refresh_inbound() {
  Index& shared = kRole == Role::kSlave ? in_.header->tail : in_.header->head;
  const Index limit = atomic(shared).load(std::memory_order_acquire);
  if (distance(in_.next, limit) > in_.size) {
    broken_ = true;
    return 0;
  }
  in_.limit = limit;
  return distance(in_.next, limit);
}

template <Role kRole>
Index Rings::refresh_outbound() {
  Index limit;
  if constexpr (kRole == Role::kSlave) {
    limit = add(atomic(out_.header->tail).load(std::memory_order_acquire), out_.size);
  } else {
    limit = atomic(out_.header->head).load(std::memory_order_acquire);
  }
  if (distance(out_.next, limit) > out_.size) {
    broken_ = true;
    return 0;
  }
  out_.limit = limit;
  return distance(out_.next, limit);
}

// ---- receiving --------------------------------------------------------------------------------

std::size_t Rings::receive(std::span<ReceiveBuffer> packets, Statistics* statistics) {
  return role_ == Role::kSlave ? receive_as<Role::kSlave>(packets, statistics)
                               : receive_as<Role::kMaster>(packets, statistics);
}

template <Role kRole>
std::size_t Rings::receive_as(std::span<ReceiveBuffer> packets, Statistics* statistics) {
  if (broken_) return 0;
  if (distance(in_.next, in_.limit) < packets.size() && refresh_inbound<kRole>() == 0) {
    statistics->received_malformed += broken_;
    return 0;
  }
  constexpr Index kAhead = 4;
  Index slot = in_.next;
  const Index end = in_.limit;
  std::size_t filled = 0;
  std::uint64_t bytes = 0;
  while (filled < packets.size() && slot != end) {
    ReceiveBuffer& packet = packets[filled];
    if (distance(slot, end) > kAhead) {
      const std::byte* soon = received_at<kRole>(add(slot, kAhead), load(in_, add(slot, kAhead)));
      __builtin_prefetch(soon);
    }
    const Words words = load(in_, slot);
    if ((flags_of(words.low) & kDescriptorNext) != 0) [[unlikely]] {
      if (receive_chain<kRole>(&slot, end, &packet, statistics) != Chain::kTaken) continue;
    } else {
      const std::uint32_t length = length_of(words.low);
      const std::byte* data = received_at<kRole>(slot, words);
      if (data == nullptr || length > packet.capacity) [[unlikely]] {
        ++(data == nullptr ? statistics->received_malformed : statistics->received_too_long);
        give_back<kRole>(slot++);
        continue;
      }
      copy_bytes(packet.data, data, length);
      packet.length = length;
      give_back<kRole>(slot++);
    }
    bytes += packet.length;
    ++filled;
  }
  in_.next = slot;
  if constexpr (kRole == Role::kSlave) {
    atomic(in_.header->head).store(add(slot, in_.size), std::memory_order_release);
  } else {
    atomic(in_.header->tail).store(slot, std::memory_order_release);
  }
  statistics->packets_received += filled;
  statistics->bytes_received += bytes;
  return filled;
}

// Joins the buffers of one packet. A chain is published whole, so one that runs off the end of what
// is published is malformed; all its buffers are dropped.
template <Role kRole>
Rings::Chain Rings::receive_chain(Index* slot, Index end, ReceiveBuffer* packet,
                                  Statistics* statistics) {
  std::uint64_t length = 0;
  bool malformed = false;
  bool more = true;
  while (more && *slot != end) {
    const Words words = load(in_, *slot);
    const std::uint32_t part = length_of(words.low);
    const std::byte* data = received_at<kRole>(*slot, words);
    malformed |= data == nullptr;
    if (!malformed && length + part <= packet->capacity) {
      copy_bytes(packet->data + length, data, part);
    }
    length += part;
    more = (flags_of(words.low) & kDescriptorNext) != 0;
    if constexpr (kRole == Role::kMaster) {
      // DPDK 22.11's slave sets the flag on a slot's first use in a chain and never clears it, so
      // that later packets would run together. The slot is ours until tail passes it.
      store(in_, *slot, {words.low & ~std::uint64_t{kDescriptorNext}, words.high});
    }
    give_back<kRole>((*slot)++);
  }
  if (malformed || more) {
    ++statistics->received_malformed;
    return Chain::kDropped;
  }
  if (length > packet->capacity) {
    ++statistics->received_too_long;
    return Chain::kDropped;
  }
  packet->length = static_cast<std::uint32_t>(length);
  return Chain::kTaken;
}

// ---- transmitting -----------------------------------------------------------------------------

std::size_t Rings::transmit(std::span<const TransmitBuffer> packets, Statistics* statistics) {
  const std::size_t sent = role_ == Role::kSlave ? transmit_as<Role::kSlave>(packets, statistics)
                                                 : transmit_as<Role::kMaster>(packets, statistics);
  statistics->send_ring_full += packets.size() - sent;
  return sent;
}

bool Rings::publish() {
  if (out_.next == published_) return false;
  published_ = out_.next;
  // Publish, then look at the mask; the consumer unmasks, then looks at the index. Both orders are
  // sequentially consistent, so one of the two sees the other.
  Index& index = role_ == Role::kSlave ? out_.header->head : out_.header->tail;
  atomic(index).store(out_.next, std::memory_order_seq_cst);
  const Index flags = atomic(out_.header->flags).load(std::memory_order_seq_cst);
  role_ == Role::kSlave ? ask_for_next<Role::kSlave>() : ask_for_next<Role::kMaster>();
  return (flags & kRingFlagMaskInterrupt) == 0;
}

// The next packet's first lines, last read by the peer: ours by the time there is something to say.
template <Role kRole>
void Rings::ask_for_next() const {
  constexpr std::size_t kLines = 4;
  const Words words = kRole == Role::kMaster ? load(out_, out_.next) : Words{};
  const Place place = place_for<kRole>(out_.next, words);
  prefetch_to_write(out_.slots +
                    std::size_t{static_cast<Index>(out_.next & out_.mask)} * sizeof(Descriptor));
  if (out_.next == out_.limit || place.data == nullptr) return;
  for (std::size_t i = 0; i < kLines; ++i) prefetch_to_write(place.data + i * 64);
}

Claim Rings::claim(std::uint32_t bytes, std::span<std::byte>* room, Statistics* statistics) {
  const Claim claim = role_ == Role::kSlave ? claim_as<Role::kSlave>(bytes, room)
                                            : claim_as<Role::kMaster>(bytes, room);
  statistics->send_ring_full += claim == Claim::kFull;
  return claim;
}

template <Role kRole>
Claim Rings::claim_as(std::uint32_t bytes, std::span<std::byte>* room) {
  if (broken_ || (out_.next == out_.limit && refresh_outbound<kRole>() == 0)) return Claim::kFull;
  if constexpr (kRole == Role::kMaster) claimed_ = load(out_, out_.next);
  const Place place = place_for<kRole>(out_.next, claimed_);
  if (place.data == nullptr || place.capacity < bytes) return Claim::kTooSmall;
  *room = {place.data, place.capacity};
  return Claim::kReady;
}

void Rings::commit(std::uint32_t length, Statistics* statistics) {
  if (role_ == Role::kSlave) {
    fill<Role::kSlave>(out_.next, claimed_, length, 0);
  } else {
    fill<Role::kMaster>(out_.next, claimed_, length, 0);
  }
  ++out_.next;
  ++statistics->packets_sent;
  statistics->bytes_sent += length;
}

template <Role kRole>
std::size_t Rings::transmit_as(std::span<const TransmitBuffer> packets, Statistics* statistics) {
  if (broken_) return 0;
  if (distance(out_.next, out_.limit) < packets.size() && refresh_outbound<kRole>() == 0) return 0;
  Index slot = out_.next;
  std::size_t sent = 0, dropped = 0;
  std::uint64_t bytes = 0;
  for (; sent < packets.size() && slot != out_.limit; ++sent) {
    const TransmitBuffer& packet = packets[sent];
    const Words words = kRole == Role::kMaster ? load(out_, slot) : Words{};
    const Place place = place_for<kRole>(slot, words);
    if (packet.length <= place.capacity && place.data != nullptr) [[likely]] {
      copy_bytes(place.data, packet.data, packet.length);
      fill<kRole>(slot++, words, packet.length, 0);
    } else {
      const Chain chain = transmit_chain<kRole>(&slot, packet, statistics);
      if (chain == Chain::kNoRoom) break;
      if (chain == Chain::kDropped) {
        ++dropped;
        continue;
      }
    }
    bytes += packet.length;
  }
  out_.next = slot;
  statistics->packets_sent += sent - dropped;
  statistics->bytes_sent += bytes;
  return sent;
}

// Spreads one packet over as many buffers as it needs. Nothing is moved when they are too few; a
// packet that finds the whole ring empty and still does not fit never will, and is dropped.
template <Role kRole>
Rings::Chain Rings::transmit_chain(Index* slot, const TransmitBuffer& packet,
                                   Statistics* statistics) {
  out_.next = *slot;  // for the arithmetic of refresh; published by transmit()
  refresh_outbound<kRole>();
  if (broken_) return Chain::kNoRoom;
  std::uint64_t room = 0;
  Index count = 0;
  const Index available = distance(*slot, out_.limit);
  while (count < available && (count == 0 || room < packet.length)) {
    const Index at = add(*slot, count++);
    const Place place = place_for<kRole>(at, kRole == Role::kMaster ? load(out_, at) : Words{});
    if (place.data == nullptr) {
      broken_ = true;  // an empty buffer cannot be skipped: the peer would never get it back
      return Chain::kNoRoom;
    }
    room += place.capacity;
  }
  if (room < packet.length) {
    if (available < out_.size) return Chain::kNoRoom;
    ++statistics->send_too_long;
    return Chain::kDropped;
  }
  std::uint32_t done = 0;
  for (Index i = 0; i < count; ++i, ++*slot) {
    const Words words = kRole == Role::kMaster ? load(out_, *slot) : Words{};
    const Place place = place_for<kRole>(*slot, words);  // again: the peer may have changed it
    const std::uint32_t part =
        place.data == nullptr ? 0 : std::min(place.capacity, packet.length - done);
    if (part != 0) copy_bytes(place.data, packet.data + done, part);
    done += part;
    const bool last = i + 1 == count;
    fill<kRole>(*slot, words, part, last ? std::uint16_t{0} : kDescriptorNext);
  }
  return Chain::kTaken;
}

// ---- the doorbell's mask ----------------------------------------------------------------------

bool Rings::arm() {
  if (broken_) return false;
  atomic(in_.header->flags).store(0, std::memory_order_seq_cst);
  Index& shared = role_ == Role::kSlave ? in_.header->tail : in_.header->head;
  if (atomic(shared).load(std::memory_order_seq_cst) == in_.next) return true;
  disarm();
  return false;
}

void Rings::disarm() {
  atomic(in_.header->flags).store(kRingFlagMaskInterrupt, std::memory_order_relaxed);
}

}  // namespace ringroad::memif
