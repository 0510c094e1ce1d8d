#include "consensus/log/log_writer.h"

#include <gtest/gtest.h>

#include "consensus/log/posix_file_system.h"
#include "log_model.h"
#include "tests/temporary_directory.h"

namespace ringroad::raft::durable {
namespace {

std::unique_ptr<LogWriter> open_log(FileSystem& files, const LogConfig& config = small_config()) {
  auto recovered = recover(files);
  EXPECT_TRUE(recovered.ok());
  if (recovered->standing == Standing::kFresh) {
    EXPECT_TRUE(format(files, config, sample_identity(), sample_members()).ok());
    recovered = recover(files);
  }
  auto log = LogWriter::open(files, config, *recovered);
  EXPECT_TRUE(log.ok()) << log.status();
  return std::move(*log);
}

struct Batch {
  Batch(std::uint64_t first, std::size_t count, std::size_t size, Term term = Term{1})
      : payload(size, std::byte{7}) {
    for (std::size_t i = 0; i < count; ++i) {
      entries.push_back({term, Index{first + i}, payload.data(), static_cast<std::uint32_t>(size)});
    }
    work.entries = entries;
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  Bytes payload;
  std::vector<Entry> entries;
  Work work;
};

TEST(LogWriter, WhatWasFlushedIsThereAfterARestart) {
  MemoryFileSystem files;
  {
    auto log = open_log(files);
    Batch batch(1, 3, 10);
    batch.work.hard_state = HardState{Term{1}, NodeId{3}, Index{2}};
    EXPECT_EQ(log->append(batch.work), Outcome::kOk);
    EXPECT_EQ(log->flush(), Outcome::kOk);
  }
  const auto found = recover(files);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->standing, Standing::kKnown);
  EXPECT_EQ(found->identity, sample_identity());
  EXPECT_EQ(found->hard_state, (HardState{Term{1}, NodeId{3}, Index{2}}));
  EXPECT_EQ(found->last_index(), Index{3});
  EXPECT_EQ(found->state.first_members, sample_members());
  const auto entries = read_entries(files, *found);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries.at(2).payload, Bytes(10, std::byte{7}));
}

TEST(LogWriter, TheSameHoldsOnARealFolder) {
  TemporaryDirectory folder;
  auto files = PosixFileSystem::create(folder / "log");
  ASSERT_TRUE(files.ok());
  {
    auto log = open_log(**files);
    for (std::uint64_t i = 0; i < 40; ++i) {
      Batch batch(1 + 4 * i, 4, 200);
      ASSERT_EQ(log->append(batch.work), Outcome::kOk);
      ASSERT_EQ(log->flush(), Outcome::kOk);
    }
  }
  const auto found = recover(**files);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->last_index(), Index{160});
  EXPECT_EQ(read_entries(**files, *found).size(), 160u);
}

TEST(LogWriter, NothingIsWrittenBetweenTwoFlushesAndOneWriteCoversAGroup) {
  MemoryFileSystem files;
  auto log = open_log(files);
  const std::size_t before = files.operations.size();
  Batch a(1, 2, 50), b(3, 2, 50);
  EXPECT_EQ(log->append(a.work), Outcome::kOk);
  EXPECT_EQ(log->append(b.work), Outcome::kOk);
  EXPECT_EQ(files.operations.size(), before);
  EXPECT_TRUE(log->has_unflushed());
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(files.operations.size(), before + 2);
  EXPECT_FALSE(log->has_unflushed());
}

TEST(LogWriter, AnEntryReplacesAllFromItsIndexOn) {
  MemoryFileSystem files;
  auto log = open_log(files);
  Batch a(1, 8, 20), b(4, 2, 30, Term{2});
  EXPECT_EQ(log->append(a.work), Outcome::kOk);
  EXPECT_EQ(log->append(b.work), Outcome::kOk);
  EXPECT_EQ(log->flush(), Outcome::kOk);
  const auto found = recover(files);
  EXPECT_EQ(found->last_index(), Index{5});
  const auto entries = read_entries(files, *found);
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries.at(3).term, Term{1});
  EXPECT_EQ(entries.at(4).term, Term{2});
}

TEST(LogWriter, AFailedWriteOrFlushIsFinal) {
  for (const bool is_flush : {false, true}) {
    MemoryFileSystem files;
    auto log = open_log(files);
    Batch batch(1, 1, 10);
    EXPECT_EQ(log->append(batch.work), Outcome::kOk);
    (is_flush ? files.flushes_fail : files.writes_fail) = true;
    EXPECT_EQ(log->flush(), Outcome::kFailed);
    files.flushes_fail = files.writes_fail = false;
    Batch more(2, 1, 10);
    EXPECT_EQ(log->flush(), Outcome::kFailed);
    EXPECT_EQ(log->append(more.work), Outcome::kFailed);
    EXPECT_EQ(log->mark(), Outcome::kFailed);
    EXPECT_EQ(log->prepare(), PoolStep::kFailed);
    EXPECT_FALSE(log->failure().ok());
  }
}

