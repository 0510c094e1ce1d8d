#include "dataplane/client/local_channel.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "dataplane/base/copy_bytes.h"
#include "dataplane/client/error.h"
#include "dataplane/host/process_barrier.h"

namespace ringroad::client {
namespace {

using host::kPairRing;

// Returns are looked at once this many messages went out since the last look: often enough to reuse
// memory that is still in the cache, seldom enough not to fetch the other side's line for each.
constexpr std::uint32_t kSendsPerLook = 256, kBytesPerLook = 256 * 1'024;
// Empty polls in a row between looks at whether the other side still lives (a system call).
constexpr std::uint32_t kPollsPerLook = 16'384;
// Likewise, claims refused.
constexpr std::uint32_t kRefusalsPerLook = 256;
constexpr std::uint32_t kReturnsPerRing = 32;

constexpr std::uint32_t kDescriptorsPerLine = kCacheLineBytes / sizeof(host::PairDescriptor);

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
      fences_(host::register_for_fences()),
      blocks_(incoming_.arena_bytes),
      records_(kPairRing) {
  auto* control = reinterpret_cast<host::PairControl*>(data_);
  const std::size_t ours = is_opener ? 0 : 1;
  out_ = &control->directions[ours];
  in_ = &control->directions[1 - ours];
  out_arena_ = data_ + host::kPairArenaOffset + ours * incoming_.arena_bytes;
  in_arena_ = data_ + host::kPairArenaOffset + (1 - ours) * incoming_.arena_bytes;
  if (fences_) {
    in_->receiver_sleep.store(host::kPairFences, std::memory_order_relaxed);
    out_->sender_sleep.store(host::kPairFences, std::memory_order_relaxed);
  }
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
void LocalChannel::ring_if_asleep(std::atomic<std::uint32_t>& sleep) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::uint32_t said = sleep.load(std::memory_order_relaxed);
  if (!fences_ || (said & host::kPairFences) == 0) {
    host::full_fence();
    said = sleep.load(std::memory_order_relaxed);
  }
  if ((said & host::kPairAsleep) == 0) [[likely]]
    return;
  said = sleep.fetch_and(~host::kPairAsleep, std::memory_order_relaxed);
  if ((said & host::kPairAsleep) != 0) host::ring_bell(incoming_.bell.get());
}

// --- Sending -------------------------------------------------------------------------------------

void LocalChannel::take_early_returns() {
  while (true) {
    const std::uint64_t entry =
        out_->early[early_head_ % kPairRing].what.load(std::memory_order_acquire);
    if (host::high_of(entry) != lap_of(early_head_)) return;
    const std::uint32_t index = host::low_of(entry);
    Record& record = records_[index % kPairRing];
    if (index - released_ >= tail_ - released_ || record.block_bytes == 0) {
      is_broken_ = true;
      return;
    }
    blocks_.release(record.offset, record.block_bytes);
    record.block_bytes = 0;
    ++early_head_;
  }
}

void LocalChannel::take_returns() {
  sends_unlooked_ = bytes_unlooked_ = 0;
  const std::uint32_t released = out_->released.load(std::memory_order_acquire);
  take_early_returns();
  if (released - released_ > tail_ - released_) is_broken_ = true;
  if (!is_broken_) released_ = released;
}

// Gives blocks that came back to the allocator until `count` messages have room, or none is left.
void LocalChannel::make_room(std::uint32_t count) {
  while (room() < count && recycled_ != released_) {
    const Record record = std::exchange(records_[recycled_++ % kPairRing], Record{});
    if (record.block_bytes != 0) blocks_.release(record.offset, record.block_bytes);
  }
}

// The block of the oldest message that came back, if that is of this size, as it is when all are:
// then blocks go round in one order, and the hardware prefetches them on both sides. Others go back
// to the allocator on the way. None when `claimed` messages fill the ring.
std::uint32_t LocalChannel::recycle(std::uint32_t block_bytes, std::uint32_t claimed) {
  while (recycled_ != released_) {
    const Record record = std::exchange(records_[recycled_++ % kPairRing], Record{});
    if (record.block_bytes == block_bytes) [[likely]]
      return record.offset;
    if (record.block_bytes != 0) blocks_.release(record.offset, record.block_bytes);
  }
  return room() <= claimed ? host::BlockAllocator::kNone : blocks_.allocate(block_bytes);
}

// There is no room: says so, or that there will be none.
dist_net_error_t LocalChannel::refuse() {
  if (is_broken_ || (++refusals_ % kRefusalsPerLook == 0 && !is_alive())) {
    return fail(DIST_NET_DISCONNECTED);
  }
  wants_room_ = true;
  return fail({DIST_NET_WOULD_BLOCK, DIST_NET_REASON_LOCAL, 0, 0, tail_ - released_, kPairRing});
}

std::uint32_t LocalChannel::claim_blocks(std::size_t size, dist_net_claim_t* claims,
                                         std::uint32_t count) {
  if (is_broken_) return 0;
  const std::uint32_t block_bytes =
      host::BlockAllocator::block_bytes(static_cast<std::uint32_t>(size));
  std::uint32_t claimed = 0;
  for (; claimed < count; ++claimed) {
    const std::uint32_t offset = recycle(block_bytes, claimed);
    if (offset == host::BlockAllocator::kNone) break;
    claims[claimed] = {out_arena_ + offset, size, {offset, block_bytes}};
    // The other side read it last: each store would wait for its way across, one after the other
    // (53 M/s of 64 bytes without, 59 with).
    prefetch_to_write(out_arena_ + offset);
    // Not the line with the next descriptor: the receiver may be polling that.
    const std::uint32_t slot = (tail_ + claimed) % kPairRing;
    if (claimed != 0 && slot % kDescriptorsPerLine == 0) {
      prefetch_to_write(&out_->descriptors[slot]);
    }
  }
  return claimed;
}

std::int32_t LocalChannel::claim(std::size_t size, dist_net_claim_t* claims, std::uint32_t count) {
  if (size > incoming_.arena_bytes / 4) {
    return fail({DIST_NET_TOO_LARGE, DIST_NET_REASON_NONE, 0, 0, size, incoming_.arena_bytes / 4});
  }
  if (sends_unlooked_ >= kSendsPerLook || bytes_unlooked_ >= kBytesPerLook) take_returns();
  std::uint32_t claimed = claim_blocks(size, claims, count);
  if (claimed == 0 && count != 0) {
    take_returns();
    claimed = claim_blocks(size, claims, count);
    if (claimed == 0) return refuse();
  }
  wants_room_ = false;
  return static_cast<std::int32_t>(claimed);
}

// How many of the claims can be committed now; if not all, the error is recorded.
std::uint32_t LocalChannel::check_claims(const dist_net_claim_t* claims, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const dist_net_claim_t& claim = claims[i];
    if (claim.data == nullptr || claim.data != out_arena_ + claim.reserved[0] ||
        claim.size > claim.reserved[1]) {
      fail(DIST_NET_INVALID_ARGUMENT);
      count = i;
    }
  }
  if (count <= room()) [[likely]]
    return count;
  take_returns();  // several claims at once: the ring filled since
  make_room(count);
  const std::uint32_t room_now = is_broken_ ? 0 : room();
  if (count > room_now) refuse();
  return std::min(count, room_now);
}

std::uint32_t LocalChannel::commit(dist_net_claim_t* claims, const std::uint32_t* types,
                                   std::uint32_t count, bool more) {
  const std::uint32_t asked = count;
  count = check_claims(claims, count);
  RR_CHECK(count <= room());
  for (std::uint32_t i = count; i-- > 0;) {
    dist_net_claim_t& claim = claims[i];
    const std::uint32_t index = tail_ + i, offset = claim.reserved[0];
    records_[index % kPairRing] = {offset, claim.reserved[1]};
    host::PairDescriptor& descriptor = out_->descriptors[index % kPairRing];
    descriptor.where.store(host::pair_word(offset, static_cast<std::uint32_t>(claim.size)),
                           std::memory_order_relaxed);
    descriptor.what.store(host::pair_word(types[i], lap_of(index)), std::memory_order_release);
    bytes_unlooked_ += claim.reserved[1];
    claim.data = nullptr;
  }
  tail_ += count;
  sends_unlooked_ += count;
  // Short of room the caller waits for the receiver, whatever it meant to add.
  if (!more || count < asked) ring_if_asleep(out_->receiver_sleep);
  return count;
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
  if (offset != host::BlockAllocator::kNone) copy_bytes(copies_.data() + offset, from, length);
  return offset;
}

std::int32_t LocalChannel::receive(dist_net_message_t* messages, std::uint32_t count) {
  count = std::min(count, kPairRing - (head_ - done_));  // an honest sender sends no more
  std::uint32_t taken = 0;
  for (; taken < count; ++taken) {
    const host::PairDescriptor& descriptor = in_->descriptors[head_ % kPairRing];
    const std::uint64_t what = descriptor.what.load(std::memory_order_acquire);
    if (host::high_of(what) != lap_of(head_)) break;
    const std::uint64_t where = descriptor.where.load(std::memory_order_relaxed);
    const std::uint32_t offset = host::low_of(where), length = host::high_of(where);
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
    }
    messages[taken] = {.payload = payload,
                       .size = length,
                       .from = 0,
                       .type = host::low_of(what),
                       .priority = 0,
                       .handle = handle};
    ++head_;
    if (copy_blocks_ != nullptr) ++done_;
  }
  if (taken != 0) {
    polls_empty_ = 0;
    if (copy_blocks_ != nullptr) publish_returns();
    return static_cast<std::int32_t>(taken);
  }
  ring_for_returns();
  if (++polls_empty_ % kPollsPerLook == 0) is_alive();
  return is_broken_ ? fail(DIST_NET_DISCONNECTED) : 0;
}

