// The log in memory; see log.h. Everything here is arithmetic on indexes: what is asked for out of
// range is either an answer ("not known") or an invariant, never clipped in silence.
#include "consensus/core/log.h"

#include <algorithm>

#include "consensus/core/planted.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {

namespace {
// Forgotten descriptors before the live ones are closed up when they are this many, and the larger
// part: then closing up costs less than one move an entry.
constexpr std::size_t kForgottenMin = 256;
}  // namespace

Log::~Log() {
  for (std::size_t i = head_; i < entries_.size(); ++i) arena_.release(entries_[i].data);
}

void Log::load(EntryId compacted, std::span<const Entry> entries) {
  RR_CHECK(entries_.empty());
  compacted_ = compacted;
  push(entries);
  committed_ = applied_ = applying_ = compacted.index;
  stable_ = in_progress_ = last_index();
}

std::optional<Term> Log::term(Index index) const {
  if (index == compacted_.index) return compacted_.term;
  if (index < compacted_.index || index > last_index()) return std::nullopt;
  return at(index).term;
}

bool Log::is_up_to_date(EntryId candidate_last) const {
  const EntryId own = last();
  if (planted(Bug::kUpToDateByLengthOnly)) return candidate_last.index >= own.index;
  return candidate_last.term > own.term ||
         (candidate_last.term == own.term && candidate_last.index >= own.index);
}

EntryId Log::find_conflict_by_term(Index index, Term term_max) const {
  for (; index > Index{}; index = previous(index)) {
    const std::optional<Term> own = term(index);
    if (!own) return {Term{}, index};
    if (*own <= term_max) return {*own, index};
  }
  return {};
}

std::span<const Entry> Log::range(Index first, std::uint64_t count) const {
  if (count == 0) return {};
  RR_CHECK(first > compacted_.index && first.value + count - 1 <= last_index().value);
  return {&at(first), count};
}

std::span<const Entry> Log::entries(Index from, std::uint64_t bytes_max,
                                    std::uint64_t entries_max) const {
  const std::uint64_t available = last_index().value + 1 - from.value;
  const auto all = range(from, std::min(available, entries_max));
  if (all.empty() || bytes_max == ~std::uint64_t{0}) return all;
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  while (count < all.size()) {
    bytes += stored_bytes(all[count]);
    if (count > 0 && bytes > bytes_max) break;
    ++count;
  }
  return all.first(count);
}

// Entries of one batch usually come with their payloads side by side, from a frame or from another
// log: those are copied as one.
void Log::push(std::span<const Entry> entries) {
  while (!entries.empty()) {
    const std::size_t bytes_max = arena_.run_bytes_max();
    std::size_t bytes = entries[0].size_bytes;
    std::size_t count = 1;
    while (count < entries.size() && bytes + entries[count].size_bytes <= bytes_max &&
           entries[count].size_bytes > 0 && entries[count].data == entries[0].data + bytes) {
      bytes += entries[count].size_bytes;
      ++count;
    }
    const std::byte* place =
        arena_.copy_run({entries[0].data, bytes}, static_cast<std::uint32_t>(count));
    for (const Entry& e : entries.first(count)) {
      entries_.push_back(e);
      entries_.back().data = place;
      place += e.size_bytes;
    }
    bytes_ += bytes + kEntryOverheadBytes * count;
    entries = entries.subspan(count);
  }
}

void Log::truncate_after(Index index) {
  RR_CHECK(index >= committed_);
  while (last_index() > index) {
    const Entry& e = entries_.back();
    bytes_ -= stored_bytes(e);
    arena_.release(e.data);
    entries_.pop_back();
  }
  stable_ = std::min(stable_, index);
  in_progress_ = std::min(in_progress_, index);
}

Index Log::append(Term term, std::span<const Entry> proposals) {
  Index index = last_index();
  const std::size_t first = entries_.size();
  push(proposals);
  for (std::size_t i = first; i < entries_.size(); ++i) {
    index = next(index);
    entries_[i].term = term;
    entries_[i].index = index;
  }
  return index;
}

