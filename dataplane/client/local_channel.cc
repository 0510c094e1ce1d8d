#include "dataplane/client/local_channel.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>

#include "dataplane/client/error.h"

namespace ringroad::client {
namespace {

using host::kPairRing;

// Returns are looked at once this many messages are out: often enough to reuse memory that is
// still in the cache, seldom enough not to fetch the other side's line for each message.
constexpr std::uint32_t kReclaimAt = 64;
// Empty polls between looks at whether the other side still lives (a system call).
constexpr std::uint32_t kPollsPerLook = 16'384;
constexpr std::uint32_t kReturnsPerRing = 32;

constexpr std::uint32_t lap_of(std::uint32_t index) { return index / kPairRing + 1; }

}  // namespace

std::unique_ptr<LocalChannel> LocalChannel::map(IncomingChannel incoming, bool is_opener) {
  const std::uint64_t bytes = host::pair_segment_bytes(incoming.arena_bytes);
  struct stat status{};
  if (::fstat(incoming.segment.get(), &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) != bytes) {
    return nullptr;
  }
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                    incoming.segment.get(), 0);
  if (at == MAP_FAILED) return nullptr;
  incoming.segment.reset();
  return std::unique_ptr<LocalChannel>(
      new LocalChannel(std::move(incoming), is_opener, static_cast<std::byte*>(at)));
}

LocalChannel::LocalChannel(IncomingChannel incoming, bool is_opener, std::byte* data)
    : incoming_(std::move(incoming)),
      data_(data),
      blocks_(incoming_.arena_bytes),
      records_(kPairRing) {
  auto* control = reinterpret_cast<host::PairControl*>(data_);
  const std::size_t ours = is_opener ? 0 : 1;
  out_ = &control->directions[ours];
  in_ = &control->directions[1 - ours];
  out_arena_ = data_ + host::kPairArenaOffset + ours * incoming_.arena_bytes;
  in_arena_ = data_ + host::kPairArenaOffset + (1 - ours) * incoming_.arena_bytes;
  if (!incoming_.by_reference) {
    copies_.resize(incoming_.arena_bytes);
    copy_blocks_ = std::make_unique<host::BlockAllocator>(incoming_.arena_bytes);
  }
}

LocalChannel::~LocalChannel() { ::munmap(data_, host::pair_segment_bytes(incoming_.arena_bytes)); }

bool LocalChannel::is_alive() {
  if (!is_broken_ && !host::hush_bell(incoming_.bell.get())) is_broken_ = true;
  return !is_broken_;
}

// What was published before is seen by the other side, or it is rung.
void LocalChannel::ring_if(std::atomic<std::uint32_t>& asleep) {
  host::full_fence();
  if (asleep.load(std::memory_order_relaxed) == 0) return;
  if (asleep.exchange(0, std::memory_order_relaxed) != 0) host::ring_bell(incoming_.bell.get());
}

// --- Sending -------------------------------------------------------------------------------------

void LocalChannel::take_returns() {
  while (true) {
    const host::PairReturn& entry = out_->returns[return_head_ % kPairRing];
    if (entry.lap.load(std::memory_order_acquire) != lap_of(return_head_)) return;
    const std::uint32_t index = host::copy_once(&entry.index);
    Record& record = records_[index % kPairRing];
    if (!record.in_use || record.index != index) {
      is_broken_ = true;
      return;
    }
    record.in_use = false;
    blocks_.release(record.offset, record.block_bytes);
    --outstanding_;
    ++return_head_;
  }
}

dist_net_error_t LocalChannel::claim(std::size_t size, dist_net_claim_t& claim) {
  if (size > incoming_.arena_bytes / 4) {
    return fail({DIST_NET_TOO_LARGE, DIST_NET_REASON_NONE, 0, 0, size, incoming_.arena_bytes / 4});
  }
  if (outstanding_ >= kReclaimAt) take_returns();
  if (is_broken_) return fail(DIST_NET_DISCONNECTED);
  const std::uint32_t block_bytes =
      host::BlockAllocator::block_bytes(static_cast<std::uint32_t>(size));
  std::uint32_t offset = host::BlockAllocator::kNone;
  if (!records_[tail_ % kPairRing].in_use) offset = blocks_.allocate(block_bytes);
  if (offset == host::BlockAllocator::kNone) {
    take_returns();
    if (!records_[tail_ % kPairRing].in_use) offset = blocks_.allocate(block_bytes);
  }
  if (offset == host::BlockAllocator::kNone) {
    if (!is_alive()) return fail(DIST_NET_DISCONNECTED);
    wants_room_ = true;
    return fail({DIST_NET_WOULD_BLOCK, DIST_NET_REASON_LOCAL, 0, 0, outstanding_, kPairRing});
  }
  wants_room_ = false;
  claim = {out_arena_ + offset, size, {offset, block_bytes}};
  return DIST_NET_SUCCESS;
}

