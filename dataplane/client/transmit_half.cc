#include "dataplane/client/transmit_half.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "dataplane/base/copy_bytes.h"
#include "dataplane/client/error.h"
#include "dataplane/core/message.h"

namespace ringroad::client {
namespace {

using host::kTransmitUnits;

// A drain at the start of a send keeps the arena's working set small, in the cache; below either of
// these it would only fetch the dataplane's line for little.
constexpr std::uint32_t kDrainAboveUnits = 256;
constexpr std::uint32_t kDrainAboveBytes = 64 * 1024;
// Messages sent together: their blocks' cache lines come over from the dataplane's core together.
constexpr std::uint32_t kRun = 32;

dist_net_error_t error_of(SendResult result) {
  switch (result) {
    case SendResult::kAccepted:
      return DIST_NET_SUCCESS;
    case SendResult::kQueueFull:
    case SendResult::kQuotaFull:
      return DIST_NET_WOULD_BLOCK;
    case SendResult::kNotConnected:
      return DIST_NET_NOT_CONNECTED;
    case SendResult::kTooLarge:
      return DIST_NET_TOO_LARGE;
    case SendResult::kNoSuchNode:
      return DIST_NET_NO_SUCH_NODE;
    case SendResult::kBadPriority:
      return DIST_NET_BAD_PRIORITY;
  }
  return DIST_NET_INVALID_ARGUMENT;
}

dist_net_reason_t reason_of(Backpressure reason) {
  switch (reason) {
    case Backpressure::kNone:
      return DIST_NET_REASON_QUEUE;
    case Backpressure::kMessageCredit:
      return DIST_NET_REASON_MESSAGE_CREDIT;
    case Backpressure::kByteCredit:
      return DIST_NET_REASON_BYTE_CREDIT;
    case Backpressure::kFlight:
      return DIST_NET_REASON_FLIGHT;
  }
  return DIST_NET_REASON_QUEUE;
}

}  // namespace

TransmitHalf::TransmitHalf(Attachment& attachment)
    : attachment_(attachment),
      control_(attachment.control()),
      ring_(attachment.at<host::TransmitDescriptor>(attachment.offer().geometry.transmit_ring)),
      masks_(attachment.at<std::uint64_t>(host::transmit_masks(attachment.offer().geometry))),
      completions_(attachment.at<host::Completion>(attachment.offer().geometry.completion_ring)),
      arena_(attachment.at<std::byte>(attachment.offer().geometry.transmit_arena)),
      message_bytes_max_(attachment.offer().message_bytes_max),
      arena_bytes_(attachment.offer().geometry.transmit_arena_bytes),
      blocks_(arena_bytes_),
      quota_(host::Quota::of(attachment.offer().quota_percent, arena_bytes_, message_bytes_max_)),
      records_(kTransmitUnits),
      asked_(kTransmitUnits),
      free_records_(kTransmitUnits),
      outcomes_(kOutcomesMax) {}

std::uint64_t TransmitHalf::peers() const {
  return control_.dataplane.peers.load(std::memory_order_acquire);
}

bool TransmitHalf::is_known(std::uint32_t node) const {
  if (node == attachment_.offer().node_id) return true;
  return node >= 1 && node <= kNodesMax && (peers() >> (node - 1) & 1) != 0;
}

bool TransmitHalf::is_connected(std::uint32_t node) const {
  return is_known(node) &&
         (node == attachment_.offer().node_id ||
          (control_.peers[node][1].load(std::memory_order_relaxed) & host::kPeerConnected) != 0);
}

// --- May it be sent? -----------------------------------------------------------------------------

dist_net_error_t TransmitHalf::check(const dist_net_outgoing_t& message) const {
  if ((message.flags & ~DIST_NET_WANT_OUTCOME) != 0) return fail(DIST_NET_INVALID_ARGUMENT);
  if (message.priority == 0 || message.priority >= kPriorities) return fail(DIST_NET_BAD_PRIORITY);
  if (message.size > message_bytes_max_) {
    return fail({DIST_NET_TOO_LARGE, DIST_NET_REASON_NONE, message.node, message.priority,
                 message.size, message_bytes_max_});
  }
  if (message.node != DIST_NET_BROADCAST && !is_known(message.node)) {
    return fail({DIST_NET_NO_SUCH_NODE, DIST_NET_REASON_NONE, message.node, 0, 0, 0});
  }
  return DIST_NET_SUCCESS;
}

bool TransmitHalf::may_send(std::uint32_t node, const dist_net_outgoing_t& message,
                            dist_net_error_details_t& refusal) const {
  const std::uint8_t state = control_.peers[node][message.priority].load(std::memory_order_relaxed);
  refusal = {DIST_NET_WOULD_BLOCK, DIST_NET_REASON_NONE, node, message.priority, 0, 0};
  if ((state & host::kPeerConnected) == 0 && node != attachment_.offer().node_id) {
    refusal.error = DIST_NET_NOT_CONNECTED;
    return false;
  }
  if ((state & host::kPeerBlocked) != 0) {
    refusal.reason = reason_of(static_cast<Backpressure>(state >> host::kPeerReasonShift));
    return false;
  }
  const auto at = static_cast<std::uint16_t>(node);
  const auto size = static_cast<std::uint32_t>(message.size);
  if (quota_.has_room(at, size)) return true;
  const bool by_count = quota_.used(at).messages >= quota_.quota().messages;
  refusal.reason = by_count ? DIST_NET_REASON_QUOTA_MESSAGES : DIST_NET_REASON_QUOTA_BYTES;
  refusal.used = by_count ? quota_.used(at).messages : quota_.used(at).bytes;
  refusal.limit = by_count ? quota_.quota().messages : quota_.quota().bytes;
  return false;
}

dist_net_error_t TransmitHalf::would_block(const dist_net_error_details_t& refusal) {
  if (refusal.error == DIST_NET_WOULD_BLOCK) ++statistics_.would_block;
  return fail(refusal);
}

dist_net_error_t TransmitHalf::find_route(const dist_net_outgoing_t& message, Route& route) {
  dist_net_error_details_t refusal{};
  if (message.node != DIST_NET_BROADCAST) {
    return may_send(message.node, message, refusal) ? DIST_NET_SUCCESS : would_block(refusal);
  }
  route.units = 1;
  dist_net_error_details_t first{DIST_NET_NOT_CONNECTED, DIST_NET_REASON_NONE, 0, 0, 0, 0};
  bool is_first = true;
  for (std::uint64_t left = peers(); left != 0; left &= left - 1) {
    if (may_send(static_cast<std::uint32_t>(std::countr_zero(left)) + 1, message, refusal)) {
      route.peers |= left & -left;
      ++route.units;
    } else if (is_first) {
      first = refusal;
      is_first = false;
    }
  }
  // Told even when some of the peers accept: the caller sees that from the count.
  if (!is_first || route.peers == 0) would_block(first);
  return route.peers != 0 ? DIST_NET_SUCCESS : first.error;
}

dist_net_error_t TransmitHalf::check_room(const dist_net_outgoing_t& message, std::uint32_t units) {
  dist_net_error_details_t refusal{
      DIST_NET_WOULD_BLOCK, DIST_NET_REASON_NONE, 0, message.priority, 0, 0};
  if (tail_ - head_seen_ == host::kTransmitRing) {
    head_seen_ = control_.dataplane.transmit_head.load(std::memory_order_acquire);
  }
  if (tail_ - head_seen_ >= host::kTransmitRing) {
    refusal.reason = DIST_NET_REASON_RING;
    refusal.used = refusal.limit = host::kTransmitRing;
    return would_block(refusal);
  }
  if (units_ + units > kTransmitUnits) {
    refusal.reason = DIST_NET_REASON_UNRESOLVED;
    refusal.used = units_;
    refusal.limit = kTransmitUnits;
    return would_block(refusal);
  }
  const std::uint32_t outcomes = outcome_tail_ - outcome_head_ + outcomes_owed_;
  if ((message.flags & DIST_NET_WANT_OUTCOME) != 0 && outcomes + units > kOutcomesMax) {
    refusal.reason = DIST_NET_REASON_OUTCOMES;
    refusal.used = outcomes;
    refusal.limit = kOutcomesMax;
    return would_block(refusal);
  }
  return DIST_NET_SUCCESS;
}

// --- Sending -------------------------------------------------------------------------------------

std::uint32_t TransmitHalf::send(dist_net_outgoing_t* messages, std::uint32_t count) {
  std::uint32_t sent = 0;
  while (sent < count) {
    const std::uint32_t run = send_run(messages + sent, count - sent);
    sent += run;
    if (run == kRun || sent == count) continue;
    // Takes what a run does not, or says why not.
    if (send_one(messages[sent]) != DIST_NET_SUCCESS) break;
    ++sent;
  }
  return sent;
}

// How many messages like `first` there is room for; 0 when something is to be said about it.
std::uint32_t TransmitHalf::run_room(const dist_net_outgoing_t& first) {
  if (first.node == DIST_NET_BROADCAST || check(first) != DIST_NET_SUCCESS) return 0;
  if (should_drain()) drain();
  Route route;
  if (find_route(first, route) != DIST_NET_SUCCESS) return 0;
  if (check_room(first, 1) != DIST_NET_SUCCESS) return 0;
  const auto node = static_cast<std::uint16_t>(first.node);
  const std::uint32_t outcomes =
      (first.flags & DIST_NET_WANT_OUTCOME) == 0
          ? kRun
          : kOutcomesMax - outcomes_owed_ - (outcome_tail_ - outcome_head_);
  return std::min({kRun, host::kTransmitRing - (tail_ - head_seen_), kTransmitUnits - units_,
                   quota_.quota().messages - quota_.used(node).messages, outcomes});
}

// The messages at the front that differ in payload and token only, as far as there is room for
// them.
std::uint32_t TransmitHalf::send_run(dist_net_outgoing_t* messages, std::uint32_t count) {
  const dist_net_outgoing_t first = messages[0];
  const std::uint64_t would_block_before = statistics_.would_block;
  const std::uint32_t limit = std::min(count, run_room(first));
  if (limit == 0) {
    // send_one() asks again, tells why, and counts.
    statistics_.would_block = would_block_before;
    return 0;
  }
  std::array<std::uint32_t, kRun> offsets;
  const std::uint32_t run = place_run(messages, limit, offsets);
  const auto node = static_cast<std::uint16_t>(first.node);
  const auto flags = static_cast<std::uint8_t>(first.flags);
  const auto priority = static_cast<std::uint8_t>(first.priority);
  std::uint64_t bytes = 0;
  std::uint32_t block_bytes_sum = 0, tail = tail_;
  for (std::uint32_t i = 0; i < run; ++i) {
    dist_net_outgoing_t& message = messages[i];
    const auto length = static_cast<std::uint32_t>(message.size);
    const std::uint32_t block_bytes = host::BlockAllocator::block_bytes(length);
    const std::uint32_t offset = offsets[i];
    copy_bytes(arena_ + offset, static_cast<const std::byte*>(message.payload), length);
    const std::uint16_t index = take_record();
    if (flags != 0) asked_[index].token = message.token;
    records_[index] = {offset, length, block_bytes, node, flags, true};
    ring_[tail++ % host::kTransmitRing] = {
        offset, length, first.type, index, static_cast<std::uint8_t>(node), priority};
    message.accepted = 1;
    bytes += length;
    block_bytes_sum += block_bytes;
  }
  tail_ = tail;
  units_ += run;
  block_bytes_ += block_bytes_sum;
  quota_.take_many(node, {run, block_bytes_sum});
  if ((first.flags & DIST_NET_WANT_OUTCOME) != 0) outcomes_owed_ += run;
  statistics_.messages_sent += run;
  statistics_.bytes_sent += bytes;
  ask_ahead(run, static_cast<std::uint32_t>(first.size));
  return run;
}

// The next run is likely to be as this one: asks for the lines it will write while the program is
// busy with other things.
void TransmitHalf::ask_ahead(std::uint32_t run, std::uint32_t length) {
  for (std::uint32_t i = 0; i < run; i += host::kDescriptorsALine) {
    prefetch_to_write(&ring_[(tail_ + i) % host::kTransmitRing]);
  }
  blocks_.foresee(length, run,
                  [this](std::uint32_t offset) { prefetch_to_write(arena_ + offset); });
}

// Finds how many of the messages differ from the first in payload and token only, and a block for
// each. Fewer when blocks or the quota give out.
std::uint32_t TransmitHalf::place_run(const dist_net_outgoing_t* messages, std::uint32_t limit,
                                      std::span<std::uint32_t> offsets) {
  const dist_net_outgoing_t& first = messages[0];
  const host::Quota& used = quota_.used(static_cast<std::uint16_t>(first.node));
  std::uint32_t bytes_room = quota_.quota().bytes - used.bytes;
  std::uint32_t placed = 0;
  while (placed < limit) {
    // Blocks of one size at a time.
    std::uint32_t end = placed, block_bytes = 0;
    for (; end < limit; ++end) {
      const dist_net_outgoing_t& message = messages[end];
      if (message.node != first.node || message.type != first.type ||
          message.priority != first.priority || message.flags != first.flags ||
          message.size > message_bytes_max_ || (message.payload == nullptr && message.size != 0)) {
        limit = end;
        break;
      }
      const std::uint32_t needed =
          host::BlockAllocator::block_bytes(static_cast<std::uint32_t>(message.size));
      if (end == placed) block_bytes = needed;
      if (needed != block_bytes) break;
      if (block_bytes > bytes_room) {
        limit = end;
        break;
      }
      bytes_room -= block_bytes;
    }
    const std::size_t found =
        blocks_.allocate_burst(block_bytes, offsets.subspan(placed, end - placed));
    for (std::size_t i = 0; i < found; ++i) prefetch_to_write(arena_ + offsets[placed + i]);
    placed += static_cast<std::uint32_t>(found);
    if (placed != end) break;
  }
  return placed;
}

std::uint16_t TransmitHalf::take_record() {
  if (free_head_ == free_tail_) return static_cast<std::uint16_t>(records_used_++);
  return free_records_[free_head_++ % kTransmitUnits];
}

dist_net_error_t TransmitHalf::send_one(dist_net_outgoing_t& message) {
  message.accepted = 0;
  dist_net_error_t error = check(message);
  if (error != DIST_NET_SUCCESS) return error;
  if (message.payload == nullptr && message.size != 0) return fail(DIST_NET_INVALID_ARGUMENT);
  if (should_drain()) drain();
  Route route;
  error = find_route(message, route);
  if (error == DIST_NET_SUCCESS) error = check_room(message, route.units);
  if (error != DIST_NET_SUCCESS) return error;
  dist_net_claim_t claimed;
  error = claim(message.size, claimed);
  if (error != DIST_NET_SUCCESS) return error;
  if (message.size != 0) std::memcpy(claimed.data, message.payload, message.size);
  write(message, route, claimed.reserved[0], claimed.reserved[1]);
  message.accepted = message.node == DIST_NET_BROADCAST ? route.units - 1 : 1;
  return DIST_NET_SUCCESS;
}

// A claim remembers its block in `reserved`: offset, and the size that was allocated for.
dist_net_error_t TransmitHalf::claim(std::size_t size, dist_net_claim_t& claim) {
  if (size > message_bytes_max_) {
    return fail({DIST_NET_TOO_LARGE, DIST_NET_REASON_NONE, 0, 0, size, message_bytes_max_});
  }
  const std::uint32_t block_bytes =
      host::BlockAllocator::block_bytes(static_cast<std::uint32_t>(size));
  std::uint32_t offset = blocks_.allocate(block_bytes);
  if (offset == host::BlockAllocator::kNone && drain()) offset = blocks_.allocate(block_bytes);
  if (offset == host::BlockAllocator::kNone) {
    return would_block({DIST_NET_WOULD_BLOCK, DIST_NET_REASON_ARENA, 0, 0, 0, 0});
  }
  claim = {arena_ + offset, size, {offset, block_bytes}};
  return DIST_NET_SUCCESS;
}

dist_net_error_t TransmitHalf::commit(dist_net_claim_t& claim, dist_net_outgoing_t& message) {
  message.accepted = 0;
  if (claim.data == nullptr || message.size > claim.size ||
      claim.data != arena_ + claim.reserved[0]) {
    return fail(DIST_NET_INVALID_ARGUMENT);
  }
  dist_net_error_t error = check(message);
  if (error != DIST_NET_SUCCESS) return error;
  if (should_drain()) drain();
  Route route;
  error = find_route(message, route);
  if (error == DIST_NET_SUCCESS) error = check_room(message, route.units);
  if (error != DIST_NET_SUCCESS) return error;
  write(message, route, claim.reserved[0], claim.reserved[1]);
  message.accepted = message.node == DIST_NET_BROADCAST ? route.units - 1 : 1;
  claim = {};
  return DIST_NET_SUCCESS;
}

dist_net_error_t TransmitHalf::abandon(dist_net_claim_t& claim) {
  if (claim.data == nullptr || claim.data != arena_ + claim.reserved[0]) {
    return fail(DIST_NET_INVALID_ARGUMENT);
  }
  blocks_.release(claim.reserved[0], claim.reserved[1]);
  claim = {};
  return DIST_NET_SUCCESS;
}

void TransmitHalf::write(const dist_net_outgoing_t& message, const Route& route,
                         std::uint32_t offset, std::uint32_t block_bytes) {
  const bool wants_outcome = (message.flags & DIST_NET_WANT_OUTCOME) != 0;
  const std::uint16_t index = take_record();
  const auto length = static_cast<std::uint32_t>(message.size);
  const auto to = static_cast<std::uint16_t>(message.node);
  asked_[index] = {.token = message.token, .peers = route.peers};
  records_[index] = {.offset = offset,
                     .length = length,
                     .block_bytes = block_bytes,
                     .to = to,
                     .flags = static_cast<std::uint8_t>(message.flags),
                     .in_use = true};
  units_ += route.units;
  block_bytes_ += block_bytes;
  if (route.peers == 0) {
    quota_.take(to, length);
    if (wants_outcome) ++outcomes_owed_;
    ++statistics_.messages_sent;
    statistics_.bytes_sent += length;
  } else {
    const std::uint32_t nodes = route.units - 1;
    for (std::uint64_t left = route.peers; left != 0; left &= left - 1) {
      quota_.take(static_cast<std::uint16_t>(std::countr_zero(left) + 1), length);
    }
    if (wants_outcome) outcomes_owed_ += nodes;
    statistics_.messages_sent += nodes;
    statistics_.bytes_sent += std::uint64_t{length} * nodes;
  }
  // Of a broadcast, the quota of each peer comes back with that peer's outcome.
  const bool is_broadcast = route.peers != 0;
  if (is_broadcast) masks_[tail_ % host::kTransmitRing] = route.peers;
  const std::uint8_t each = is_broadcast ? host::kTransmitEachOutcome : std::uint8_t{0};
  ring_[tail_ % host::kTransmitRing] = {
      .offset = offset,
      .length = length,
      .type = message.type,
      .token = index,
      .to = is_broadcast ? host::kToPeers : static_cast<std::uint8_t>(to),
      .options = static_cast<std::uint8_t>(message.priority | each)};
  ++tail_;
}

void TransmitHalf::flush() {
  if (tail_ == shown_tail_) return;
  control_.application.transmit_tail.store(tail_, std::memory_order_release);
  shown_tail_ = tail_;
  if (attachment_.wake_dataplane(host::kWakeForSends)) ++statistics_.bells_rung;
}

// --- Outcomes ------------------------------------------------------------------------------------

bool TransmitHalf::has_completions() const {
  // As published: completion_head_ belongs to whoever sends.
  return control_.dataplane.completion_tail.load(std::memory_order_acquire) !=
         control_.application.completion_head.load(std::memory_order_relaxed);
}

bool TransmitHalf::drain() {
  const std::uint32_t tail = control_.dataplane.completion_tail.load(std::memory_order_acquire);
  if (tail == completion_head_) return false;
  for (; completion_head_ != tail; ++completion_head_) {
    const host::Completion& completion = completions_[completion_head_ % host::kCompletionRing];
    end_run(completion);
  }
  control_.application.completion_head.store(completion_head_, std::memory_order_release);
  if (attachment_.wake_dataplane(host::kWakeForCompletions)) ++statistics_.bells_rung;
  return true;
}

bool TransmitHalf::finds_room() {
  const bool has_drained = drain();
  if (tail_ - head_seen_ < host::kTransmitRing) return has_drained;
  // Pairs with the dataplane's between showing its head and looking whether our ring was full.
  host::full_fence();
  head_seen_ = control_.dataplane.transmit_head.load(std::memory_order_acquire);
  return has_drained || tail_ - head_seen_ < host::kTransmitRing;
}

bool TransmitHalf::should_drain() const {
  return units_ >= kDrainAboveUnits || block_bytes_ >= kDrainAboveBytes;
}

// Ends what `completion` speaks of. Messages to one node of which nobody asked for the outcome, the
// common ones, are given back together.
void TransmitHalf::end_run(const host::Completion& completion) {
  const auto first = static_cast<std::uint32_t>(completion.token);
  const bool is_final = (completion.flags & host::kCompletionFinal) != 0;
  Record* const records = records_.data();
  std::uint16_t* const free_records = free_records_.data();
  std::array<std::uint32_t, kRun> offsets;
  std::uint32_t index = first;
  const std::uint32_t last = first + completion.count;
  while (index != last) {
    const bool is_plain = is_final && index < kTransmitUnits && records[index].in_use &&
                          records[index].flags == 0 && records[index].to != kBroadcast.value;
    if (!is_plain) {
      end(completion, index++);
      continue;
    }
    // Those like it.
    const std::uint16_t node = records[index].to;
    const std::uint32_t block_bytes = records[index].block_bytes;
    const std::uint32_t limit = std::min({last - index, kRun, kTransmitUnits - index});
    std::uint32_t run = 0, quota_bytes = 0, free_tail = free_tail_;
    for (; run < limit; ++run, ++index) {
      Record& record = records[index];
      if (!record.in_use || record.flags != 0 || record.to != node ||
          record.block_bytes != block_bytes) {
        break;
      }
      record.in_use = false;
      offsets[run] = record.offset;
      quota_bytes += host::BlockAllocator::block_bytes(record.length);
      free_records[free_tail++ % kTransmitUnits] = static_cast<std::uint16_t>(index);
    }
    free_tail_ = free_tail;
    units_ -= run;
    block_bytes_ -= run * block_bytes;
    quota_.give_back_many(node, {run, quota_bytes});
    blocks_.release_burst(std::span{offsets}.first(run),
                          host::BlockAllocator::order_of(block_bytes));
    count(completion.result, run);
  }
}

void TransmitHalf::end(const host::Completion& completion, std::uint32_t index) {
  if (index >= kTransmitUnits || !records_[index].in_use) return;
  Record& record = records_[index];
  if ((completion.flags & host::kCompletionFinal) == 0) {
    const std::uint64_t bit = std::uint64_t{1} << ((completion.peer - 1) & 63);
    std::uint64_t& peers = asked_[index].peers;
    if (record.to != kBroadcast.value || (peers & bit) == 0) return;
    peers &= ~bit;
    --units_;
    quota_.give_back(completion.peer, record.length);
    report(index, completion.peer, completion.result);
    return;
  }
  if (record.to != kBroadcast.value) {
    quota_.give_back(record.to, record.length);
    report(index, record.to, completion.result);
  } else {
    // Refused as a whole: none of its peers was told apart.
    for (std::uint64_t left = asked_[index].peers; left != 0; left &= left - 1) {
      const auto node = static_cast<std::uint16_t>(std::countr_zero(left) + 1);
      --units_;
      quota_.give_back(node, record.length);
      report(index, node, completion.result);
    }
  }
  --units_;
  give_back(record, index);
}

void TransmitHalf::give_back(Record& record, std::uint32_t index) {
  blocks_.release(record.offset, record.block_bytes);
  block_bytes_ -= record.block_bytes;
  record.in_use = false;
  free_records_[free_tail_++ % kTransmitUnits] = static_cast<std::uint16_t>(index);
}

void TransmitHalf::count(std::uint8_t result, std::uint32_t messages) {
  switch (static_cast<Outcome>(result)) {
    case Outcome::kDelivered:
      statistics_.delivered += messages;
      return;
    case Outcome::kNoReceiver:
      statistics_.no_receiver += messages;
      return;
    case Outcome::kUnknown:
      statistics_.unknown += messages;
      return;
    case Outcome::kNotSent:
      statistics_.not_sent += messages;
      return;
  }
  statistics_.not_sent += messages;
  statistics_.refused_late += messages;
}

void TransmitHalf::report(std::uint32_t index, std::uint32_t node, std::uint8_t result) {
  count(result, 1);
  if ((records_[index].flags & DIST_NET_WANT_OUTCOME) == 0) return;
  --outcomes_owed_;
  const bool is_refusal = result >= host::kRefused;
  outcomes_[outcome_tail_++ % kOutcomesMax] = {
      .token = asked_[index].token,
      .node = node,
      .outcome = is_refusal ? DIST_NET_NOT_SENT : static_cast<dist_net_outcome_t>(result),
      .error = is_refusal ? error_of(static_cast<SendResult>(result - host::kRefused))
                          : DIST_NET_SUCCESS};
}

std::uint32_t TransmitHalf::take_outcomes(dist_net_outcome_report_t* reports, std::uint32_t count) {
  std::uint32_t taken = 0;
  while (taken < count && outcome_head_ != outcome_tail_) {
    reports[taken++] = outcomes_[outcome_head_++ % kOutcomesMax];
  }
  return taken;
}

void TransmitHalf::end_all() {
  drain();
  for (std::uint32_t index = 0; index < kTransmitUnits; ++index) {
    if (!records_[index].in_use) continue;
    end({index, 1, records_[index].to, static_cast<std::uint8_t>(Outcome::kUnknown),
         host::kCompletionFinal},
        index);
  }
}

}  // namespace ringroad::client
