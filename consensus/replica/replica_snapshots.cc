// Snapshots of the machine: made beside everything else, a piece a pass; read from the disk for a
// peer that needs them; and taken in only when they are what they say. The log's writer has one
// snapshot under way at a time, so one that the leader sends ends one of our own.
#include <algorithm>

#include "consensus/replica/replica.h"
#include "dataplane/base/check.h"

namespace ringroad::consensus {

namespace {
constexpr std::size_t kPieceBytes = 256 * 1024;
}  // namespace

// ---- to a peer ----

// A chunk that finds no job free is as good as lost: it is asked for again.
void Replica::read_chunk(const raft::Message& message) {
  if (jobs_ >= kJobs - 1) return;
  Stored* stored = nullptr;
  durable::LogJob& job = claim(stored);
  job.must_sync = false;
  stored->bytes.resize(message.chunk_bytes);
  stored->chunk = message;
  job.reading = durable::LogJob::Reading{
      .id = message.snapshot.last(), .offset = message.chunk_offset, .to = stored->bytes};
  channel_.submit();
}

void Replica::finish_chunk(Stored& stored, bool is_read) {
  raft::Message message = *stored.chunk;
  if (!is_read) {
    raft_->report_snapshot(message.to, false);
    return;
  }
  message.chunk = stored.bytes.data();
  ++statistics_.snapshot_chunks_sent;
  outbox_.send(message);
}

// ---- from the leader ----

// The core takes a snapshot's last piece for all of it, so that one is looked at before. False: the
// message is not to be stepped.
bool Replica::check_arrival(const raft::Message& message) {
  if (arrival_.state != nullptr) {
    // Looked at, and about to be installed: nothing else until then. Or it was not needed.
    if (raft_->log().has_pending_snapshot()) return false;
    arrival_ = {};
  }
  const std::uint64_t size = message.snapshot.size_bytes;
  if (message.chunk_bytes == 0 || message.chunk_bytes > size ||
      message.chunk_offset != size - message.chunk_bytes) {
    return true;
  }
  const bool is_whole = message.chunk_offset == 0;
  if (!is_whole && (arrival_.id != message.snapshot.last() ||
                    arrival_.bytes != message.chunk_offset || arrival_.reader == nullptr)) {
    raft_->forget_chunks();  // it asks for the first one again
    return true;
  }
  if (is_whole) {
    arrival_ = {.id = message.snapshot.last(),
                .reader = std::make_unique<machine::SnapshotReader>()};
  }
  const bool is_good = arrival_.reader->feed({message.chunk, message.chunk_bytes});
  arrival_.state = is_good ? arrival_.reader->finish() : nullptr;
  arrival_.reader.reset();
  if (arrival_.state != nullptr && arrival_.state->applied == message.snapshot.index) return true;
  ++statistics_.snapshots_refused;
  arrival_ = {};
  raft_->forget_chunks();
  return false;
}

void Replica::take_chunks(const raft::Ready& ready, durable::LogJob& job, Stored& stored) {
  for (const raft::SnapshotChunk& chunk : ready.chunks) {
    if (chunk.is_first) {
      // The writer has one snapshot under way: one of our own gives way to the leader's.
      writing_.reset();
      is_saving_ = false;
      if (!chunk.is_last) {
        arrival_ = {.id = chunk.snapshot, .reader = std::make_unique<machine::SnapshotReader>()};
      }
    }
    if (!chunk.is_last && arrival_.reader != nullptr) {
      // What is wrong with it is found out with the last one.
      (void)arrival_.reader->feed(chunk.bytes);
      arrival_.bytes = chunk.offset + chunk.bytes.size();
    }
    raft_->arena().reference(chunk.bytes.data());
    stored.pieces.push_back(chunk.bytes.data());
    job.pieces.push_back({.id = chunk.snapshot,
                          .is_first = chunk.is_first,
                          .is_last = chunk.is_last,
                          .bytes = chunk.bytes});
  }
  if (ready.snapshot == nullptr) return;
  RR_CHECK(arrival_.state != nullptr && arrival_.id == ready.snapshot->last());
  stored.state = std::move(arrival_.state);
  stored.installed = *ready.snapshot;
  arrival_ = {};
  is_installing_ = true;
  job.snapshot = *ready.snapshot;
  job.restores = true;
}

// ---- our own ----

// Begins one when enough was applied, and writes the next piece of it.
std::uint32_t Replica::write_snapshot() {
  if (jobs_ >= kJobs / 2 || is_installing_) return 0;
  const Index applied = machine_->applied();
  if (!is_saving_ && applied.value >= snapshot_.index.value + config_.compaction_entries &&
      applied == raft_->log().applied()) {
    arrival_ = {};
    raft_->forget_chunks();
    writing_ = std::make_unique<machine::SnapshotWriter>(machine_->state());
    to_write_ = {.index = applied, .term = *raft_->log().term(applied), .conf = conf_};
    written_bytes_ = 0;
    is_saving_ = true;
    saving_since_ = now_;
  }
  if (writing_ == nullptr) return 0;
  Stored* stored = nullptr;
  durable::LogJob& job = claim(stored);
  stored->bytes.resize(kPieceBytes);
  const std::size_t bytes = writing_->write(stored->bytes);
  const bool is_last = writing_->is_done();
  job.pieces.push_back({.id = to_write_.last(),
                        .is_first = written_bytes_ == 0,
                        .is_last = is_last,
                        .bytes = std::span(stored->bytes).first(bytes)});
  written_bytes_ += bytes;
  job.must_sync = is_last;
  if (is_last) {
    to_write_.size_bytes = written_bytes_;
    job.snapshot = to_write_;
    stored->made = to_write_;
    writing_.reset();
  }
  channel_.submit();
  return 1;
}

void Replica::finish_snapshot(const raft::Snapshot& snapshot) {
  is_saving_ = false;
  ++statistics_.snapshots_made;
  statistics_.snapshot_time = statistics_.snapshot_time + (now_ - saving_since_);
  if (snapshot.index <= snapshot_.index) return;  // a newer one came from the leader
  previous_snapshot_ = snapshot_.index;
  snapshot_ = snapshot;
  raft_->snapshot_made(snapshot);
  const std::uint64_t kept = std::min(config_.kept_entries, snapshot.index.value);
  const Index to{snapshot.index.value - kept};
  if (to > raft_->log().compacted()) raft_->compact(to);
}

}  // namespace ringroad::consensus