dist_net_error_t LocalChannel::commit(dist_net_claim_t& claim, std::uint32_t type, std::size_t size,
                                      bool more) {
  if (claim.data == nullptr || claim.data != out_arena_ + claim.reserved[0] || size > claim.size) {
    return fail(DIST_NET_INVALID_ARGUMENT);
  }
  Record& record = records_[tail_ % kPairRing];
  if (record.in_use) {  // several claims at once: the ring filled since
    take_returns();
    if (is_broken_) return fail(DIST_NET_DISCONNECTED);
    if (record.in_use) {
      wants_room_ = true;
      return fail({DIST_NET_WOULD_BLOCK, DIST_NET_REASON_LOCAL, 0, 0, outstanding_, kPairRing});
    }
  }
  record = {tail_, claim.reserved[0], claim.reserved[1], true};
  host::PairDescriptor& descriptor = out_->descriptors[tail_ % kPairRing];
  descriptor.offset = claim.reserved[0];
  descriptor.length = static_cast<std::uint32_t>(size);
  descriptor.type = type;
  descriptor.lap.store(lap_of(tail_), std::memory_order_release);
  ++tail_;
  ++outstanding_;
  claim.data = nullptr;
  if (!more) ring_if(out_->receiver_asleep);
  return DIST_NET_SUCCESS;
}

dist_net_error_t LocalChannel::abandon(dist_net_claim_t& claim) {
  if (claim.data == nullptr || claim.data != out_arena_ + claim.reserved[0]) {
    return fail(DIST_NET_INVALID_ARGUMENT);
  }
  blocks_.release(claim.reserved[0], claim.reserved[1]);
  claim = {};
  return DIST_NET_SUCCESS;
}

// --- Receiving -----------------------------------------------------------------------------------

std::uint32_t LocalChannel::copy_out(const std::byte* from, std::uint32_t length) {
  const std::uint32_t offset = copy_blocks_->allocate(length);
  if (offset != host::BlockAllocator::kNone) std::memcpy(copies_.data() + offset, from, length);
  return offset;
}

std::int32_t LocalChannel::receive(dist_net_message_t* messages, std::uint32_t count) {
  std::uint32_t taken = 0;
  for (; taken < count; ++taken) {
    const host::PairDescriptor& descriptor = in_->descriptors[head_ % kPairRing];
    if (descriptor.lap.load(std::memory_order_acquire) != lap_of(head_)) break;
    const std::uint32_t offset = host::copy_once(&descriptor.offset);
    const std::uint32_t length = host::copy_once(&descriptor.length);
    if (offset > incoming_.arena_bytes || length > incoming_.arena_bytes - offset) {
      is_broken_ = true;
      break;
    }
    const std::byte* payload = in_arena_ + offset;
    std::uint32_t handle = head_;
    if (copy_blocks_ != nullptr) {
      handle = copy_out(payload, length);
      if (handle == host::BlockAllocator::kNone) break;  // until some of ours are released
      payload = copies_.data() + handle;
      give_return(head_);
    }
    messages[taken] = {.payload = payload,
                       .size = length,
                       .from = 0,
                       .type = descriptor.type,
                       .priority = 0,
                       .handle = handle};
    ++head_;
  }
  if (taken != 0) return static_cast<std::int32_t>(taken);
  ring_for_returns();
  if (++polls_empty_ % kPollsPerLook == 0) is_alive();
  return is_broken_ ? fail(DIST_NET_DISCONNECTED) : 0;
}

void LocalChannel::give_return(std::uint32_t index) {
  host::PairReturn& entry = in_->returns[return_tail_ % kPairRing];
  entry.index = index;
  entry.lap.store(lap_of(return_tail_), std::memory_order_release);
  ++return_tail_;
  if (++returns_unrung_ >= kReturnsPerRing) ring_for_returns();
}

void LocalChannel::ring_for_returns() {
  if (returns_unrung_ == 0) return;
  returns_unrung_ = 0;
  ring_if(in_->sender_asleep);
}

void LocalChannel::release(const dist_net_message_t* messages, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (copy_blocks_ != nullptr) {
      copy_blocks_->release(messages[i].handle, static_cast<std::uint32_t>(messages[i].size));
    } else {
      give_return(messages[i].handle);
    }
  }
}

// --- Waiting -------------------------------------------------------------------------------------

bool LocalChannel::is_ready() {
  const host::PairDescriptor& descriptor = in_->descriptors[head_ % kPairRing];
  if (descriptor.lap.load(std::memory_order_acquire) == lap_of(head_)) return true;
  const host::PairReturn& entry = out_->returns[return_head_ % kPairRing];
  const bool has_room = entry.lap.load(std::memory_order_acquire) == lap_of(return_head_);
  return is_broken_ || (wants_room_ && has_room);
}

void LocalChannel::arm() {
  ring_for_returns();
  in_->receiver_asleep.store(1, std::memory_order_relaxed);
  if (wants_room_) out_->sender_asleep.store(1, std::memory_order_relaxed);
}

void LocalChannel::disarm() {
  in_->receiver_asleep.store(0, std::memory_order_relaxed);
  out_->sender_asleep.store(0, std::memory_order_relaxed);
  is_alive();
}

}  // namespace ringroad::client
