#include "consensus/log/recovery.h"

#include <gtest/gtest.h>
#include <lz4.h>

#include "consensus/log/log_writer.h"
#include "consensus/log/segment_scan.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/kernels/crc32c.h"
#include "log_model.h"

namespace ringroad::raft::durable {
namespace {

class Recovery : public ::testing::Test {
 protected:
  Recovery() {
    EXPECT_TRUE(format(files_, small_config(), sample_identity(), sample_members()).ok());
    reopen();
  }

  void reopen() {
    log_ = nullptr;
    const auto found = recover(files_);
    auto log = LogWriter::open(files_, small_config(), *found);
    EXPECT_TRUE(log.ok()) << log.status();
    log_ = std::move(*log);
  }

  // Returns where the record begins in the active segment.
  std::uint64_t append(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                       std::uint64_t commit) {
    const std::uint64_t at = log_->end() % small_config().segment_bytes;
    const Bytes payload(100, std::byte{1});
    std::vector<Entry> entries;
    for (std::uint64_t i = 0; i < count; ++i) {
      entries.push_back({Term{term}, Index{first + i}, payload.data(), 100});
    }
    Work work;
    work.hard_state = HardState{Term{term}, NodeId{1}, Index{commit}};
    work.entries = entries;
    EXPECT_EQ(log_->append(work), Outcome::kOk);
    EXPECT_EQ(log_->flush(), Outcome::kOk);
    return at;
  }
  void mark() { EXPECT_EQ(log_->mark(), Outcome::kOk); }
  void flip(std::uint64_t at, std::uint64_t epoch = 1) {
    files_.bytes_of(segment_name(epoch))[at] ^= std::byte{1};
  }
  Recovered found() { return *recover(files_); }

