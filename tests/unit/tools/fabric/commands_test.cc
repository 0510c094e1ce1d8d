#include "tools/ringroad-fabric/commands.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "nlohmann/json.hpp"
#include "tests/unit/tools/fabric/memory_port.h"
#include "tools/ringroad-fabric/control_client.h"

namespace ringroad::fabric {
namespace {

using nlohmann::json;

class CommandsTest : public testing::Test {
 protected:
  json run(std::string_view line) {
    last_ = execute(line, wired_.fabric, wired_.now, seconds(0));
    return json::parse(last_);
  }
  // The error of a command that must be refused.
  std::string refusal(std::string_view line) {
    const json answer = run(line);
    EXPECT_FALSE(answer.at("ok")) << line;
    return answer.value("error", "");
  }
  const FaultSettings& settings(std::uint8_t from, std::uint8_t to) {
    return wired_.fabric.faults().settings(PortId{from}, PortId{to});
  }

  WiredFabric wired_{3};
  std::string last_;
};

TEST_F(CommandsTest, ShowsPortsFaultsAndMacs) {
  wired_.wire(1).incoming.push_back(frame(0xff, 1, "hello"));
  wired_.settle();
  const json ports = run("show ports");
  EXPECT_TRUE(ports.at("ok"));
  ASSERT_EQ(ports.at("ports").size(), 3u);
  EXPECT_EQ(ports.at("ports")[0].at("frames_received"), 1);
  EXPECT_EQ(ports.at("ports")[1].at("frames_sent"), 1);
  EXPECT_EQ(ports.at("ports")[1].at("peer"), "memory");
  EXPECT_EQ(ports.at("ports")[2].at("drops").at("loss"), 0);
  EXPECT_NE(format_answer(last_).find("memory"), std::string::npos);
  const json macs = run("show macs");
  ASSERT_EQ(macs.at("macs").size(), 1u);
  EXPECT_EQ(macs.at("macs")[0].at("port"), 1);
  EXPECT_NE(format_answer(last_).find("02:52:52:00:00:01"), std::string::npos);
  EXPECT_TRUE(run("show faults").at("faults").empty());
}

TEST_F(CommandsTest, SetsFaultsAndShowsThemWithTheirCounts) {
  EXPECT_TRUE(run("set 1->2 loss=100% delay=50us").at("ok"));
  EXPECT_EQ(settings(1, 2).loss_ppm, 1'000'000u);
  EXPECT_EQ(settings(1, 2).delay, microseconds(50));
  EXPECT_EQ(settings(2, 1), FaultSettings{});
  wired_.wire(1).incoming.push_back(frame(2, 1, "lost"));
  wired_.settle();
  const json faults = run("show faults");
  ASSERT_EQ(faults.at("faults").size(), 1u);
  EXPECT_EQ(faults.at("faults")[0].at("settings"), "loss=100% delay=50us");
  EXPECT_EQ(faults.at("faults")[0].at("frames_lost"), 1);
  EXPECT_NE(format_answer(last_).find("1->2  loss=100% delay=50us  (lost 1)"), std::string::npos);
  EXPECT_TRUE(run("set all none").at("ok"));
  EXPECT_EQ(settings(1, 2), FaultSettings{});
}

TEST_F(CommandsTest, PartitionsAndHeals) {
  EXPECT_TRUE(run("set 1->2 loss=1%").at("ok"));
  EXPECT_TRUE(run("partition 1->2").at("ok"));
  EXPECT_TRUE(run("partition 2<->3").at("ok"));
  EXPECT_TRUE(settings(1, 2).partitioned);
  EXPECT_FALSE(settings(2, 1).partitioned);
  EXPECT_TRUE(settings(2, 3).partitioned && settings(3, 2).partitioned);
  EXPECT_TRUE(run("heal 3->2").at("ok"));
  EXPECT_FALSE(settings(3, 2).partitioned);
  EXPECT_TRUE(run("heal").at("ok"));
  EXPECT_FALSE(settings(1, 2).partitioned || settings(2, 3).partitioned);
  EXPECT_EQ(settings(1, 2).loss_ppm, 10'000u) << "healing leaves other faults alone";
}

TEST_F(CommandsTest, SeedsAndHelps) {
  EXPECT_EQ(run("seed 42").at("seed"), 42);
  EXPECT_EQ(wired_.fabric.faults().seed(), 42u);
  EXPECT_TRUE(run("help").at("faults").contains("jitter"));
}

TEST_F(CommandsTest, CaptureStartsAndStops) {
  const std::string path = testing::TempDir() + "fabric-commands.pcap";
  const json started = run("capture " + path + " port 2 packets 5");
  EXPECT_TRUE(started.at("ok"));
  EXPECT_EQ(started.at("capture").at("state"), "running");
  EXPECT_EQ(started.at("capture").at("port"), 2);
  EXPECT_EQ(run("show capture").at("capture").at("file"), path);
  EXPECT_EQ(run("capture stop").at("capture").at("state"), "stopped");
  EXPECT_TRUE(run("capture " + path).at("ok"));
  EXPECT_EQ(run("capture off").at("capture").at("state"), "stopped") << "no file of that name";
  EXPECT_FALSE(std::filesystem::exists("off"));
  std::remove(path.c_str());
}

TEST_F(CommandsTest, RefusalsNameTheWordTheValueAndWhatWasExpected) {
  EXPECT_NE(refusal("shwo ports").find("did you mean \"show\"?"), std::string::npos);
  EXPECT_NE(refusal("show prots").find("did you mean \"ports\"?"), std::string::npos);
  EXPECT_NE(refusal("set 1->2 los=1%").find("did you mean \"loss\"?"), std::string::npos);
  EXPECT_NE(refusal("set 1->2 loss=one").find("\"one\" is not a share"), std::string::npos);
  EXPECT_NE(refusal("set 1->9 loss=1%").find("\"9\" is not a port (1 to 3"), std::string::npos);
  EXPECT_NE(refusal("capture /dev/null prot 1").find("did you mean \"port\"?"), std::string::npos);
  EXPECT_NE(refusal("capture /dev/null port 9").find("\"9\" is not a port"), std::string::npos);
  EXPECT_NE(refusal("capture /dev/null packets").find("\"\" is not a number"), std::string::npos);
  EXPECT_NE(refusal("capture /nonexistent/a.pcap").find("/nonexistent/a.pcap"), std::string::npos);
  EXPECT_NE(refusal("seed x").find("whole number"), std::string::npos);
  for (const char* line : {"", "  ", "show", "set", "set all", "partition", "heal 1 2", "capture",
                           "seed", "\xff\xfe\x80", "set \xff loss=1%", "show ports extra"}) {
    EXPECT_NE(refusal(line), "") << line;
  }
  for (std::uint8_t from = 1; from <= 3; ++from) {
    for (std::uint8_t to = 1; to <= 3; ++to) {
      EXPECT_TRUE(from == to || settings(from, to) == FaultSettings{});
    }
  }
}

TEST_F(CommandsTest, AnyBytesAreAnsweredWithJson) {
  Prng random(3);
  for (int i = 0; i < 20'000; ++i) {
    constexpr std::string_view kPieces[] = {"set ",  "1->2 ",      "all ", "loss=", "9", "%",
                                            "seed ", "show ",      "*",    "<->",   ":", "=",
                                            "heal ", "partition ", "us",   "\xff",  ".", "queue="};
    std::string line;
    for (std::uint64_t n = random.below(8); n > 0; --n) {
      line += kPieces[random.below(std::size(kPieces))];
    }
    const json answer = json::parse(execute(line, wired_.fabric, wired_.now, {}), nullptr, false);
    ASSERT_TRUE(answer.is_object() && answer.contains("ok")) << line;
  }
}

}  // namespace
}  // namespace ringroad::fabric
