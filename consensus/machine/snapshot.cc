#include "consensus/machine/snapshot.h"

#include <algorithm>

#include "consensus/machine/snapshot_records.h"

namespace ringroad::machine {

namespace {

template <typename Item>
void encode_record(const Item& item, std::vector<std::byte>& record) {
  Counter counter;
  code(counter, item);
  record.resize(counter.counted());
  Writer writer(record);
  code(writer, item);
}

SnapshotHeader header_of(const State& s) {
  return {.magic = kSnapshotMagic,
          .level = s.level,
          .limits = s.limits,
          .applied = s.applied,
          .clock = s.clock,
          .revision = s.registry.revision(),
          .compacted = s.registry.history().compacted(),
          .log_first = s.log.first(),
          .counts = {s.registry.leases().size(), s.sessions.map().size(),
                     s.registry.keys().map().size(), s.registry.history().events().size(),
                     s.log.entries().size()}};
}

}  // namespace

std::uint64_t hash_of(const State& state) {
  StateHash hash;
  std::vector<std::byte> record;
  const auto add = [&](const auto& item) {
    encode_record(item, record);
    hash.add(record);
  };
  add(header_of(state));
  for (const auto& [id, lease] : state.registry.leases().map()) add(LeaseItem{id, lease});
  for (const auto& [id, session] : state.sessions.map()) add(SessionItem{id, session});
  for (const auto& [key, value] : state.registry.keys().map()) add(item_of(key.bytes(), value));
  const auto& events = state.registry.history().events();
  for (std::uint64_t i = 0; i < events.size(); ++i) add(events.at(events.first() + i).item());
  for (LogPosition at = state.log.first(); at <= state.log.last(); at = next(at)) {
    add(state.log.item(at));
  }
  return hash.value();
}

SnapshotWriter::SnapshotWriter(State& state)
    : state_(&state), index_(state.applied), header_(header_of(state)) {
  state.registry.leases_.map().freeze();
  state.sessions.map().freeze();
  state.registry.keys_.map().freeze();
  state.registry.history_.events().freeze();
  state.log.entries().freeze();
}

SnapshotWriter::~SnapshotWriter() {
  state_->registry.leases_.map().thaw();
  state_->sessions.map().thaw();
  state_->registry.keys_.map().thaw();
  state_->registry.history_.events().thaw();
  state_->log.entries().thaw();
}

std::size_t SnapshotWriter::write(std::span<std::byte> to) {
  std::size_t written = 0;
  while (written < to.size()) {
    if (taken_ == record_.size()) {
      if (section_ == Section::kEnd) break;
      next_record();
      continue;
    }
    const std::size_t count = std::min(to.size() - written, record_.size() - taken_);
    std::memcpy(to.data() + written, record_.data() + taken_, count);
    taken_ += count;
    written += count;
  }
  return written;
}

template <typename Item>
void SnapshotWriter::set_record(const Item& item) {
  encode_record(item, record_);
  if (section_ != Section::kTrailer) hash_.add(record_);
}

// Takes the section's next record; the next section's when there is none left.
void SnapshotWriter::next_record() {
  record_.clear();
  taken_ = 0;
  if (section_ == Section::kHeader) {
    set_record(header_);
    section_ = next(section_);
  } else if (section_ == Section::kTrailer) {
    set_record(TrailerItem{hash_.value()});
    section_ = Section::kEnd;
  } else if (!read_out()) {
    section_ = next(section_);
  }
}

bool SnapshotWriter::read_out() {
  Registry& registry = state_->registry;
  if (section_ == Section::kLeases) {
    const auto entry = registry.leases_.map().next();
    if (entry) set_record(LeaseItem{entry->first, entry->second});
    return entry.has_value();
  }
  if (section_ == Section::kSessions) {
    const auto entry = state_->sessions.map().next();
    if (entry) set_record(SessionItem{entry->first, entry->second});
    return entry.has_value();
  }
  if (section_ == Section::kKeys) {
    const auto entry = registry.keys_.map().next();
    if (entry) set_record(item_of(entry->first.bytes(), entry->second));
    return entry.has_value();
  }
  if (section_ == Section::kEvents) {
    const auto event = registry.history_.events().next();
    if (event) set_record(event->item());
    return event.has_value();
  }
  auto& entries = state_->log.entries();
  const LogPosition position{entries.cursor()};
  const auto payload = entries.next();
  if (payload) set_record(LogItem{position, payload->bytes()});
  return payload.has_value();
}

}  // namespace ringroad::machine
