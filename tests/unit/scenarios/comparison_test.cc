// A comparison has to fail where it should: a scenario is written by rewriting, so that it passes,
// and then its expectations are spoilt one at a time.
#include "comparison.h"

#include <gtest/gtest.h>

#include <array>

#include "scenario.h"

namespace ringroad::scenarios {
namespace {

constexpr const char* kCommands = R"(add-nodes 3 voters=(1,2,3) index=10
----

campaign 1
----

stabilize
----

propose 1 "a]b"
----

process-ready 1
----

deliver-msgs 2 3
----

stabilize
----

status 1
----

raft-state
----

raft-log 2
----
)";

constexpr std::array kModes = {CompareMode::kAll, CompareMode::kMessages, CompareMode::kOutcome};

std::string written(const std::string& commands) {
  const ScenarioResult result = run_scenario("test", commands, {.rewrite = true});
  EXPECT_TRUE(result.passed) << result.problem;
  return result.text;
}

std::string replaced(std::string text, const std::string& old, const std::string& with,
                     bool last = false) {
  const std::size_t at = last ? text.rfind(old) : text.find(old);
  EXPECT_NE(at, std::string::npos) << old << " is not in\n" << text;
  return at == std::string::npos ? text : text.replace(at, old.size(), with);
}

bool passes(const std::string& text, CompareMode mode) {
  return run_scenario("test", text, {.compare = mode}).passed;
}

// Which modes pass: "amo", as far as they do.
std::string passing(const std::string& text) {
  std::string modes;
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (passes(text, kModes[i])) modes += "amo"[i];
  }
  return modes;
}

TEST(Comparison, WhatWasWrittenPassesInEveryMode) { EXPECT_EQ(passing(written(kCommands)), "amo"); }

TEST(Comparison, AWrongTermInALogFailsInEveryMode) {
  const std::string text = written(kCommands);
  EXPECT_EQ(passing(replaced(text, "1/11 EntryNormal", "2/11 EntryNormal", true)), "");
}

TEST(Comparison, AnEntryMissingFromALogFailsInEveryMode) {
  const std::string text = written(kCommands);
  EXPECT_EQ(passing(replaced(text, "1/11 EntryNormal \"\"\n", "", true)), "");
}

