#include "consensus/log/segment_scan.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"

namespace ringroad::raft::durable {

bool SegmentBytes::is_unreadable(std::uint64_t from, std::uint64_t to) const {
  return std::ranges::any_of(unreadable, [from, to](const Extent& extent) {
    return extent.offset < to && from < extent.offset + extent.bytes;
  });
}

bool SegmentScan::next() {
  const std::span<const std::byte> all = segment_.bytes;
  searched_from_ = end_;
  for (std::uint64_t at = end_; at + kHeaderBytes <= all.size(); at += kRecordAlignment) {
    // Most of what is looked at is zeros, or of another life.
    if (load_le<std::uint64_t>(all.data() + at + header::kEpoch) != epoch_) continue;
    const Position position =
        base_ ? *base_ + at : load_le<std::uint64_t>(all.data() + at + header::kPosition);
    if (position < at) continue;
    const auto found = decode_header(all.subspan(at), epoch_, position);
    if (!found) continue;
    base_ = position - at;
    header_ = *found;
    offset_ = at;
    end_ = at + header_.bytes();
    return true;
  }
  return false;
}

}  // namespace ringroad::raft::durable