// The message of this index may be overwritten. What is not held is left alone.
void LocalChannel::finish(std::uint32_t index) {
  if (index == done_ && done_ != head_) {
    ++done_;
    while (early_count_ != 0 && is_early_.test(done_ % kPairRing)) {
      is_early_.reset(done_++ % kPairRing);
      --early_count_;
    }
  } else if (index - done_ < head_ - done_ && !is_early_.test(index % kPairRing)) {
    is_early_.set(index % kPairRing);
    ++early_count_;
    in_->early[early_tail_ % kPairRing].what.store(host::pair_word(index, lap_of(early_tail_)),
                                                   std::memory_order_release);
    ++early_tail_;
    ++returns_unrung_;
  }
}

void LocalChannel::publish_returns() {
  if (done_ != done_published_) {
    returns_unrung_ += done_ - done_published_;
    done_published_ = done_;
    in_->released.store(done_, std::memory_order_release);
  }
  if (returns_unrung_ >= kReturnsPerRing) ring_for_returns();
}

void LocalChannel::ring_for_returns() {
  if (returns_unrung_ == 0) return;
  returns_unrung_ = 0;
  ring_if_asleep(in_->sender_sleep);
}

void LocalChannel::release(const dist_net_message_t* messages, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (copy_blocks_ != nullptr) {
      copy_blocks_->release(messages[i].handle, static_cast<std::uint32_t>(messages[i].size));
    } else {
      finish(messages[i].handle);
    }
  }
  publish_returns();
}

