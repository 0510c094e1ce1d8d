#include "log_model.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::raft::durable {

LogConfig small_config() {
  LogConfig config;
  config.segment_bytes = 8192;
  config.record_bytes_max = 1500;
  config.segments_ahead_max = 2;
  return config;
}

Identity sample_identity() { return {"orchard", NodeId{2}, 1}; }

ConfState sample_members() { return {.voters = {NodeId{1}, NodeId{2}, NodeId{3}}}; }

Bytes sample_payload(Prng& prng, std::size_t size, bool is_compressible) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(is_compressible ? i / 64 : prng.below(256));
  }
  return bytes;
}

Bytes snapshot_bytes(EntryId id) {
  Prng prng(id.index.value * 1000 + id.term.value);
  return sample_payload(prng, 700 + prng.below(2000), false);
}

std::map<std::uint64_t, ModelEntry> read_entries(FileSystem& files, const Recovered& found) {
  std::map<std::uint64_t, ModelEntry> all;
  EntryReader reader(files, found);
  while (true) {
    const auto entries = reader.next();
    RR_CHECK(entries.ok());
    if (entries->empty()) return all;
    for (const Entry& e : *entries) {
      all[e.index.value] = {e.term, e.type, Bytes(e.payload().begin(), e.payload().end())};
    }
  }
}

LogModel::LogModel(MemoryFileSystem& files, std::uint64_t seed) : files_(files), prng_(seed) {
  RR_CHECK(format(files, small_config(), sample_identity(), sample_members()).ok());
  const auto recovered = recover(files);
  RR_CHECK(recovered.ok());
  auto log = LogWriter::open(files, small_config(), *recovered);
  RR_CHECK(log.ok());
  log_ = std::move(*log);
  ModelState first;
  first.configuration.state = sample_members();
  begin(first, 0);
  acknowledge();
}

LogModel::LogModel(MemoryFileSystem& files, std::uint64_t seed, const ModelState& state,
                   const Recovered& recovered)
    : files_(files), prng_(seed) {
  auto log = LogWriter::open(files, small_config(), recovered);
  RR_CHECK(log.ok());
  log_ = std::move(*log);
  begin(state, 0);
  acknowledge();
}

void LogModel::begin(ModelState state, std::size_t operations) {
  states_.push_back(std::move(state));
  steps_.push_back({.begun = operations});
}

void LogModel::acknowledge() {
  for (Step& step : steps_)
    step.acknowledged = std::min(step.acknowledged, files_.operations.size());
}

void LogModel::settle(bool with_mark) {
  RR_CHECK(log_->flush() == Outcome::kOk);
  acknowledge();
  if (with_mark) RR_CHECK(log_->mark() == Outcome::kOk);
}

void LogModel::add_entries(ModelState& state, Begun& begun) {
  std::uint64_t first = state.last.index.value + 1;
  const std::uint64_t floor = std::max(state.hard_state.commit.value, state.snapshot.value) + 1;
  if (prng_.below(6) == 0 && floor < first) {
    first = floor + prng_.below(first - floor);
    state.entries.erase(state.entries.lower_bound(first), state.entries.end());
    ++state.hard_state.term.value;
    state.hard_state.vote = NodeId{static_cast<std::uint16_t>(1 + prng_.below(3))};
    begun.work.hard_state = state.hard_state;
  }
  if (state.hard_state.term.value == 0) {
    state.hard_state.term = Term{1};
    begun.work.hard_state = state.hard_state;
  }
  const std::uint64_t count = 1 + prng_.below(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t size = prng_.below(500);
    Bytes payload = sample_payload(prng_, size, prng_.below(2) == 0);
    ModelEntry entry{state.hard_state.term, static_cast<EntryType>(prng_.below(3)), payload};
    begun.payloads.push_back(std::move(payload));
    begun.entries.push_back({entry.term, Index{first + i}, begun.payloads.back().data(),
                             static_cast<std::uint32_t>(begun.payloads.back().size()), entry.type});
    state.last = {entry.term, Index{first + i}};
    state.entries[first + i] = std::move(entry);
  }
  begun.work.entries = begun.entries;
}

void LogModel::write_snapshot(const Snapshot& snapshot) {
  auto writer = SnapshotWriter::begin(files_, snapshot.last());
  RR_CHECK(writer.ok());
  const Bytes bytes = snapshot_bytes(snapshot.last());
  const auto all = std::span<const std::byte>(bytes);
  RR_CHECK((*writer)->append(all.first(300)).ok());
  RR_CHECK((*writer)->append(all.subspan(300)).ok());
  RR_CHECK((*writer)->finish(snapshot).ok());
  older_snapshot_ = snapshots_.empty() ? 0 : snapshots_.back().second;
  snapshots_.push_back({files_.operations.size(), snapshot.index.value});
}

void LogModel::snapshot_of_own(ModelState& state, Begun& begun) {
  const std::uint64_t index = state.hard_state.commit.value;
  const auto entry = state.entries.find(index);
  if (index <= state.snapshot.value || entry == state.entries.end()) return;
  const EntryId id{entry->second.term, Index{index}};
  begun.snapshot = {id.index, id.term, sample_members(), snapshot_bytes(id).size()};
  write_snapshot(begun.snapshot);
  begun.work.saved = &begun.snapshot;
  state.snapshot = id.index;
  log_->release(Index{older_snapshot_});
}

