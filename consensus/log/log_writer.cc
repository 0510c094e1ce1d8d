#include "consensus/log/log_writer.h"

#include <lz4.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "consensus/log/identity.h"
#include "consensus/log/recovery.h"
#include "dataplane/base/check.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::durable {

namespace {

constexpr std::uint64_t kPendingBytesMax = 4 * 1024 * 1024;  // before it is written, unflushed
constexpr std::uint64_t kCompressBytesMin = 256;
constexpr std::uint32_t kSkipMax = 64;

// Keeps what is there.
void grow(std::unique_ptr<std::byte[]>& buffer, std::uint64_t used, std::uint64_t& capacity,
          std::uint64_t wanted) {
  if (wanted <= capacity) return;
  capacity = std::max(wanted, 2 * capacity);
  auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (used > 0) std::memcpy(larger.get(), buffer.get(), used);
  buffer = std::move(larger);
}

}  // namespace

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kNoRoom:
      return "no room for another segment";
    case Outcome::kTooLarge:
      return "an entry too large for a record";
    case Outcome::kFailed:
      return "a write or a flush has failed";
  }
  return "unknown";
}

LogWriter::LogWriter(FileSystem& files, const LogConfig& config)
    : files_(files),
      config_(config),
      pool_(files, config.segment_bytes, config.segments_ahead, config.segments_ahead_max),
      lz4_state_(std::make_unique<std::byte[]>(static_cast<std::size_t>(LZ4_sizeofState()))) {
  RR_CHECK(config.segment_bytes >= kSegmentBytesMin && config.segment_bytes <= kSegmentBytesMax);
  RR_CHECK(config.segment_bytes % kRecordAlignment == 0 && config.record_bytes_max > 0);
}

absl::StatusOr<std::unique_ptr<LogWriter>> LogWriter::open(FileSystem& files,
                                                           const LogConfig& config,
                                                           const Recovered& recovered) {
  if (recovered.standing != Standing::kKnown) {
    return absl::FailedPreconditionError("there is no log here to go on from");
  }
  if (absl::Status status = clear_leftovers(files, recovered, config.segment_bytes); !status.ok()) {
    return status;
  }
  std::unique_ptr<LogWriter> log(new LogWriter(files, config));
  const UsedSegment& active = recovered.segments.back();
  log->pool_.adopt(recovered.segments, epoch_made_for(recovered, config.segment_bytes));
  log->state_ = recovered.state;
  log->base_ = active.base;
  log->segment_bytes_ = active.bytes;
  log->offset_ = recovered.offset;
  log->highest_ = active.highest;
  auto file = files.open(segment_name(active.epoch), OpenMode::kWrite);
  if (!file.ok()) return file.status();
  log->file_ = std::move(*file);
  // What a killed process has written may still be on its way to the disk.
  if (absl::Status status = log->file_->flush(); !status.ok()) return status;
  log->durable_ = log->content_end_ = log->end();

  Work work;
  if (recovered.snapshot_not_in_log) {
    (recovered.snapshot_replaces ? work.restored : work.saved) = &recovered.snapshot;
    Outcome outcome = log->append(work);
    if (outcome == Outcome::kOk) outcome = log->flush();
    if (outcome == Outcome::kNoRoom) return absl::ResourceExhaustedError(name_of(outcome));
    if (outcome != Outcome::kOk) return log->failure();
  }
  return log;
}

std::uint64_t LogWriter::entry_bytes_max() const {
  return std::min<std::uint64_t>(kPlainBytesMax,
                                 config_.segment_bytes - kSegmentBeginBytes - kHeaderBytes) -
         kEntryBytes;
}

// How many of the first entries make a record.
std::size_t LogWriter::record_entries(std::span<const Entry> entries) const {
  const std::uint64_t bytes_max = std::min<std::uint64_t>(
      config_.record_bytes_max, config_.segment_bytes - kSegmentBeginBytes - kHeaderBytes);
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const Entry& e : entries) {
    bytes += kEntryBytes + e.size_bytes;
    if (count > 0 && bytes > bytes_max) break;
    ++count;
  }
  return count;
}

