#include "consensus/machine/history.h"

namespace ringroad::machine {

void History::append(Event event) {
  RR_CHECK(event.revision > compacted_);
  RR_CHECK(events_.empty() || event.revision >= events_.at(events_.last()).revision);
  bytes_ += stored_bytes(event);
  events_.push_back(std::move(event));
}

bool History::is_trimmed(const Limits& limits) const {
  if (events_.size() <= limits.history_events_max && bytes_ <= limits.history_bytes_max)
    return true;
  return events_.front().revision == events_.at(events_.last()).revision;
}

void History::trim(const Limits& limits) {
  while (!is_trimmed(limits)) {
    const Revision oldest = events_.front().revision;
    while (events_.front().revision == oldest) {
      bytes_ -= stored_bytes(events_.front());
      events_.pop_front();
    }
    compacted_ = oldest;
  }
}

std::uint64_t History::first_from(Revision revision) const {
  std::uint64_t low = events_.first();
  std::uint64_t high = events_.last() + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (events_.at(middle).revision < revision) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace ringroad::machine
