#include "tools/ringroad-gen/sequence_checker.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::gen {

Arrival SequenceChecker::on_unexpected(std::uint64_t sequence) {
  if (sequence > next_) {
    open_hole(sequence);
    ++next_;
    return Arrival::kInOrder;
  }
  const auto end = holes_.begin() + static_cast<std::ptrdiff_t>(hole_count_);
  const auto hole = std::upper_bound(holes_.begin(), end, sequence,
                                     [](std::uint64_t s, const Hole& h) { return s < h.end; });
  if (hole == end || sequence < hole->begin) return Arrival::kDuplicate;
  return fill(static_cast<std::size_t>(hole - holes_.begin()), sequence);
}

void SequenceChecker::open_hole(std::uint64_t end) {
  missing_ += end - next_;
  insert(hole_count_, {next_, end});
  next_ = end;
}

Arrival SequenceChecker::fill(std::size_t hole, std::uint64_t sequence) {
  const Hole old = holes_[hole];
  --missing_;
  if (old.begin == sequence && old.end == sequence + 1) {
    erase(hole);
  } else if (old.begin == sequence) {
    ++holes_[hole].begin;
  } else if (old.end == sequence + 1) {
    --holes_[hole].end;
  } else {
    holes_[hole].end = sequence;
    insert(hole + 1, {sequence + 1, old.end});
  }
  return Arrival::kReordered;
}

void SequenceChecker::insert(std::size_t at, Hole hole) {
  if (hole_count_ == kHolesMax) {
    forgotten_below_ = holes_[0].end;
    erase(0);
    --at;
  }
  RR_CHECK(at <= hole_count_);
  std::copy_backward(holes_.begin() + static_cast<std::ptrdiff_t>(at),
                     holes_.begin() + static_cast<std::ptrdiff_t>(hole_count_),
                     holes_.begin() + static_cast<std::ptrdiff_t>(hole_count_ + 1));
  holes_[at] = hole;
  ++hole_count_;
}

void SequenceChecker::erase(std::size_t at) {
  std::copy(holes_.begin() + static_cast<std::ptrdiff_t>(at + 1),
            holes_.begin() + static_cast<std::ptrdiff_t>(hole_count_),
            holes_.begin() + static_cast<std::ptrdiff_t>(at));
  --hole_count_;
}

}  // namespace ringroad::gen
