// What a simulated disk takes and refuses. It checks what a real log writer would find out too
// late: gaps, compaction of what is not there, a snapshot older than the one it has.
#include "storage.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ringroad::scenarios {

absl::Status Storage::apply_snapshot(const raft::Snapshot& snapshot) {
  if (snapshot.index <= base_.index) {
    return absl::FailedPreconditionError("requested index is older than the existing snapshot");
  }
  base_ = snapshot.last();
  entries_.clear();
  return absl::OkStatus();
}

absl::Status Storage::append(std::span<const HeldEntry> entries) {
  while (!entries.empty() && entries.front().index <= base_.index) entries = entries.subspan(1);
  if (entries.empty()) return absl::OkStatus();
  const raft::Index first = entries.front().index;
  if (first > raft::next(last_index())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "missing log entries: last is ", last_index().value, ", append at ", first.value));
  }
  entries_.resize(first.value - first_index().value);
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  return absl::OkStatus();
}

absl::Status Storage::compact(raft::Index index) {
  if (index <= base_.index) {
    return absl::FailedPreconditionError("requested index is unavailable due to compaction");
  }
  if (index > last_index()) {
    return absl::FailedPreconditionError(absl::StrCat("cannot compact up to ", index.value,
                                                      ": the last index is ", last_index().value));
  }
  const std::size_t count = index.value - base_.index.value;
  base_ = entries_[count - 1].id();
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
  return absl::OkStatus();
}

absl::Status Storage::recover() {
  const raft::Index damaged = std::exchange(damaged_, raft::Index{});
  if (damaged < first_index() || damaged > last_index()) return absl::OkStatus();
  if (damaged < last_index()) {
    damaged_ = damaged;
    return absl::DataLossError(absl::StrCat("entry ", damaged.value, " of ", last_index().value,
                                            " cannot be read: the node does not start"));
  }
  entries_.pop_back();
  return absl::OkStatus();
}

}  // namespace ringroad::scenarios
