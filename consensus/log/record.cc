#include "consensus/log/record.h"

#include <lz4.h>

#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::raft::durable {

namespace {

template <typename T>
T at(std::span<const std::byte> bytes, std::size_t offset) {
  return load_le<T>(bytes.data() + offset);
}

// The length that the kind alone asks for; empty for entries.
std::optional<std::uint32_t> body_bytes_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::kSegment:
      return kSegmentBodyBytes;
    case RecordKind::kConfiguration:
      return kConfigurationBytes;
    case RecordKind::kSnapshot:
      return kSnapshotBytes;
    case RecordKind::kHardState:
    case RecordKind::kMark:
      return 0;
    case RecordKind::kEntries:
      break;
  }
  return std::nullopt;
}

// The descriptors and the payloads fill the body to its last byte, and say what entries can be.
bool are_entries(const RecordHeader& header, std::span<const std::byte> plain) {
  if (header.entries == 0 || header.first_index.value == 0) return false;
  if (header.first_index.value > kIndexMax) return false;
  if (std::uint64_t{header.entries} * kEntryBytes > plain.size()) return false;
  if (header.last.index.value != header.first_index.value + header.entries - 1) return false;
  std::uint64_t used = std::uint64_t{header.entries} * kEntryBytes;
  std::uint64_t term = 0;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const auto entry = plain.subspan(std::size_t{i} * kEntryBytes, kEntryBytes);
    if (at<std::uint64_t>(entry, 0) < term || at<std::uint64_t>(entry, 0) == 0) return false;
    term = at<std::uint64_t>(entry, 0);
    used += at<std::uint32_t>(entry, 8);
    const auto type_and_zeros = at<std::uint32_t>(entry, 12);
    if (type_and_zeros > static_cast<std::uint32_t>(EntryType::kConfChangeV2)) return false;
  }
  return used == plain.size() && term == header.last.term.value;
}

bool is_body(const RecordHeader& header, std::span<const std::byte> plain) {
  if (header.kind == RecordKind::kEntries) return are_entries(header, plain);
  return plain.size() == body_bytes_of(header.kind);
}

}  // namespace

std::string_view name_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::kSegment:
      return "segment";
    case RecordKind::kEntries:
      return "entries";
    case RecordKind::kHardState:
      return "hard state";
    case RecordKind::kConfiguration:
      return "configuration";
    case RecordKind::kSnapshot:
      return "snapshot";
    case RecordKind::kMark:
      return "mark";
  }
  return "unknown";
}

std::string_view name_of(BodyResult result) {
  switch (result) {
    case BodyResult::kOk:
      return "intact";
    case BodyResult::kChecksum:
      return "its checksum does not match";
    case BodyResult::kTooLarge:
      return "promises more than a record holds";
    case BodyResult::kLz4:
      return "does not decompress";
    case BodyResult::kMalformed:
      return "is not what its kind asks for";
  }
  return "unknown";
}

void encode_header(const RecordHeader& h, std::byte* to) {
  std::memset(to, 0, kHeaderBytes);
  store_le(to + header::kBodyCrc, h.body_crc);
  to[header::kKind] = static_cast<std::byte>(h.kind);
  to[header::kFlags] = static_cast<std::byte>(h.flags);
  to[header::kVersion] = static_cast<std::byte>(kLayoutVersion);
  store_le(to + header::kStoredBytes, h.stored_bytes);
  store_le(to + header::kPlainBytes, h.plain_bytes);
  store_le(to + header::kEntries, h.entries);
  store_le(to + header::kEpoch, h.epoch);
  store_le(to + header::kPosition, h.position);
  store_le(to + header::kSequence, h.sequence);
  store_le(to + header::kDurable, h.durable);
  store_le(to + header::kTerm, h.hard_state.term.value);
  store_le(to + header::kCommit, h.hard_state.commit.value);
  store_le(to + header::kVote, h.hard_state.vote.value);
  store_le(to + header::kRewinds, h.rewinds);
  store_le(to + header::kFirstIndex, h.first_index.value);
  store_le(to + header::kLastIndex, h.last.index.value);
  store_le(to + header::kLastTerm, h.last.term.value);
  store_le(to + header::kConfigurationIndex, h.configuration_index.value);
  store_le(to + header::kSnapshotIndex, h.snapshot_index.value);
  store_le(to + header::kAwaitedIndex, h.awaited_index.value);
  store_le(to + header::kHeaderCrc, crc32c({to + 4, kHeaderBytes - 4}));
}