void LogModel::snapshot_of_other(ModelState& state, Begun& begun) {
  const EntryId id{state.hard_state.term, Index{state.last.index.value + 5 + prng_.below(10)}};
  if (id.term.value == 0) return;
  begun.snapshot = {id.index, id.term, sample_members(), snapshot_bytes(id).size()};
  write_snapshot(begun.snapshot);
  begun.work.restored = &begun.snapshot;
  state.snapshot = id.index;
  state.last = id;
  state.entries.clear();
  state.hard_state.commit = id.index;
  state.configuration = {id.index, sample_members()};
  begun.work.hard_state = state.hard_state;
}

void LogModel::step() {
  ModelState state = states_.back();
  Begun begun;
  begun.payloads.reserve(8);
  const std::size_t operations = files_.operations.size();
  const std::uint64_t what = prng_.below(100);
  if (what < 75) {
    add_entries(state, begun);
  } else if (what < 82) {
    ++state.hard_state.term.value;
    state.hard_state.vote = NodeId{1};
    begun.work.hard_state = state.hard_state;
  } else if (what < 87) {
    state.configuration.index = std::max(state.configuration.index, state.hard_state.commit);
    state.configuration.state.learners = NodeSet{prng_.below(2) << 5};
    begun.work.configuration = state.configuration;
  } else if (what < 97) {
    snapshot_of_own(state, begun);
  } else {
    snapshot_of_other(state, begun);
  }
  if (prng_.below(3) == 0 && state.last.index > state.hard_state.commit) {
    const std::uint64_t commit = state.hard_state.commit.value;
    state.hard_state.commit = Index{commit + 1 + prng_.below(state.last.index.value - commit)};
    begun.work.hard_state = state.hard_state;
  }
  begin(state, operations);
  RR_CHECK(log_->append(begun.work) == Outcome::kOk);
  if (prng_.below(5) < 3) settle(prng_.below(2) == 0);
  for (std::uint64_t i = prng_.below(4); i > 0; --i) {
    RR_CHECK(log_->prepare() != PoolStep::kFailed);
  }
}

namespace {

// Whether `found` is `state`, from found's snapshot on.
bool is_state(const Recovered& found, const std::map<std::uint64_t, ModelEntry>& entries,
              const ModelState& state) {
  if (found.state.last != state.last && found.state.last.index != state.snapshot) return false;
  if (!found.hard_state) return false;
  HardState expected = state.hard_state;
  expected.commit = std::max(expected.commit, found.snapshot.index);
  if (*found.hard_state != expected) return false;
  std::map<std::uint64_t, ModelEntry> rest(state.entries.upper_bound(found.snapshot.index.value),
                                           state.entries.end());
  return rest == entries && found.state.configuration == state.configuration;
}

bool are_of(const std::map<std::uint64_t, ModelEntry>& entries, const ModelState& state) {
  return std::ranges::all_of(entries, [&state](const auto& entry) {
    const auto same = state.entries.find(entry.first);
    return same != state.entries.end() && same->second == entry.second;
  });
}

// A snapshot is durable at once, and the log may neither tell of it yet nor have what was appended
// shortly before.
bool is_behind_snapshot(const Recovered& found, const std::map<std::uint64_t, ModelEntry>& entries,
                        const ModelState& state, Index snapshot) {
  if (found.snapshot.index != snapshot || snapshot <= state.snapshot || !found.hard_state ||
      found.hard_state->commit < snapshot) {
    return false;
  }
  const Index last = found.snapshot_replaces ? snapshot : std::max(state.last.index, snapshot);
  return found.last_index() == last && entries.size() == last.value - snapshot.value &&
         are_of(entries, state);
}

// A batch in several records may have arrived in part: its first records are there.
bool is_part(const Recovered& found, const std::map<std::uint64_t, ModelEntry>& entries,
             const ModelState& after) {
  if (!found.hard_state || found.hard_state->term != after.hard_state.term) return false;
  if (found.hard_state->commit > after.hard_state.commit) return false;
  return are_of(entries, after) && found.last_index() <= after.last.index &&
         (entries.empty() || entries.rbegin()->first == found.last_index().value);
}

}  // namespace

std::string LogModel::judge(FileSystem& files, const Recovered& found,
                            std::size_t operations) const {
  const bool any = !steps_.empty() && steps_.front().acknowledged <= operations;
  if (!any) return found.standing == Standing::kDamaged ? "an unfinished format is damage" : "";
  if (found.standing != Standing::kKnown) return "the node is not known: " + found.why;
  if (!found.damages.empty()) return "damage: " + found.damages.front().what;
  if (!found.faulty.empty()) return "entries are faulty";
  std::uint64_t snapshot = 0;
  for (const auto& [at, index] : snapshots_) {
    if (at <= operations) snapshot = index;
  }
  if (found.snapshot.index.value < snapshot) return "a snapshot is lost";
  const auto entries = read_entries(files, found);
  std::size_t first = 0, last = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].acknowledged <= operations) first = i;
    if (steps_[i].begun <= operations) last = i;
  }
  for (std::size_t i = first; i <= last; ++i) {
    if (is_state(found, entries, states_[i])) return "";
    if (i < last && is_part(found, entries, states_[i + 1])) return "";
    for (std::size_t j = i + 1; j <= last; ++j) {
      if (is_behind_snapshot(found, entries, states_[i], states_[j].snapshot)) return "";
    }
  }
  return "last " + std::to_string(found.last_index().value) + ", commit " +
         std::to_string(found.state.hard_state.commit.value) + ": no state between " +
         std::to_string(first) + " and " + std::to_string(last);
}

ModelState LogModel::matching(FileSystem& files, const Recovered& found) const {
  ModelState state;
  state.hard_state = *found.hard_state;
  state.last = found.state.last;
  state.entries = read_entries(files, found);
  state.snapshot = found.snapshot.index;
  state.configuration = found.state.configuration;
  return state;
}

}  // namespace ringroad::raft::durable
