#include "consensus/core/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/prng.h"

namespace ringroad::raft {
namespace {

using Bytes = std::vector<std::byte>;

Bytes encoded(const Message& message) {
  Bytes bytes(encoded_bytes(message));
  EXPECT_EQ(encode(message, bytes), bytes.size());
  return bytes;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// With something in every field that travels.
struct Sample {
  std::string first = "set a to 1", chunk = "a piece of a snapshot";
  std::vector<Entry> entries;
  Message message;

  explicit Sample(MessageType type) {
    entries = {{.term = Term{3},
                .index = Index{41},
                .data = bytes_of(first).data(),
                .size_bytes = static_cast<std::uint32_t>(first.size())},
               {.term = Term{4}, .index = Index{42}, .type = EntryType::kConfChangeV2}};
    message = {.type = type,
               .from = NodeId{7},
               .to = NodeId{64},
               .term = Term{5},
               .log_term = Term{2},
               .index = Index{40},
               .commit = Index{39},
               .reject = true,
               .is_transfer = true,
               .reject_hint = Index{38},
               .context = 0x1122334455667788,
               .known_commit = Index{37},
               .sent_at = Nanos{-5},
               .entries = entries,
               .snapshot = {.index = Index{30},
                            .term = Term{2},
                            .conf = {.voters = NodeSet{0x8000000000000001},
                                     .learners = NodeSet{2},
                                     .voters_outgoing = NodeSet{4},
                                     .learners_next = NodeSet{8},
                                     .auto_leave = true},
                            .size_bytes = 1'000'000},
               .chunk_offset = 512,
               .chunk_bytes = static_cast<std::uint32_t>(chunk.size()),
               .chunk = bytes_of(chunk).data()};
  }
};

void expect_same(const Message& a, const Message& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  EXPECT_EQ(a.term, b.term);
  EXPECT_EQ(a.log_term, b.log_term);
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.commit, b.commit);
  EXPECT_EQ(a.reject, b.reject);
  EXPECT_EQ(a.is_transfer, b.is_transfer);
  EXPECT_EQ(a.reject_hint, b.reject_hint);
  EXPECT_EQ(a.context, b.context);
  EXPECT_EQ(a.known_commit, b.known_commit);
  EXPECT_EQ(a.sent_at, b.sent_at);
  EXPECT_EQ(a.chunk_offset, b.chunk_offset);
  EXPECT_EQ(a.snapshot.last(), b.snapshot.last());
  EXPECT_EQ(a.snapshot.conf, b.snapshot.conf);
  EXPECT_EQ(a.snapshot.size_bytes, b.snapshot.size_bytes);
  ASSERT_EQ(a.chunk_bytes, b.chunk_bytes);
  EXPECT_TRUE(std::equal(a.chunk, a.chunk + a.chunk_bytes, b.chunk));
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].term, b.entries[i].term);
    EXPECT_EQ(a.entries[i].index, b.entries[i].index);
    EXPECT_EQ(a.entries[i].type, b.entries[i].type);
    EXPECT_TRUE(std::ranges::equal(a.entries[i].payload(), b.entries[i].payload()));
  }
}

DecodeResult result_of(std::span<const std::byte> bytes) {
  std::vector<Entry> entries;
  Message message;
  // A copy of its own size, so that a sanitizer sees reads beyond it.
  const Bytes exact(bytes.begin(), bytes.end());
  return decode(exact, entries, message);
}

TEST(Codec, EveryMessageThatTravelsComesBackAsItWas) {
  for (std::size_t type = 0; type < kMessageTypes; ++type) {
    const Sample sample(static_cast<MessageType>(type));
    const Bytes bytes = encoded(sample.message);
    std::vector<Entry> entries;
    Message back;
    const DecodeResult result = decode(bytes, entries, back);
    if (!travels(sample.message.type)) {
      EXPECT_EQ(result, DecodeResult::kType);
      continue;
    }
    ASSERT_EQ(result, DecodeResult::kOk);
    expect_same(sample.message, back);
  }
}

TEST(Codec, AMessageWithNothingInItIsAHeader) {
  const Message message{.type = MessageType::kHeartbeat, .from = NodeId{1}, .to = NodeId{2}};
  EXPECT_EQ(encoded(message).size(), kMessageHeaderBytes);
  EXPECT_EQ(result_of(encoded(message)), DecodeResult::kOk);
}

TEST(Codec, PayloadsAreNotCopied) {
  const Sample sample(MessageType::kAppend);
  const Bytes bytes = encoded(sample.message);
  std::vector<Entry> entries;
  Message back;
  ASSERT_EQ(decode(bytes, entries, back), DecodeResult::kOk);
  for (const std::byte* inside : {back.entries[0].data, back.chunk}) {
    EXPECT_GE(inside, bytes.data());
    EXPECT_LT(inside, bytes.data() + bytes.size());
  }
}

TEST(Codec, TheVectorOfEntriesKeepsItsRoom) {
  const Sample sample(MessageType::kAppend);
  const Bytes bytes = encoded(sample.message);
  std::vector<Entry> entries;
  Message back;
  ASSERT_EQ(decode(bytes, entries, back), DecodeResult::kOk);
  const Entry* room = entries.data();
  ASSERT_EQ(decode(bytes, entries, back), DecodeResult::kOk);
  EXPECT_EQ(entries.data(), room);
}

