#include "consensus/log/recovery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "consensus/log/segment_scan.h"
#include "dataplane/base/byte_order.h"

namespace ringroad::raft::durable {

namespace {

constexpr std::uint64_t kReadBytes = 1024 * 1024;
constexpr std::uint64_t kReadBlockBytes = 4096;

bool has_suffix(const std::string& name, std::string_view suffix) {
  return name.size() >= suffix.size() && name.ends_with(suffix);
}

// A block that cannot be read is zeros and noted.
absl::Status read_block(File& file, std::uint64_t offset, std::span<std::byte> to,
                        SegmentBytes& segment) {
  const auto count = file.read(offset, to);
  if (count.ok()) return absl::OkStatus();
  if (!absl::IsDataLoss(count.status())) return count.status();
  if (to.size() > kReadBlockBytes) {
    for (std::uint64_t at = 0; at < to.size(); at += kReadBlockBytes) {
      const auto block = to.subspan(at, std::min<std::uint64_t>(kReadBlockBytes, to.size() - at));
      if (absl::Status status = read_block(file, offset + at, block, segment); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }
  std::ranges::fill(to, std::byte{});
  segment.unreadable.push_back({offset, to.size()});
  return absl::OkStatus();
}

absl::Status read_segment(FileSystem& files, const SegmentFile& which, SegmentBytes& segment) {
  segment.unreadable.clear();
  segment.bytes.resize(which.bytes);
  auto file = files.open(segment_name(which.epoch), OpenMode::kRead);
  if (!file.ok()) return file.status();
  for (std::uint64_t at = 0; at < which.bytes; at += kReadBytes) {
    const auto part = std::span(segment.bytes).subspan(at, std::min(kReadBytes, which.bytes - at));
    if (absl::Status status = read_block(**file, at, part, segment); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Goes through the records in order and keeps what they say together.
class Walk {
 public:
  Walk(Recovered& out, Position proven) : out_(out), proven_(proven) {}

  // In the order of epochs.
  void segment(const SegmentFile& file, const SegmentBytes& bytes, std::optional<Position> base);
  bool has_begun() const { return state().sequence > 0; }
  // Blocks behind the end, or a segment that is missing: the latest record may have been there.
  void latest_is_unknown(const std::string& file, std::uint64_t offset, const char* what);
  void finish();

 private:
  LogState& state() const { return out_.state; }
  bool record(const SegmentFile& file, const SegmentBytes& bytes, const SegmentScan& scan);
  void gap(const SegmentFile& file, std::uint64_t offset, const RecordHeader& h);
  void apply(const SegmentFile& file, std::uint64_t offset, const RecordHeader& h, BodyResult body,
             std::span<const std::byte> plain);
  void apply_body(const RecordHeader& h, std::span<const std::byte> plain);
  void apply_header(const RecordHeader& h);
  void drop_runs_from(Index first);
  void note(const SegmentFile& file, std::uint64_t offset, const char* what, IndexRange entries) {
    out_.damages.push_back({segment_name(file.epoch), offset, what, entries});
  }

  Recovered& out_;
  Position proven_;
  Position end_ = 0;  // of the last record that was kept
  std::uint64_t end_offset_ = 0;
  bool is_cut_ = false;
  std::uint64_t unreadable_before_ = 0;  // an epoch whose rest could not be read
  std::vector<std::byte> scratch_;
};

void Walk::drop_runs_from(Index first) {
  while (!out_.runs.empty() && out_.runs.back().first >= first) out_.runs.pop_back();
  if (!out_.runs.empty() && out_.runs.back().last >= first) {
    out_.runs.back().last = Index{first.value - 1};
  }
}

void Walk::segment(const SegmentFile& file, const SegmentBytes& bytes,
                   std::optional<Position> base) {
  SegmentScan scan(bytes, file.epoch, base);
  CutExtent cut{file.epoch, 0, 0};
  std::uint64_t last_end = 0;
  while (scan.next()) {
    if (!is_cut_) {
      is_cut_ = !record(file, bytes, scan);
      last_end = end_offset_;
      if (is_cut_)
        cut.from =
            out_.segments.empty() || out_.segments.back().epoch != file.epoch ? 0 : out_.offset;
    }
    if (is_cut_) cut.to = scan.end();
  }
  if (cut.to > cut.from) out_.cut.push_back(cut);
  const bool has_records = !out_.segments.empty() && out_.segments.back().epoch == file.epoch;
  if (bytes.is_unreadable(has_records ? last_end : 0, file.bytes)) unreadable_before_ = file.epoch;
}

// False: the log ends before this one.
bool Walk::record(const SegmentFile& file, const SegmentBytes& bytes, const SegmentScan& scan) {
  const RecordHeader& h = scan.header();
  const bool is_first = !has_begun();
  const bool is_gap =
      is_first ? h.kind != RecordKind::kSegment || scan.offset() != 0
               : h.sequence != state().sequence + 1 || (scan.offset() != scan.searched_from());
  if (is_gap) {
    const Position at = is_first ? h.position - scan.offset() : end_;
    const bool may_be_torn =
        unreadable_before_ == 0 && !bytes.is_unreadable(scan.searched_from(), scan.offset());
    if (at >= proven_ && may_be_torn) return false;
    gap(file, scan.searched_from(), h);
  }
  unreadable_before_ = 0;
  std::span<const std::byte> plain;
  const BodyResult body = read_body(h, scan.record(), scratch_, plain);
  if (body != BodyResult::kOk && h.position >= proven_ &&
      !bytes.is_unreadable(scan.offset(), scan.end())) {
    return false;
  }
  apply(file, scan.offset(), h, body, plain);
  if (out_.segments.empty() || out_.segments.back().epoch != file.epoch) {
    out_.segments.push_back({file.epoch, *scan.base(), file.bytes, {}});
  }
  UsedSegment& used = out_.segments.back();
  if (h.kind == RecordKind::kEntries) used.highest = std::max(used.highest, h.last.index);
  out_.offset = end_offset_ = scan.end();
  end_ = h.position + h.bytes();
  return true;
}

// Records are missing before `h`.
void Walk::gap(const SegmentFile& file, std::uint64_t offset, const RecordHeader& h) {
  const std::uint32_t own = h.rewinds_log() ? 1 : 0;
  Index known = state().last.index;
  if (has_begun() && h.rewinds != state().rewinds + own) {
    known = std::min(known, state().hard_state.commit);
    drop_runs_from(next(known));
  }
  if (h.configuration_index != state().configuration.index || !has_begun()) {
    out_.configuration_is_certain = false;
  }
  const Index to = h.kind == RecordKind::kEntries ? Index{h.first_index.value - 1} : h.last.index;
  note(file, offset, "records are not readable", {next(known), to});
}

void Walk::apply(const SegmentFile& file, std::uint64_t offset, const RecordHeader& h,
                 BodyResult body, std::span<const std::byte> plain) {
  if (h.kind == RecordKind::kEntries) drop_runs_from(h.first_index);
  if (h.kind == RecordKind::kSnapshot && h.rewinds_log()) out_.runs.clear();
  if (body == BodyResult::kOk) {
    if (h.kind == RecordKind::kEntries) {
      out_.runs.push_back({h.first_index, h.last.index, file.epoch, offset});
    } else {
      apply_body(h, plain);
    }
  } else {
    const bool had_entries = h.kind == RecordKind::kEntries;
    note(file, offset, had_entries ? "entries are not readable" : "a record is not readable",
         had_entries ? IndexRange{h.first_index, h.last.index} : IndexRange{Index{1}, Index{0}});
    if (h.configuration_index != state().configuration.index) {
      out_.configuration_is_certain = false;
    }
    if (h.kind == RecordKind::kSnapshot) state().snapshot = {h.first_index};
  }
  apply_header(h);
}

void Walk::apply_body(const RecordHeader& h, std::span<const std::byte> plain) {
  switch (h.kind) {
    case RecordKind::kSegment: {
      const SegmentBody body = decode_segment_body(plain.data());
      state().first_members = body.first_members;
      out_.first_members_are_known = true;
      state().configuration = {h.configuration_index, body.configuration};
      state().snapshot = body.snapshot;
      out_.configuration_is_certain = true;
      break;
    }
    case RecordKind::kConfiguration:
      state().configuration = {h.configuration_index, decode_configuration(plain.data())};
      out_.configuration_is_certain = true;
      break;
    case RecordKind::kSnapshot: {
      const Snapshot snapshot = decode_snapshot(plain.data());
      state().snapshot = snapshot;
      if (h.rewinds_log()) {
        state().configuration = {snapshot.index, snapshot.conf};
        out_.configuration_is_certain = true;
      }
      break;
    }
    case RecordKind::kEntries:
    case RecordKind::kHardState:
    case RecordKind::kMark:
      break;
  }
}

void Walk::apply_header(const RecordHeader& h) {
  state().hard_state = h.hard_state;
  state().last = h.last;
  state().sequence = h.sequence;
  state().rewinds = h.rewinds;
  state().awaited = h.awaited_index;
  state().hard_state_lost = (h.flags & kFlagHardStateLost) != 0;
  if (state().snapshot.index != h.snapshot_index) state().snapshot = {h.snapshot_index};
  drop_runs_from(next(h.last.index));
}

void Walk::latest_is_unknown(const std::string& file, std::uint64_t offset, const char* what) {
  out_.damages.push_back({file, offset, what, {}});
  out_.damages.back().entries = {Index{1}, Index{0}};
  state().hard_state_lost = true;
}

void Walk::finish() {
  if (unreadable_before_ != 0) {
    latest_is_unknown(segment_name(unreadable_before_), out_.offset,
                      "the disk cannot read what may be the latest records");
  }
}

// Chooses the snapshot, and what of the log stands behind it.
absl::Status take_snapshot(FileSystem& files, Recovered& out) {
  const auto found = find_snapshots(files);
  if (!found.ok()) return found.status();
  for (const FoundSnapshot& candidate : *found) {
    if (candidate.status.ok()) {
      if (out.snapshot.empty()) out.snapshot = candidate.snapshot;
    } else {
      out.damages.push_back({snapshot_manifest_name(candidate.id),
                             0,
                             std::string{candidate.status.message()},
                             {Index{1}, Index{0}}});
    }
  }
  return absl::OkStatus();
}

// The term of an entry that is there.
absl::StatusOr<std::optional<Term>> term_at(FileSystem& files, const Recovered& out, Index index) {
  EntryReader reader(files, out);
  while (true) {
    const auto entries = reader.next();
    if (!entries.ok()) return entries.status();
    if (entries->empty() || entries->front().index > index) return std::optional<Term>{};
    if (entries->back().index < index) continue;
    return std::optional<Term>{(*entries)[index.value - entries->front().index.value].term};
  }
}

// The crash may have fallen between the snapshot and the record that tells of it; then the entries
// behind it stay only if they are the same history.
absl::Status reconcile(FileSystem& files, Recovered& out) {
  const Snapshot& snapshot = out.snapshot;
  LogState& state = out.state;
  if (state.snapshot.index > snapshot.index) {
    out.damages.push_back({snapshot_manifest_name(state.snapshot.last()),
                           0,
                           "a snapshot that was durable is not there",
                           {next(snapshot.index), state.snapshot.index}});
  }
  if (snapshot.index > state.snapshot.index || snapshot.index > state.last.index) {
    out.snapshot_not_in_log = true;
    bool is_same_history = snapshot.index <= std::min(state.hard_state.commit, state.last.index);
    if (!is_same_history && snapshot.index <= state.last.index) {
      const auto term = term_at(files, out, snapshot.index);
      if (!term.ok()) return term.status();
      is_same_history = *term == snapshot.term;
    }
    if (!is_same_history) {
      out.snapshot_replaces = true;
      out.runs.clear();
      state.last = snapshot.last();
      state.configuration = {snapshot.index, snapshot.conf};
      out.configuration_is_certain = true;
    }
  }
  std::erase_if(out.runs, [&](const EntryRun& run) { return run.last <= snapshot.index; });
  if (!out.runs.empty()) {
    out.runs.front().first = std::max(out.runs.front().first, out.first_index());
  }
  return absl::OkStatus();
}

void find_faulty(Recovered& out) {
  Index expected = out.first_index();
  for (const EntryRun& run : out.runs) {
    if (run.first > expected) out.faulty.push_back({expected, Index{run.first.value - 1}});
    expected = next(run.last);
  }
  if (expected <= out.last_index()) out.faulty.push_back({expected, out.last_index()});
  if (!out.faulty.empty()) out.state.awaited = std::max(out.state.awaited, out.last_index());
}

absl::StatusOr<std::vector<SegmentFile>> find_segments(FileSystem& files) {
  const auto names = files.list();
  if (!names.ok()) return names.status();
  std::vector<SegmentFile> found;
  for (const std::string& name : *names) {
    const std::uint64_t epoch = epoch_of(name);
    if (epoch == 0) continue;
    auto file = files.open(name, OpenMode::kRead);
    if (!file.ok()) return file.status();
    const auto size = (*file)->size();
    if (!size.ok()) return size.status();
    // Nothing larger is ever made; what is beyond is not ours.
    found.push_back({epoch, std::min(*size, kSegmentBytesMax)});
  }
  std::ranges::sort(found, {}, &SegmentFile::epoch);
  return found;
}

// Where a segment begins, if the one before it is known.
std::optional<Position> base_after(const std::vector<UsedSegment>& used, std::uint64_t epoch) {
  if (used.empty() || used.back().epoch + 1 != epoch) return std::nullopt;
  return used.back().base + used.back().bytes;
}

absl::Status walk_log(FileSystem& files, Recovered& out) {
  const auto segments = find_segments(files);
  if (!segments.ok()) return segments.status();
  SegmentBytes bytes;
  Position proven = 0;
  std::vector<UsedSegment> bases;
  for (const SegmentFile& file : *segments) {
    if (absl::Status status = read_segment(files, file, bytes); !status.ok()) return status;
    SegmentScan scan(bytes, file.epoch, base_after(bases, file.epoch));
    while (scan.next()) proven = std::max(proven, scan.header().durable);
    if (scan.base()) bases.push_back({file.epoch, *scan.base(), file.bytes, {}});
  }
  Walk walk(out, proven);
  std::uint64_t missing = 0;
  for (const SegmentFile& file : *segments) {
    if (absl::Status status = read_segment(files, file, bytes); !status.ok()) return status;
    walk.segment(file, bytes, base_after(out.segments, file.epoch));
    const bool is_used = !out.segments.empty() && out.segments.back().epoch == file.epoch;
    if (is_used) {
      out.ahead.clear();
      missing = 0;
      continue;
    }
    std::uint64_t before = file.epoch - 1;
    if (!out.ahead.empty()) {
      before = out.ahead.back().epoch;
    } else if (!out.segments.empty()) {
      before = out.segments.back().epoch;
    }
    if (before + 1 != file.epoch && missing == 0) missing = before + 1;
    out.ahead.push_back(file);
  }
  walk.finish();
  if (missing != 0) {
    walk.latest_is_unknown(segment_name(missing), 0, "the segment is missing");
  }
  return absl::OkStatus();
}

// Whose folder this is, given what else is in it.
absl::Status judge(Recovered& out, const absl::StatusOr<Identity>& identity) {
  const auto damaged = [&out](std::string why) {
    out.standing = Standing::kDamaged;
    out.why = std::move(why);
    return absl::OkStatus();
  };
  if (absl::IsNotFound(identity.status())) {
    // The identity is written after a segment's first record, before anything else.
    if (out.state.sequence > 1 || !out.snapshot.empty()) {
      return damaged("there is a log, but no identity");
    }
    out.standing = Standing::kFresh;
    out.damages.clear();
    return absl::OkStatus();
  }
  if (absl::IsDataLoss(identity.status())) {
    return damaged(std::string{identity.status().message()});
  }
  if (!identity.ok()) return identity.status();
  out.identity = *identity;
  if (out.segments.empty()) return damaged("the log is gone");
  out.standing = Standing::kKnown;
  return absl::OkStatus();
}

}  // namespace

const char* name_of(Standing standing) {
  switch (standing) {
    case Standing::kFresh:
      return "fresh";
    case Standing::kKnown:
      return "known";
    case Standing::kDamaged:
      return "damaged";
  }
  return "unknown";
}

Index Recovered::intact_last() const {
  return faulty.empty() ? last_index() : Index{faulty.front().first.value - 1};
}

absl::StatusOr<Recovered> recover(FileSystem& files) {
  Recovered out;
  const auto identity = read_identity(files);
  if (absl::Status status = walk_log(files, out); !status.ok()) return status;
  if (absl::Status status = take_snapshot(files, out); !status.ok()) return status;
  if (!out.segments.empty()) {
    if (absl::Status status = reconcile(files, out); !status.ok()) return status;
  }
  if (absl::Status status = judge(out, identity); !status.ok()) return status;
  if (out.standing != Standing::kKnown) return out;
  find_faulty(out);
  HardState& hard = out.state.hard_state;
  hard.commit = std::min(std::max(hard.commit, out.snapshot.index), out.last_index());
  if (out.state.hard_state_lost) {
    out.state.awaited = std::max(out.state.awaited, out.last_index());
  } else {
    out.hard_state = hard;
  }
  return out;
}

absl::StatusOr<std::span<const Entry>> EntryReader::next() {
  if (run_ == rec_.runs.size()) return std::span<const Entry>{};
  const EntryRun& run = rec_.runs[run_++];
  const std::string name = segment_name(run.epoch);
  if (file_ == nullptr || epoch_ != run.epoch) {
    auto file = files_.open(name, OpenMode::kRead);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    epoch_ = run.epoch;
  }
  const auto damaged = [&] {
    return absl::DataLossError(absl::StrCat(name, " at ", run.offset, " is not as it was"));
  };
  const auto used = std::ranges::find(rec_.segments, run.epoch, &UsedSegment::epoch);
  const Position position = used->base + run.offset;
  const auto read_exactly = [&](std::uint64_t from, std::uint64_t to) {
    if (record_.size() < to) record_.resize(to);
    const auto count = file_->read(run.offset + from, std::span(record_).subspan(from, to - from));
    return count.ok() && *count == to - from;
  };
  if (!read_exactly(0, kHeaderBytes)) return damaged();
  const std::uint64_t stored = load_le<std::uint32_t>(record_.data() + header::kStoredBytes);
  if (run.offset + kHeaderBytes + padded(stored) > used->bytes) return damaged();
  const std::uint64_t bytes = kHeaderBytes + padded(stored);
  if (!read_exactly(kHeaderBytes, bytes)) return damaged();
  const auto h = decode_header(std::span(record_).first(bytes), run.epoch, position);
  std::span<const std::byte> plain;
  if (!h || h->kind != RecordKind::kEntries ||
      read_body(*h, std::span(record_).first(bytes), scratch_, plain) != BodyResult::kOk ||
      h->first_index > run.first || h->last.index < run.last) {
    return damaged();
  }
  decode_entries(*h, plain, entries_);
  return std::span<const Entry>(entries_).subspan(run.first.value - h->first_index.value,
                                                  run.last.value - run.first.value + 1);
}

std::uint64_t epoch_made_for(const Recovered& recovered, std::uint64_t segment_bytes) {
  std::uint64_t made = recovered.segments.back().epoch;
  for (const SegmentFile& file : recovered.ahead) {
    if (file.epoch != made + 1 || file.bytes != segment_bytes) break;
    ++made;
  }
  return made;
}

absl::Status clear_leftovers(FileSystem& files, const Recovered& recovered,
                             std::uint64_t segment_bytes) {
  const std::vector<std::byte> zeros(kReadBytes);
  for (const CutExtent& cut : recovered.cut) {
    auto file = files.open(segment_name(cut.epoch), OpenMode::kWrite);
    if (!file.ok()) return file.status();
    for (std::uint64_t at = cut.from; at < cut.to; at += zeros.size()) {
      const auto part = std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), cut.to - at));
      if (absl::Status status = (*file)->write(at, part); !status.ok()) return status;
    }
    if (absl::Status status = (*file)->flush(); !status.ok()) return status;
  }
  const auto names = files.list();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (!has_suffix(name, kPartSuffix)) continue;
    if (absl::Status status = files.remove(name); !status.ok()) return status;
  }
  // From the highest down: a crash in between leaves no gap.
  const std::uint64_t made = epoch_made_for(recovered, segment_bytes);
  for (auto file = recovered.ahead.rbegin(); file != recovered.ahead.rend(); ++file) {
    if (file->epoch <= made) break;
    if (absl::Status status = files.remove(segment_name(file->epoch)); !status.ok()) return status;
    if (absl::Status status = files.flush_folder(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace ringroad::raft::durable