// How many segments more than the active one `work` fills, if nothing compresses. What does
// compress only ever ends earlier.
std::uint64_t LogWriter::segments_wanted(const Work& work) const {
  std::uint64_t wanted = 0;
  std::uint64_t at = offset_;
  std::uint64_t bytes = segment_bytes_;
  const auto place = [&](std::uint64_t body_bytes) {
    const std::uint64_t record = kHeaderBytes + padded(body_bytes);
    if (at + record > bytes) {
      ++wanted;
      bytes = config_.segment_bytes;
      at = kSegmentBeginBytes;
    }
    at += record;
  };
  if (work.restored != nullptr) place(kSnapshotBytes);
  for (auto rest = work.entries; !rest.empty();) {
    const auto record = rest.first(record_entries(rest));
    place(plain_bytes(record));
    rest = rest.subspan(record.size());
  }
  if (work.saved != nullptr) place(kSnapshotBytes);
  if (work.configuration) place(kConfigurationBytes);
  if (work.hard_state) place(0);
  return wanted;
}

Outcome LogWriter::fail(const absl::Status& status) {
  failure_ = status;
  return Outcome::kFailed;
}

Outcome LogWriter::append(const Work& work) {
  if (!failure_.ok()) return Outcome::kFailed;
  for (const Entry& e : work.entries) {
    if (e.size_bytes > entry_bytes_max()) return Outcome::kTooLarge;
  }
  const PoolStep room = pool_.ensure(segments_wanted(work));
  if (room == PoolStep::kFailed) return fail(pool_.failure());
  if (room == PoolStep::kNoRoom) return Outcome::kNoRoom;

  next_hard_state_ = work.hard_state;
  Outcome outcome = Outcome::kOk;
  const auto then = [&outcome](auto&& next) {
    if (outcome == Outcome::kOk) outcome = next();
  };
  if (work.restored != nullptr) then([&] { return append_snapshot(*work.restored, true); });
  for (auto rest = work.entries; !rest.empty() && outcome == Outcome::kOk;) {
    const auto record = rest.first(record_entries(rest));
    outcome = append_entries(record);
    rest = rest.subspan(record.size());
  }
  if (work.saved != nullptr) then([&] { return append_snapshot(*work.saved, false); });
  if (work.configuration) then([&] { return append_configuration(*work.configuration); });
  if (next_hard_state_) then([&] { return append_empty(RecordKind::kHardState); });
  content_end_ = end();
  return outcome;
}

Outcome LogWriter::write_pending() {
  if (pending_bytes_ == 0) return Outcome::kOk;
  const absl::Status status =
      file_->write(offset_ - pending_bytes_, {pending_.get(), pending_bytes_});
  if (!status.ok()) return fail(status);
  pending_bytes_ = 0;
  return Outcome::kOk;
}

Outcome LogWriter::flush_file() {
  if (const Outcome outcome = write_pending(); outcome != Outcome::kOk) return outcome;
  if (const absl::Status status = file_->flush(); !status.ok()) return fail(status);
  durable_ = end();
  return Outcome::kOk;
}

Outcome LogWriter::flush() {
  if (!failure_.ok()) return Outcome::kFailed;
  return has_unflushed() ? flush_file() : Outcome::kOk;
}

Outcome LogWriter::mark() {
  if (!failure_.ok()) return Outcome::kFailed;
  if (has_unflushed() || claimed_ >= content_end_) return Outcome::kOk;
  // Not worth a segment that is not there yet.
  if (offset_ + kHeaderBytes > segment_bytes_ && pool_.ahead() == 0) return Outcome::kOk;
  const Outcome outcome = append_empty(RecordKind::kMark);
  return outcome == Outcome::kOk ? write_pending() : outcome;
}

PoolStep LogWriter::prepare() {
  if (!failure_.ok()) return PoolStep::kFailed;
  const PoolStep step = pool_.step(released_);
  if (step == PoolStep::kFailed) (void)fail(pool_.failure());
  return step;
}

void LogWriter::readmit() {
  state_.awaited = {};
  state_.hard_state_lost = false;
}

