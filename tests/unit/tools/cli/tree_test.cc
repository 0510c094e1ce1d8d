// The tree of commands, and what is made from it: parsing, help, completion, man pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tools/ringroad/complete.h"
#include "tools/ringroad/help.h"
#include "tools/ringroad/manual.h"
#include "tools/ringroad/parse.h"
#include "tools/ringroad/table.h"

namespace ringroad::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TreeTest : public ::testing::Test {
 protected:
  std::string fault(std::vector<std::string> words) const {
    const auto parsed = parse(tree, std::move(words));
    return parsed.ok() ? "" : std::string(parsed.status().message());
  }
  std::vector<std::string> candidates(const std::vector<std::string>& words) const {
    const Live live = [](Source source, const std::string& node) {
      if (source == Source::kPort) return std::vector<std::string>{"0", "1"};
      return std::vector<std::string>{node.empty() ? "2" : node + "2", "31"};
    };
    return complete(tree, words, live).words;
  }
  const Tree tree = ringroad_tree();
};

TEST_F(TreeTest, IsComplete) {
  std::set<std::string> paths;
  for (const Command& command : tree.commands) {
    EXPECT_TRUE(paths.insert(command.path).second) << command.path << " stands twice";
    EXPECT_TRUE(command.run) << command.path;
    EXPECT_FALSE(command.examples.empty()) << command.path;
    EXPECT_TRUE(command.summary.ends_with('.')) << command.path;
    EXPECT_TRUE(command.verb().empty() || tree.find_noun(command.noun()) != nullptr);
    for (const Example& example : command.examples) {
      EXPECT_THAT(example.line, HasSubstr("ringroad")) << command.path;
    }
    for (const Option& option : command.options) {
      EXPECT_THAT(option.names, HasSubstr("--")) << command.path;
      for (const Option& global : tree.globals) {
        for (const auto& name : option.all_names()) {
          EXPECT_THAT(global.all_names(), Not(Contains(name))) << command.path;
        }
      }
    }
  }
}

// What help and man pages promise of a command is parsed as one.
TEST_F(TreeTest, ExamplesAreRightCommands) {
  for (const Command& command : tree.commands) {
    for (const Example& example : command.examples) {
      std::string line = example.line.substr(0, example.line.find(" | "));
      line = line.substr(0, std::min(line.find(" < "), line.find(" > ")));
      if (line.starts_with("source")) continue;
      auto words = split_line(line);
      ASSERT_TRUE(words.ok()) << line;
      words->erase(words->begin());
      const auto parsed = parse(tree, *words);
      ASSERT_TRUE(parsed.ok()) << line << ": " << parsed.status();
      EXPECT_EQ(parsed->path, command.path) << line;
    }
  }
}

TEST_F(TreeTest, HelpFits80Columns) {
  std::vector<std::string> paths = {""};
  for (const Noun& noun : tree.nouns) paths.push_back(noun.name);
  for (const Command& command : tree.commands) paths.push_back(command.path);
  for (const auto& path : paths) {
    const std::string text = help_text(tree, path);
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = text.find('\n', begin);
      ASSERT_NE(end, std::string::npos) << path;
      EXPECT_LE(end - begin, 80U) << path << ": " << text.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

TEST_F(TreeTest, OptionsStandAnywhere) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-o", "json", "link", "show", "2"},
        {"link", "-o", "json", "show", "2"},
        {"link", "show", "2", "--output=json"},
        {"link", "show", "-ojson", "2"}}) {
    const auto parsed = parse(tree, words);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->path, "link show");
    EXPECT_EQ(parsed->given.text("PEER"), "2");
    EXPECT_EQ(parsed->globals.text("--output"), "json");
  }
}

TEST_F(TreeTest, BareWatchTakesNothingWithIt) {
  const auto bare = parse(tree, {"--watch", "link", "show"});
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(bare->globals.text("--watch"), "1");
  const auto valued = parse(tree, {"link", "show", "--watch=0.5"});
  ASSERT_TRUE(valued.ok()) << valued.status();
  EXPECT_EQ(valued->globals.text("--watch"), "0.5");
  EXPECT_THAT(fault({"link", "reset", "2", "--watch"}), HasSubstr("--watch"));
}

