#include "datadriven.h"

#include <gtest/gtest.h>

namespace ringroad::scenarios {
namespace {

std::vector<Case> parsed(const std::string& text) {
  auto cases = parse_scenario("file", text);
  EXPECT_TRUE(cases.ok()) << cases.status();
  return cases.ok() ? *cases : std::vector<Case>{};
}

std::string refusal(const std::string& text) {
  const auto cases = parse_scenario("file", text);
  EXPECT_FALSE(cases.ok());
  return std::string(cases.status().message());
}

std::string rewritten(const std::string& text, const std::vector<std::string>& outputs) {
  return with_outputs(text, parsed(text), outputs);
}

TEST(Datadriven, ACommandHasWordsValuesInputAndOutput) {
  const auto cases = parsed(
      "# a comment\n"
      "\n"
      "do 1 two three=3 four=(1, b,c ) five= six=()\n"
      "some\n"
      "\n"
      "input\n"
      "----\n"
      "printed\n"
      "  so\n");
  ASSERT_EQ(cases.size(), 1u);
  const Command& command = cases[0].command;
  EXPECT_EQ(command.name, "do");
  EXPECT_EQ(command.position, "file:3");
  EXPECT_EQ(cases[0].line, 3u);
  ASSERT_EQ(command.arguments.size(), 6u);
  EXPECT_EQ(command.arguments[1].key, "two");
  EXPECT_TRUE(command.arguments[1].values.empty());
  EXPECT_EQ(command.arguments[2].values, std::vector<std::string>{"3"});
  EXPECT_EQ(command.arguments[3].values, (std::vector<std::string>{"1", "b", "c"}));
  EXPECT_EQ(command.arguments[4].values, std::vector<std::string>{""});
  EXPECT_EQ(command.arguments[5].values, std::vector<std::string>{""});
  EXPECT_EQ(command.input, "some\n\ninput");
  EXPECT_EQ(cases[0].expected, "printed\n  so\n");
}

TEST(Datadriven, ParenthesesInsideAValueNest) {
  const auto command = parse_directive("do x=(a (b, c), (d)) y");
  ASSERT_TRUE(command.ok());
  ASSERT_EQ(command->arguments.size(), 2u);
  EXPECT_EQ(command->arguments[0].values, (std::vector<std::string>{"a (b, c)", "(d)"}));
}

TEST(Datadriven, AnEmptyLineEndsAnOutputWithoutFences) {
  const auto cases = parsed("a\n----\none\n\nb\n----\n\nc\n----\nthree");
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0].expected, "one\n");
  EXPECT_EQ(cases[1].expected, "");
  EXPECT_EQ(cases[2].expected, "three\n");
}

TEST(Datadriven, FencesHoldEmptyLines) {
  const auto cases = parsed("a\n----\n----\none\n\n----\ntwo\n----\n----\nb\n----\nthree\n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].expected, "one\n\n----\ntwo\n");
  EXPECT_EQ(cases[1].expected, "three\n");
}

TEST(Datadriven, ABackslashContinuesACommand) {
  const auto cases = parsed("do 1 \\\n   2 \\\n 3\n----\nok\n");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].command.arguments.size(), 3u);
  EXPECT_EQ(cases[0].line, 1u);
}

TEST(Datadriven, ReturnsAtTheEndOfLinesAreNoContent) {
  const auto cases = parsed("do\r\n----\r\nok\r\n\r\nagain\r\n----\r\nok\r\n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].expected, "ok\n");
}

TEST(Datadriven, HeadlinesOfSubtestsAreSkipped) {
  EXPECT_EQ(parsed("subtest one\n\ndo\n----\nok\n\nsubtest end\n").size(), 1u);
}

TEST(Datadriven, WhatCannotBeReadIsRefusedWithItsLine) {
  EXPECT_EQ(refusal("ok\n----\nok\n\n# no output\ndo 1\nmore\n"),
            "file:6: the command \"do\" has no ---- behind it");
  EXPECT_EQ(refusal("\ndo\n----\n----\nnever ends\n"),
            "file:2: the output has no closing pair of ----");
  EXPECT_EQ(refusal("do x=(1,2\n----\nok\n"),
            "file:1: cannot read the command at column 7: do x=(1,2");
  EXPECT_EQ(refusal("do =3\n----\nok\n"), "file:1: cannot read the command at column 4: do =3");
}

constexpr const char* kText =
    "# The essay stays.\n"
    "\n"
    "one  1\n"
    "input\n"
    "----\n"
    "old\n"
    "\n"
    "two\n"
    "----\n"
    "----\n"
    "with\n"
    "\n"
    "gaps\n"
    "----\n"
    "----\n"
    "three\n"
    "----\n"
    "last\n";

TEST(Datadriven, RewritingWithTheSameOutputsChangesNothing) {
  EXPECT_EQ(rewritten(kText, {"old\n", "with\n\ngaps\n", "last\n"}), kText);
}

TEST(Datadriven, RewritingReplacesOutputsOnly) {
  EXPECT_EQ(rewritten(kText, {"new\nlines\n", "with\n\ngaps\n", "ok\n"}),
            "# The essay stays.\n\none  1\ninput\n----\nnew\nlines\n\ntwo\n----\n----\nwith\n\n"
            "gaps\n----\n----\nthree\n----\nok\n");
}

TEST(Datadriven, RewritingAddsAndRemovesFencesAsEmptyLinesAsk) {
  const std::vector<std::string> outputs = {"a\n\nb\n", "plain\n", "c\n\nd\n"};
  const std::string text = rewritten(kText, outputs);
  const auto cases = parsed(text);
  ASSERT_EQ(cases.size(), 3u);
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(cases[i].expected, outputs[i]);
  EXPECT_EQ(rewritten(text, outputs), text);
}

TEST(Datadriven, RewritingFillsInOutputsThatAreMissing) {
  EXPECT_EQ(rewritten("a\n----\n\nb\n----", {"one\n", "two\n"}), "a\n----\none\n\nb\n----\ntwo\n");
}

}  // namespace
}  // namespace ringroad::scenarios
