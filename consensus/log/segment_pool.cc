#include "consensus/log/segment_pool.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"
#include "dataplane/base/check.h"

namespace ringroad::raft::durable {

namespace {

constexpr char kMakingName[] = "segment.part";
constexpr std::size_t kEpochDigits = 16;
constexpr std::uint64_t kStepBytes = 256 * 1024;

}  // namespace

std::string segment_name(std::uint64_t epoch) {
  return absl::StrFormat("%s%016x", kSegmentPrefix, epoch);
}

std::uint64_t epoch_of(const std::string& name) {
  const std::string prefix = kSegmentPrefix;
  if (!name.starts_with(prefix) || name.size() != prefix.size() + kEpochDigits) return 0;
  std::uint64_t epoch = 0;
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(name.data() + prefix.size(), end, epoch, 16);
  // Only the name that would be given: upper case is none.
  if (result.ec != std::errc{} || result.ptr != end || segment_name(epoch) != name) return 0;
  return epoch;
}

SegmentPool::SegmentPool(FileSystem& files, std::uint64_t segment_bytes, std::uint32_t ahead_min,
                         std::uint32_t ahead_max)
    : files_(files),
      segment_bytes_(segment_bytes),
      ahead_min_(ahead_min),
      ahead_max_(std::max(ahead_min, ahead_max)),
      zeros_(std::min(segment_bytes, kStepBytes)) {}

void SegmentPool::adopt(std::span<const UsedSegment> used, std::uint64_t epoch_made) {
  used_.assign(used.begin(), used.end() - (used.empty() ? 0 : 1));
  epoch_taken_ = used.empty() ? 0 : used.back().epoch;
  epoch_made_ = std::max(epoch_made, epoch_taken_);
}

PoolStep SegmentPool::step(Index released) {
  if (!failure_.ok()) return PoolStep::kFailed;
  if (!used_.empty() && used_.front().highest <= released) return recycle();
  if (ahead() >= ahead_min_) {
    if (making_ == nullptr) return PoolStep::kIdle;
    return abandon(absl::OkStatus());
  }
  return make();
}

PoolStep SegmentPool::ensure(std::uint64_t count) {
  while (ahead() < count) {
    const PoolStep step = make();
    if (step != PoolStep::kMore) return step;
  }
  return PoolStep::kIdle;
}

PoolStep SegmentPool::recycle() {
  const UsedSegment segment = used_.front();
  const std::string name = segment_name(segment.epoch);
  if (segment.bytes == segment_bytes_ && ahead() < ahead_max_) {
    failure_ = files_.rename(name, segment_name(epoch_made_ + 1));
  } else {
    failure_ = files_.remove(name);
  }
  if (failure_.ok()) failure_ = files_.flush_folder();
  if (!failure_.ok()) return PoolStep::kFailed;
  if (segment.bytes == segment_bytes_ && ahead() < ahead_max_) ++epoch_made_;
  used_.pop_front();
  return PoolStep::kMore;
}

PoolStep SegmentPool::make() {
  if (!failure_.ok()) return PoolStep::kFailed;
  if (making_ == nullptr) {
    const auto free = files_.free_bytes();
    if (free.ok() && *free < segment_bytes_) return PoolStep::kNoRoom;
    auto file = files_.open(kMakingName, OpenMode::kCreate);
    if (!file.ok()) return abandon(file.status());
    making_ = std::move(*file);
    made_bytes_ = 0;
    return PoolStep::kMore;
  }
  if (made_bytes_ < segment_bytes_) {
    const std::uint64_t count =
        std::min<std::uint64_t>(zeros_.size(), segment_bytes_ - made_bytes_);
    const absl::Status status =
        making_->write(made_bytes_, std::span<const std::byte>(zeros_).first(count));
    if (!status.ok()) return abandon(status);
    made_bytes_ += count;
    return PoolStep::kMore;
  }
  if (const absl::Status status = making_->flush(); !status.ok()) return abandon(status);
  making_.reset();
  failure_ = files_.rename(kMakingName, segment_name(epoch_made_ + 1));
  if (failure_.ok()) failure_ = files_.flush_folder();
  if (!failure_.ok()) return PoolStep::kFailed;
  ++epoch_made_;
  return PoolStep::kMore;
}

// Nothing has been promised about a segment that is being made: that there is no room for it is
// the one error which a later try may mend.
PoolStep SegmentPool::abandon(const absl::Status& why) {
  if (making_ != nullptr) {
    making_.reset();
    const absl::Status removed = files_.remove(kMakingName);
    if (!removed.ok()) failure_ = removed;
  }
  if (!why.ok() && !absl::IsResourceExhausted(why)) failure_ = why;
  if (!failure_.ok()) return PoolStep::kFailed;
  return why.ok() ? PoolStep::kMore : PoolStep::kNoRoom;
}

absl::StatusOr<std::unique_ptr<File>> SegmentPool::take() {
  RR_CHECK(ahead() > 0);
  ++epoch_taken_;
  return files_.open(segment_name(epoch_taken_), OpenMode::kWrite);
}

}  // namespace ringroad::raft::durable