std::optional<RecordHeader> decode_header(std::span<const std::byte> bytes, std::uint64_t epoch,
                                          Position position) {
  RR_CHECK(bytes.size() >= kHeaderBytes);
  // The cheap tells first: this is asked of every eighth byte behind damage.
  if (at<std::uint64_t>(bytes, header::kPosition) != position) return std::nullopt;
  if (at<std::uint64_t>(bytes, header::kEpoch) != epoch) return std::nullopt;
  const auto crc = at<std::uint32_t>(bytes, header::kHeaderCrc);
  if (crc32c(bytes.subspan(4, kHeaderBytes - 4)) != crc) return std::nullopt;
  const auto kind = std::to_integer<std::uint8_t>(bytes[header::kKind]);
  if (kind == 0 || kind > kRecordKindLast) return std::nullopt;
  if (std::to_integer<std::uint8_t>(bytes[header::kVersion]) != kLayoutVersion) {
    return std::nullopt;
  }
  RecordHeader h;
  h.kind = static_cast<RecordKind>(kind);
  h.flags = std::to_integer<std::uint8_t>(bytes[header::kFlags]);
  if ((h.flags & ~kFlagsKnown) != 0) return std::nullopt;
  h.body_crc = at<std::uint32_t>(bytes, header::kBodyCrc);
  h.stored_bytes = at<std::uint32_t>(bytes, header::kStoredBytes);
  h.plain_bytes = at<std::uint32_t>(bytes, header::kPlainBytes);
  h.entries = at<std::uint32_t>(bytes, header::kEntries);
  h.epoch = epoch;
  h.position = position;
  h.sequence = at<std::uint64_t>(bytes, header::kSequence);
  h.durable = at<std::uint64_t>(bytes, header::kDurable);
  h.hard_state.term = Term{at<std::uint64_t>(bytes, header::kTerm)};
  h.hard_state.commit = Index{at<std::uint64_t>(bytes, header::kCommit)};
  h.hard_state.vote = NodeId{at<std::uint16_t>(bytes, header::kVote)};
  h.rewinds = at<std::uint32_t>(bytes, header::kRewinds);
  h.first_index = Index{at<std::uint64_t>(bytes, header::kFirstIndex)};
  h.last = {Term{at<std::uint64_t>(bytes, header::kLastTerm)},
            Index{at<std::uint64_t>(bytes, header::kLastIndex)}};
  h.configuration_index = Index{at<std::uint64_t>(bytes, header::kConfigurationIndex)};
  h.snapshot_index = Index{at<std::uint64_t>(bytes, header::kSnapshotIndex)};
  h.awaited_index = Index{at<std::uint64_t>(bytes, header::kAwaitedIndex)};
  if (h.bytes() > bytes.size() || h.durable > position) return std::nullopt;
  return h;
}

void encode_configuration(const ConfState& state, std::byte* to) {
  std::memset(to, 0, kConfigurationBytes);
  store_le(to, state.voters.bits());
  store_le(to + 8, state.learners.bits());
  store_le(to + 16, state.voters_outgoing.bits());
  store_le(to + 24, state.learners_next.bits());
  to[32] = static_cast<std::byte>(state.auto_leave);
}

ConfState decode_configuration(const std::byte* from) {
  return {NodeSet{load_le<std::uint64_t>(from)}, NodeSet{load_le<std::uint64_t>(from + 8)},
          NodeSet{load_le<std::uint64_t>(from + 16)}, NodeSet{load_le<std::uint64_t>(from + 24)},
          from[32] != std::byte{}};
}

