#include "tools/ringroad-log/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "consensus/log/log_writer.h"
#include "consensus/log/posix_file_system.h"
#include "consensus/log/recovery.h"
#include "nlohmann/json.hpp"
#include "tests/temporary_directory.h"
#include "tests/unit/log/memory_file_system.h"

namespace ringroad::log_tool {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using namespace raft;
using namespace raft::durable;

constexpr std::uint64_t kBatches = 3;

// Three batches of two entries, flushed one by one, and a mark.
void fill(FileSystem& files) {
  LogConfig config;
  config.segment_bytes = 8192;
  ConfState members;
  members.voters = {NodeId{1}, NodeId{2}, NodeId{3}};
  ASSERT_TRUE(format(files, config, {"orchard", NodeId{2}, 7}, members).ok());
  auto log = LogWriter::open(files, config, *recover(files));
  ASSERT_TRUE(log.ok());
  for (std::uint64_t i = 0; i < kBatches; ++i) {
    const Bytes payload(40, static_cast<std::byte>('a' + i));
    const Entry entries[] = {{Term{4}, Index{1 + 2 * i}, payload.data(), 40},
                             {Term{4}, Index{2 + 2 * i}, payload.data(), 3}};
    Work work;
    work.entries = entries;
    work.hard_state = HardState{Term{4}, NodeId{3}, Index{2 * i}};
    ASSERT_EQ((*log)->append(work), Outcome::kOk);
    ASSERT_EQ((*log)->flush(), Outcome::kOk);
  }
  ASSERT_EQ((*log)->mark(), Outcome::kOk);
}

class LogTool : public ::testing::Test {
 protected:
  LogTool() { fill(files_); }

  using Command = int (*)(FileSystem&, const Options&, std::ostream&, std::ostream&);
  int run(Command command, const Options& options = {}) {
    out_.str("");
    err_.str("");
    return command(files_, options, out_, err_);
  }
  // Damages the second batch's body.
  void damage() {
    run(inspect, {.is_json = true, .with_records = true});
    offset_ = json::parse(out_.str())["records"][2]["offset"].get<std::uint64_t>();
    files_.bytes_of(segment_name(1))[offset_ + kHeaderBytes + 5] ^= std::byte{1};
  }

  MemoryFileSystem files_;
  std::ostringstream out_, err_;
  std::uint64_t offset_ = 0;
};

TEST_F(LogTool, InspectTellsPeopleAndProgramsTheSame) {
  EXPECT_EQ(run(inspect), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("2 of cluster orchard, incarnation 7"));
  EXPECT_THAT(out_.str(), HasSubstr("1 to 6, the last of term 4"));
  EXPECT_THAT(out_.str(), HasSubstr("term 4, vote for node 3, commit 4"));
  EXPECT_EQ(run(inspect, {.is_json = true, .with_records = true}), kExitOk);
  const json report = json::parse(out_.str());
  EXPECT_EQ(report["identity"]["node"], 2);
  EXPECT_EQ(report["entries"]["last_index"], 6);
  EXPECT_EQ(report["hard_state"]["vote"], 3);
  EXPECT_EQ(report["configuration"]["voters"], json({1, 2, 3}));
  EXPECT_EQ(report["records"].size(), 2 + kBatches);
  EXPECT_EQ(report["records"][1]["kind"], "entries");
}

TEST_F(LogTool, VerifyNamesFileOffsetAndEntriesOfWhatIsDamaged) {
  EXPECT_EQ(run(verify), kExitOk);
  EXPECT_EQ(out_.str(), "intact: entries 1 to 6, 1 segments, no snapshot\n");
  damage();
  EXPECT_EQ(run(verify), kExitDamaged);
  EXPECT_EQ(out_.str(), "damaged: " + segment_name(1) + " at " + std::to_string(offset_) +
                            ": entries are not readable; entries 3 to 4\n"
                            "faulty: entries 3 to 4\n");
  EXPECT_EQ(run(verify, {.is_json = true}), kExitDamaged);
  const json answer = json::parse(out_.str());
  EXPECT_EQ(answer["intact"], false);
  EXPECT_EQ(answer["damages"][0]["offset"], offset_);
  EXPECT_EQ(run(inspect), kExitDamaged);
}

TEST_F(LogTool, ExportGivesEntriesALineAndFaultyRangesAtTheirPlace) {
  EXPECT_EQ(run(export_entries, {.from = 2, .to = 3}), kExitOk);
  std::istringstream lines(out_.str());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(json::parse(line), json({{"index", 2},
                                     {"term", 4},
                                     {"type", "normal"},
                                     {"size_bytes", 3},
                                     {"payload_base64", "YWFh"}}));
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(json::parse(line)["index"], 3);
  EXPECT_FALSE(std::getline(lines, line));

  damage();
  EXPECT_EQ(run(export_entries), kExitDamaged);
  lines = std::istringstream(out_.str());
  std::vector<json> all;
  while (std::getline(lines, line)) all.push_back(json::parse(line));
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[1]["index"], 2);
  EXPECT_EQ(all[2]["faulty"], json({{"first", 3}, {"last", 4}}));
  EXPECT_EQ(all[3]["index"], 5);
}

TEST_F(LogTool, WithoutALogThereIsNothingToLookAtAndWithoutAnIdentityItIsDamaged) {
  MemoryFileSystem empty;
  EXPECT_EQ(verify(empty, {}, out_, err_), kExitNotFound);
  EXPECT_EQ(inspect(empty, {}, out_, err_), kExitNotFound);
  ASSERT_TRUE(files_.remove(kIdentityName).ok());
  EXPECT_EQ(run(verify), kExitDamaged);
  EXPECT_EQ(out_.str(), "damaged: there is a log, but no identity\n");
  EXPECT_EQ(run(export_entries), kExitDamaged);
}

TEST_F(LogTool, NoCommandWritesToTheFolder) {
  damage();
  const std::size_t before = files_.operations.size();
  for (const Command command : {Command{inspect}, Command{verify}, Command{export_entries}}) {
    run(command, {.with_records = true});
  }
  EXPECT_EQ(files_.operations.size(), before);
}

int run_program(const std::string& arguments) {
  const char* program = std::getenv("RINGROAD_LOG");
  if (program == nullptr) return -1;
  const int status =
      std::system((std::string{program} + " " + arguments + " >/dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(LogProgram, EndsWithTheCodesOfTheOtherTools) {
  TemporaryDirectory folder;
  auto files = PosixFileSystem::open_folder(folder.path());
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(run_program("verify " + folder.path()), kExitNotFound);
  fill(**files);
  EXPECT_EQ(run_program("verify " + folder.path()), kExitOk);
  EXPECT_EQ(run_program("--help"), kExitOk);
  EXPECT_EQ(run_program("verify"), kExitUsage);
  EXPECT_EQ(run_program("explode " + folder.path()), kExitUsage);
  EXPECT_EQ(run_program("verify " + folder.path() + "/none"), kExitNotFound);
  auto file = (*files)->open(segment_name(1), OpenMode::kWrite);
  const std::byte noise{0xee};
  ASSERT_TRUE((*file)->write(kSegmentBeginBytes + 20, {&noise, 1}).ok());
  EXPECT_EQ(run_program("verify " + folder.path()), kExitDamaged);
}

}  // namespace
}  // namespace ringroad::log_tool
