#include "consensus/log/writer_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "consensus/log/posix_file_system.h"
#include "log_model.h"
#include "tests/temporary_directory.h"

namespace ringroad::raft::durable {
namespace {

// A node's log and the lcore's end of its channel.
struct WritingNode {
  explicit WritingNode(std::size_t jobs = 8) : channel(jobs) {
    EXPECT_TRUE(format(files, small_config(), sample_identity(), sample_members()).ok());
    log = std::move(*LogWriter::open(files, small_config(), *recover(files)));
  }

  bool submit(std::uint64_t first, std::uint64_t count) {
    LogJob* job = channel.claim();
    if (job == nullptr) return false;
    job->ticket = first;
    job->hard_state = HardState{Term{1}, NodeId{1}, Index{first - 1}};
    for (std::uint64_t i = 0; i < count; ++i) {
      job->entries.push_back({Term{1}, Index{first + i}, payload.data(), 90});
    }
    channel.submit();
    return true;
  }

  // The next outcome, waited for.
  Outcome await(std::uint64_t ticket) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const LogJob* job = nullptr;
    while ((job = channel.poll()) == nullptr) {
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "the job does not end";
        return Outcome::kFailed;
      }
      std::this_thread::yield();
    }
    EXPECT_EQ(job->ticket, ticket);
    return job->outcome;
  }

  const Bytes payload = Bytes(90, std::byte{3});
  MemoryFileSystem files;
  std::unique_ptr<LogWriter> log;
  LogChannel channel;
};

const WriterThreadOptions kOrdinary{.fifo_priority = 0, .cpu = std::nullopt};

TEST(WriterThread, AnswersJobsInOrderAndWhatItAnsweredIsDurable) {
  WritingNode node;
  {
    WriterThread thread(kOrdinary);
    thread.attach(*node.log, node.files, node.channel);
    for (std::uint64_t i = 0; i < 500; ++i) {
      ASSERT_TRUE(node.submit(1 + 3 * i, 3));
      ASSERT_EQ(node.await(1 + 3 * i), Outcome::kOk);
    }
    thread.detach(node.channel);
  }
  Prng prng(1);
  MemoryFileSystem after(after_crash({}, node.files.operations, node.files.operations.size(),
                                     Unflushed::kNothing, prng));
  EXPECT_EQ(recover(after)->last_index(), Index{1500});
}

TEST(WriterThread, OneFlushAnswersAllThatWaited) {
  WritingNode node;
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(node.submit(1 + i, 1));
  EXPECT_FALSE(node.submit(9, 1));  // all slots are under way
  const std::size_t before = node.files.operations.size();
  {
    WriterThread thread(kOrdinary);
    thread.attach(*node.log, node.files, node.channel);
    for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(node.await(1 + i), Outcome::kOk);
    thread.detach(node.channel);
  }
  std::size_t flushes = 0;
  for (std::size_t i = before; i < node.files.operations.size(); ++i) {
    const Operation& o = node.files.operations[i];
    flushes += o.kind == Operation::Kind::kFlush && epoch_of(o.name) != 0 ? 1 : 0;
  }
  EXPECT_EQ(flushes, 1u);
}

TEST(WriterThread, ServesSeveralNodesAndAFailureStopsOnlyItsOwn) {
  WritingNode a, b;
  b.files.flushes_fail = true;
  WriterThread thread(kOrdinary);
  thread.attach(*a.log, a.files, a.channel);
  thread.attach(*b.log, b.files, b.channel);
  ASSERT_TRUE(a.submit(1, 1));
  ASSERT_TRUE(b.submit(1, 1));
  EXPECT_EQ(b.await(1), Outcome::kFailed);
  EXPECT_THAT(b.channel.why(), ::testing::HasSubstr("flush"));
  EXPECT_EQ(a.await(1), Outcome::kOk);
  ASSERT_TRUE(b.submit(2, 1));
  EXPECT_EQ(b.await(2), Outcome::kFailed);
  ASSERT_TRUE(a.submit(2, 1));
  EXPECT_EQ(a.await(2), Outcome::kOk);
  thread.detach(a.channel);
  thread.detach(b.channel);
}

TEST(WriterThread, AnEntryTooLargeEndsTheLogBeforeItLeavesAGap) {
  WritingNode node;
  const Bytes large(node.log->entry_bytes_max() + 1);
  ASSERT_TRUE(node.submit(1, 1));
  LogJob* job = node.channel.claim();
  job->ticket = 2;
  job->entries.push_back(
      {Term{1}, Index{2}, large.data(), static_cast<std::uint32_t>(large.size())});
  ASSERT_TRUE(node.submit(3, 1));
  WriterThread thread(kOrdinary);
  thread.attach(*node.log, node.files, node.channel);
  EXPECT_EQ(node.await(1), Outcome::kOk);
  EXPECT_EQ(node.await(2), Outcome::kTooLarge);
  EXPECT_EQ(node.await(3), Outcome::kFailed);
  EXPECT_THAT(node.channel.why(), ::testing::HasSubstr("too large"));
  thread.detach(node.channel);
  EXPECT_EQ(recover(node.files)->last_index(), Index{1});
}