void encode_snapshot(const Snapshot& snapshot, std::byte* to) {
  store_le(to, snapshot.index.value);
  store_le(to + 8, snapshot.term.value);
  store_le(to + 16, snapshot.size_bytes);
  store_le(to + 24, std::uint64_t{0});
  encode_configuration(snapshot.conf, to + 32);
}

Snapshot decode_snapshot(const std::byte* from) {
  return {Index{load_le<std::uint64_t>(from)}, Term{load_le<std::uint64_t>(from + 8)},
          decode_configuration(from + 32), load_le<std::uint64_t>(from + 16)};
}

void encode_segment_body(const SegmentBody& body, std::byte* to) {
  std::memset(to, 0, kSegmentBodyBytes);
  store_le(to, body.segment_bytes);
  encode_configuration(body.first_members, to + 8);
  encode_configuration(body.configuration, to + 8 + kConfigurationBytes);
  encode_snapshot(body.snapshot, to + 8 + 2 * kConfigurationBytes);
}

SegmentBody decode_segment_body(const std::byte* from) {
  return {load_le<std::uint64_t>(from), decode_configuration(from + 8),
          decode_configuration(from + 8 + kConfigurationBytes),
          decode_snapshot(from + 8 + 2 * kConfigurationBytes)};
}

std::uint64_t plain_bytes(std::span<const Entry> entries) {
  return kEntryBytes * entries.size() + payload_bytes(entries);
}

void encode_entries(std::span<const Entry> entries, std::byte* to) {
  std::byte* payload = to + kEntryBytes * entries.size();
  for (const Entry& e : entries) {
    store_le(to, e.term.value);
    store_le(to + 8, e.size_bytes);
    store_le(to + 12, static_cast<std::uint32_t>(e.type));
    if (e.size_bytes > 0) std::memcpy(payload, e.data, e.size_bytes);
    to += kEntryBytes;
    payload += e.size_bytes;
  }
}

BodyResult read_body(const RecordHeader& header, std::span<const std::byte> record,
                     std::vector<std::byte>& scratch, std::span<const std::byte>& plain) {
  RR_CHECK(record.size() >= header.bytes());
  const auto stored = record.subspan(kHeaderBytes, padded(header.stored_bytes));
  if (crc32c(stored) != header.body_crc) return BodyResult::kChecksum;
  if (header.plain_bytes > kPlainBytesMax) return BodyResult::kTooLarge;
  if ((header.flags & kFlagLz4) == 0) {
    if (header.plain_bytes != header.stored_bytes) return BodyResult::kMalformed;
    plain = stored.first(header.stored_bytes);
  } else {
    if (scratch.size() < header.plain_bytes) scratch.resize(header.plain_bytes);
    const int size = LZ4_decompress_safe(
        reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(scratch.data()),
        static_cast<int>(header.stored_bytes), static_cast<int>(header.plain_bytes));
    if (size < 0 || static_cast<std::uint32_t>(size) != header.plain_bytes) return BodyResult::kLz4;
    plain = std::span<const std::byte>(scratch).first(header.plain_bytes);
  }
  return is_body(header, plain) ? BodyResult::kOk : BodyResult::kMalformed;
}

void decode_entries(const RecordHeader& header, std::span<const std::byte> plain,
                    std::vector<Entry>& entries) {
  entries.clear();
  const std::byte* payload = plain.data() + std::size_t{header.entries} * kEntryBytes;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const std::byte* from = plain.data() + std::size_t{i} * kEntryBytes;
    Entry e;
    e.term = Term{load_le<std::uint64_t>(from)};
    e.index = Index{header.first_index.value + i};
    e.size_bytes = load_le<std::uint32_t>(from + 8);
    e.type = static_cast<EntryType>(load_le<std::uint32_t>(from + 12));
    e.data = e.size_bytes > 0 ? payload : nullptr;
    payload += e.size_bytes;
    entries.push_back(e);
  }
}

}  // namespace ringroad::raft::durable
