#include "consensus/machine/sessions.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace ringroad::machine {

namespace {
constexpr std::size_t kSlotsMin = 16;
}

const Answer* Session::find(RequestNumber number) const {
  if (slots.empty()) return nullptr;
  const Remembered& slot = slots[number.value & (slots.size() - 1)];
  return slot.number == number ? &slot.answer : nullptr;
}

void Session::remember(RequestNumber number, const Answer& answer) {
  RR_CHECK(answered < number);
  const std::size_t span = number.value - answered.value;
  if (span > slots.size()) {
    std::vector<Remembered> bigger(std::bit_ceil(std::max(span, kSlotsMin)));
    for (const Remembered& slot : slots) {
      if (slot.number > answered) bigger[slot.number.value & (bigger.size() - 1)] = slot;
    }
    slots = std::move(bigger);
  }
  slots[number.value & (slots.size() - 1)] = {number, answer};
  highest = std::max(highest, number);
}

Answer Sessions::open(ClientId id, Nanos time_to_live) {
  if (map_.size() >= limits_->sessions_max) return {.status = Status::kNoRoom};
  load(id, {.time_to_live = time_to_live});
  return {.value = id.value};
}

void Sessions::load(ClientId id, Session session) {
  deadlines_.add(id, session.expires_at);
  map_.insert(map_.end(), id, std::move(session));
}

Session* Sessions::use(ClientId id) {
  const auto at = map_.find(id);
  if (at == map_.end()) return nullptr;
  Session& session = map_.change(at);
  deadlines_.renew(id, std::exchange(session.expires_at, kNever));
  return &session;
}

Answer Sessions::keep(ClientId id) {
  const Session* session = use(id);
  if (session == nullptr) return {.status = Status::kSessionUnknown};
  return {.value = static_cast<std::uint64_t>(session->time_to_live.count)};
}

Answer Sessions::close(ClientId id) {
  const auto at = map_.find(id);
  if (at == map_.end()) return {.status = Status::kSessionUnknown};
  deadlines_.remove(id, at->second.expires_at);
  map_.erase(at);
  return {};
}

void Sessions::on_clock(Nanos now) {
  deadlines_.date_renewals([this, now](ClientId id) {
    Session& session = map_.change(map_.find(id));
    return session.expires_at = now + session.time_to_live;
  });
  for (std::uint32_t i = 0; i < kExpirationsMax && deadlines_.any_due(now); ++i) {
    (void)close(deadlines_.first_due());
  }
}

}  // namespace ringroad::machine
