#include "dataplane/core/frame_codec.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringroad {
namespace {

constexpr FrameLimits kLimits{NodeId{1}, NodeId{2}, 1'000};

FrameHeader data_header() {
  FrameHeader header{};
  header.kind = static_cast<std::uint8_t>(FrameKind::kData);
  header.source_node = 2;
  header.destination_node = 1;
  header.source_session = 5;
  header.destination_session = 6;
  return header;
}

// A frame of the given records and so many bytes of payload.
template <typename... Records>
std::vector<std::byte> frame_of(const FrameHeader& header, std::size_t payload,
                                const Records&... records) {
  std::vector<std::byte> bytes(4'000);
  FrameDraft draft(bytes.data(), 4'000);
  (draft.add(records), ...);
  draft.take_payload(payload);
  bytes.resize(draft.finish(header));
  return bytes;
}

FrameError check(const std::vector<std::byte>& bytes) {
  FrameShape shape;
  const FrameError error = check_header(bytes, kLimits, shape.header);
  return error == FrameError::kNone ? check_records(bytes, kLimits, shape) : error;
}

MessageRecord message(std::uint32_t length) {
  MessageRecord record;
  record.length = length;
  return record;
}

FragmentRecord fragment(std::uint32_t total, std::uint32_t offset, std::uint32_t length) {
  FragmentRecord record;
  record.message = message(total);
  record.message.kind = static_cast<std::uint8_t>(RecordKind::kFragment);
  record.offset = offset;
  record.length = length;
  return record;
}

std::vector<std::byte> hello_frame(std::uint32_t frame_bytes_max) {
  FrameHeader header = data_header();
  header.kind = static_cast<std::uint8_t>(FrameKind::kHello);
  HelloRecord record;
  record.frame_bytes_max = frame_bytes_max;
  return frame_of(header, 0, record);
}

TEST(FrameCodec, AcceptsWhatTheDraftMakes) {
  EXPECT_EQ(check(hello_frame(kFrameBytesMaxLeast)), FrameError::kNone);
  EXPECT_EQ(check(hello_frame(0xffff'ffff)), FrameError::kNone);
  EXPECT_EQ(check(frame_of(data_header(), 30, message(10), message(20))), FrameError::kNone);
  EXPECT_EQ(check(frame_of(data_header(), 10, fragment(100, 90, 10))), FrameError::kNone);
  EXPECT_EQ(check(frame_of(data_header(), 0, PingRecord{}, WindowRecord{})), FrameError::kNone);
}

TEST(FrameCodec, RefusesHeadersThatAreNotForUs) {
  struct Case {
    FrameError want;
    void (*change)(FrameHeader&);
  };
  const Case cases[] = {
      {FrameError::kKind, [](FrameHeader& h) { h.kind = 3; }},
      {FrameError::kVersion, [](FrameHeader& h) { h.lane = 1; }},
      {FrameError::kVersion, [](FrameHeader& h) { h.key_epoch = 1; }},
      {FrameError::kVersion, [](FrameHeader& h) { h.reserved = 1; }},
      {FrameError::kDestination, [](FrameHeader& h) { h.destination_node = 3; }},
      {FrameError::kSource, [](FrameHeader& h) { h.source_node = 3; }},
      {FrameError::kSession, [](FrameHeader& h) { h.source_session = 0; }},
      {FrameError::kSession, [](FrameHeader& h) { h.destination_session = 0; }},
  };
  for (const Case& c : cases) {
    FrameHeader header = data_header();
    c.change(header);
    EXPECT_EQ(check(frame_of(header, 0, PingRecord{})), c.want) << frame_error_name(c.want);
  }
}

TEST(FrameCodec, RefusesLengthsThatDoNotAddUp) {
  EXPECT_EQ(check(frame_of(data_header(), 9, message(10))), FrameError::kLengths);
  EXPECT_EQ(check(frame_of(data_header(), 11, message(10))), FrameError::kLengths);
  EXPECT_EQ(check(frame_of(data_header(), 16)), FrameError::kLengths) << "no record at all";
  auto bytes = frame_of(data_header(), 10, message(10));
  bytes[12] = std::byte{200};  // record slots
  EXPECT_EQ(check(bytes), FrameError::kLengths);
}

TEST(FrameCodec, RefusesMalformedRecords) {
  MessageRecord record = message(10);
  record.priority = 8;
  EXPECT_EQ(check(frame_of(data_header(), 10, record)), FrameError::kRecord);
  record = message(10);
  record.flags = 2;
  EXPECT_EQ(check(frame_of(data_header(), 10, record)), FrameError::kRecord);
  record.flags = kMessageFlagCancelled;
  EXPECT_EQ(check(frame_of(data_header(), 10, record)), FrameError::kRecord);
  EXPECT_EQ(check(frame_of(data_header(), 1'001, message(1'001))), FrameError::kRecord);
  EXPECT_EQ(check(frame_of(data_header(), 0, fragment(100, 0, 0))), FrameError::kRecord);
  EXPECT_EQ(check(frame_of(data_header(), 20, fragment(100, 90, 20))), FrameError::kRecord);
  EXPECT_EQ(check(frame_of(data_header(), 9, fragment(100, 0xffff'fff8, 9))), FrameError::kRecord);
  EXPECT_EQ(check(frame_of(data_header(), 0, HelloRecord{})), FrameError::kRecord)
      << "a hello in a data frame";
  EXPECT_EQ(check(hello_frame(0)), FrameError::kRecord);
  EXPECT_EQ(check(hello_frame(kFrameBytesMaxLeast - 1)), FrameError::kRecord);
  OutcomeRecord outcome;
  outcome.count = 1;
  outcome.outcome = static_cast<std::uint16_t>(2);
  EXPECT_EQ(check(frame_of(data_header(), 0, outcome)), FrameError::kRecord);
  // The second slot of a fragment record lies beyond the table.
  EXPECT_EQ(check(frame_of(data_header(), 10, fragment(100, 0, 10).message)), FrameError::kRecord);
}

}  // namespace
}  // namespace ringroad
