// The command line: what is read from it, and that what is refused is named with its mend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

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