TEST(Comparison, AWrongPayloadInALogFailsInEveryMode) {
  const std::string text = written(kCommands);
  EXPECT_EQ(passing(replaced(text, R"("\"a]b\"")", R"("\"a]c\"")", true)), "");
}

TEST(Comparison, AWrongMatchInAStatusFailsInEveryMode) {
  EXPECT_EQ(passing(replaced(written(kCommands), "2: StateReplicate match=12",
                             "2: StateReplicate match=11")),
            "");
}

TEST(Comparison, AWrongLeaderFailsInEveryMode) {
  EXPECT_EQ(passing(replaced(written(kCommands), "3: StateFollower (Voter) Term:1 Lead:1",
                             "3: StateFollower (Voter) Term:1 Lead:2")),
            "");
}

TEST(Comparison, AWrongLastHardStateFailsInEveryMode) {
  const std::string text = written(kCommands);
  EXPECT_EQ(passing(replaced(text, "HardState Term:1 Vote:1 Commit:12",
                             "HardState Term:1 Vote:1 Commit:11", true)),
            "");
  EXPECT_EQ(passing(replaced(text, "HardState Term:1 Vote:1 Commit:12",
                             "HardState Term:1 Vote:2 Commit:12", true)),
            "");
}

TEST(Comparison, AnEntryThatIsNotAppliedFailsInEveryMode) {
  const std::string committed = "  CommittedEntries:\n  1/11 EntryNormal \"\"\n";
  const std::string text = written(kCommands);
  EXPECT_EQ(passing(replaced(text, committed, "")), "");
}

TEST(Comparison, ANodeThatDoesNothingFailsInEveryMode) {
  const std::string text =
      "add-nodes 2 voters=(1) index=10\n----\nok\n\nstabilize\n----\n"
      "> 2 handling Ready\n  Ready MustSync=true:\n  HardState Term:1 Commit:0\n";
  EXPECT_EQ(passing(text), "");
}

TEST(Comparison, AWrongStateOfACoreOrAMachineFailsInEveryMode) {
  const std::string text = written(std::string(kCommands) + "\ncore-state 2\nmachine 2\n----\n");
  EXPECT_EQ(passing(text), "amo");
  EXPECT_EQ(passing(replaced(text, "Applied:12", "Applied:11")), "");
  EXPECT_EQ(passing(replaced(text, "Index:12 Term:1", "Index:11 Term:1", true)), "");
}

TEST(Comparison, AMessageMoreOrLessFailsButForTheOutcome) {
  const std::string text = written(kCommands);
  const std::string message = "  1->3 MsgVote Term:1 Log:1/10\n";
  EXPECT_EQ(passing(replaced(text, message, "")), "o");
  EXPECT_EQ(passing(replaced(text, message, message + message)), "o");
}

TEST(Comparison, TheOrderOfMessagesCountsButForTheOutcome) {
  const std::string a = "  1->2 MsgVote Term:1 Log:1/10\n";
  const std::string b = "  1->3 MsgVote Term:1 Log:1/10\n";
  EXPECT_EQ(passing(replaced(written(kCommands), a + b, b + a)), "o");
}

TEST(Comparison, EachPartOfAMessageCountsButForTheOutcome) {
  const std::string text = written(kCommands);
  const std::string append =
      "1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"\"]";
  for (const std::string other : {
           "3->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->3 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgProp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:2 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:1 Log:0/10 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:1 Log:1/9 Commit:10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:1 Log:1/10 Commit:9 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:1 Log:1/10 Entries:[1/11 EntryNormal \"\"]",
           "1->2 MsgApp Term:1 Log:1/10 Commit:10 Entries:[1/11 EntryNormal \"x\"]",
           "1->2 MsgApp Term:1 Log:1/10 Commit:10",
           "1->2 MsgApp Term:1 Log:1/10 Rejected (Hint: 0) Commit:10 Entries:[1/11 EntryNormal "
           "\"\"]",
       }) {
    EXPECT_EQ(passing(replaced(text, append, other)), "o") << other;
  }
}

TEST(Comparison, LinesOfALogAreIgnoredButInTheText) {
  EXPECT_EQ(passing(replaced(written(kCommands), "> 2 receiving messages\n",
                             "> 2 receiving messages\n  INFO 2 became follower at term 1\n")),
            "mo");
}

TEST(Comparison, WhetherAnswersTellTheirCommitIndexIsIgnoredButInTheText) {
  EXPECT_EQ(passing(replaced(written(kCommands), "2->1 MsgAppResp Term:1 Log:0/11 Commit:10",
                             "2->1 MsgAppResp Term:1 Log:0/11")),
            "mo");
}

TEST(Comparison, FurtherNumbersOfAStatusAreIgnoredButInTheText) {
  EXPECT_EQ(passing(replaced(written(kCommands), "match=12 next=13", "match=12 commit=12 next=13")),
            "mo");
}

TEST(Comparison, EntriesMayStandOnOneLineOrOnSeveral) {
  const std::string text = written(
      "add-nodes 2 voters=(1,2) index=10\n----\n\ncampaign 1\n----\n\nstabilize 1\n----\n\n"
      "stabilize 2\n----\n\nstabilize 1\n----\n\npropose 1 a\n----\n\npropose 1 b\n----\n\n"
      "deliver-msgs drop=(2)\n----\n\nprocess-ready 1\n----\n\ndeliver-msgs drop=(2)\n----\n\n"
      "tick-heartbeat 1\n----\n\nstabilize\n----\n");
  const std::string several =
      "Entries:[\n    1/11 EntryNormal \"\"\n    1/12 EntryNormal \"a\"\n    1/13 EntryNormal "
      "\"b\"\n"
      "  ]\n";
  const std::string one =
      "Entries:[1/11 EntryNormal \"\", 1/12 EntryNormal \"a\", 1/13 EntryNormal \"b\"]\n";
  EXPECT_EQ(passing(replaced(text, several, one)), "mo");
}

TEST(Comparison, ASnapshotMayStandOnTheLineOfItsMessage) {
  const std::string text = written(
      "add-nodes 1 voters=(1,2) index=10\n----\n\nsend-snapshot 1 2\n----\n\n"
      "deliver-msgs drop=2\n----\n");
  const std::string same_line = replaced(text, "\n  Snapshot: ", " Snapshot: ");
  EXPECT_EQ(passing(same_line), "mo");
  EXPECT_EQ(passing(replaced(same_line, "Index:10", "Index:9")), "o");
}

TEST(Comparison, CalculationsAreComparedAsTextInEveryMode) {
  const std::string text = written("vote cfg=(1,2,3) votes=(y,n,y)\n----\n\nsimple\nv1\n----\n");
  EXPECT_EQ(passing(text), "amo");
  EXPECT_EQ(passing(replaced(text, "VoteWon", "VoteLost")), "");
  EXPECT_EQ(passing(replaced(text, "voters=(1)", "voters=(2)")), "");
  EXPECT_EQ(passing(replaced(text, "match=0", "match=1")), "");
  EXPECT_EQ(passing(replaced(text, "match=0", "match=0 commit=0")), "mo");
}

TEST(Comparison, TheFirstDifferenceIsNamedByFileAndLine) {
  const ScenarioResult result =
      run_scenario("test", replaced(written(kCommands), "2: StateReplicate match=12", "2: x"),
                   {.compare = CompareMode::kAll});
  EXPECT_EQ(result.problem.substr(0, result.problem.find(' ')).substr(0, 5), "test:");
  EXPECT_NE(result.problem.find("status did not go as expected"), std::string::npos);
  EXPECT_NE(result.problem.find("expected:  2: x"), std::string::npos) << result.problem;
  EXPECT_NE(result.problem.find("found:     2: StateReplicate match=12"), std::string::npos);
}

TEST(Comparison, AnUnknownCommandIsAnErrorThatNamesItAndTheKnownOnes) {
  for (const CompareMode mode : kModes) {
    const ScenarioResult result =
        run_scenario("test", "raft-state\n----\nok\n\nlevitate 1\n----\nok\n", {.compare = mode});
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.problem.find("test:5: levitate: unknown command \"levitate\""), 0u)
        << result.problem;
    EXPECT_NE(result.problem.find("tick-heartbeat"), std::string::npos);
  }
}

TEST(Comparison, AnUnknownCommandInsideInputIsAnError) {
  const ScenarioResult result = run_scenario("test", "raft-state\nlevitate 1\n----\nok\n", {});
  EXPECT_EQ(result.problem.find("test:1: raft-state: unknown command \"levitate\""), 0u);
}

TEST(Comparison, ANodeThatIsNotThereIsAnErrorAndNoCrash) {
  for (const std::string command : {"campaign 1", "stabilize 3", "raft-log 65", "deliver-msgs x",
                                    "compact", "propose 1", "transfer-leadership from=1"}) {
    const ScenarioResult result = run_scenario("test", command + "\n----\nok\n", {});
    EXPECT_EQ(result.problem.find("test:1: "), 0u) << result.problem;
    EXPECT_EQ(result.problem.find("did not go as expected"), std::string::npos) << result.problem;
  }
}

}  // namespace
}  // namespace ringroad::scenarios
