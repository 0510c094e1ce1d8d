// Records between memory and bytes (layout.h). Pure functions over the caller's memory: decoding
// checks all of it before believing any, allocates no more than a bounded record's plain body, and
// hands out entries that point into what it was given or into the caller's scratch.
//
// A header that decodes is one that was written here, in this life of the segment: its CRC, its
// epoch and its position all agree. Whether its body is intact is asked apart, so that a damaged
// body still tells by its header which entries it held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "consensus/core/ready.h"
#include "consensus/log/layout.h"

namespace ringroad::raft::durable {

struct RecordHeader {
  RecordKind kind = RecordKind::kMark;
  std::uint8_t flags = 0;
  std::uint32_t body_crc = 0;
  std::uint32_t stored_bytes = 0;
  std::uint32_t plain_bytes = 0;
  std::uint32_t entries = 0;
  std::uint64_t epoch = 0;
  Position position = 0;
  std::uint64_t sequence = 0;
  Position durable = 0;
  HardState hard_state;
  std::uint32_t rewinds = 0;
  Index first_index;
  EntryId last;
  Index configuration_index;
  Index snapshot_index;
  Index awaited_index;

  bool rewinds_log() const { return (flags & kFlagRewinds) != 0; }
  // Of the record, header and padding included.
  std::uint64_t bytes() const { return kHeaderBytes + padded(stored_bytes); }
};

std::string_view name_of(RecordKind kind);

// Writes kHeaderBytes bytes.
void encode_header(const RecordHeader& header, std::byte* to);
// Empty for what is no header of a record at that place. `bytes` begins with it and has at least
// kHeaderBytes; the record ends within it or is none.
[[nodiscard]] std::optional<RecordHeader> decode_header(std::span<const std::byte> bytes,
                                                        std::uint64_t epoch, Position position);

// An applied configuration, and up to where.
struct AppliedConfiguration {
  Index index;
  ConfState state;
  bool operator==(const AppliedConfiguration&) const = default;
};

struct SegmentBody {
  std::uint64_t segment_bytes = 0;
  ConfState first_members;
  ConfState configuration;
  Snapshot snapshot;
};

void encode_configuration(const ConfState& state, std::byte* to);  // kConfigurationBytes
ConfState decode_configuration(const std::byte* from);
void encode_snapshot(const Snapshot& snapshot, std::byte* to);  // kSnapshotBytes
Snapshot decode_snapshot(const std::byte* from);
void encode_segment_body(const SegmentBody& body, std::byte* to);  // kSegmentBodyBytes
SegmentBody decode_segment_body(const std::byte* from);

// What entries take in a record before compression, and the body itself.
std::uint64_t plain_bytes(std::span<const Entry> entries);
void encode_entries(std::span<const Entry> entries, std::byte* to);

enum class BodyResult : std::uint8_t {
  kOk,
  kChecksum,   // not what was written
  kTooLarge,   // promises more than any record has
  kLz4,        // does not decompress to what it promises
  kMalformed,  // whole, but no body of its kind
};
std::string_view name_of(BodyResult result);

// The plain body of the record that `record` begins with: within it, or decompressed into
// `scratch`. Checks checksum, bounds, and for kEntries the entries.
[[nodiscard]] BodyResult read_body(const RecordHeader& header, std::span<const std::byte> record,
                                   std::vector<std::byte>& scratch,
                                   std::span<const std::byte>& plain);
// Of a body that read_body() has passed. Payloads stand in it.
void decode_entries(const RecordHeader& header, std::span<const std::byte> plain,
                    std::vector<Entry>& entries);

}  // namespace ringroad::raft::durable
