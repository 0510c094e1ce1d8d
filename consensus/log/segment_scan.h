// Walks through a segment's bytes from record to record, over what is not readable: where a header
// does not decode, the next one that does is looked for at every eighth byte. Only a record of this
// life of the segment decodes (record.h), so what stands behind the end is never taken for one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "consensus/log/record.h"

namespace ringroad::raft::durable {

// Bytes as a file had them, and where it could not be read (zeros stand there).
struct SegmentBytes {
  struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<std::byte> bytes;
  std::vector<Extent> unreadable;

  bool is_unreadable(std::uint64_t from, std::uint64_t to) const;
};

class SegmentScan {
 public:
  // `base`: the segment's first position, when it is known; else the first record's word counts.
  SegmentScan(const SegmentBytes& segment, std::uint64_t epoch, std::optional<Position> base)
      : segment_(segment), epoch_(epoch), base_(base) {}

  // The next record whose header is intact; false when there is none.
  bool next();
  const RecordHeader& header() const { return header_; }
  // Of the record in the segment, header first.
  std::span<const std::byte> record() const {
    return std::span(segment_.bytes).subspan(offset_, header_.bytes());
  }
  std::uint64_t offset() const { return offset_; }
  // Where the search for this record began: something is missing when that is not offset().
  std::uint64_t searched_from() const { return searched_from_; }
  // Behind the last record found.
  std::uint64_t end() const { return end_; }
  std::optional<Position> base() const { return base_; }

 private:
  const SegmentBytes& segment_;
  std::uint64_t epoch_;
  std::optional<Position> base_;
  RecordHeader header_;
  std::uint64_t offset_ = 0;
  std::uint64_t searched_from_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace ringroad::raft::durable
