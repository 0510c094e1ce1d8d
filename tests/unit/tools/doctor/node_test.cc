// What a running node says of itself, well once and then with its fault planted.
#include "planted_machine.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;
using Doctor = PlantedMachine;
constexpr Severity kOk = Severity::kOk;
constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kWrong = Severity::kWrong;

json problem(const char* subject, const char* text, const char* mend = "") {
  return {{"severity", "warning"},
          {"subject", subject},
          {"text", text},
          {"next", {"ringroad doctor --node 1", "ringroad app show --node 1"}},
          {"mend", mend}};
}

json status(const json& problems = json::array()) {
  return {{"node_id", 1},
          {"dataplane", {{"attached", true}, {"process_id", 101}}},
          {"links_up", 2},
          {"links_total", 2},
          {"problems", problems}};
}

json link(std::uint64_t peer, std::uint64_t frame_bytes, std::uint64_t peer_frame_bytes) {
  return {{"peer_id", peer},
          {"frame_bytes_max", frame_bytes},
          {"peer_frame_bytes_max", peer_frame_bytes}};
}

TEST_F(Doctor, BelievesANodeThatFindsNothingWrong) {
  expect("node", kOk, "no running node tells");
  examination_.status = status();
  expect("node", kOk, "node 1: its dataplane moves");
  expect("links", kOk, "2 of 2 up");
  expect("programs", kOk, "read");
  expect("config", kOk, "runs as configured");
}

TEST_F(Doctor, CallsWrongWhateverTheNodeCallsAProblem) {
  const char* restart = "tools/deploy_distributed.sh restart 1 dataplane";
  examination_.status =
      status({problem("node", "its dataplane has not moved for 7 s", restart),
              problem("link", "link to node 3 is down"), problem("port", "its port is down"),
              problem("program", "messages wait for sink"),
              problem("config", "/cpu changes only at a restart")});
  expect("node", kWrong, "has not moved for 7 s", restart);
  expect("links", kWrong, "link to node 3 is down", "ringroad app show --node 1");
  expect("port 0", kWrong, "its port is down", "ringroad");
  expect("programs", kWrong, "messages wait for sink", "ringroad app show --node 1");
  expect("config", kWrong, "/cpu changes only at a restart", "ringroad");
}

TEST_F(Doctor, TellsAHaltedDataplaneOnFromOneThatHangs) {
  examination_.status =
      status(json::array({problem("node", "its dataplane has not moved for 7 s", "restart")}));
  plant("/proc/101/stat", "101 (ringroad) (T) R 1 1");
  expect("node", kWrong, "has not moved", "restart");
  plant("/proc/101/stat", "101 (ringroad) (R) T 1 1");
  expect("node", kWrong, "the dataplane (process 101) is halted", "kill -CONT 101");
}

// Of a dataplane that is gone, that is stuck, and that is halted and not yet missed.
TEST_F(Doctor, CallsNothingWellOfWhichOnlyADataplaneThatMovesCouldTell) {
  const auto expect_unknown = [this](const json& status, const std::string& mend) {
    examination_.status = status;
    for (const char* subject : {"config", "links", "programs", "port 0", "MTU", "buffers"}) {
      expect(subject, kWarning, "not known", mend);
    }
  };
  json told = status();
  told["dataplane"] = {{"attached", false}, {"moves", false}, {"mend", "start it"}};
  expect_unknown(told, "start it");
  told["dataplane"] = {{"attached", true}, {"moves", false}, {"process_id", 101}};
  expect_unknown(told, "sudo systemctl restart ringroad-dataplane@1");
  told["dataplane"]["moves"] = true;
  plant("/proc/101/stat", "101 (ringroad) T 1 1");
  expect_unknown(told, "kill -CONT 101");
}

TEST_F(Doctor, DoesNotSayThatNoNodeRunsWhenItsControlProcessIsMissed) {
  examination_.is_control_missed = true;
  for (const char* subject : {"node", "config", "links", "programs", "buffers"}) {
    expect(subject, kOk, "not known: the node's control process does not answer");
  }
}

TEST_F(Doctor, FindsTheHaltedProgramThatDoesNotRead) {
  examination_.status = status(json::array({problem("program", "messages wait for sink")}));
  examination_.programs =
      json::object({{"applications",
                     {{{"name", "sink"}, {"process_id", 4711}, {"does_read", false}},
                      {{"name", "other"}, {"process_id", 4712}, {"does_read", true}}}}});
  plant("/proc/4712/stat", "4712 (other) T 1 1");
  expect("programs", kWrong, "messages wait for sink", "ringroad app show");
  plant("/proc/4711/stat", "4711 (sink) T 1 1");
  expect("programs", kWrong, "program sink (process 4711) is halted", "kill -CONT 4711");
}

TEST_F(Doctor, ComparesTheFrameSizesOfTheTwoEndsOfALink) {
  examination_.status = status();
  examination_.links = json::object({{"links", json::array({link(2, 1'472, 1'472)})}});
  expect("MTU", kOk, "MTU 1500");
  EXPECT_TRUE(says("MTU", "both ends are alike with node 2; what is between is not measured"));
  examination_.links = json::object({{"links", json::array({link(2, 1'472, 8'972)})}});
  expect("MTU", kWarning, "node 2 takes frames of 8972 bytes, this node of 1472",
         "set /ports/0/mtu to 9000 at node 1");
  examination_.links = json::object({{"links", json::array({link(2, 1'372, 1'372)})}});
  expect("MTU", kWarning, "node 2 takes frames of 1372 bytes, this node of 1472",
         "set /ports/0/mtu to 1500 at node 2");
  examination_.links =
      json::object({{"links", json::array({{{"peer_id", 2}, {"frame_bytes_max", nullptr}}, 7})}});
  EXPECT_TRUE(says("MTU", "no link is up whose ends could be compared"));
}

}  // namespace
}  // namespace ringroad::cli
