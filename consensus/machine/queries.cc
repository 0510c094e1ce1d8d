// The queries of Machine::query(): pure functions of the applied state. Whether that state is fresh
// enough to answer from is for the caller to know (ReadIndex, a lease, or a reader who said that
// stale is good enough). Each looks at kScanMax things at most, writes as much as the buffer holds,
// and says where to go on.
#include <algorithm>

#include "consensus/machine/machine.h"

namespace ringroad::machine {

namespace {

struct Result {
  Answer answer;
  Next next;
};

std::uint32_t bounded(std::uint32_t limit) {
  return limit == 0 ? kScanMax : std::min(limit, kScanMax);
}

// An item that did not fit: nothing can be told when it is the first.
Answer cut(const AnswerWriter& out) {
  if (out.items() > 0) return {.more = true};
  return {.status = Status::kTooLarge, .value = out.bytes_wanted()};
}

Answer get(const Registry& registry, const Request& request, AnswerWriter& out) {
  const KeyRecord* record = registry.keys().find(request.key);
  if (record == nullptr) return {.status = Status::kNotFound};
  return out.add(item_of(request.key, *record)) ? Answer{} : cut(out);
}

Answer range(const Registry& registry, const Request& request, AnswerWriter& out) {
  const auto& map = registry.keys().map();
  for (auto at = map.lower_bound(request.key); at != map.end(); ++at) {
    const Bytes key = at->first.bytes();
    if (!request.end.empty() && compare_bytes(key, request.end) >= 0) break;
    if (out.items() == bounded(request.limit)) return {.more = true};
    KeyItem item = item_of(key, at->second);
    if (request.has(kKeysOnly)) item.value = {};
    if (!out.add(item)) return cut(out);
  }
  return {};
}

bool is_watched(const Request& request, Bytes key) {
  if (!request.has(kOfRange)) return same_bytes(key, request.key);
  return compare_bytes(key, request.key) >= 0 &&
         (request.end.empty() || compare_bytes(key, request.end) < 0);
}

// From revision 0 on means: from the present on.
Result watch(const Registry& registry, const Request& request, AnswerWriter& out) {
  const History& history = registry.history();
  const Revision future = std::max(next(registry.revision()), request.revision);
  if (request.revision.value == 0) return {.answer = {}, .next = {future.value}};
  if (request.revision <= history.compacted()) {
    return {.answer = {.status = Status::kCompacted, .value = history.compacted().value}};
  }
  const auto& events = history.events();
  const std::uint64_t end = events.last() + 1;
  std::uint64_t at = history.first_from(request.revision);
  at += std::min<std::uint64_t>(request.skip, end - at);
  const std::uint64_t stop = at + std::min<std::uint64_t>(end - at, kScanMax);
  Answer answer;
  for (; at < stop; ++at) {
    const Event& event = events.at(at);
    if (!is_watched(request, event.key.bytes())) continue;
    if (out.items() == bounded(request.limit)) break;
    if (!out.add(event.item())) {
      answer = cut(out);
      break;
    }
  }
  if (answer.status != Status::kOk) return {.answer = answer};
  if (at == end) return {.answer = answer, .next = {future.value}};
  answer.more = true;
  const Revision revision = events.at(at).revision;
  return {.answer = answer,
          .next = {revision.value, static_cast<std::uint32_t>(at - history.first_from(revision))}};
}

// From position 0 on means: from the next one that is appended.
Result read_log(const ApplicationLog& log, const Request& request, AnswerWriter& out) {
  const LogPosition future = std::max(next(log.last()), request.position);
  if (request.position.value == 0) return {.answer = {}, .next = {future.value}};
  if (request.position <= log.compacted()) {
    return {.answer = {.status = Status::kCompacted, .value = log.compacted().value}};
  }
  for (LogPosition at = request.position; at <= log.last(); at = next(at)) {
    Answer answer{.more = true};
    if (out.items() < bounded(request.limit)) {
      if (out.add(log.item(at))) continue;
      answer = cut(out);
    }
    return {.answer = answer, .next = {at.value}};
  }
  return {.answer = {}, .next = {future.value}};
}

Answer lease_left(const State& state, const Request& request) {
  const Lease* lease = state.registry.leases().find(request.lease);
  if (lease == nullptr) return {.status = Status::kLeaseUnknown};
  const Nanos left = lease->expires_at == kNever
                         ? lease->time_to_live
                         : std::max(lease->expires_at - state.clock, Nanos{0});
  return {.count = static_cast<std::uint32_t>(lease->keys),
          .value = static_cast<std::uint64_t>(left.count)};
}

Result answer_to(const State& state, const Request& request, AnswerWriter& out) {
  switch (request.kind) {
    case Kind::kGet:
      return {.answer = get(state.registry, request, out)};
    case Kind::kRange:
      return {.answer = range(state.registry, request, out)};
    case Kind::kWatch:
      return watch(state.registry, request, out);
    case Kind::kReadLog:
      return read_log(state.log, request, out);
    case Kind::kLeaseLeft:
      return {.answer = lease_left(state, request)};
    default:
      return {.answer = {.status = Status::kBadRequest}};
  }
}

}  // namespace

std::size_t Machine::query(Bytes bytes, std::span<std::byte> to) const {
  AnswerWriter out(to);
  Request request;
  Result result;
  result.answer.status = decode(bytes, state_->level, request);
  if (result.answer.status == Status::kOk) result = answer_to(*state_, request, out);
  result.answer.revision = revision();
  return out.finish(request.kind, result.answer, result.next);
}

}  // namespace ringroad::machine