TEST_F(TreeTest, WordsKeepTheirBlanksAndDashes) {
  auto parsed = parse(tree, {"send", "2", "7", "a text"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->given.text("TEXT"), "a text");
  parsed = parse(tree, {"send", "2", "7", "-"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->given.text("TEXT"), "-");
  parsed = parse(tree, {"send", "2", "7", "--", "--watch"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->given.text("TEXT"), "--watch");
  parsed = parse(tree, {"listen", "7", "8", "9"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->given.all("TYPE"), ElementsAre("7", "8", "9"));
  parsed = parse(tree, {"complete", "--", "link", "show", ""});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->given.all("WORD"), ElementsAre("link", "show", ""));
}

TEST_F(TreeTest, FaultsNameWhatWasMeant) {
  EXPECT_THAT(fault({"cluster", "stats"}), HasSubstr("did you mean \"status\"?"));
  EXPECT_THAT(fault({"lnik", "show"}), HasSubstr("did you mean \"link\"?"));
  EXPECT_THAT(fault({"top", "--srot", "sent"}), HasSubstr("did you mean \"--sort\"?"));
  EXPECT_THAT(fault({"top", "--sort", "snet"}), HasSubstr("did you mean \"sent\"?"));
  EXPECT_THAT(fault({"link"}), HasSubstr("one of: show, reset"));
  EXPECT_THAT(fault({"ping"}), HasSubstr("needs NODE"));
  EXPECT_THAT(fault({"top", "--sort"}), HasSubstr("--sort"));
  EXPECT_THAT(fault({"node", "show", "more"}), HasSubstr("one word too many"));
  EXPECT_THAT(fault({"node", "show", "--output=\x1b[2J"}), Not(HasSubstr("\x1b")));
}

TEST_F(TreeTest, HelpIsAskedForBeforeAnythingIsMissing) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"link", "reset", "--help"}, {"link", "-h"}, {"--help"}}) {
    const auto parsed = parse(tree, words);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_TRUE(parsed->wants_help);
  }
}

TEST_F(TreeTest, NumbersAndTimesAreChecked) {
  const auto parsed = parse(tree, {"ping", "2", "-c", "1K", "-i", "250ms"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->given.whole("--count", 0, 10'000, 4).value_or(0), 1'000U);
  EXPECT_FALSE(parsed->given.whole("--count", 0, 10, 4).ok());
  EXPECT_EQ(parsed->given.whole("--size", 0, 10, 7).value_or(0), 7U);
  EXPECT_EQ(parsed->given.seconds("--interval", 0, 1, 9).value_or(9), 0.25);
  EXPECT_FALSE(parsed->given.seconds("--interval", 0, 0.1, 9).ok());
  EXPECT_FALSE(node_id_of("NODE", "65").ok());
  EXPECT_FALSE(node_id_of("NODE", "0").ok());
  EXPECT_EQ(node_id_of("NODE", "64").value_or(0), 64U);
}

TEST(SplitLine, PartsAsAShellDoes) {
  const auto words = [](std::string_view line) { return split_line(line).value(); };
  EXPECT_THAT(words("  link  show\t2\n"), ElementsAre("link", "show", "2"));
  EXPECT_THAT(words("send 2 7 \"a b\" 'c\\d' e\\ f ''"),
              ElementsAre("send", "2", "7", "a b", "c\\d", "e f", ""));
  EXPECT_THAT(words(""), IsEmpty());
  EXPECT_FALSE(split_line("say \"so").ok());
}

TEST_F(TreeTest, CompletionFollowsTheTree) {
  EXPECT_THAT(candidates({"cl"}), ElementsAre("cluster"));
  EXPECT_THAT(candidates({"link", ""}), ElementsAre("show", "reset"));
  EXPECT_THAT(candidates({"link", "show", "--wa"}), ElementsAre("--watch"));
  EXPECT_THAT(candidates({"-o", "w"}), ElementsAre("wide"));
  EXPECT_THAT(candidates({"-j", "link", "sh"}), ElementsAre("show"));
  EXPECT_THAT(candidates({"top", "--sort=re"}), ElementsAre("received"));
  EXPECT_THAT(candidates({"top", "--sort", "=", "re"}), ElementsAre("received"));
  EXPECT_THAT(candidates({"nothing", "like", "this", ""}), IsEmpty());
  EXPECT_THAT(candidates({}), IsEmpty());
}

TEST_F(TreeTest, CompletionKnowsWhatLives) {
  EXPECT_THAT(candidates({"link", "show", ""}), ElementsAre("2", "31"));
  EXPECT_THAT(candidates({"link", "show", "3"}), ElementsAre("31"));
  EXPECT_THAT(candidates({"link", "show", "3", ""}), IsEmpty());
  EXPECT_THAT(candidates({"--node", "4", "link", "show", ""}), ElementsAre("42", "31"));
  EXPECT_THAT(candidates({"link", "show", "--node=4", ""}), ElementsAre("42", "31"));
  EXPECT_THAT(candidates({"port", "show", ""}), ElementsAre("0", "1"));
  EXPECT_TRUE(complete(tree, {"config", "check", "x"}, {}).wants_files);
}

TEST_F(TreeTest, EveryCommandPeopleTypeHasAPage) {
  std::set<std::string> names;
  for (const ManualPage& page : manual_pages(tree)) {
    EXPECT_TRUE(names.insert(page.file_name).second);
    EXPECT_TRUE(page.text.starts_with(".TH ")) << page.file_name;
    EXPECT_EQ(page.text.find("\n\n"), std::string::npos) << page.file_name;
  }
  EXPECT_THAT(names, Contains("ringroad.1"));
  EXPECT_THAT(names, Contains("ringroad-cluster-status.1"));
  EXPECT_THAT(names, Not(Contains("ringroad-man.1")));
}

}  // namespace
}  // namespace ringroad::cli
