// Reading and writing frames: the record layouts of frame.h as structs, the check that a received
// frame is whole and well formed, and the draft of a frame being filled. Knows nothing of sessions
// or streams. Invariant: after check_frame returned kNone every record can be read without further
// bounds checks, and the payload lengths add up exactly.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"
#include "dataplane/core/frame.h"

namespace ringroad {

static_assert(std::endian::native == std::endian::little, "records are copied as they lie");

inline constexpr std::uint16_t kProtocolVersion = 1;
inline constexpr std::size_t kAckRangesMax = 32;

struct MessageRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kMessage);
  std::uint8_t priority = 0;
  std::uint16_t flags = 0;
  std::uint32_t type = 0;
  std::uint32_t sequence = 0;
  std::uint32_t length = 0;
};

struct FragmentRecord {
  MessageRecord message;  // kind kFragment; length is the whole message's
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint64_t zero = 0;
};

struct OutcomeRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kOutcome);
  std::uint8_t priority = 0;
  std::uint16_t outcome = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t zero = 0;
};

struct AckRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kAck);
  std::uint8_t range_count = 0;
  std::uint16_t stalled = 0;  // a bit a priority
  std::uint32_t zero = 0;
  std::uint64_t largest = 0;
};

struct AckRangeRecord {
  std::uint32_t gap = 0;
  std::uint32_t length = 0;
};

struct WindowRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kWindow);
  std::uint8_t priority = 0;
  std::uint16_t zero = 0;
  std::uint32_t message_limit = 0;
  std::uint64_t byte_limit = 0;
};

struct PingRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kPing);
  std::uint8_t zero[7] = {};
  std::uint64_t token = 0;
};

struct CloseRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kClose);
  std::uint8_t zero = 0;
  std::uint16_t reason = 0;
  std::uint32_t zero2[3] = {};
};

struct HelloRecord {
  std::uint8_t kind = static_cast<std::uint8_t>(RecordKind::kHello);
  std::uint8_t zero = 0;
  std::uint16_t protocol = kProtocolVersion;
  std::uint32_t message_bytes_max = 0;
  std::uint32_t message_fragments_max = 0;
  std::uint32_t frame_bytes_max = 0;
};

static_assert(sizeof(MessageRecord) == kRecordSlotBytes);
static_assert(sizeof(FragmentRecord) == 2 * kRecordSlotBytes);
static_assert(sizeof(OutcomeRecord) == kRecordSlotBytes);
static_assert(sizeof(AckRecord) == kRecordSlotBytes);
static_assert(2 * sizeof(AckRangeRecord) == kRecordSlotBytes);
static_assert(sizeof(WindowRecord) == kRecordSlotBytes);
static_assert(sizeof(PingRecord) == kRecordSlotBytes);
static_assert(sizeof(CloseRecord) == kRecordSlotBytes);
static_assert(sizeof(HelloRecord) == kRecordSlotBytes);

template <typename Record>
[[nodiscard]] inline Record load_record(const std::byte* from) {
  Record record;
  std::memcpy(&record, from, sizeof record);
  return record;
}

template <typename Record>
inline void store_record(std::byte* to, const Record& record) {
  std::memcpy(to, &record, sizeof record);
}

// The sequence nearest to `near` whose low 32 bits are `low`.
inline std::uint64_t widen(std::uint32_t low, std::uint64_t near) {
  return near + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                    static_cast<std::int32_t>(low - static_cast<std::uint32_t>(near))));
}

// Packet numbers first..last, both included.
struct PacketRange {
  std::uint64_t first, last;
};

// How many slots an acknowledgement of `ranges` ranges takes.
inline constexpr std::size_t ack_slots(std::size_t ranges) { return 1 + (ranges + 1) / 2; }

// Writes an ack record for `ranges`, newest first, and returns the slots used. A range whose gap or
// length does not fit 32 bits ends the list.
std::size_t write_ack(std::byte* to, std::span<const PacketRange> newest_first,
                      std::uint8_t stalled = 0);

// Reads the ranges of the ack record at `record`, newest first, into `ranges` (room for
// kAckRangesMax). Returns how many there are, 0 when the record is malformed.
std::size_t read_ack(const std::byte* record, std::span<PacketRange> ranges);

// What check_frame learned on its way over the records.
struct FrameShape {
  FrameHeader header{};
  std::uint32_t data_records = 0;  // messages and fragments
  bool asks_ack = false;           // holds more than acks and windows
  bool asks_ack_soon = false;      // holds messages, fragments or pings
};

struct FrameLimits {
  NodeId self;
  NodeId peer;
  std::uint32_t message_bytes_max = 0;
};

// The checks that need no checksum: length, version, kind, and whom it is from and for.
FrameError check_header(std::span<const std::byte> frame, const FrameLimits& limits,
                        FrameHeader& header);
// The records and lengths of a frame whose header and checksum were found right.
FrameError check_records(std::span<const std::byte> frame, const FrameLimits& limits,
                         FrameShape& shape);

// A frame being filled: records grow from the header on, payloads are counted and written behind
// them once their number is known.
class FrameDraft {
 public:
  FrameDraft(std::byte* out, std::uint32_t frame_bytes_max)
      : out_(out), room_(frame_bytes_max - kFrameHeaderBytes - kFrameTrailerBytes) {}

  std::size_t room() const { return room_; }
  bool empty() const { return slots_ == 0; }
  std::byte* next_record() { return out_ + kFrameHeaderBytes + slots_ * kRecordSlotBytes; }

  template <typename Record>
  void add(const Record& record) {
    store_record(next_record(), record);
    take_slots(sizeof(Record) / kRecordSlotBytes);
  }
  // Slots and payload that the caller writes itself, at next_record() as it was before, and behind
  // the last record.
  void take_slots(std::size_t slots) {
    slots_ += slots;
    room_ -= slots * kRecordSlotBytes;
  }
  void take_payload(std::size_t bytes) {
    payload_ += bytes;
    room_ -= bytes;
  }
  // Header and lengths; returns the whole frame's size. The trailer is the caller's to write.
  std::size_t finish(FrameHeader header) {
    const std::size_t size =
        kFrameHeaderBytes + slots_ * kRecordSlotBytes + payload_ + kFrameTrailerBytes;
    header.version = kFrameVersion;
    header.record_slots = static_cast<std::uint16_t>(slots_);
    header.frame_bytes = static_cast<std::uint32_t>(size);
    std::memcpy(out_, &header, sizeof header);
    return size;
  }

 private:
  std::byte* out_;
  std::size_t room_;
  std::size_t slots_ = 0;
  std::size_t payload_ = 0;
};

}  // namespace ringroad