TEST(WriterThread, WantOfRoomIsToldAndTheJobSucceedsWhenThereIsSome) {
  WritingNode node;
  node.files.room_bytes = 8192 + 200;
  WriterThread thread(kOrdinary);
  thread.attach(*node.log, node.files, node.channel);
  std::uint64_t first = 1;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::uint64_t answered = 0;
  while (!node.channel.wants_room()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    if (node.submit(first, 8)) first += 8;
    if (const LogJob* job = node.channel.poll()) {
      ASSERT_EQ(job->outcome, Outcome::kOk);
      ++answered;
    }
  }
  thread.detach(node.channel);  // memory's room is not for two threads
  node.files.room_bytes = 1 << 20;
  thread.attach(*node.log, node.files, node.channel);
  for (std::uint64_t ticket = 1 + 8 * answered; ticket < first; ticket += 8) {
    EXPECT_EQ(node.await(ticket), Outcome::kOk);
  }
  EXPECT_FALSE(node.channel.wants_room());
  thread.detach(node.channel);
  EXPECT_EQ(recover(node.files)->last_index(), Index{first - 1});
}

TEST(WriterThread, ASnapshotInPiecesIsDurableBeforeTheRecordThatTellsOfIt) {
  WritingNode node;
  const EntryId id{Term{4}, Index{40}};
  const Bytes bytes = snapshot_bytes(id);
  const auto all = std::span<const std::byte>(bytes);
  {
    WriterThread thread(kOrdinary);
    thread.attach(*node.log, node.files, node.channel);
    LogJob* job = node.channel.claim();
    job->pieces.push_back({id, true, false, all.first(500)});
    node.channel.submit();
    EXPECT_EQ(node.await(0), Outcome::kOk);
    job = node.channel.claim();
    job->pieces.push_back({id, false, true, all.subspan(500)});
    job->snapshot = Snapshot{id.index, id.term, sample_members(), bytes.size()};
    job->restores = true;
    job->hard_state = HardState{Term{4}, kNoNode, Index{40}};
    node.channel.submit();
    EXPECT_EQ(node.await(0), Outcome::kOk);
    thread.detach(node.channel);
  }
  const auto found = recover(node.files);
  EXPECT_EQ(found->snapshot.index, Index{40});
  EXPECT_EQ(found->last_index(), Index{40});
  EXPECT_FALSE(found->snapshot_not_in_log);
}

TEST(WriterThread, MarksWhatIsDurableAndMakesASegmentAheadBeforeItRests) {
  WritingNode node;
  {
    WriterThread thread(kOrdinary);
    thread.attach(*node.log, node.files, node.channel);
    ASSERT_TRUE(node.submit(1, 1));
    EXPECT_EQ(node.await(1), Outcome::kOk);
  }
  EXPECT_TRUE(node.files.has(segment_name(2)));
  node.files.bytes_of(segment_name(1))[kSegmentBeginBytes + 10] ^= std::byte{1};
  EXPECT_FALSE(recover(node.files)->damages.empty());
}

TEST(WriterThread, WritesARealFolderWhateverTheSystemRefusesToItsPriority) {
  TemporaryDirectory folder;
  auto files = PosixFileSystem::open_folder(folder.path());
  ASSERT_TRUE(files.ok());
  ASSERT_TRUE(format(**files, small_config(), sample_identity(), sample_members()).ok());
  auto log = LogWriter::open(**files, small_config(), *recover(**files));
  ASSERT_TRUE(log.ok());
  LogChannel channel(4);
  {
    WriterThread thread({.fifo_priority = 1, .cpu = 4095});
    // No machine of the tests has this CPU.
    EXPECT_NE(thread.warning().find("without a CPU of its own"), std::string::npos);
    thread.attach(**log, **files, channel);
    LogJob* job = channel.claim();
    job->hard_state = HardState{Term{3}, NodeId{2}, Index{0}};
    channel.submit();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const LogJob* done = nullptr;
    while ((done = channel.poll()) == nullptr) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::yield();
    }
    EXPECT_EQ(done->outcome, Outcome::kOk);
    thread.detach(channel);
  }
  EXPECT_EQ(recover(**files)->hard_state->term, Term{3});
}

}  // namespace
}  // namespace ringroad::raft::durable
