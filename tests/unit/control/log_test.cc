// Lines of the log, in both of its formats.
#include "control/log.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "spdlog/sinks/ostream_sink.h"

namespace ringroad::control {
namespace {

class LogTest : public testing::Test {
 protected:
  std::string line(const Log::Options& options) {
    std::ostringstream text;
    Log log(std::make_shared<spdlog::sinks::ostream_sink_st>(text), options);
    log.debug("too fine");
    log.warning("no \"link\"\n", {{"node", 2}, {"name", "node-2"}, {"why", "a b"}, {"no", ""}});
    return std::regex_replace(
        text.str(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d)"), "TIME");
  }
};

TEST_F(LogTest, IsOneLineOfLogfmt) {
  EXPECT_EQ(line({}),
            R"(time=TIME level=warning msg="no \"link\"\n" node=2 name=node-2 why="a b" no="")"
            "\n");
}

TEST_F(LogTest, IsOneObjectOfJson) {
  EXPECT_EQ(line({.format = LogFormat::kJson}),
            R"({"time":"TIME","level":"warning","msg":"no \"link\"\n","node":2,"name":"node-2",)"
            R"("why":"a b","no":""})"
            "\n");
}

TEST_F(LogTest, BeginsWithItsPriorityForJournald) {
  EXPECT_EQ(line({.journald_prefixes = true}).substr(0, 14), "<4>time=TIME l");
}

TEST_F(LogTest, ChangesLevelAndFormatWhileUsed) {
  std::ostringstream text;
  Log log(std::make_shared<spdlog::sinks::ostream_sink_st>(text), {.level = LogLevel::kError});
  log.info("quiet");
  EXPECT_EQ(text.str(), "");
  log.set_level(LogLevel::kDebug);
  log.set_format(LogFormat::kJson);
  log.debug("now");
  EXPECT_NE(text.str().find(R"("level":"debug","msg":"now")"), std::string::npos) << text.str();
}

}  // namespace
}  // namespace ringroad::control