  MemoryFileSystem files_;
  std::unique_ptr<LogWriter> log_;
};

using Ranges = std::vector<IndexRange>;

TEST_F(Recovery, ATornTailIsCutAndZeroedSoThatNoHalfOfItComesBack) {
  append(1, 2, 1, 0);
  // One group, of which the first record is torn and the second whole.
  const Bytes payload(700, std::byte{1});
  std::vector<Entry> entries;
  for (std::uint64_t i = 3; i < 7; ++i) entries.push_back({Term{1}, Index{i}, payload.data(), 700});
  const std::uint64_t torn = log_->end();
  Work work;
  work.entries = entries;
  EXPECT_EQ(log_->append(work), Outcome::kOk);
  EXPECT_EQ(log_->flush(), Outcome::kOk);
  flip(torn + 5);
  auto recovered = found();
  EXPECT_EQ(recovered.last_index(), Index{2});
  EXPECT_TRUE(recovered.damages.empty());
  EXPECT_EQ(recovered.offset, torn);
  ASSERT_EQ(recovered.cut.size(), 1u);
  const std::uint64_t end = recovered.cut[0].to;
  reopen();
  const Bytes& bytes = files_.bytes_of(segment_name(1));
  for (std::uint64_t at = torn; at < end; ++at) ASSERT_EQ(bytes[at], std::byte{}) << at;
  append(3, 1, 2, 0);
  EXPECT_EQ(found().last_index(), Index{3});
}

TEST_F(Recovery, DamageBelowWhatALaterRecordCallsDurableIsNeverCut) {
  append(1, 2, 1, 0);
  const std::uint64_t at = append(3, 2, 1, 0);
  append(5, 1, 1, 0);
  flip(at + kHeaderBytes + 3);  // the body: its header still tells
  auto recovered = found();
  EXPECT_EQ(recovered.last_index(), Index{5});
  EXPECT_EQ(recovered.intact_last(), Index{2});
  EXPECT_EQ(recovered.faulty, (Ranges{{Index{3}, Index{4}}}));
  ASSERT_EQ(recovered.damages.size(), 1u);
  EXPECT_EQ(recovered.damages[0].offset, at);
  EXPECT_EQ(recovered.damages[0].file, segment_name(1));
  EXPECT_EQ(recovered.damages[0].entries, (IndexRange{Index{3}, Index{4}}));
  EXPECT_TRUE(recovered.hard_state);

  flip(at + kHeaderBytes + 3);
  flip(at + header::kSequence);  // the header: the next one tells
  recovered = found();
  EXPECT_EQ(recovered.faulty, (Ranges{{Index{3}, Index{4}}}));
  EXPECT_EQ(recovered.last_index(), Index{5});
  EXPECT_EQ(read_entries(files_, recovered).size(), 3u);
}

TEST_F(Recovery, AMarkTellsDamageToTheLastRecordFromATornTail) {
  append(1, 2, 1, 0);
  const std::uint64_t last = append(3, 2, 7, 0);
  flip(last);
  EXPECT_EQ(found().last_index(), Index{2});
  EXPECT_EQ(found().hard_state->term, Term{1});
  flip(last);
  mark();
  flip(last);
  const Recovered recovered = found();
  EXPECT_EQ(recovered.last_index(), Index{4});
  EXPECT_EQ(recovered.hard_state->term, Term{7});
  EXPECT_EQ(recovered.faulty, (Ranges{{Index{3}, Index{4}}}));
  EXPECT_EQ(recovered.state.awaited, Index{4});
}

TEST_F(Recovery, DamageThatHidesAReplacementTakesAllThatWasNotCommitted) {
  append(1, 8, 1, 4);
  const std::uint64_t at = append(6, 1, 2, 4);
  append(7, 1, 2, 4);
  flip(at);
  const Recovered recovered = found();
  // 6 to 8 of term 1 are replaced, but nothing that is left says from where on.
  EXPECT_EQ(recovered.faulty, (Ranges{{Index{5}, Index{6}}}));
  EXPECT_EQ(recovered.last_index(), Index{7});
}

TEST_F(Recovery, WhatANodeAwaitsIsNotForgottenByFallingAgainAndEndsWithReadmission) {
  append(1, 3, 1, 0);
  const std::uint64_t at = append(4, 3, 1, 0);
  append(7, 1, 1, 0);
  flip(at);
  reopen();
  append(4, 1, 2, 3);  // what a peer had; all behind it is gone
  Recovered recovered = found();
  EXPECT_TRUE(recovered.faulty.empty());
  EXPECT_EQ(recovered.last_index(), Index{4});
  EXPECT_EQ(recovered.state.awaited, Index{7});
  reopen();
  log_->readmit();
  append(5, 3, 2, 7);
  EXPECT_EQ(found().state.awaited, Index{0});
}

TEST_F(Recovery, WhereTheDiskCannotReadTheEndTheHardStateIsNotKnown) {
  append(1, 3, 1, 0);
  mark();
  const std::uint64_t end = found().offset;
  files_.unreadable[segment_name(1)] = {end + 4096 - end % 4096};
  Recovered recovered = found();
  EXPECT_FALSE(recovered.hard_state);
  EXPECT_EQ(recovered.last_index(), Index{3});
  EXPECT_EQ(recovered.state.awaited, Index{3});
  EXPECT_FALSE(recovered.damages.empty());
  // Nor after the next start, when the sector has been written over.
  files_.unreadable.clear();
  auto log = LogWriter::open(files_, small_config(), recovered);
  ASSERT_TRUE(log.ok());
  log_ = std::move(*log);
  append(4, 1, 3, 0);
  EXPECT_FALSE(found().hard_state);
  log_->readmit();
  append(5, 1, 3, 0);
  EXPECT_TRUE(found().hard_state);
}

TEST_F(Recovery, ABlockThatCannotBeReadIsDamageEvenWhereATornTailCouldBe) {
  append(1, 3, 1, 0);
  const std::uint64_t at = append(4, 8, 1, 0);
  while (log_->end() < 4096 + 200) append(log_->state().last.index.value + 1, 8, 1, 0);
  (void)at;
  files_.unreadable[segment_name(1)] = {100};
  const Recovered recovered = found();
  EXPECT_FALSE(recovered.damages.empty());
  EXPECT_EQ(recovered.last_index(), log_->state().last.index);
  EXPECT_FALSE(recovered.faulty.empty());
}

TEST_F(Recovery, ASegmentThatIsMissingIsDamage) {
  while (files_.image().size() < 5) {
    append(log_->state().last.index.value + 1, 8, 1, 0);
    ASSERT_NE(log_->prepare(), PoolStep::kFailed);
  }
  const Index last = log_->state().last.index;
  const Image image = files_.image();
  MemoryFileSystem middle(image);
  ASSERT_TRUE(middle.remove(segment_name(2)).ok());
  auto recovered = *recover(middle);
  EXPECT_EQ(recovered.last_index(), last);
  ASSERT_EQ(recovered.faulty.size(), 1u);
  EXPECT_TRUE(recovered.hard_state);

  const std::uint64_t active = found().segments.back().epoch;
  while (log_->prepare() == PoolStep::kMore) {
  }
  MemoryFileSystem end(files_.image());
  ASSERT_TRUE(end.has(segment_name(active + 1)));
  ASSERT_TRUE(end.remove(segment_name(active)).ok());
  recovered = *recover(end);
  EXPECT_FALSE(recovered.hard_state);
  EXPECT_FALSE(recovered.damages.empty());
}

TEST_F(Recovery, AFolderWithoutItsIdentityOrItsLogIsDamagedAndAnEmptyOneFresh) {
  append(1, 3, 1, 0);
  MemoryFileSystem nameless(files_.image());
  ASSERT_TRUE(nameless.remove(kIdentityName).ok());
  EXPECT_EQ(recover(nameless)->standing, Standing::kDamaged);
  MemoryFileSystem logless(files_.image());
  for (const auto& [name, bytes] : files_.image()) {
    if (epoch_of(name) != 0) {
      ASSERT_TRUE(logless.remove(name).ok());
    }
  }
  EXPECT_EQ(recover(logless)->standing, Standing::kDamaged);
  EXPECT_FALSE(LogWriter::open(logless, small_config(), *recover(logless)).ok());
  MemoryFileSystem empty;
  EXPECT_EQ(recover(empty)->standing, Standing::kFresh);
  MemoryFileSystem other(files_.image());
  other.bytes_of(kIdentityName)[20] ^= std::byte{1};
  EXPECT_EQ(recover(other)->standing, Standing::kDamaged);
}

TEST_F(Recovery, ADamagedSnapshotGivesWayToTheOneBeforeAndTheLogReachesBackToIt) {
  append(1, 9, 1, 9);
  for (const std::uint64_t index : {std::uint64_t{4}, std::uint64_t{8}}) {
    const EntryId id{Term{1}, Index{index}};
    const Bytes bytes = snapshot_bytes(id);
    const Snapshot snapshot{id.index, id.term, sample_members(), bytes.size()};
    auto writer = SnapshotWriter::begin(files_, id);
    ASSERT_TRUE((*writer)->append(bytes).ok() && (*writer)->finish(snapshot).ok());
    Work work;
    work.saved = &snapshot;
    ASSERT_EQ(log_->append(work), Outcome::kOk);
    ASSERT_EQ(log_->flush(), Outcome::kOk);
  }
  EXPECT_EQ(found().first_index(), Index{9});
  files_.bytes_of(snapshot_data_name({Term{1}, Index{8}}))[40] ^= std::byte{1};
  const Recovered recovered = found();
  EXPECT_EQ(recovered.first_index(), Index{5});
  EXPECT_EQ(recovered.last_index(), Index{9});
  EXPECT_TRUE(recovered.faulty.empty());
  EXPECT_EQ(read_entries(files_, recovered).size(), 5u);
  EXPECT_FALSE(recovered.damages.empty());
}

// A record that decodes, around any body.
Bytes forged(RecordHeader h, const Bytes& body, std::uint32_t plain_bytes) {
  Bytes record(kHeaderBytes + padded(body.size()));
  std::ranges::copy(body, record.begin() + kHeaderBytes);
  h.stored_bytes = static_cast<std::uint32_t>(body.size());
  h.plain_bytes = plain_bytes;
  h.body_crc = crc32c(std::span<const std::byte>(record).subspan(kHeaderBytes));
  encode_header(h, record.data());
  return record;
}

TEST(Records, ABodyThatPromisesMoreThanARecordHoldsAllocatesNothing) {
  RecordHeader h;
  h.kind = RecordKind::kEntries;
  h.flags = kFlagLz4;
  h.entries = 1;
  Bytes zeros(64 * 1024 * 1024);
  Bytes bomb(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(zeros.size()))));
  bomb.resize(static_cast<std::size_t>(LZ4_compress_default(
      reinterpret_cast<const char*>(zeros.data()), reinterpret_cast<char*>(bomb.data()),
      static_cast<int>(zeros.size()), static_cast<int>(bomb.size()))));
  std::vector<std::byte> scratch;
  std::span<const std::byte> plain;
  for (const std::uint32_t promised : {64u * 1024 * 1024, kPlainBytesMax + 1, ~0u}) {
    const Bytes record = forged(h, bomb, promised);
    EXPECT_EQ(read_body(*decode_header(record, 0, 0), record, scratch, plain),
              BodyResult::kTooLarge);
    EXPECT_TRUE(scratch.empty());
  }
  // Promising less than it holds.
  const Bytes record = forged(h, bomb, 4096);
  EXPECT_EQ(read_body(*decode_header(record, 0, 0), record, scratch, plain), BodyResult::kLz4);
  EXPECT_EQ(scratch.size(), 4096u);
}

