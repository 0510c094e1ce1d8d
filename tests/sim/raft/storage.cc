// The queue of disk operations, and what is found after a crash. Owned by a node. Invariant: one
// operation is under way at a time, and after the first failure none is begun and nothing is
// acknowledged until recover(). What of a write survives is the disk's business (disk.cc).
#include "tests/sim/raft/storage.h"

#include <algorithm>

#include "consensus/core/planted.h"
#include "dataplane/base/check.h"

namespace ringroad::raft::sim {

namespace {

constexpr int kReadsMax = 24;

}  // namespace

// What a crash at this operation is called.
Fault Storage::crash_at(const Operation& operation) {
  using enum Operation::Kind;
  switch (operation.kind) {
    case kWrite:
      return Fault::kCrashAtWrite;
    case kRename:
      return Fault::kCrashAtRename;
    case kFlushDirectory:
      return Fault::kCrashAtDirectoryFlush;
    default:
      return Fault::kCrashAtFlush;
  }
}

bool Storage::trips(Fault crash) {
  if (tripwire_ == 0 || (tripwire_at_ && *tripwire_at_ != crash)) return false;
  return --tripwire_ == 0;
}

std::vector<Entry> Storage::entries() const {
  std::vector<Entry> all;
  Index index = base_.id.index;
  for (const Kept& kept : kept_) {
    index = next(index);
    all.push_back({kept.term, index, kept.payload.data(),
                   static_cast<std::uint32_t>(kept.payload.size()), kept.type});
  }
  return all;
}

void Storage::keep(std::span<const Entry> entries) {
  for (const Entry& e : entries) {
    RR_CHECK(e.index > base_.id.index);
    const std::uint64_t at = e.index.value - base_.id.index.value - 1;
    RR_CHECK(at <= kept_.size());
    kept_.resize(at);
    kept_.push_back({e.term, e.type, Bytes(e.payload().begin(), e.payload().end())});
  }
}

void Storage::read_log(LogScan& scan) {
  hard_state_ = {};
  kept_.clear();
  while (scan.next()) {
    if (scan.is_base()) {
      base_ = scan.base();
      continue;
    }
    if (scan.batch().hard_state) hard_state_ = *scan.batch().hard_state;
    keep(scan.batch().entries);
  }
  generation_ = scan.generation();
}

// Until three reads in a row agree. A bit that flips on its way looks like a torn tail, which would
// be cut; that the same one flips three times does not happen.
DiskResult Storage::read_surely(const std::string& name, Bytes& file) {
  Bytes again;
  DiskResult result = disk_.read(name, file);
  int agreed = 1;
  for (int i = 1; i < kReadsMax && agreed < 3 && result == DiskResult::kOk; ++i) {
    result = disk_.read(name, again);
    agreed = again == file ? agreed + 1 : 1;
    file.swap(again);
  }
  return result == DiskResult::kOk && agreed < 3 ? DiskResult::kError : result;
}

Recovery Storage::recover() {
  Bytes file;
  DiskResult result = read_surely("snapshot", file);
  if (result == DiskResult::kError) return Recovery::kUnreadable;
  snapshot_ = {};
  machine_.clear();
  if (result == DiskResult::kOk) {
    const auto found = read_snapshot_file(file);
    if (!found) return Recovery::kDamaged;
    snapshot_ = *found;
    machine_.assign(file.begin() + kSnapshotFileHeaderBytes, file.end());
  }

  result = read_surely("log", file);
  if (result == DiskResult::kError) return Recovery::kUnreadable;
  // Without a log this is a new node, whose first log was never finished.
  if (result == DiskResult::kAbsent) return Recovery::kOk;
  LogScan scan(file);
  read_log(scan);
  const bool is_damaged = scan.at() < file.size() && scan.is_damaged();
  if (is_damaged && !planted(Bug::kDamageTakenForTornTail)) return Recovery::kDamaged;

  if (snapshot_.index > base_.id.index) {
    // The crash fell between the snapshot and the log that follows it. The entries behind it stay
    // if they are the same history.
    const std::uint64_t covered = snapshot_.index.value - base_.id.index.value;
    const bool continues = covered <= kept_.size() && kept_[covered - 1].term == snapshot_.term;
    kept_.erase(kept_.begin(),
                continues ? kept_.begin() + static_cast<std::ptrdiff_t>(covered) : kept_.end());
    base_.id = snapshot_.last();
  }
  const Term last_term = kept_.empty() ? base_.id.term : kept_.back().term;
  if (hard_state_.term < last_term) hard_state_ = {last_term, kNoNode, hard_state_.commit};
  hard_state_.commit = std::max(hard_state_.commit, snapshot_.index);
  return Recovery::kOk;
}

void Storage::rewrite_log(Done done) {
  ++generation_;
  const std::vector<Entry> all = entries();
  // Twice, since the base tells how long all of it is.
  Bytes file;
  for (int i = 0; i < 2; ++i) {
    base_.written_bytes = file.size();
    file.clear();
    append_base(file, generation_, base_);
    append_batch(file, 0, generation_, 0, hard_state_, all);
  }
  log_bytes_ = file.size();
  flushed_bytes_ = proven_bytes_ = 0;
  using enum Operation::Kind;
  queue({.kind = kWrite, .file = "log.new", .bytes = std::move(file), .is_new_file = true});
  queue({.kind = kFlush, .file = "log.new"});
  queue({.kind = kRename, .file = "log.new", .to = "log"});
  queue({.kind = kFlushDirectory,
         .generation = generation_,
         .log_bytes = log_bytes_,
         .proves = log_bytes_});
  queue({.done = std::move(done)});
}

void Storage::append(const std::optional<HardState>& hard_state, std::span<const Entry> entries,
                     bool flush, Done done) {
  if (hard_state || !entries.empty()) {
    if (hard_state) hard_state_ = *hard_state;
    keep(entries);
    Bytes record;
    append_batch(record, log_bytes_, generation_, flushed_bytes_, hard_state, entries);
    const std::uint64_t offset = log_bytes_;
    log_bytes_ += record.size();
    queue({.kind = Operation::Kind::kWrite,
           .file = "log",
           .offset = offset,
           .bytes = std::move(record)});
    if (flush) {
      queue({.kind = Operation::Kind::kFlush,
             .file = "log",
             .generation = generation_,
             .log_bytes = log_bytes_,
             .proves = flushed_bytes_});
    }
  }
  queue({.done = std::move(done)});
}

void Storage::write_piece(std::uint64_t offset, std::span<const std::byte> bytes, bool is_first) {
  queue({.kind = Operation::Kind::kWrite,
         .file = "snapshot.part",
         .offset = kSnapshotFileHeaderBytes + offset,
         .bytes = Bytes(bytes.begin(), bytes.end()),
         .is_new_file = is_first});
}

void Storage::queue_snapshot_file(const std::string& file, Bytes bytes, bool is_new_file) {
  using enum Operation::Kind;
  queue({.kind = kWrite, .file = file, .bytes = std::move(bytes), .is_new_file = is_new_file});
  if (!planted(Bug::kRenameBeforeFlush)) queue({.kind = kFlush, .file = file});
  queue({.kind = kRename, .file = file, .to = "snapshot"});
  queue({.kind = kFlushDirectory});
}

void Storage::install(const Snapshot& snapshot, Bytes machine,
                      const std::optional<HardState>& hard_state, std::span<const Entry> entries,
                      Done done) {
  Bytes file = snapshot_file(snapshot, machine);
  file.resize(kSnapshotFileHeaderBytes);  // the rest is there, piece by piece
  queue_snapshot_file("snapshot.part", std::move(file), false);
  snapshot_ = snapshot;
  machine_ = std::move(machine);
  if (hard_state) hard_state_ = *hard_state;
  base_.id = snapshot.last();
  kept_.clear();
  keep(entries);
  rewrite_log(std::move(done));
}

void Storage::save(const Snapshot& snapshot, Bytes machine, Done done) {
  queue_snapshot_file("snapshot.own", snapshot_file(snapshot, machine), true);
  snapshot_ = snapshot;
  machine_ = std::move(machine);
  const std::uint64_t covered = snapshot.index.value - base_.id.index.value;
  RR_CHECK(covered <= kept_.size());
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(covered));
  base_.id = snapshot.last();
  rewrite_log(std::move(done));
}

