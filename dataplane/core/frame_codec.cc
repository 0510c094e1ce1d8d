#include "dataplane/core/frame_codec.h"

#include <limits>

#include "dataplane/core/message.h"

namespace ringroad {

const char* frame_error_name(FrameError error) {
  switch (error) {
    case FrameError::kNone:
      return "none";
    case FrameError::kTruncated:
      return "truncated";
    case FrameError::kVersion:
      return "version";
    case FrameError::kKind:
      return "kind";
    case FrameError::kChecksum:
      return "checksum";
    case FrameError::kLengths:
      return "lengths";
    case FrameError::kRecord:
      return "record";
    case FrameError::kDestination:
      return "destination";
    case FrameError::kSource:
      return "source";
    case FrameError::kSession:
      return "session";
    case FrameError::kDuplicate:
      return "duplicate";
    case FrameError::kCount:
      break;
  }
  return "unknown";
}

std::size_t write_ack(std::byte* to, std::span<const PacketRange> newest_first,
                      std::uint8_t stalled) {
  RR_CHECK(!newest_first.empty());
  AckRecord ack;
  ack.stalled = stalled;
  ack.largest = newest_first.front().last;
  std::size_t count = 0;
  std::uint64_t below = 0;
  for (const PacketRange range : newest_first.first(std::min(newest_first.size(), kAckRangesMax))) {
    const std::uint64_t gap = count == 0 ? 0 : below - range.last;
    const std::uint64_t length = range.last - range.first + 1;
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (gap > kMost) break;
    // A longer range is told in part: its newest packets.
    const AckRangeRecord record{static_cast<std::uint32_t>(gap),
                                static_cast<std::uint32_t>(std::min(length, kMost))};
    store_record(to + kRecordSlotBytes + count * sizeof record, record);
    ++count;
    below = range.first;
    if (length > kMost) break;
  }
  if (count % 2 == 1) {
    store_record(to + kRecordSlotBytes + count * sizeof(AckRangeRecord), AckRangeRecord{});
  }
  ack.range_count = static_cast<std::uint8_t>(count);
  store_record(to, ack);
  return ack_slots(count);
}

std::size_t read_ack(const std::byte* record, std::span<PacketRange> ranges) {
  const auto ack = load_record<AckRecord>(record);
  if (ack.range_count == 0 || ack.range_count > kAckRangesMax || ack.zero != 0 ||
      (ack.stalled >> kPriorities) != 0) {
    return 0;
  }
  std::uint64_t end = ack.largest;
  for (std::size_t i = 0; i < ack.range_count; ++i) {
    const auto range =
        load_record<AckRangeRecord>(record + kRecordSlotBytes + i * sizeof(AckRangeRecord));
    // A gap of 1 would make two ranges of what is one.
    if (i == 0 ? range.gap != 0 : (range.gap < 2 || range.gap > end)) return 0;
    end -= range.gap;
    if (range.length == 0 || range.length - 1 > end) return 0;
    ranges[i] = {end - (range.length - 1), end};
    end = ranges[i].first;
  }
  if (ack.range_count % 2 == 1) {
    const auto unused = load_record<AckRangeRecord>(record + kRecordSlotBytes +
                                                    ack.range_count * sizeof(AckRangeRecord));
    if (unused.gap != 0 || unused.length != 0) return 0;
  }
  return ack.range_count;
}

FrameError check_header(std::span<const std::byte> frame, const FrameLimits& limits,
                        FrameHeader& header) {
  if (frame.size() < kFrameBytesMin) return FrameError::kTruncated;
  header = load_record<FrameHeader>(frame.data());
  if (header.version != kFrameVersion) return FrameError::kVersion;
  if (header.kind != static_cast<std::uint8_t>(FrameKind::kHello) &&
      header.kind != static_cast<std::uint8_t>(FrameKind::kData)) {
    return FrameError::kKind;
  }
  // Further lanes and key epochs are of a version this one does not speak.
  if (header.lane != 0 || header.key_epoch != 0 || header.reserved != 0) {
    return FrameError::kVersion;
  }
  if (header.destination_node != limits.self.value) return FrameError::kDestination;
  if (header.source_node != limits.peer.value) return FrameError::kSource;
  if (header.frame_bytes > frame.size()) return FrameError::kTruncated;
  if (header.frame_bytes < frame.size()) return FrameError::kLengths;
  if (header.source_session == 0) return FrameError::kSession;
  if (header.destination_session == 0 &&
      header.kind != static_cast<std::uint8_t>(FrameKind::kHello)) {
    return FrameError::kSession;
  }
  return FrameError::kNone;
}

namespace {

bool is_good_message(const MessageRecord& record, const FrameLimits& limits) {
  if (record.priority >= kPriorities || record.length > limits.message_bytes_max) return false;
  if (record.flags == 0) return true;
  return record.flags == kMessageFlagCancelled && record.length == 0;
}

bool is_good_fragment(const FragmentRecord& record, const FrameLimits& limits) {
  return record.message.priority < kPriorities && record.message.flags == 0 &&
         record.message.length <= limits.message_bytes_max && record.length > 0 &&
         record.length <= record.message.length &&
         record.offset <= record.message.length - record.length && record.zero == 0;
}

bool is_good_outcome(const OutcomeRecord& record) {
  const bool told = record.outcome == static_cast<std::uint16_t>(Outcome::kDelivered) ||
                    record.outcome == static_cast<std::uint16_t>(Outcome::kNoReceiver);
  return told && record.priority < kPriorities && record.count > 0 && record.zero == 0;
}

bool is_good_hello(const HelloRecord& record) {
  return record.protocol == kProtocolVersion && record.zero == 0 &&
         record.frame_bytes_max >= kFrameBytesMaxLeast;
}

// One record at `at` with `slots_left` slots from it to the table's end.
struct RecordCheck {
  std::size_t slots = 0;  // 0: malformed
  std::size_t payload = 0;
};

RecordCheck check_control(const std::byte* at, std::size_t slots_left, FrameShape& shape) {
  switch (static_cast<RecordKind>(*at)) {
    case RecordKind::kOutcome:
      shape.asks_ack = true;
      return {is_good_outcome(load_record<OutcomeRecord>(at)) ? 1u : 0u};
    case RecordKind::kAck: {
      const std::size_t slots = ack_slots(load_record<AckRecord>(at).range_count);
      PacketRange ranges[kAckRangesMax];
      if (slots > slots_left || read_ack(at, ranges) == 0) return {};
      return {slots};
    }
    case RecordKind::kWindow: {
      const auto record = load_record<WindowRecord>(at);
      return {record.priority < kPriorities && record.zero == 0 ? 1u : 0u};
    }
    case RecordKind::kPing:
      shape.asks_ack = shape.asks_ack_soon = true;
      return {1};
    case RecordKind::kClose:
      return {1};
    default:
      return {};
  }
}

}  // namespace

FrameError check_records(std::span<const std::byte> frame, const FrameLimits& limits,
                         FrameShape& shape) {
  const std::size_t slots = shape.header.record_slots;
  const std::size_t table = kFrameHeaderBytes + slots * kRecordSlotBytes;
  if (slots == 0 || table + kFrameTrailerBytes > frame.size()) return FrameError::kLengths;
  const std::byte* at = frame.data() + kFrameHeaderBytes;

  if (shape.header.kind == static_cast<std::uint8_t>(FrameKind::kHello)) {
    if (slots != 1 || frame.size() != kFrameBytesMin) return FrameError::kLengths;
    if (static_cast<RecordKind>(*at) != RecordKind::kHello ||
        !is_good_hello(load_record<HelloRecord>(at))) {
      return FrameError::kRecord;
    }
    return FrameError::kNone;
  }

  std::size_t payload = 0;
  for (std::size_t slot = 0; slot < slots;) {
    RecordCheck check;
    if (static_cast<RecordKind>(*at) == RecordKind::kMessage) {
      const auto record = load_record<MessageRecord>(at);
      if (is_good_message(record, limits)) check = {1, record.length};
      ++shape.data_records;
    } else if (static_cast<RecordKind>(*at) == RecordKind::kFragment && slots - slot >= 2) {
      const auto record = load_record<FragmentRecord>(at);
      if (is_good_fragment(record, limits)) check = {2, record.length};
      ++shape.data_records;
    } else {
      check = check_control(at, slots - slot, shape);
    }
    if (check.slots == 0) return FrameError::kRecord;
    payload += check.payload;
    slot += check.slots;
    at += check.slots * kRecordSlotBytes;
  }
  if (table + payload + kFrameTrailerBytes != frame.size()) return FrameError::kLengths;
  if (shape.data_records > 0) shape.asks_ack = shape.asks_ack_soon = true;
  return FrameError::kNone;
}

}  // namespace ringroad
