#include "consensus/replica/request_table.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

void write_envelope(const Envelope& envelope, std::span<std::byte, kEnvelopeBytes> to) {
  store_le<std::uint16_t>(to.data(), envelope.node.value);
  store_le<std::uint16_t>(to.data() + 2, 0);
  store_le<std::uint32_t>(to.data() + 4, envelope.life);
  store_le<std::uint32_t>(to.data() + 8, envelope.slot.index);
  store_le<std::uint32_t>(to.data() + 12, envelope.slot.generation);
}

std::optional<Envelope> read_envelope(std::span<const std::byte> entry) {
  if (entry.size() < kEnvelopeBytes) return std::nullopt;
  return Envelope{.node = NodeId{load_le<std::uint16_t>(entry.data())},
                  .life = load_le<std::uint32_t>(entry.data() + 4),
                  .slot = {load_le<std::uint32_t>(entry.data() + 8),
                           load_le<std::uint32_t>(entry.data() + 12)}};
}

RequestTable::RequestTable(const RequestLimits& limits)
    : slots_(limits.requests_max), bytes_max_(limits.bytes_max) {
  free_.reserve(slots_.size());
  for (std::size_t i = slots_.size(); i > 0; --i) {
    free_.push_back(static_cast<std::uint32_t>(i - 1));
  }
}

std::optional<RequestSlot> RequestTable::add(const ClientRequest& request, NodeId self,
                                             std::uint32_t life) {
  if (free_.empty() || bytes_max_ - bytes_ < request.bytes.size()) return std::nullopt;
  const std::uint32_t index = free_.back();
  free_.pop_back();
  ++used_;
  bytes_ += request.bytes.size();
  Request& r = slots_[index];
  r.state = Request::State::kQueued;
  ++r.generation;
  r.client = request.client;
  r.deadline = request.deadline;
  r.consistency = request.consistency;
  r.waits = request.waits;
  r.may_repeat = r.met_full_log = false;
  const RequestSlot slot{index, r.generation};
  r.entry.resize(kEnvelopeBytes + request.bytes.size());
  write_envelope({self, life, slot}, std::span(r.entry).first<kEnvelopeBytes>());
  std::ranges::copy(request.bytes, r.entry.begin() + kEnvelopeBytes);
  return slot;
}

void RequestTable::remove(RequestSlot slot) {
  Request& r = at(slot);
  bytes_ -= r.bytes().size();
  r.state = Request::State::kFree;
  free_.push_back(slot.index);
  --used_;
}

Request* RequestTable::find(RequestSlot slot) {
  if (slot.index >= slots_.size()) return nullptr;
  Request& r = slots_[slot.index];
  return r.generation == slot.generation && r.state != Request::State::kFree ? &r : nullptr;
}

Request& RequestTable::at(RequestSlot slot) {
  Request* const request = find(slot);
  RR_CHECK(request != nullptr);
  return *request;
}

std::optional<RequestSlot> RequestTable::used(std::size_t place) const {
  const Request& r = slots_[place];
  if (r.state == Request::State::kFree) return std::nullopt;
  return RequestSlot{static_cast<std::uint32_t>(place), r.generation};
}

}  // namespace ringroad::consensus