std::optional<Index> Log::maybe_append(EntryId previous_entry, std::span<const Entry> entries) {
  const bool is_unchecked = planted(Bug::kNoPreviousCheck) && previous_entry.index >= committed_ &&
                            previous_entry.index <= last_index();
  if (!matches(previous_entry) && !is_unchecked) return std::nullopt;
  std::size_t same = 0;
  while (same < entries.size() && matches({entries[same].term, entries[same].index})) ++same;
  const bool is_kept =
      planted(Bug::kConflictKept) && same < entries.size() && entries.back().index <= last_index();
  if (same < entries.size() && !is_kept) {
    truncate_after(previous(entries[same].index));
    push(entries.subspan(same));
  }
  return Index{previous_entry.index.value + entries.size()};
}

void Log::restore(const Snapshot& snapshot) {
  RR_CHECK(snapshot.index > committed_);
  for (std::size_t i = head_; i < entries_.size(); ++i) arena_.release(entries_[i].data);
  entries_.clear();
  head_ = 0;
  bytes_ = 0;
  compacted_ = snapshot.last();
  committed_ = stable_ = in_progress_ = snapshot.index;
  pending_snapshot_ = snapshot;
  snapshot_in_progress_ = false;
}

void Log::commit_to(Index index) {
  RR_CHECK(index <= last_index());
  committed_ = std::max(committed_, index);
}

std::span<const Entry> Log::next_unstable() const {
  return range(next(in_progress_), last_index().value - in_progress_.value);
}

const Snapshot* Log::next_snapshot() const {
  return has_pending_snapshot() && !snapshot_in_progress_ ? &pending_snapshot_ : nullptr;
}

void Log::accept_unstable() {
  in_progress_ = last_index();
  if (has_pending_snapshot()) snapshot_in_progress_ = true;
}

void Log::stable_to(EntryId id) {
  if (id.index <= stable_ || !matches(id)) return;
  stable_ = id.index;
  in_progress_ = std::max(in_progress_, stable_);
}

void Log::snapshot_stable(Index index) {
  if (pending_snapshot_.index == index) pending_snapshot_ = {};
}

Index Log::appliable(bool unstable_too) const {
  return unstable_too ? committed_ : std::min(committed_, stable_);
}

std::span<const Entry> Log::next_committed(bool unstable_too) const {
  if (applying_paused_ || has_pending_snapshot()) return {};
  const Index to = appliable(unstable_too);
  if (to <= applying_) return {};
  const std::uint64_t room = applying_bytes_max_ - std::min(applying_bytes_max_, applying_bytes_);
  return entries(next(applying_), room, to.value - applying_.value);
}

void Log::accept_applying(Index up_to, std::uint64_t bytes, bool unstable_too) {
  RR_CHECK(up_to <= committed_ && up_to >= applying_);
  applying_ = up_to;
  applying_bytes_ += bytes;
  // Also paused when the room did not suffice for all: the rest would go out one by one.
  applying_paused_ = applying_bytes_ >= applying_bytes_max_ || up_to < appliable(unstable_too);
}

void Log::applied_to(Index index, std::uint64_t bytes) {
  RR_CHECK(index <= committed_ && index >= applied_);
  applied_ = index;
  applying_ = std::max(applying_, index);
  applying_bytes_ -= std::min(applying_bytes_, bytes);
  applying_paused_ = applying_bytes_ >= applying_bytes_max_;
}

void Log::compact(Index index) {
  RR_CHECK(index >= compacted_.index && index <= applied_);
  const Term kept = *term(index);
  for (std::uint64_t n = index.value - compacted_.index.value; n > 0; --n) {
    bytes_ -= stored_bytes(entries_[head_]);
    arena_.release(entries_[head_].data);
    ++head_;
  }
  compacted_ = {kept, index};
  if (head_ >= kForgottenMin && head_ >= entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace ringroad::raft
