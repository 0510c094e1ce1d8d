// The bytes of the simulated log and snapshot files, and reading them past a torn tail or damage.
// Values only. Invariant: whatever is read back was written so, by its checksum. What damage means
// for a node is decided in storage.cc; the format of the real log (consensus/log) is another.
#include "tests/sim/raft/records.h"

#include "dataplane/base/byte_order.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::sim {

namespace {

constexpr std::size_t kHeaderBytes = 32;
enum RecordType : std::uint32_t { kBase = 1, kBatch = 2 };

template <typename T>
void put(Bytes& to, T value) {
  const std::size_t at = to.size();
  to.resize(at + sizeof value);
  store_le(to.data() + at, value);
}

std::uint64_t word(std::span<const std::byte> bytes, std::size_t offset) {
  return load_le<std::uint64_t>(bytes.data() + offset);
}

void put_conf(Bytes& to, const ConfState& conf) {
  put(to, conf.voters.bits());
  put(to, conf.learners.bits());
  put(to, conf.voters_outgoing.bits());
  put(to, conf.learners_next.bits());
  put(to, std::uint64_t{conf.auto_leave});
}

ConfState conf_at(std::span<const std::byte> bytes, std::size_t offset) {
  return {NodeSet{word(bytes, offset)}, NodeSet{word(bytes, offset + 8)},
          NodeSet{word(bytes, offset + 16)}, NodeSet{word(bytes, offset + 24)},
          word(bytes, offset + 32) != 0};
}

std::size_t begin_record(Bytes& to) {
  const std::size_t begin = to.size();
  to.resize(begin + kHeaderBytes);
  return begin;
}

void end_record(Bytes& to, std::size_t begin, std::uint64_t offset, std::uint32_t generation,
                RecordType type, std::uint64_t durable) {
  while (to.size() % 8 != 0) to.push_back(std::byte{});
  std::byte* header = to.data() + begin;
  store_le(header + 4, static_cast<std::uint32_t>(to.size() - begin - kHeaderBytes));
  store_le(header + 8, generation);
  store_le(header + 12, static_cast<std::uint32_t>(type));
  store_le(header + 16, offset);
  store_le(header + 24, durable);
  store_le(header, crc32c(std::span<const std::byte>(to).subspan(begin + 4)));
}

}  // namespace

void append_base(Bytes& to, std::uint32_t generation, const LogBase& base) {
  const std::size_t begin = begin_record(to);
  put(to, base.id.term.value);
  put(to, base.id.index.value);
  put_conf(to, base.conf);
  end_record(to, begin, 0, generation, kBase, base.written_bytes);
}

void append_batch(Bytes& to, std::uint64_t file_offset, std::uint32_t generation,
                  std::uint64_t durable, const std::optional<HardState>& hard_state,
                  std::span<const Entry> entries) {
  const std::size_t begin = begin_record(to);
  put(to, std::uint64_t{hard_state.has_value()});
  const HardState h = hard_state.value_or(HardState{});
  put(to, h.term.value);
  put(to, std::uint64_t{h.vote.value});
  put(to, h.commit.value);
  put(to, std::uint64_t{entries.size()});
  for (const Entry& e : entries) {
    put(to, e.term.value);
    put(to, e.index.value);
    put(to, e.size_bytes);
    put(to, static_cast<std::uint32_t>(e.type));
    to.insert(to.end(), e.payload().begin(), e.payload().end());
  }
  end_record(to, begin, file_offset + begin, generation, kBatch, durable);
}

// The payload of the record at `at`, empty when there is none that is whole.
std::span<const std::byte> LogScan::payload_at(std::uint64_t at) const {
  if (at + kHeaderBytes > file_.size()) return {};
  const std::byte* header = file_.data() + at;
  const auto size = load_le<std::uint32_t>(header + 4);
  if (load_le<std::uint64_t>(header + 16) != at || at + kHeaderBytes + size > file_.size()) {
    return {};
  }
  if (crc32c(file_.subspan(at + 4, kHeaderBytes - 4 + size)) != load_le<std::uint32_t>(header)) {
    return {};
  }
  return file_.subspan(at + kHeaderBytes, size);
}

bool LogScan::next() {
  const auto payload = payload_at(at_);
  if (payload.empty()) return false;
  const std::byte* header = file_.data() + at_;
  const auto generation = load_le<std::uint32_t>(header + 8);
  is_base_ = load_le<std::uint32_t>(header + 12) == kBase;
  if (at_ > 0 && generation_ != 0 && generation != generation_) return false;
  generation_ = generation;
  proven_ = std::max(proven_, load_le<std::uint64_t>(header + 24));
  at_ += kHeaderBytes + payload.size();
  if (is_base_) {
    base_ = {{Term{word(payload, 0)}, Index{word(payload, 8)}}, conf_at(payload, 16), proven_};
  } else {
    read_batch(payload);
  }
  return true;
}

void LogScan::read_batch(std::span<const std::byte> payload) {
  batch_ = {};
  if (word(payload, 0) != 0) {
    batch_.hard_state = {Term{word(payload, 8)},
                         NodeId{static_cast<std::uint16_t>(word(payload, 16))},
                         Index{word(payload, 24)}};
  }
  std::size_t at = 40;
  for (std::uint64_t left = word(payload, 32); left > 0; --left) {
    Entry e;
    e.term = Term{word(payload, at)};
    e.index = Index{word(payload, at + 8)};
    e.size_bytes = load_le<std::uint32_t>(payload.data() + at + 16);
    e.type = static_cast<EntryType>(load_le<std::uint32_t>(payload.data() + at + 20));
    e.data = payload.data() + at + 24;
    at += 24 + e.size_bytes;
    batch_.entries.push_back(e);
  }
}

bool LogScan::is_damaged() const {
  if (proven_ > at_ || at_ == 0) return true;
  for (std::uint64_t at = at_ + 8; at + kHeaderBytes <= file_.size(); at += 8) {
    if (payload_at(at).empty()) continue;
    if (load_le<std::uint32_t>(file_.data() + at + 8) != generation_) continue;
    if (load_le<std::uint64_t>(file_.data() + at + 24) > at_) return true;
  }
  return false;
}

Bytes snapshot_file(const Snapshot& s, std::span<const std::byte> machine) {
  Bytes file(8);
  put(file, s.index.value);
  put(file, s.term.value);
  put(file, std::uint64_t{machine.size()});
  put_conf(file, s.conf);
  file.insert(file.end(), machine.begin(), machine.end());
  store_le(file.data(), crc32c(std::span<const std::byte>(file).subspan(8)));
  return file;
}

std::optional<Snapshot> read_snapshot_file(std::span<const std::byte> file) {
  if (file.size() < kSnapshotFileHeaderBytes) return std::nullopt;
  if (crc32c(file.subspan(8)) != load_le<std::uint32_t>(file.data())) return std::nullopt;
  Snapshot s;
  s.index = Index{word(file, 8)};
  s.term = Term{word(file, 16)};
  s.size_bytes = word(file, 24);
  s.conf = conf_at(file, 32);
  if (s.size_bytes != file.size() - kSnapshotFileHeaderBytes) return std::nullopt;
  return s;
}

}  // namespace ringroad::raft::sim