Outcome LogWriter::next_segment() {
  if (file_ != nullptr) {
    if (const Outcome outcome = flush_file(); outcome != Outcome::kOk) return outcome;
    pool_.retire({pool_.epoch_taken(), base_, segment_bytes_, highest_});
  }
  auto file = pool_.take();
  if (!file.ok()) return fail(file.status());
  file_ = std::move(*file);
  base_ += segment_bytes_;
  segment_bytes_ = config_.segment_bytes;
  offset_ = 0;
  highest_ = {};
  append_segment_begin();
  return Outcome::kOk;
}

Outcome LogWriter::make_room(std::uint64_t record_bytes) {
  return offset_ + record_bytes > segment_bytes_ ? next_segment() : Outcome::kOk;
}

RecordHeader LogWriter::header_of(RecordKind kind) {
  RecordHeader h;
  h.kind = kind;
  if (state_.hard_state_lost) h.flags |= kFlagHardStateLost;
  return h;
}

std::byte* LogWriter::body_room(std::uint64_t body_bytes) {
  grow(pending_, pending_bytes_, pending_capacity_,
       pending_bytes_ + kHeaderBytes + padded(body_bytes));
  return pending_.get() + pending_bytes_ + kHeaderBytes;
}

// The body stands where body_room() said.
void LogWriter::finish(RecordHeader h, std::uint64_t stored_bytes) {
  std::byte* record = pending_.get() + pending_bytes_;
  std::byte* body = record + kHeaderBytes;
  std::memset(body + stored_bytes, 0, padded(stored_bytes) - stored_bytes);
  h.body_crc = crc32c({body, padded(stored_bytes)});
  h.stored_bytes = static_cast<std::uint32_t>(stored_bytes);
  h.epoch = pool_.epoch_taken();
  h.position = end();
  h.sequence = ++state_.sequence;
  h.durable = claimed_ = durable_;
  // Every record of a batch has its hard state, so whichever of them reach the disk have it; but
  // not the segment's beginning before them. A commit index that is there without the entries it
  // came with would declare committed what they were to replace.
  if (next_hard_state_ && h.kind != RecordKind::kSegment) {
    state_.hard_state = *next_hard_state_;
    next_hard_state_.reset();
  }
  h.hard_state = state_.hard_state;
  h.rewinds = state_.rewinds;
  h.last = state_.last;
  h.configuration_index = state_.configuration.index;
  h.snapshot_index = state_.snapshot.index;
  h.awaited_index = state_.awaited;
  encode_header(h, record);
  pending_bytes_ += h.bytes();
  offset_ += h.bytes();
  RR_CHECK(offset_ <= segment_bytes_);
}

void LogWriter::append_segment_begin() {
  RecordHeader h = header_of(RecordKind::kSegment);
  h.plain_bytes = kSegmentBodyBytes;
  encode_segment_body(
      {segment_bytes_, state_.first_members, state_.configuration.state, state_.snapshot},
      body_room(kSegmentBodyBytes));
  finish(h, kSegmentBodyBytes);
}

Outcome LogWriter::append_snapshot(const Snapshot& snapshot, bool replaces) {
  const Outcome outcome = make_room(kHeaderBytes + padded(kSnapshotBytes));
  if (outcome != Outcome::kOk) return outcome;
  RecordHeader h = header_of(RecordKind::kSnapshot);
  h.plain_bytes = kSnapshotBytes;
  h.first_index = snapshot.index;
  state_.snapshot = snapshot;
  if (replaces) {
    h.flags |= kFlagRewinds;
    ++state_.rewinds;
    state_.last = snapshot.last();
    state_.configuration = {snapshot.index, snapshot.conf};
  }
  encode_snapshot(snapshot, body_room(kSnapshotBytes));
  finish(h, kSnapshotBytes);
  return Outcome::kOk;
}

