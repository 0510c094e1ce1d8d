// Reading a snapshot, and all that must hold of one. The state's own parts take the records in, so
// that what follows from them (room, deadlines, which keys a lease has) is counted in one place;
// what only a snapshot could get wrong is checked here before.
#include <algorithm>
#include <utility>

#include "consensus/machine/snapshot_records.h"

namespace ringroad::machine {

namespace {

bool is_time_to_live(Nanos t) { return t >= kTimeToLiveMin && t <= kTimeToLiveMax; }

// Dated by a reading of the clock, no later than the present one, or to be dated by the next.
bool is_deadline(Nanos t, Nanos time_to_live, Nanos clock) {
  return t == kNever || (t >= time_to_live && t <= clock + time_to_live);
}

}  // namespace

bool SnapshotReader::feed(Bytes bytes) {
  if (is_bad_) return false;
  // A record that came in pieces is put together; one that is whole is read where it is.
  const bool is_pieced = !pending_.empty();
  if (is_pieced) pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  Bytes rest = is_pieced ? Bytes(pending_) : bytes;
  for (;;) {
    const Taken taken = section_ == Section::kEnd ? (rest.empty() ? Taken::kNeedsMore : Taken::kBad)
                                                  : take_record(rest);
    if (taken == Taken::kRecord) continue;
    is_bad_ = taken == Taken::kBad || rest.size() > kRecordBytesMax;
    if (is_bad_) {
      state_.reset();
      pending_ = {};
      return false;
    }
    break;
  }
  pending_ = std::vector<std::byte>(rest.begin(), rest.end());
  return true;
}

std::unique_ptr<State> SnapshotReader::finish() {
  return section_ == Section::kEnd && !is_bad_ ? std::move(state_) : nullptr;
}

template <typename Item, typename Load>
SnapshotReader::Taken SnapshotReader::take(Bytes& rest, Load load) {
  Reader reader(rest);
  Item item;
  code(reader, item);
  if (reader.wrong() == Wrong::kShort) return Taken::kNeedsMore;
  if (reader.wrong() != Wrong::kNothing || !load(item)) return Taken::kBad;
  const Bytes record = rest.first(rest.size() - reader.rest().size());
  if (section_ != Section::kTrailer) hash_.add(record);
  rest = reader.rest();
  ++records_;
  skip_empty_sections();
  return Taken::kRecord;
}

// To the section of the next record.
void SnapshotReader::skip_empty_sections() {
  if (section_ == Section::kHeader || section_ == Section::kTrailer) {
    section_ = next(section_);
    records_ = 0;
  }
  while (section_ < Section::kTrailer && records_ == header_.count(section_)) {
    section_ = next(section_);
    records_ = 0;
  }
}

SnapshotReader::Taken SnapshotReader::take_record(Bytes& rest) {
  switch (section_) {
    case Section::kHeader:
      return take_header(rest);
    case Section::kLeases:
      return take<LeaseItem>(rest, [this](auto& item) { return load_lease(item); });
    case Section::kSessions:
      return take<SessionItem>(rest, [this](auto& item) { return load_session(item); });
    case Section::kKeys:
      return take<KeyItem>(rest, [this](auto& item) { return load_key(item); });
    case Section::kEvents:
      return take<EventItem>(rest, [this](auto& item) { return load_event(item); });
    case Section::kLog:
      return take<LogItem>(rest, [this](auto& item) { return load_log(item); });
    default:
      return take_trailer(rest);
  }
}

SnapshotReader::Taken SnapshotReader::take_header(Bytes& rest) {
  return take<SnapshotHeader>(rest, [this](const SnapshotHeader& h) {
    if (h.magic != kSnapshotMagic || h.level < kLevelFirst || h.level > kLevelKnown) return false;
    if (!is_valid(h.limits)) return false;
    if (h.clock < Nanos{0} || h.clock > kClockMax || h.compacted > h.revision) return false;
    // Each revision and each position of the log took an entry that was applied, or a lease's end.
    if (h.log_first.value == 0 || h.log_first.value > h.applied.value + 1) return false;
    const Limits& l = h.limits;
    const std::array maximum = {l.leases_max, l.sessions_max, l.keys_max,
                                l.history_events_max + 2 * std::uint64_t{kDeletesMax},
                                l.log_entries_max};
    for (std::size_t i = 0; i < maximum.size(); ++i) {
      if (h.counts[i] > maximum[i]) return false;
    }
    header_ = h;
    state_ = std::make_unique<State>(h.limits);
    state_->level = h.level;
    state_->applied = h.applied;
    state_->clock = h.clock;
    state_->registry.revision_ = h.revision;
    state_->registry.history_.set_compacted(h.compacted);
    state_->log.entries().start_at(h.log_first.value);
    return true;
  });
}

SnapshotReader::Taken SnapshotReader::take_trailer(Bytes& rest) {
  return take<TrailerItem>(rest, [this](const TrailerItem& item) {
    return item.hash == hash_.value() && is_consistent();
  });
}

bool SnapshotReader::load_lease(const LeaseItem& item) {
  Leases& leases = state_->registry.leases_;
  const bool is_next = leases.size() == 0 || leases.last() < item.id;
  if (!is_next || item.id == kNoLease || item.id.value > header_.applied.value) return false;
  const Lease& lease = item.lease;
  if (!is_time_to_live(lease.time_to_live) ||
      !is_deadline(lease.expires_at, lease.time_to_live, header_.clock)) {
    return false;
  }
  leases.add(item.id, lease);
  return true;
}

bool SnapshotReader::load_session(SessionItem& item) {
  Sessions& sessions = state_->sessions;
  Session& session = item.session;
  const bool is_next = sessions.map().size() == 0 || sessions.last() < item.id;
  if (!is_next || item.id == kNoClient || item.id.value > header_.applied.value) return false;
  if (!is_time_to_live(session.time_to_live) ||
      !is_deadline(session.expires_at, session.time_to_live, header_.clock)) {
    return false;
  }
  // The highest is remembered unless the client has its answer.
  if (session.highest > session.answered && session.find(session.highest) == nullptr) return false;
  if (session.highest > session.answered &&
      session.highest.value - session.answered.value > header_.limits.session_window) {
    return false;
  }
  sessions.load(item.id, std::move(session));
  return true;
}

bool SnapshotReader::load_key(const KeyItem& item) {
  Registry& registry = state_->registry;
  KeyTable& keys = registry.keys_;
  if (item.key.empty() || item.version == 0) return false;
  if (keys.map().size() > 0 && compare_bytes(keys.last(), item.key) >= 0) return false;
  if (item.created.value == 0 || item.created > item.modified || item.modified > header_.revision) {
    return false;
  }
  if (item.version - 1 > item.modified.value - item.created.value) return false;
  const auto place = keys.map().end();
  if (!keys.has_room(place, item.key, item.value.size(), header_.limits)) return false;
  if (item.lease != kNoLease) {
    const Lease* lease = registry.leases_.find(item.lease);
    if (lease == nullptr || lease->keys >= header_.limits.lease_keys_max) return false;
  }
  const auto at = keys.put(place, item.key,
                           {.value = Blob(item.value),
                            .created = item.created,
                            .modified = item.modified,
                            .version = item.version,
                            .lease = item.lease});
  if (item.lease != kNoLease) registry.leases_.attach(item.lease, at->first);
  return true;
}

bool SnapshotReader::load_event(const EventItem& item) {
  History& history = state_->registry.history_;
  const KeyItem& key = item.key;
  const auto& events = history.events();
  const Revision before =
      events.empty() ? next(history.compacted()) : events.at(events.last()).revision;
  if (key.key.empty() || key.modified < before || key.modified > header_.revision) return false;
  const bool is_put = item.type == EventType::kPut;
  if (is_put != (key.version > 0) || is_put != (key.created.value > 0)) return false;
  if (is_put ? key.created > key.modified : !key.value.empty()) return false;
  history.append({.type = item.type,
                  .key = Blob(key.key),
                  .value = Blob(key.value),
                  .created = key.created,
                  .revision = key.modified,
                  .version = key.version,
                  .lease = key.lease});
  return true;
}

bool SnapshotReader::load_log(const LogItem& item) {
  ApplicationLog& log = state_->log;
  if (item.position != next(log.last()) || item.position.value > header_.applied.value)
    return false;
  log.append(item.payload, header_.limits);
  return log.first() == header_.log_first;
}

bool SnapshotReader::is_consistent() const {
  const History& history = state_->registry.history();
  const auto& events = history.events();
  // Every revision that is not gone has its events.
  Revision last = events.empty() ? history.compacted() : events.at(events.last()).revision;
  if (last != header_.revision) return false;
  for (std::uint64_t i = 0; i < events.size(); ++i) {
    const Revision revision = events.at(events.first() + i).revision;
    const Revision before =
        i == 0 ? history.compacted() : events.at(events.first() + i - 1).revision;
    if (revision != before && revision != next(before)) return false;
  }
  return history.is_trimmed(header_.limits);
}

}  // namespace ringroad::machine