TEST(Records, EntriesThatDoNotFillTheirBodyAreMalformed) {
  RecordHeader h;
  h.kind = RecordKind::kEntries;
  h.entries = 1;
  h.first_index = Index{5};
  h.last = {Term{2}, Index{5}};
  Bytes body(kEntryBytes + 4);
  store_le(body.data(), std::uint64_t{2});
  store_le(body.data() + 8, 4u);
  std::vector<std::byte> scratch;
  std::span<const std::byte> plain;
  const auto result = [&](const RecordHeader& header, const Bytes& b) {
    const Bytes record = forged(header, b, static_cast<std::uint32_t>(b.size()));
    return read_body(*decode_header(record, 0, 0), record, scratch, plain);
  };
  EXPECT_EQ(result(h, body), BodyResult::kOk);
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes other = body;
    store_le(other.data() + at, value);
    return result(h, other);
  };
  EXPECT_EQ(with(8, 5), BodyResult::kMalformed);  // a payload longer than the body
  EXPECT_EQ(with(8, 3), BodyResult::kMalformed);  // a byte of nobody's
  EXPECT_EQ(with(8, ~0u), BodyResult::kMalformed);
  EXPECT_EQ(with(12, 3), BodyResult::kMalformed);  // no type
  EXPECT_EQ(with(0, 0), BodyResult::kMalformed);   // term 0
  EXPECT_EQ(with(0, 3), BodyResult::kMalformed);   // not the header's last
  RecordHeader many = h;
  many.entries = 1u << 31;
  EXPECT_EQ(result(many, body), BodyResult::kMalformed);
  RecordHeader far = h;
  far.first_index = Index{~std::uint64_t{0}};
  far.last.index = far.first_index;
  EXPECT_EQ(result(far, body), BodyResult::kMalformed);
}

TEST(Records, AHeaderOfAnotherLifePlaceOrVersionIsNone) {
  RecordHeader h;
  h.epoch = 7;
  h.position = 4096;
  const Bytes record = forged(h, {}, 0);
  EXPECT_TRUE(decode_header(record, 7, 4096));
  EXPECT_FALSE(decode_header(record, 8, 4096));
  EXPECT_FALSE(decode_header(record, 7, 4104));
  for (std::size_t at = 0; at < kHeaderBytes; ++at) {
    Bytes other = record;
    other[at] ^= std::byte{0x10};
    EXPECT_FALSE(decode_header(other, 7, 4096)) << at;
  }
}

}  // namespace
}  // namespace ringroad::raft::durable