void Storage::queue(Operation operation) {
  if (has_failed_) return;
  queue_.push_back(std::move(operation));
  start_next();
}

void Storage::start_next() {
  while (!is_running_ && !queue_.empty()) {
    if (queue_.front().kind == Operation::Kind::kDone) {
      const Done done = std::move(queue_.front().done);
      queue_.pop_front();
      if (done) done();
      continue;
    }
    is_running_ = true;
    const Nanos from = std::max(scheduler_.now(), pace.stuck_until);
    scheduler_.at(from + duration(queue_.front()), [this, incarnation = incarnation_] {
      if (incarnation == incarnation_) run();
    });
  }
}

Nanos Storage::duration(const Operation& operation) {
  if (operation.kind == Operation::Kind::kWrite || operation.kind == Operation::Kind::kRename) {
    return pace.write;
  }
  const auto span = static_cast<std::uint64_t>((pace.flush_max - pace.flush_min).count);
  return pace.flush_min + Nanos{static_cast<std::int64_t>(prng_.below(span + 1))};
}

void Storage::run() {
  if (pace.stuck_until > scheduler_.now()) {  // it got stuck with this one on its way
    is_running_ = false;
    start_next();
    return;
  }
  if (const Fault crash = crash_at(queue_.front()); trips(crash)) {
    hooks_.on_tripwire(crash);
    return;
  }
  const Operation operation = std::move(queue_.front());
  queue_.pop_front();
  is_running_ = false;
  const DiskResult result = perform(operation);
  const bool is_ignored =
      planted(Bug::kFailedFlushIgnored) && operation.kind == Operation::Kind::kFlush;
  if (result != DiskResult::kOk && !is_ignored) {
    has_failed_ = true;
    queue_.clear();
    hooks_.on_failed();
    return;
  }
  start_next();
}

DiskResult Storage::perform(const Operation& operation) {
  using enum Operation::Kind;
  DiskResult result = DiskResult::kOk;
  switch (operation.kind) {
    case kWrite:
      if (operation.is_new_file) disk_.remove(operation.file);
      return disk_.write(operation.file, operation.offset, operation.bytes);
    case kRename:
      return disk_.rename(operation.file, operation.to);
    case kFlush:
      result = disk_.flush(operation.file);
      break;
    case kFlushDirectory:
      result = disk_.flush_directory();
      break;
    case kDone:
      RR_CHECK(false);
  }
  if (result != DiskResult::kOk) return result;
  if (operation.log_bytes != 0 && operation.generation == generation_) {
    proven_bytes_ = operation.proves;
    flushed_bytes_ = operation.log_bytes;
  }
  hooks_.on_durable();
  return result;
}

void Storage::crash() {
  if (is_running_ && prng_.below(2) == 0) (void)perform(queue_.front());
  queue_.clear();
  is_running_ = false;
  has_failed_ = false;
  tripwire_ = 0;
  ++incarnation_;
}

}  // namespace ringroad::raft::sim
