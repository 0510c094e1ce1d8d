// The Ringroad frame: what follows the UDP header. All fields are little-endian.
//
//   offset  bytes  field
//   0       1      version (kFrameVersion)
//   1       1      kind (FrameKind)
//   2       1      lane
//   3       1      key epoch (0: plain, closed by a CRC32C instead of a tag)
//   4       2      source node
//   6       2      destination node
//   8       4      destination session: chosen by the receiver; 0 only in a hello
//   12      2      record slots: 16 bytes each, directly after the header
//   14      2      reserved, 0
//   16      8      packet number
//   24      4      frame bytes: header, records, payloads and trailer together
//   28      4      source session
//   32      16*n   records
//   ...            payloads of the message and fragment records, in the records' order, unpadded
//   last 4         CRC32C of everything before it
//
// Records (16-byte slots; the first byte is the kind, the second the priority where it has one):
//
//   message    kind prio flags:u16  type:u32  sequence:u32  length:u32
//   fragment   kind prio flags:u16  type:u32  sequence:u32  message length:u32
//              + one slot: offset:u32  length:u32  zero:u64
//   outcome    kind prio outcome:u16  first sequence:u32  count:u32  zero:u32
//   ack        kind range count:u8 stalled:u16  zero:u32  largest packet number:u64
//              + one slot for each two ranges: {gap:u32 length:u32} twice. The first range ends at
//              `largest` (gap 0); each next ends `gap` packets below the start of the one before.
//              Lengths count packets and are at least 1; in the last slot an unused pair is zero.
//              `stalled` has a bit for each priority whose receiver does not read and of which a
//              frame was left unacknowledged for want of room: send no more of it than probes.
//   window     kind prio zero:u16  message limit:u32  byte limit:u64 (both absolute: the sequence,
//              and the payload bytes since the session began, that must not be reached)
//   ping       kind zero*7  token:u64 (asks for an acknowledgement, no more)
//   close      kind zero  reason:u16  zero*12
//   hello      kind zero  protocol:u16  message bytes max:u32  message fragments max:u32
//              frame bytes max:u32
//              (only in a frame of kind hello, which has this one record). `frame bytes max` is the
//              longest frame its sender takes, at least kFrameBytesMaxLeast: in the session both
//              ends send frames of no more than the smaller of the two, and cut messages by it. A
//              message of more fragments than the peer can surely hold at once is not sent.
//
// A cancelled message (kMessageFlagCancelled) has length 0 and no payload; in place of its type
// stand the payload bytes that its sender charged to the peer's credit, so that both ends count
// alike.
//
// Sequences are cut to 32 bits; the receiver widens them to the value nearest to what it expects.
// Every frame but a bare acknowledgement (records ack, window and outcome-free) asks to be
// acknowledged. Nothing is read from a frame before its trailer was found right and its lengths
// were found to add up exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"

namespace ringroad {

inline constexpr std::uint8_t kFrameVersion = 1;

enum class FrameKind : std::uint8_t { kHello = 1, kData = 2 };

enum class RecordKind : std::uint8_t {
  kMessage = 1,
  kFragment = 2,
  kOutcome = 3,
  kAck = 4,
  kWindow = 5,
  kPing = 6,
  kClose = 7,
  kHello = 8,
};

inline constexpr std::uint16_t kMessageFlagCancelled =
    1;  // keeps its place in order, delivers none

struct FrameHeader {
  std::uint8_t version;
  std::uint8_t kind;
  std::uint8_t lane;
  std::uint8_t key_epoch;
  std::uint16_t source_node;
  std::uint16_t destination_node;
  std::uint32_t destination_session;
  std::uint16_t record_slots;
  std::uint16_t reserved;
  std::uint64_t packet_number;
  std::uint32_t frame_bytes;
  std::uint32_t source_session;
};
static_assert(sizeof(FrameHeader) == 32);
static_assert(offsetof(FrameHeader, packet_number) == 16);

inline constexpr std::size_t kFrameHeaderBytes = sizeof(FrameHeader);
inline constexpr std::size_t kRecordSlotBytes = 16;
inline constexpr std::size_t kFrameTrailerBytes = 4;
inline constexpr std::size_t kFrameBytesMin =
    kFrameHeaderBytes + kRecordSlotBytes + kFrameTrailerBytes;

// What every node takes at least, so that the largest acknowledgement fits, and something beside
// it.
inline constexpr std::uint32_t kFrameBytesMaxLeast = 512;

// Why a frame was refused; each has a counter.
enum class FrameError : std::uint8_t {
  kNone,
  kTruncated,  // shorter than a header, or than it says
  kVersion,
  kKind,
  kChecksum,
  kLengths,      // records and payloads do not add up to the frame
  kRecord,       // an unknown or malformed record
  kDestination,  // not for this node
  kSource,       // from no configured peer
  kSession,      // of a session that is over, or never was
  kDuplicate,    // packet number seen before, or too old to tell
  kCount,
};
const char* frame_error_name(FrameError error);

}  // namespace ringroad