// --- Waiting -------------------------------------------------------------------------------------

bool LocalChannel::is_ready() {
  const host::PairDescriptor& descriptor = in_->descriptors[head_ % kPairRing];
  const std::uint64_t what = descriptor.what.load(std::memory_order_acquire);
  // What a program that holds a whole ring finds there is no message: see receive().
  const bool has_message = host::high_of(what) == lap_of(head_) && head_ - done_ < kPairRing;
  if (is_broken_ || has_message) return true;
  if (!wants_room_) return false;
  const host::PairReturn& entry = out_->early[early_head_ % kPairRing];
  return host::high_of(entry.what.load(std::memory_order_acquire)) == lap_of(early_head_) ||
         out_->released.load(std::memory_order_acquire) != released_;
}

void LocalChannel::arm() {
  ring_for_returns();
  in_->receiver_sleep.fetch_or(host::kPairAsleep, std::memory_order_relaxed);
  if (wants_room_) out_->sender_sleep.fetch_or(host::kPairAsleep, std::memory_order_relaxed);
}

void LocalChannel::disarm() {
  in_->receiver_sleep.fetch_and(~host::kPairAsleep, std::memory_order_relaxed);
  out_->sender_sleep.fetch_and(~host::kPairAsleep, std::memory_order_relaxed);
  is_alive();
}

}  // namespace ringroad::client
