// Every byte of a node's folder, on one page: this is what other programs may rely on. All numbers
// are little-endian, all reserved bytes zero. consensus/README.md says why it is so.
//
// A folder holds
//
//   identity                         whose it is
//   segment-EEEEEEEEEEEEEEEE         a segment of the log, by its epoch in hexadecimal
//   snapshot-IIIIIIIIIIIIIIII-TTTTTTTTTTTTTTTT.data       a state of the machine, by index and term
//   snapshot-IIIIIIIIIIIIIIII-TTTTTTTTTTTTTTTT.manifest   what that data has to be like
//   *.part                           unfinished; forgotten at start
//
// The log is one row of records without gaps, cut into segments of one size. Each record has a
// *position* in that row, which never repeats: its segment's first position and its offset. A
// segment begins with a kSegment record; behind its last record stands whatever stood there before,
// zeros or the records of a former life. What tells those apart is that a record of this life has
// this life's epoch and the position at which it stands.
//
// A record is a header and a body, padded with zeros to 8 bytes:
//
//   offset  size  header
//        0     4  header_crc       CRC32C of the header's bytes from 4 on
//        4     4  body_crc         CRC32C of the body as stored, with its padding
//        8     1  kind
//        9     1  flags            1: the body is LZ4 (block format)
//                                  2: entries known before were replaced or dropped by this record
//                                  4: the node has lost its hard state and must not vote
//       10     1  version          1
//       11     1  zero
//       12     4  stored_bytes     of the body, without padding
//       16     4  plain_bytes      of the body when decompressed
//       20     4  entries          how many
//       24     8  epoch            of the segment
//       32     8  position
//       40     8  sequence         counts records from 1; tells whether one is missing
//       48     8  durable          all before this position was known to be durable
//       56     8  term             the hard state as it is with this record
//       64     8  commit
//       72     2  vote
//       74     2  zero
//       76     4  rewinds          how many records had flag 2 so far
//       80     8  first_index      of the entries; of a snapshot, its index
//       88     8  last_index       the last entry of the log as it is with this record
//       96     8  last_term
//      104     8  configuration_index   up to which the latest configuration is applied
//      112     8  snapshot_index   of the latest snapshot, which was durable before this record
//      120     8  awaited_index    0, or: the node does not vote before it has this entry again
//
// That every header repeats hard state, last index and counters is what makes damage measurable:
// the next intact record, wherever it is, tells what the unreadable ones before it had done.
//
//   kind            body
//   1 kSegment      segment_bytes, 8; the first members, 40; the configuration, 40; the latest
//                   snapshot, 72; zero, 8
//   2 kEntries      for each entry: term, 8; size_bytes, 4; type, 1; zero, 3; then all payloads
//   3 kHardState    nothing: the header has it
//   4 kConfiguration  the configuration, 40
//   5 kSnapshot     the snapshot, 72. With flag 2 it replaced all entries, without it none
//   6 kMark         nothing: it says what is durable, written when nothing else is
//
//   a configuration: voters, learners, voters_outgoing, learners_next, 8 each; auto_leave, 1; zero,
//   7 a snapshot: index, 8; term, 8; size_bytes, 8; zero, 8; its configuration, 40
//
// A manifest:
//
//        0     4  crc              CRC32C of all that follows
//        4     4  magic            "RRsn"
//        8     4  version          1
//       12     4  chunk_bytes      1 MiB
//       16    72  the snapshot
//       88     8  hash             CRC64 (ECMA-182, reflected) of all of the data
//       96        for each chunk of the data: its CRC32C, 4
//
// An identity:
//
//        0     4  crc              CRC32C of all that follows
//        4     4  magic            "RRid"
//        8     4  version          1
//       12     2  node
//       14     2  cluster_bytes, up to 64
//       16     8  incarnation
//       24    64  the cluster's name, then zeros
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringroad::raft::durable {

// Where in the row of records; grows for ever.
using Position = std::uint64_t;

namespace header {
inline constexpr std::size_t kHeaderCrc = 0;
inline constexpr std::size_t kBodyCrc = 4;
inline constexpr std::size_t kKind = 8;
inline constexpr std::size_t kFlags = 9;
inline constexpr std::size_t kVersion = 10;
inline constexpr std::size_t kStoredBytes = 12;
inline constexpr std::size_t kPlainBytes = 16;
inline constexpr std::size_t kEntries = 20;
inline constexpr std::size_t kEpoch = 24;
inline constexpr std::size_t kPosition = 32;
inline constexpr std::size_t kSequence = 40;
inline constexpr std::size_t kDurable = 48;
inline constexpr std::size_t kTerm = 56;
inline constexpr std::size_t kCommit = 64;
inline constexpr std::size_t kVote = 72;
inline constexpr std::size_t kRewinds = 76;
inline constexpr std::size_t kFirstIndex = 80;
inline constexpr std::size_t kLastIndex = 88;
inline constexpr std::size_t kLastTerm = 96;
inline constexpr std::size_t kConfigurationIndex = 104;
inline constexpr std::size_t kSnapshotIndex = 112;
inline constexpr std::size_t kAwaitedIndex = 120;
}  // namespace header

inline constexpr std::size_t kHeaderBytes = 128;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::uint8_t kLayoutVersion = 1;
static_assert(header::kAwaitedIndex + 8 == kHeaderBytes);
static_assert(header::kEpoch % 8 == 0 && kHeaderBytes % kRecordAlignment == 0);

enum class RecordKind : std::uint8_t {
  kSegment = 1,
  kEntries = 2,
  kHardState = 3,
  kConfiguration = 4,
  kSnapshot = 5,
  kMark = 6,
};
inline constexpr std::uint8_t kRecordKindLast = 6;

inline constexpr std::uint8_t kFlagLz4 = 1;
inline constexpr std::uint8_t kFlagRewinds = 2;
inline constexpr std::uint8_t kFlagHardStateLost = 4;
inline constexpr std::uint8_t kFlagsKnown = 7;

inline constexpr std::size_t kConfigurationBytes = 40;
inline constexpr std::size_t kSnapshotBytes = 32 + kConfigurationBytes;
inline constexpr std::size_t kSegmentBodyBytes = 8 + 2 * kConfigurationBytes + kSnapshotBytes + 8;
inline constexpr std::size_t kSegmentBeginBytes = kHeaderBytes + kSegmentBodyBytes;
inline constexpr std::size_t kEntryBytes = 16;  // before its payload
static_assert(kSegmentBodyBytes == 168);
static_assert(kSegmentBeginBytes % kRecordAlignment == 0);

// Bounds that hold before anything is allocated. A record is one entry of the largest message, or
// many that are smaller.
inline constexpr std::uint32_t kPlainBytesMax = 17 * 1024 * 1024;
// No log gets there; sums of two indexes do not overflow.
inline constexpr std::uint64_t kIndexMax = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kSegmentBytesMin = 4096;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;

namespace manifest {
inline constexpr std::size_t kCrc = 0;
inline constexpr std::size_t kMagic = 4;
inline constexpr std::size_t kVersion = 8;
inline constexpr std::size_t kChunkBytes = 12;
inline constexpr std::size_t kSnapshot = 16;
inline constexpr std::size_t kHash = kSnapshot + kSnapshotBytes;
inline constexpr std::size_t kChunks = kHash + 8;
inline constexpr std::uint32_t kMagicValue = 0x6e735252;  // "RRsn"
static_assert(kChunks == 96);
}  // namespace manifest
inline constexpr std::uint32_t kSnapshotChunkBytes = 1024 * 1024;
// 64 GiB of data; 256 KiB of manifest.
inline constexpr std::uint64_t kSnapshotBytesMax = std::uint64_t{1} << 36;

namespace identity {
inline constexpr std::size_t kCrc = 0;
inline constexpr std::size_t kMagic = 4;
inline constexpr std::size_t kVersion = 8;
inline constexpr std::size_t kNode = 12;
inline constexpr std::size_t kClusterBytes = 14;
inline constexpr std::size_t kIncarnation = 16;
inline constexpr std::size_t kCluster = 24;
inline constexpr std::size_t kClusterBytesMax = 64;
inline constexpr std::size_t kBytes = kCluster + kClusterBytesMax;
inline constexpr std::uint32_t kMagicValue = 0x64695252;  // "RRid"
}  // namespace identity

inline constexpr char kSegmentPrefix[] = "segment-";
inline constexpr char kSnapshotPrefix[] = "snapshot-";
inline constexpr char kIdentityName[] = "identity";
inline constexpr char kPartSuffix[] = ".part";

constexpr std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

}  // namespace ringroad::raft::durable
