// Power lost at every operation of the log: whatever of the unflushed sectors and names has reached
// the disk, a recovery finds all that was acknowledged, nothing that was never appended, and no
// damage; and a log that goes on from there is as good as any.
#include <gtest/gtest.h>

#include "consensus/log/posix_file_system.h"
#include "log_model.h"
#include "tests/temporary_directory.h"

namespace ringroad::raft::durable {
namespace {

constexpr Unflushed kFates[] = {Unflushed::kAll, Unflushed::kNothing, Unflushed::kSome,
                                Unflushed::kSome, Unflushed::kSome};

void expect_recovers(const LogModel& model, FileSystem& files, std::size_t operations,
                     std::uint64_t seed) {
  const auto found = recover(files);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(model.judge(files, *found, operations), "")
      << "seed " << seed << ", after " << operations << " operations";
}

TEST(PowerLoss, AtAnyOperationLosesNothingAcknowledgedAndInventsNothing) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    MemoryFileSystem files;
    LogModel model(files, seed);
    for (int i = 0; i < 60; ++i) model.step();
    Prng prng(seed);
    for (std::size_t n = 0; n <= files.operations.size(); ++n) {
      for (const Unflushed fate : kFates) {
        MemoryFileSystem after(after_crash({}, files.operations, n, fate, prng));
        expect_recovers(model, after, n, seed);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(PowerLoss, ALogThatWentOnAfterOneSurvivesTheNext) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng prng(seed);
    MemoryFileSystem first;
    LogModel model(first, seed);
    for (int i = 0; i < 40; ++i) model.step();
    const std::size_t n = first.operations.size() - prng.below(first.operations.size() / 2);
    const Image image = after_crash({}, first.operations, n, Unflushed::kSome, prng);
    MemoryFileSystem second(image);
    auto found = recover(second);
    ASSERT_EQ(model.judge(second, *found, n), "");
    LogModel next(second, seed + 1000, model.matching(second, *found), *found);
    for (int i = 0; i < 20; ++i) next.step();
    for (std::size_t m = 0; m <= second.operations.size(); ++m) {
      MemoryFileSystem third(after_crash(image, second.operations, m, Unflushed::kSome, prng));
      const auto again = recover(third);
      ASSERT_TRUE(again.ok());
      const std::string wrong = next.judge(third, *again, m);
      // Before the second life has begun, what counts is the first.
      if (!wrong.empty()) {
        ASSERT_EQ(model.judge(third, *again, n), "") << wrong << ", seed " << seed;
      }
    }
  }
}

// What a prefix of the recorded operations leaves on a real file system, unflushed sectors and all.
void write_image(const Image& image, FileSystem& files) {
  for (const auto& [name, bytes] : image) {
    auto file = files.open(name, OpenMode::kCreate);
    ASSERT_TRUE(file.ok() && (*file)->write(0, bytes).ok());
  }
}

TEST(PowerLoss, TheSameHoldsForRecordedOperationsOnARealFolder) {
  MemoryFileSystem files;
  LogModel model(files, 77);
  for (int i = 0; i < 60; ++i) model.step();
  TemporaryDirectory folder;
  auto real = PosixFileSystem::open_folder(folder.path());
  ASSERT_TRUE(real.ok());
  Replay replay(**real);
  Prng prng(77);
  for (std::size_t n = 0; n <= files.operations.size(); ++n) {
    if (n > 0) replay.perform(files.operations[n - 1]);
    expect_recovers(model, **real, n, 77);
    if (HasFatalFailure()) return;
    TemporaryDirectory torn;
    auto after = PosixFileSystem::open_folder(torn.path());
    ASSERT_TRUE(after.ok());
    write_image(after_crash({}, files.operations, n, Unflushed::kSome, prng), **after);
    expect_recovers(model, **after, n, 77);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ringroad::raft::durable
