// The command line: what is read from it, and that what is refused is named with its mend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/temporary_directory.h"
#include "tools/ringroad-gen/options.h"
#include "tools/ringroad-gen/traffic_plan.h"

namespace ringroad::gen {
namespace {

using testing::HasSubstr;

std::variant<Options, int> read(std::vector<std::string> words) {
  std::vector<char*> argv;
  words.insert(words.begin(), "ringroad-gen");
  for (std::string& word : words) argv.push_back(word.data());
  return read_options(static_cast<int>(argv.size()), argv.data());
}

struct Refusal {
  std::vector<std::string> words;
  std::string field, says;
};

TEST(OptionsTest, AWholeRunIsRead) {
  const auto result =
      read({"run", "--to", "2,3", "--size", "64:70,1024:30", "--rate", "1.5M", "--priority", "2,5",
            "--duration", "250ms", "--warmup", "1s", "--verify", "full", "--seed", "9", "--json"});
  ASSERT_TRUE(std::holds_alternative<Options>(result));
  const Options& o = std::get<Options>(result);
  EXPECT_EQ(o.mode, Mode::kRun);
  EXPECT_EQ(o.to, (std::vector<NodeId>{NodeId{2}, NodeId{3}}));
  EXPECT_EQ(o.sizes.parts().size(), 2U);
  EXPECT_EQ(o.rate_per_s, 1'500'000U);
  EXPECT_EQ(o.priorities.size(), 2U);
  EXPECT_EQ(o.duration, milliseconds(250));
  EXPECT_EQ(o.warmup, seconds(1));
  EXPECT_EQ(o.verify, Verify::kFull);
  EXPECT_TRUE(o.json);
}

TEST(OptionsTest, DefaultsAreTheDocumentedOnes) {
  const auto run = std::get<Options>(read({"run", "--to", "all"}));
  EXPECT_TRUE(run.to_all);
  EXPECT_EQ(run.rate_per_s, 0U);
  EXPECT_EQ(run.sizes.largest(), 1024U);
  const auto ping = std::get<Options>(read({"pingpong", "--to", "2"}));
  EXPECT_EQ(ping.sizes.largest(), 64U);
  const auto sink = std::get<Options>(read({"sink"}));
  EXPECT_FALSE(sink.has_duration);
}

TEST(OptionsTest, WhatIsWrongIsNamedWithItsValue) {
  const std::vector<Refusal> refusals{
      {{"run", "--to", "2,2"}, "--to", "2,2"},
      {{"run", "--to", "65"}, "--to", "65"},
      {{"run", "--to", "2,"}, "--to", "2,"},
      {{"run", "--to", "2", "--size", "7"}, "--size", "\"7\""},
      {{"run", "--to", "2", "--rate", "fast"}, "--rate", "\"fast\""},
      {{"run", "--to", "2", "--rate", "0"}, "--rate", "\"0\""},
      {{"run", "--to", "2", "--priority", "0"}, "--priority", "consensus"},
      {{"run", "--to", "2", "--duration", "10"}, "--duration", "write 10s"},
      {{"run", "--to", "2", "--count", "0"}, "--count: \"0\"", "leave --count out for no limit"},
      {{"pingpong", "--to", "2", "--count", "0"}, "--count: \"0\"", "from 1 up"},
      {{"run", "--to", "2", "--count", "-1"}, "--count", "\"-1\""},
      {{"run", "--to", "2", "--hdr", "/nowhere/a.hgrm"},
       "--hdr: \"/nowhere/a.hgrm\"",
       "No such file or directory"},
      {{"sink", "--hdr", "/"}, "--hdr: \"/\"", "Is a directory"},
      {{"run", "--to", "2", "--limits", "/nowhere/a.json"},
       "--limits: \"/nowhere/a.json\"",
       "No such file or directory"},
      {{"run", "--to", "2", "--limits", "/"}, "--limits: \"/\"", "Is a directory"},
      {{"run", "--to", "2", "--limits", "/dev/null"}, "--limits: \"/dev/null\"", "perf/run"},
      {{"run", "--to", "2", "--limits", "/dev/zero"}, "--limits: \"/dev/zero\"", "longer"},
      {{"run", "--to", "2", "--verify", "some"}, "--verify", "some"},
      {{"run", "--to", "2", "--inline"}, "--inline", "--config"},
      {{"run", "--to", "2", "--config", "x.json"}, "--config", "--inline"},
      {{"pingpong", "--to", "all"}, "--to", "all"},
      {{"pingpong", "--to", "2,3"}, "--to", "2,3"},
      {{"pingpong", "--to", "2", "--size", "64:1,128:1"}, "--size", "mix"},
      {{"run"}, "--to", "required"},
      {{"fly"}, "", ""},
  };
  for (const Refusal& refusal : refusals) {
    testing::internal::CaptureStderr();
    const auto result = read(refusal.words);
    const std::string said = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(std::holds_alternative<int>(result)) << said;
    EXPECT_EQ(std::get<int>(result), kExitUsage);
    EXPECT_THAT(said, HasSubstr(refusal.field));
    EXPECT_THAT(said, HasSubstr(refusal.says));
  }
}

TEST(OptionsTest, ACountMayBeWrittenShort) {
  EXPECT_EQ(std::get<Options>(read({"run", "--to", "2", "--count", "10K"})).count, 10'000U);
  EXPECT_EQ(std::get<Options>(read({"run", "--to", "2"})).count, 0U) << "no limit";
}

class FilesTest : public testing::Test {
 protected:
  ~FilesTest() override { unsetenv("RINGROAD_LIMITS"); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = directory_ / name;
    std::ofstream{path} << text;
    return path;
  }
  // The facts of a run on node 2, after reading `words`.
  static RunFacts facts_of(std::vector<std::string> words, const std::string& medium) {
    const auto options = std::get<Options>(read(std::move(words)));
    return plan_traffic(options, {NodeId{2}, {NodeId{1}}, 65'536, medium})->facts;
  }

  static constexpr const char* kRows = R"([
    {"name": "frame.build.64B", "value": 40, "unit": "cycles/message", "limit": "memory"},
    {"name": "p2p.memif.64B", "value": 12500000.0, "unit": "messages/s", "samples": 5},
    {"name": "p2p.memif.1024B", "value": 4096000000, "unit": "bytes/s", "baseline_value": null},
    {"name": "p2p.memif.4096B", "value": null, "unit": "bytes/s"}])";
  TemporaryDirectory directory_;
};

TEST_F(FilesTest, TheHdrFileIsThereBeforeTheRunAndKeepsWhatWasInItUntilTheEnd) {
  const std::string old = write("old.hgrm", "an earlier run's\n");
  const auto options = std::get<Options>(read({"run", "--to", "2", "--hdr", old}));
  ASSERT_NE(options.hdr_file, nullptr);
  EXPECT_EQ(std::filesystem::file_size(old), 17U);
  const std::string fresh = directory_ / "new.hgrm";
  (void)read({"run", "--to", "2", "--hdr", fresh});
  EXPECT_TRUE(std::filesystem::exists(fresh));
}

TEST_F(FilesTest, TheLimitIsTheMeasuredRowOfThisMediumAndSize) {
  const std::string path = write("limits.json", kRows);
  const RunFacts messages =
      facts_of({"run", "--to", "1", "--size", "64", "--limits", path}, "memif (shared memory)");
  EXPECT_EQ(messages.limit_msgs_per_s, 12.5e6);
  EXPECT_EQ(messages.limit_source, "perf/run, p2p.memif.64B in " + path);
  const RunFacts bytes = facts_of({"run", "--to", "1", "--limits", path}, "memif");
  EXPECT_EQ(bytes.limit_msgs_per_s, 4e6) << "4,096,000,000 bytes/s in messages of 1,024";
  const RunFacts typed =
      facts_of({"run", "--to", "1", "--limits", path, "--limit-msgs", "5e6"}, "memif");
  EXPECT_EQ(typed.limit_msgs_per_s, 5e6) << "what was typed goes before";

  setenv("RINGROAD_LIMITS", path.c_str(), 1);
  EXPECT_EQ(facts_of({"run", "--to", "1"}, "memif").limit_msgs_per_s, 4e6);
  setenv("RINGROAD_LIMITS", "/nowhere/a.json", 1);
  EXPECT_EQ(facts_of({"run", "--to", "1", "--limits", path}, "memif").limit_msgs_per_s, 4e6);
  EXPECT_TRUE(std::holds_alternative<Options>(read({"sink"}))) << "it uses no limits";
  testing::internal::CaptureStderr();
  const auto refused = read({"run", "--to", "1"});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("/nowhere/a.json"));
  EXPECT_TRUE(std::holds_alternative<int>(refused));
}

TEST_F(FilesTest, WhereNothingWasMeasuredTheLimitStaysUnknownAndSaysWhy) {
  const std::string path = write("limits.json", kRows);
  const auto why = [&](const std::string& size, const std::string& medium) {
    const RunFacts facts = facts_of({"run", "--to", "1", "--size", size, "--limits", path}, medium);
    EXPECT_EQ(facts.limit_msgs_per_s, 0);
    return facts.limit_unknown;
  };
  EXPECT_THAT(why("100", "memif"), HasSubstr("no value for p2p.memif.100B"));
  EXPECT_THAT(why("4096", "memif"), HasSubstr("no value for p2p.memif.4096B"));
  EXPECT_THAT(why("64", "tap (through the kernel)"), HasSubstr("memif only"));
  EXPECT_THAT(why("64", ""), HasSubstr("--node"));
  EXPECT_THAT(why("64:1,1024:1", "memif"), HasSubstr("mix"));
  EXPECT_EQ(facts_of({"run", "--to", "1"}, "memif").limit_unknown, "") << "no file was named";
}

TEST(LimitsTest, GarbageIsRefusedByFileAndRow) {
  const std::vector<std::pair<std::string, std::string>> refusals{
      {"", "no JSON array"},
      {"{\"name\": \"p2p.memif.64B\"}", "no JSON array"},
      {"[1, 2", "no JSON array"},
      {"[1, 2]", "without a name"},
      {"[{\"value\": 1}]", "without a name"},
      {"[{\"name\": 7}]", "without a name"},
      {"[{\"name\": \"p2p.memif.64B\", \"value\": 1, \"unit\": \"ns\"}]", "unit \"ns\""},
      {"[{\"name\": \"p2p.memif.64B\", \"value\": 1}]", "unit null"},
      {"[{\"name\": \"p2p.memif.64B\", \"value\": \"x\", \"unit\": \"bytes/s\"}]",
       "row p2p.memif.64B: value \"x\""},
      {"[{\"name\": \"p2p.memif.64B\", \"value\": -1, \"unit\": \"bytes/s\"}]", "value -1"},
  };
  for (const auto& [text, says] : refusals) {
    const auto limits = Limits::parse(text, "a.json");
    ASSERT_FALSE(limits.ok()) << text;
    EXPECT_THAT(std::string{limits.status().message()}, HasSubstr("\"a.json\" ")) << text;
    EXPECT_THAT(std::string{limits.status().message()}, HasSubstr(says)) << text;
  }
  const auto others = Limits::parse(
      R"([{"name": "p2p.memif.0B"}, {"name": "p2p.memif.x64B"}, {"name": "p2p.memif.B"}])", "a");
  ASSERT_TRUE(others.ok()) << "other figures are others' business";
  EXPECT_EQ(others->memif_msgs_per_s(64), 0);
}

TEST(OptionsTest, HelpTeachesByExampleAndIsNoError) {
  testing::internal::CaptureStdout();
  const auto result = read({"--help"});
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::get<int>(result), kExitOk);
  EXPECT_THAT(said, HasSubstr("ringroad-gen run --to 2 --rate 1M --duration 10s"));
}

TEST(TrafficPlanTest, AllMeansThePeersAndABroadcast) {
  const auto options = std::get<Options>(read({"run", "--to", "all", "--seed", "3"}));
  const auto plan = plan_traffic(options, {NodeId{2}, {NodeId{1}, NodeId{3}}, 65'536, "memif"});
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->role.source->broadcast);
  EXPECT_EQ(plan->role.source->to, (std::vector<NodeId>{NodeId{1}, NodeId{3}}));
  EXPECT_FALSE(plan->role.sink);
}

TEST(TrafficPlanTest, SendingToOneselfReceivesToo) {
  const auto options = std::get<Options>(read({"run", "--to", "2"}));
  const auto plan = plan_traffic(options, {NodeId{2}, {NodeId{1}}, 65'536, "memif"});
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->role.sink);
  EXPECT_EQ(plan->facts.medium, "within the node");
}

TEST(TrafficPlanTest, StrangersAndOversizedMessagesAreRefused) {
  const auto to_nine = std::get<Options>(read({"run", "--to", "9"}));
  const auto strangers = plan_traffic(to_nine, {NodeId{2}, {NodeId{1}}, 65'536, ""});
  EXPECT_THAT(std::string{strangers.status().message()}, HasSubstr("--to: \"9\" is not a peer"));
  const auto large = std::get<Options>(read({"run", "--to", "1", "--size", "8K"}));
  const auto too_large = plan_traffic(large, {NodeId{2}, {NodeId{1}}, 4'096, ""});
  EXPECT_THAT(std::string{too_large.status().message()}, HasSubstr("--size: \"8192\" is above"));
}

TEST(TrafficPlanTest, TwoRunsNeverShareAnId) {
  const auto options = std::get<Options>(read({"run", "--to", "1", "--seed", "3"}));
  const Surroundings node{NodeId{2}, {NodeId{1}}, 65'536, ""};
  EXPECT_NE(plan_traffic(options, node)->role.source->run,
            plan_traffic(options, node)->role.source->run);
}

}  // namespace
}  // namespace ringroad::gen
