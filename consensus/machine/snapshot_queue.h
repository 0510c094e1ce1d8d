// A sequence of numbered things that are added at the end, never change, and leave at the front:
// the history of the registry, the application log. Like SnapshotMap it can be read out as it was
// at one moment: what leaves before its turn has come is kept aside until then.
//
// A ring that doubles while it grows, so that in the steady state nothing is allocated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/base/check.h"

namespace ringroad::machine {

template <typename T>
class SnapshotQueue {
 public:
  // Numbers of the things inside are [first(), last()]; empty when last() is first() - 1.
  std::uint64_t first() const { return first_; }
  std::uint64_t last() const { return first_ + size_ - 1; }
  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Invariant: it is empty.
  void start_at(std::uint64_t first) {
    RR_CHECK(size_ == 0 && first > 0);
    first_ = first;
  }
  const T& at(std::uint64_t number) const {
    RR_CHECK(number >= first_ && number - first_ < size_);
    return slots_[number & (slots_.size() - 1)];
  }
  const T& front() const { return at(first_); }

  void push_back(T value) {
    if (size_ == slots_.size()) grow();
    slots_[(first_ + size_) & (slots_.size() - 1)] = std::move(value);
    ++size_;
  }
  void pop_front() {
    RR_CHECK(size_ > 0);
    T& slot = slots_[first_ & (slots_.size() - 1)];
    if (is_frozen_ && first_ >= cursor_ && first_ <= frozen_last_) saved_.push_back(slot);
    slot = T{};
    ++first_;
    --size_;
  }

  void freeze() {
    RR_CHECK(!is_frozen_);
    is_frozen_ = true;
    cursor_ = frozen_first_ = first_;
    frozen_last_ = last();
  }
  void thaw() {
    is_frozen_ = false;
    saved_.clear();
  }
  std::uint64_t frozen_first() const { return frozen_first_; }
  std::uint64_t frozen_size() const { return frozen_last_ + 1 - frozen_first_; }
  std::size_t saved_count() const { return saved_.size(); }

  // The number of what next() hands out.
  std::uint64_t cursor() const { return cursor_; }
  // The next thing as of freeze().
  std::optional<T> next() {
    if (cursor_ > frozen_last_) return std::nullopt;
    ++cursor_;
    if (saved_.empty()) return at(cursor_ - 1);
    T value = std::move(saved_.front());
    saved_.pop_front();
    return value;
  }

 private:
  static constexpr std::size_t kSlotsMin = 16;

  void grow() {
    std::vector<T> bigger(std::max(kSlotsMin, 2 * slots_.size()));
    for (std::uint64_t i = first_; i < first_ + size_; ++i) {
      bigger[i & (bigger.size() - 1)] = std::move(slots_[i & (slots_.size() - 1)]);
    }
    slots_ = std::move(bigger);
  }

  std::vector<T> slots_;  // a power of two, or none
  std::uint64_t first_ = 1;
  std::uint64_t size_ = 0;

  bool is_frozen_ = false;
  std::uint64_t frozen_first_ = 1, frozen_last_ = 0;
  std::uint64_t cursor_ = 1;  // handed out next
  std::deque<T> saved_;       // from the cursor on
};

}  // namespace ringroad::machine