TEST(Codec, EachVersionReadsWhatTheOtherWrites) {
  constexpr MessageVersion kVersions[] = {MessageVersion::kPrevious, MessageVersion::kCurrent};
  for (const MessageVersion writer : kVersions) {
    for (const MessageVersion reader : kVersions) {
      Sample sample(MessageType::kAppend);
      Bytes bytes(encoded_bytes(sample.message, writer));
      ASSERT_EQ(encode(sample.message, bytes, writer), bytes.size());
      EXPECT_EQ(bytes[0], static_cast<std::byte>(writer));
      std::vector<Entry> entries;
      Message back;
      ASSERT_EQ(decode(bytes, entries, back, reader), DecodeResult::kOk);
      const bool both = writer == MessageVersion::kCurrent && reader == MessageVersion::kCurrent;
      if (!both) sample.message.known_commit = Index{};
      expect_same(sample.message, back);
    }
  }
}

TEST(Codec, TheFirstVersionIsWrittenAsItsReleaseWroteIt) {
  const Sample sample(MessageType::kSnapshot);
  Bytes first(encoded_bytes(sample.message, MessageVersion::kFirst));
  encode(sample.message, first, MessageVersion::kFirst);
  Bytes expected = encoded(sample.message);
  expected.erase(expected.begin() + 88, expected.begin() + 96);  // known_commit
  expected[0] = std::byte{1};
  expected[2] = std::byte{88};
  EXPECT_EQ(first, expected);
}

TEST(Codec, WhatANewerVersionAppendsToTheHeaderIsSkipped) {
  const Sample sample(MessageType::kAppend);
  Bytes bytes = encoded(sample.message);
  bytes.insert(bytes.begin() + kMessageHeaderBytes, 16, std::byte{0xee});
  bytes[0] = std::byte{3};
  store_le(bytes.data() + 2, static_cast<std::uint16_t>(kMessageHeaderBytes + 16));
  std::vector<Entry> entries;
  Message back;
  ASSERT_EQ(decode(bytes, entries, back), DecodeResult::kOk);
  expect_same(sample.message, back);
}

TEST(Codec, WhatAnOlderHeaderLacksReadsAsZero) {
  const Sample sample(MessageType::kHeartbeat);
  Bytes bytes = encoded(sample.message);
  bytes.resize(kMessageHeaderBytesMin);
  store_le(bytes.data() + 2, static_cast<std::uint16_t>(kMessageHeaderBytesMin));
  bytes[8] = std::byte{};                         // no snapshot
  store_le(bytes.data() + 12, std::uint32_t{0});  // no entries
  std::vector<Entry> entries;
  Message back;
  ASSERT_EQ(decode(bytes, entries, back), DecodeResult::kOk);
  EXPECT_EQ(back.term, Term{5});
  EXPECT_EQ(back.index, Index{});
  EXPECT_EQ(back.context, 0u);
  EXPECT_EQ(back.chunk_bytes, 0u);
}

TEST(Codec, EachDamageIsRefusedByItsReason) {
  const Sample sample(MessageType::kAppend);
  const Bytes good = encoded(sample.message);
  constexpr std::size_t kSnapshotAt = kMessageHeaderBytes;
  constexpr std::size_t kEntriesAt = kSnapshotAt + kSnapshotBytes;
  struct Case {
    std::size_t at;
    std::uint8_t value;
    DecodeResult result;
  };
  for (const Case c :
       {Case{0, 0, DecodeResult::kVersion}, Case{1, kMessageTypes, DecodeResult::kType},
        Case{1, 0, DecodeResult::kType},
        Case{2, kMessageHeaderBytesMin - 1, DecodeResult::kHeaderBytes},
        Case{3, 0xff, DecodeResult::kHeaderBytes}, Case{8, 0x08, DecodeResult::kFlags},
        Case{4, 0, DecodeResult::kNode}, Case{4, 65, DecodeResult::kNode},
        Case{7, 1, DecodeResult::kNode}, Case{11, 1, DecodeResult::kReserved},
        Case{84, 1, DecodeResult::kReserved}, Case{kSnapshotAt + 57, 1, DecodeResult::kReserved},
        Case{kSnapshotAt + 56, 2, DecodeResult::kSnapshotFlag},
        Case{kEntriesAt + 20, 3, DecodeResult::kEntryType},
        Case{kEntriesAt + 21, 1, DecodeResult::kReserved},
        Case{kEntriesAt + 19, 1, DecodeResult::kEntriesShort},
        Case{15, 0xff, DecodeResult::kEntriesShort}, Case{83, 0xff, DecodeResult::kChunkShort},
        Case{80, 1, DecodeResult::kTrailingBytes}}) {
    Bytes bad = good;
    bad[c.at] = std::byte{c.value};
    EXPECT_EQ(result_of(bad), c.result) << "byte " << c.at << ": " << name_of(result_of(bad));
  }
}

TEST(Codec, ABeginningOfAMessageIsRefused) {
  const Bytes good = encoded(Sample(MessageType::kSnapshot).message);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(result_of(std::span(good).first(size)), DecodeResult::kOk) << size;
  }
}

TEST(Codec, WhatDecodesEncodesToTheSameBytes) {
  Prng prng{1};
  const Bytes good = encoded(Sample(MessageType::kAppend).message);
  std::uint32_t decoded = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes changed = good;
    changed[prng.below(changed.size())] = static_cast<std::byte>(prng.below(256));
    std::vector<Entry> entries;
    Message message;
    if (decode(changed, entries, message) != DecodeResult::kOk) continue;
    ++decoded;
    if (changed[0] != std::byte{2} || message.snapshot.empty()) continue;
    EXPECT_EQ(encoded(message), changed);
  }
  EXPECT_GT(decoded, 1'000u);
}

}  // namespace
}  // namespace ringroad::raft
