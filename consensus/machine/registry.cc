#include "consensus/machine/registry.h"

namespace ringroad::machine {

Answer Registry::put(const Request& request) {
  return store(keys_.place_of(request.key), request.key, request.value, request.lease);
}

Answer Registry::compare_and_swap(const Request& request) {
  const KeyTable::Place place = keys_.place_of(request.key);
  const bool exists = keys_.is_at(place, request.key);
  bool holds = false;
  if (request.has(kIfAbsent)) {
    holds = !exists;
  } else if (exists) {
    const KeyRecord& record = place->second;
    holds = request.has(kIfRevision) ? record.modified == request.revision
                                     : same_bytes(record.value.bytes(), request.expected);
  }
  if (!holds) {
    return {.status = Status::kCompareFailed, .value = exists ? place->second.modified.value : 0};
  }
  if (!request.has(kThenDelete)) return store(place, request.key, request.value, request.lease);
  revision_ = next(revision_);
  erase_at(place, EventType::kDelete);
  history_.trim(*limits_);
  return {.count = 1};
}

Answer Registry::store(KeyTable::Place place, Bytes key, Bytes value, LeaseId lease) {
  const bool exists = keys_.is_at(place, key);
  const KeyRecord old = exists ? place->second : KeyRecord{};
  if (lease != kNoLease && lease != old.lease) {
    const Lease* found = leases_.find(lease);
    if (found == nullptr) return {.status = Status::kLeaseUnknown};
    if (found->keys >= limits_->lease_keys_max) return {.status = Status::kNoRoom};
  }
  if (!keys_.has_room(place, key, value.size(), *limits_)) return {.status = Status::kNoRoom};
  revision_ = next(revision_);
  const KeyRecord record{.value = Blob(value),
                         .created = exists ? old.created : revision_,
                         .modified = revision_,
                         .version = old.version + 1,
                         .lease = lease};
  place = keys_.put(place, key, record);
  const Blob& stored_key = place->first;
  if (old.lease != lease) {
    if (old.lease != kNoLease) leases_.detach(old.lease, stored_key);
    if (lease != kNoLease) leases_.attach(lease, stored_key);
  }
  history_.append({.key = stored_key,
                   .value = record.value,
                   .created = record.created,
                   .revision = revision_,
                   .version = record.version,
                   .lease = lease});
  history_.trim(*limits_);
  return {.value = record.version};
}

Answer Registry::erase(const Request& request) {
  KeyTable::Place place = keys_.place_of(request.key);
  const KeyTable::Place end = keys_.map().end();
  if (!request.has(kOfRange)) {
    if (!keys_.is_at(place, request.key)) return {.status = Status::kNotFound};
    revision_ = next(revision_);
    erase_at(place, EventType::kDelete);
    history_.trim(*limits_);
    return {.count = 1};
  }
  const auto is_inside = [&request](const Blob& key) {
    return request.end.empty() || compare_bytes(key.bytes(), request.end) < 0;
  };
  if (place == end || !is_inside(place->first)) return {};
  const std::uint32_t limit =
      request.limit == 0 ? kDeletesMax : std::min(request.limit, kDeletesMax);
  Answer answer;
  revision_ = next(revision_);
  while (place != keys_.map().end() && is_inside(place->first)) {
    if (answer.count == limit) {
      answer.more = true;
      break;
    }
    place = erase_at(place, EventType::kDelete);
    ++answer.count;
  }
  history_.trim(*limits_);
  return answer;
}

KeyTable::Place Registry::erase_at(KeyTable::Place place, EventType why) {
  const Blob key = place->first;
  const LeaseId lease = place->second.lease;
  if (lease != kNoLease) leases_.detach(lease, key);
  history_.append({.type = why, .key = key, .revision = revision_, .lease = lease});
  return keys_.erase(place);
}

Answer Registry::grant(LeaseId id, Nanos time_to_live) {
  if (leases_.size() >= limits_->leases_max) return {.status = Status::kNoRoom};
  leases_.add(id, {.time_to_live = time_to_live});
  return {.value = id.value};
}

Answer Registry::keep(LeaseId id) {
  const Lease* lease = leases_.find(id);
  if (lease == nullptr) return {.status = Status::kLeaseUnknown};
  leases_.renew(id);
  return {.value = static_cast<std::uint64_t>(lease->time_to_live.count)};
}

Answer Registry::revoke(LeaseId id) {
  const Lease* lease = leases_.find(id);
  if (lease == nullptr) return {.status = Status::kLeaseUnknown};
  const auto count = static_cast<std::uint32_t>(lease->keys);
  end_lease(id, EventType::kDelete);
  return {.count = count};
}

void Registry::end_lease(LeaseId id, EventType why) {
  if (leases_.first_key(id) != nullptr) revision_ = next(revision_);
  while (const Blob* key = leases_.first_key(id)) erase_at(keys_.place_of(key->bytes()), why);
  leases_.remove(id);
  history_.trim(*limits_);
}

void Registry::on_clock(Nanos now) {
  leases_.on_clock(now);
  std::uint64_t deleted = 0;
  for (std::uint32_t i = 0; i < kExpirationsMax && leases_.any_due(now); ++i) {
    const LeaseId id = leases_.first_due();
    deleted += leases_.find(id)->keys;
    end_lease(id, EventType::kExpire);
    if (deleted >= kDeletesMax) return;
  }
}

}  // namespace ringroad::machine
