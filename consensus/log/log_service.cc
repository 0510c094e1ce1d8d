#include "consensus/log/log_service.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::raft::durable {

bool LogService::serve() {
  LogChannel& channel = *channel_;
  const std::uint64_t from = channel.completed_.load(std::memory_order_relaxed);
  const std::uint64_t submitted = channel.submitted_.load(std::memory_order_acquire);
  std::uint64_t to = from;
  bool must_sync = false;
  bool wants_room = false;
  for (; to != submitted; ++to) {
    LogJob& job = channel.slots_[to % channel.slots_.size()];
    job.outcome = take(job);
    wants_room = job.outcome == Outcome::kNoRoom;
    if (wants_room) break;
    must_sync |= job.must_sync && job.outcome == Outcome::kOk;
  }
  channel.wants_room_.store(wants_room, std::memory_order_relaxed);
  if (to == from) return false;
  if (must_sync && log_->flush() != Outcome::kOk) {
    stop(std::string{log_->failure().message()});
    for (std::uint64_t i = from; i != to; ++i) {
      channel.slots_[i % channel.slots_.size()].outcome = Outcome::kFailed;
    }
  }
  channel.completed_.store(to, std::memory_order_seq_cst);
  if (channel.owner_ != nullptr) channel.owner_->wake();
  return true;
}

Outcome LogService::take(LogJob& job) {
  if (job.reading) read(*job.reading);
  if (has_failed_) return Outcome::kFailed;
  Outcome outcome = write_pieces(job);
  if (outcome == Outcome::kOk) {
    if (job.release.value > 0) log_->release(job.release);
    if (job.readmits) log_->readmit();
    Work work;
    work.hard_state = job.hard_state;
    work.entries = job.entries;
    work.configuration = job.configuration;
    if (job.snapshot) (job.restores ? work.restored : work.saved) = &*job.snapshot;
    outcome = log_->append(work);
  }
  if (outcome == Outcome::kFailed) stop(std::string{log_->failure().message()});
  if (outcome == Outcome::kTooLarge) stop(name_of(outcome));
  if (outcome != Outcome::kNoRoom) pieces_done_ = 0;
  return outcome;
}

void LogService::stop(std::string why) {
  if (has_failed_) return;
  has_failed_ = true;
  channel_->why_ = std::move(why);
}

// Goes on where want of room has stopped it.
Outcome LogService::write_pieces(const LogJob& job) {
  while (pieces_done_ < job.pieces.size()) {
    const LogJob::Piece& piece = job.pieces[pieces_done_];
    absl::Status status;
    if (piece.is_first) {
      auto snapshot = SnapshotWriter::begin(*files_, piece.id);
      status = snapshot.status();
      if (snapshot.ok()) snapshot_ = std::move(*snapshot);
    }
    if (status.ok()) {
      RR_CHECK(snapshot_ != nullptr);
      status = snapshot_->append(piece.bytes);
    }
    if (absl::IsResourceExhausted(status)) return Outcome::kNoRoom;
    if (!status.ok()) {
      stop(std::string{status.message()});
      return Outcome::kFailed;
    }
    ++pieces_done_;
  }
  if (job.pieces.empty() || !job.pieces.back().is_last || snapshot_ == nullptr) {
    return Outcome::kOk;
  }
  RR_CHECK(job.snapshot.has_value());
  const absl::Status status = snapshot_->finish(*job.snapshot);
  if (absl::IsResourceExhausted(status)) return Outcome::kNoRoom;
  snapshot_.reset();
  if (status.ok()) return Outcome::kOk;
  stop(std::string{status.message()});
  return Outcome::kFailed;
}

// Chunk by chunk, each checked: what is damaged is not sent on.
void LogService::read(LogJob::Reading& reading) {
  reading.is_done = false;
  if (reader_ == nullptr || reader_->snapshot().last() != reading.id) {
    auto reader = SnapshotReader::open(*files_, reading.id);
    chunk_ = {};
    reader_ = reader.ok() ? std::move(*reader) : nullptr;
    if (reader_ == nullptr) return;
  }
  std::uint64_t at = reading.offset;
  std::span<std::byte> to = reading.to;
  while (!to.empty()) {
    const std::uint64_t skip = at % kSnapshotChunkBytes;
    if (!hold_chunk(at / kSnapshotChunkBytes) || chunk_.size() <= skip) return;
    const std::size_t bytes = std::min<std::size_t>(chunk_.size() - skip, to.size());
    std::copy_n(chunk_.data() + skip, bytes, to.data());
    at += bytes;
    to = to.subspan(bytes);
  }
  reading.is_done = true;
}

bool LogService::hold_chunk(std::uint64_t number) {
  if (!chunk_.empty() && chunk_number_ == number) return true;
  chunk_ = {};
  if (number >= reader_->chunks()) return false;
  const auto chunk = reader_->chunk(number);
  if (!chunk.ok()) return false;
  chunk_ = *chunk;
  chunk_number_ = number;
  return true;
}

bool LogService::tidy_up() {
  if (has_failed_) return false;
  if (log_->mark() != Outcome::kFailed) {
    const PoolStep step = log_->prepare();
    if (step != PoolStep::kFailed) return step == PoolStep::kMore;
  }
  // Told with the next job: why() is not to change under the lcore's eyes.
  return false;
}

}  // namespace ringroad::raft::durable
