// The life of an entry, as the header tells it. Tables are scanned, not hashed: 256 addresses of
// four bytes are sixteen cache lines, and only packets of ARP and answers older than a second come
// here.
#include "dataplane/net/arp_cache.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad {

std::optional<std::size_t> ArpCache::find(Ipv4Address address) const {
  for (std::size_t i = 0; i < kEntries; ++i) {
    if (addresses_[i] == address.value && entries_[i].state != State::kFree) return i;
  }
  return std::nullopt;
}

bool ArpCache::in_use(const Entry& entry, Nanos now) {
  return entry.state != State::kFree && entry.ever_used && now - entry.used < kReachableFor;
}

std::optional<std::size_t> ArpCache::claim_slot(Ipv4Address address, Nanos now) {
  // Round-robin over the slots nobody uses: learned entries replace each other, oldest first.
  std::optional<std::size_t> slot;
  for (std::size_t step = 0; step < kEntries && !slot; ++step) {
    const std::size_t i = (next_scan_ + step) % kEntries;
    if (entries_[i].state == State::kFree) slot = i;
  }
  for (std::size_t step = 0; step < kEntries && !slot; ++step) {
    const std::size_t i = (next_scan_ + step) % kEntries;
    if (!in_use(entries_[i], now)) slot = i;
  }
  if (!slot) return std::nullopt;
  next_scan_ = (*slot + 1) % kEntries;
  set_due(entries_[*slot], false);
  entries_[*slot] = Entry{};
  addresses_[*slot] = address.value;
  return slot;
}

ArpCache::Resolution ArpCache::resolve(Ipv4Address address, Nanos now) {
  const auto known = find(address);
  const auto slot = known ? known : claim_slot(address, now);
  if (!slot) return {.answer = Answer::kFull};
  Entry& entry = entries_[*slot];
  entry.used = now;
  entry.was_used = entry.ever_used = true;

  if (entry.state == State::kFree) ask(entry, State::kResolving, now);
  if (entry.state == State::kReachable && now - entry.confirmed >= kConfirmAfter) {
    ask(entry, State::kConfirming, now);
  }
  switch (entry.state) {
    case State::kReachable:
      return {Answer::kReady, entry.mac,
              std::min(now + kUseNotedEvery, entry.confirmed + kConfirmAfter)};
    case State::kConfirming:
      return {Answer::kReady, entry.mac, now + kUseNotedEvery};
    case State::kUnreachable:
      return {.answer = Answer::kUnreachable};
    case State::kFree:
    case State::kResolving:
      break;
  }
  return {.answer = Answer::kResolving};
}

bool ArpCache::learn(Claim claim, Ipv4Address address, MacAddress mac, Nanos now) {
  const auto known = find(address);
  if (known) {
    Entry& entry = entries_[*known];
    const bool asking = entry.state == State::kResolving || entry.state == State::kConfirming;
    if (claim == Claim::kReply && !asking) return false;
    confirm(entry, mac, now);
    return true;
  }
  if (claim != Claim::kRequest) return false;
  const auto slot = claim_slot(address, now);
  if (!slot) return false;
  confirm(entries_[*slot], mac, now);
  return true;
}

void ArpCache::confirm(Entry& entry, MacAddress mac, Nanos now) {
  const bool answered_before =
      entry.state == State::kReachable || entry.state == State::kConfirming;
  if (answered_before && entry.mac != mac) forget_answers();
  set_due(entry, false);
  entry.state = State::kReachable;
  entry.requests = 0;
  entry.mac = mac;
  entry.confirmed = now;
  entry.was_used = false;
  set_deadline(entry, now + kConfirmAfter);
}

void ArpCache::ask(Entry& entry, State state, Nanos now) {
  entry.state = state;
  entry.requests = 0;
  ask_again(entry, now);
}

void ArpCache::ask_again(Entry& entry, Nanos now) {
  set_due(entry, true);
  set_deadline(entry, now + kRetryAfter[entry.requests % kRetryAfter.size()]);
  ++entry.requests;
}

void ArpCache::on_deadline(Entry& entry, Nanos now) {
  // Confirming asks the MAC first, then everybody; resolving only has everybody to ask.
  const std::size_t rounds = entry.state == State::kConfirming ? 2 : 1;
  switch (entry.state) {
    case State::kResolving:
    case State::kConfirming:
      if (entry.requests < rounds * kRetryAfter.size()) return ask_again(entry, now);
      if (entry.state == State::kConfirming) forget_answers();
      set_due(entry, false);
      entry.state = State::kUnreachable;
      return set_deadline(entry, now + kUnreachableFor);
    case State::kReachable:
      if (entry.was_used) return ask(entry, State::kConfirming, now);
      if (now < entry.confirmed + kReachableFor) {
        return set_deadline(entry, entry.confirmed + kReachableFor);
      }
      break;
    case State::kUnreachable:
    case State::kFree:
      break;
  }
  set_due(entry, false);
  entry = Entry{};
}

void ArpCache::on_time(Nanos now) {
  if (now < next_deadline_) [[likely]]
    return;
  next_deadline_ = kNever;
  for (Entry& entry : entries_) {
    if (entry.deadline <= now) on_deadline(entry, now);
    next_deadline_ = std::min(next_deadline_, entry.deadline);
  }
}

std::optional<ArpCache::Request> ArpCache::poll_request() {
  if (due_ == 0) return std::nullopt;
  for (std::size_t i = 0; i < kEntries; ++i) {
    Entry& entry = entries_[i];
    if (!entry.request_due) continue;
    set_due(entry, false);
    const bool to_itself =
        entry.state == State::kConfirming && entry.requests <= kRetryAfter.size();
    return Request{Ipv4Address{addresses_[i]}, to_itself ? entry.mac : kMacBroadcast};
  }
  RR_CHECK(false);  // due_ counts the entries that are due
}

std::size_t ArpCache::size() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [](const Entry& entry) { return entry.state != State::kFree; }));
}

void ArpCache::set_due(Entry& entry, bool due) {
  if (entry.request_due == due) return;
  entry.request_due = due;
  due_ += due ? 1 : static_cast<std::size_t>(-1);
}

void ArpCache::set_deadline(Entry& entry, Nanos deadline) {
  entry.deadline = deadline;
  // An entry's deadline may move back unseen: on_time() then finds nothing due and looks again.
  next_deadline_ = std::min(next_deadline_, deadline);
}

void ArpCache::forget_answers() {
  if (++generation_ == 0) generation_ = 1;
}

}  // namespace ringroad