Outcome LogWriter::append_configuration(const AppliedConfiguration& configuration) {
  const Outcome outcome = make_room(kHeaderBytes + padded(kConfigurationBytes));
  if (outcome != Outcome::kOk) return outcome;
  RecordHeader h = header_of(RecordKind::kConfiguration);
  h.plain_bytes = kConfigurationBytes;
  h.first_index = configuration.index;
  state_.configuration = configuration;
  encode_configuration(configuration.state, body_room(kConfigurationBytes));
  finish(h, kConfigurationBytes);
  return Outcome::kOk;
}

// Invariant: the entries follow each other, and what the log holds.
Outcome LogWriter::append_entries(std::span<const Entry> entries) {
  const std::uint64_t bytes = plain_bytes(entries);
  Outcome outcome = make_room(kHeaderBytes + padded(bytes));
  if (outcome != Outcome::kOk) return outcome;
  const Index first = entries.front().index;
  RR_CHECK(first.value > 0 && first <= next(state_.last.index));
  RR_CHECK(entries.back().index.value == first.value + entries.size() - 1);
  RecordHeader h = header_of(RecordKind::kEntries);
  h.entries = static_cast<std::uint32_t>(entries.size());
  h.plain_bytes = static_cast<std::uint32_t>(bytes);
  h.first_index = first;
  if (first <= state_.last.index) {
    h.flags |= kFlagRewinds;
    ++state_.rewinds;
  }
  state_.last = {entries.back().term, entries.back().index};
  highest_ = std::max(highest_, state_.last.index);
  std::byte* body = body_room(bytes);
  encode_entries(entries, body);
  const std::uint64_t compressed = compress(body, bytes);
  if (compressed > 0) h.flags |= kFlagLz4;
  finish(h, compressed > 0 ? compressed : bytes);
  return pending_bytes_ >= kPendingBytesMax ? write_pending() : Outcome::kOk;
}

Outcome LogWriter::append_empty(RecordKind kind) {
  const Outcome outcome = make_room(kHeaderBytes);
  if (outcome != Outcome::kOk) return outcome;
  (void)body_room(0);
  finish(header_of(kind), 0);
  return Outcome::kOk;
}

// In place. 0: it stays as it is, since less than an eighth would be saved.
std::uint64_t LogWriter::compress(std::byte* body, std::uint64_t bytes) {
  if (!config_.compress || bytes < kCompressBytesMin) return 0;
  if (skip_ > 0) {
    --skip_;
    return 0;
  }
  const std::uint64_t useful = bytes - bytes / 8;
  grow(compressed_, 0, compressed_capacity_, useful);
  const int size = LZ4_compress_fast_extState(lz4_state_.get(), reinterpret_cast<const char*>(body),
                                              reinterpret_cast<char*>(compressed_.get()),
                                              static_cast<int>(bytes), static_cast<int>(useful), 1);
  if (size <= 0) {
    skip_ = skip_next_;
    skip_next_ = std::min(kSkipMax, 2 * skip_next_);
    return 0;
  }
  skip_next_ = 1;
  std::memcpy(body, compressed_.get(), static_cast<std::size_t>(size));
  return static_cast<std::uint64_t>(size);
}

absl::Status format(FileSystem& files, const LogConfig& config, const Identity& identity,
                    const ConfState& members) {
  const auto found = recover(files);
  if (!found.ok()) return found.status();
  if (found->standing != Standing::kFresh) {
    return absl::AlreadyExistsError("the folder holds a node's log or what is left of one");
  }
  // What an earlier format() left that did not come to its end.
  const auto names = files.list();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (epoch_of(name) == 0) continue;
    if (absl::Status status = files.remove(name); !status.ok()) return status;
  }
  if (absl::Status status = files.flush_folder(); !status.ok()) return status;
  LogWriter log(files, config);
  log.state_.first_members = log.state_.configuration.state = members;
  const PoolStep room = log.pool_.ensure(1);
  if (room == PoolStep::kNoRoom) return absl::ResourceExhaustedError("no room for a segment");
  if (room == PoolStep::kFailed) return log.pool_.failure();
  Outcome outcome = log.next_segment();
  if (outcome == Outcome::kOk) outcome = log.flush_file();
  if (outcome != Outcome::kOk) return log.failure();
  return write_identity(files, identity);
}

}  // namespace ringroad::raft::durable