TEST(LogWriter, WantOfRoomIsMetWhenASegmentIsMadeTakesNothingAndPasses) {
  MemoryFileSystem files;
  auto log = open_log(files);
  files.room_bytes = 8192 + 4096;
  std::uint64_t last = 0;
  Outcome outcome = Outcome::kOk;
  while (last < 200) {
    Batch batch(last + 1, 1, 1000);
    batch.work.hard_state = HardState{Term{1}, NodeId{2}, Index{last}};
    outcome = log->append(batch.work);
    if (outcome != Outcome::kOk) break;
    ++last;
  }
  EXPECT_EQ(outcome, Outcome::kNoRoom);
  EXPECT_TRUE(log->failure().ok());
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(log->prepare(), PoolStep::kNoRoom);
  EXPECT_EQ(log->state().last.index, Index{last});
  EXPECT_EQ(recover(files)->last_index(), Index{last});

  files.room_bytes = 1 << 20;
  Batch batch(last + 1, 1, 1000);
  EXPECT_EQ(log->append(batch.work), Outcome::kOk);
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(recover(files)->last_index(), Index{last + 1});
}

TEST(LogWriter, AnEntryTooLargeForASegmentIsRefusedAndTheLargestIsNot) {
  MemoryFileSystem files;
  auto log = open_log(files);
  Batch large(1, 1, log->entry_bytes_max());
  Batch larger(2, 1, log->entry_bytes_max() + 1);
  EXPECT_EQ(log->append(large.work), Outcome::kOk);
  EXPECT_EQ(log->append(larger.work), Outcome::kTooLarge);
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(recover(files)->last_index(), Index{1});
}

TEST(LogWriter, SegmentsBelowWhatIsReleasedAreUsedAgain) {
  MemoryFileSystem files;
  auto log = open_log(files);
  std::uint64_t last = 0;
  for (int round = 0; round < 200; ++round) {
    Batch batch(last + 1, 2, 700);
    for (std::size_t i = 0; i < batch.payload.size(); ++i) {
      batch.payload[i] = static_cast<std::byte>(i * i + static_cast<std::size_t>(round));
    }
    ASSERT_EQ(log->append(batch.work), Outcome::kOk);
    ASSERT_EQ(log->flush(), Outcome::kOk);
    last += 2;
    if (last > 20) log->release(Index{last - 20});
    while (log->prepare() == PoolStep::kMore) {
    }
  }
  EXPECT_LE(files.image().size(), 8u);
  std::uint64_t creations = 0;
  for (const Operation& o : files.operations) {
    creations += o.kind == Operation::Kind::kCreate ? 1 : 0;
  }
  EXPECT_LE(creations, 9u);
  const auto found = recover(files);
  EXPECT_EQ(found->last_index(), Index{last});
  EXPECT_TRUE(found->damages.empty());
}

TEST(LogWriter, WhatCompressesTakesLessOfTheLog) {
  MemoryFileSystem files;
  LogConfig config = small_config();
  auto log = open_log(files, config);
  const Position before = log->end();
  Batch batch(1, 4, 300);
  EXPECT_EQ(log->append(batch.work), Outcome::kOk);
  EXPECT_LT(log->end() - before, 400u);
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(read_entries(files, *recover(files)).at(4).payload, batch.payload);
}

TEST(LogWriter, AMarkIsWrittenOnceAndNeedsNoFlush) {
  MemoryFileSystem files;
  auto log = open_log(files);
  Batch batch(1, 1, 10);
  EXPECT_EQ(log->append(batch.work), Outcome::kOk);
  EXPECT_EQ(log->mark(), Outcome::kOk);  // nothing is durable yet
  EXPECT_EQ(log->flush(), Outcome::kOk);
  const std::size_t before = files.operations.size();
  EXPECT_EQ(log->mark(), Outcome::kOk);
  EXPECT_EQ(log->mark(), Outcome::kOk);
  EXPECT_EQ(log->flush(), Outcome::kOk);
  EXPECT_EQ(log->mark(), Outcome::kOk);
  EXPECT_EQ(files.operations.size(), before + 1);
}

TEST(LogWriter, AFolderIsFormattedOnce) {
  MemoryFileSystem files;
  (void)open_log(files);
  EXPECT_TRUE(
      absl::IsAlreadyExists(format(files, small_config(), sample_identity(), sample_members())));
  EXPECT_EQ(recover(files)->identity.node, NodeId{2});
}

TEST(LogWriter, SeededWorkIsFoundAgainAfterEachOfManyRestarts) {
  MemoryFileSystem files;
  auto model = std::make_unique<LogModel>(files, 1);
  for (std::uint64_t life = 2; life < 30; ++life) {
    for (int i = 0; i < 25; ++i) model->step();
    model->settle(true);
    const auto found = recover(files);
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(model->judge(files, *found, files.operations.size()), "");
    ASSERT_EQ(found->last_index(), model->state().last.index);
    const ModelState state = model->state();
    model = std::make_unique<LogModel>(files, life, state, *found);
  }
  // A tenth of what was written: segments are used again.
  EXPECT_LE(files.image().size(), 20u);
}

}  // namespace
}  // namespace ringroad::raft::durable
