// The whole control process against a dataplane made of the real channel: what each method answers,
// held against the interface's description, and what happens when the dataplane dies and returns.
// One file, since all of it needs the same process and the same planted dataplane.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/escaping.h"
#include "asio/post.hpp"
#include "becomes_true.h"
#include "control/control_process.h"
#include "fake_dataplane.h"
#include "rpc_client.h"
#include "spdlog/sinks/null_sink.h"
#include "tests/temporary_directory.h"
#include "tools/ringroad/filter_text.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;
using host::ControlCommandKind;
using host::ControlResult;
using test::becomes_true;
using test::FakeDataplane;
using test::TestClient;

constexpr NodeId kOne{1}, kTwo{2}, kThree{3};

class ProcessTest : public testing::Test {
 protected:
  explicit ProcessTest(const std::string& group = "") {
    std::ofstream(path_) << Json{
        {"local_node", {{"node_id", 1}, {"bind_address", "10.0.1.1"}}},
        {"cluster_nodes",
         {{{"node_id", 2}, {"endpoints", {{{"address", "10.0.1.2"}}}}},
          {{"node_id", 3}, {"endpoints", {{{"address", "10.0.1.3"}}}}}}},
        {"security", {{"tls", {{"enabled", false}}}}},
        {"ports", {{{"kind", "memif"}, {"socket", "@fabric"}}}},
        {"host", {{"socket", directory_ / "node-1.sock"}}},
        {"control", {{"socket", directory_ / "control.sock"}, {"group", group}}},
        {"metrics", {{"listen", ""}}}};
    const auto config = read_config(path_);
    RR_CHECK(config.ok());
    process_ = std::make_unique<ControlProcess>(
        loop_, ControlProcess::Options{.config_file = path_, .config = *config, .version = "0.0.1"},
        log_);
    RR_CHECK(process_->start().ok());
    thread_ = std::thread([this] { loop_.run(); });
    client_ = std::make_unique<TestClient>(directory_ / "control.sock");
  }
  ~ProcessTest() override {
    asio::post(loop_, [this] { process_->stop(); });
    thread_.join();
  }

  // A dataplane whose links to nodes 2 and 3 are up, and a program attached to it.
  void start_dataplane() {
    prepare_report();
    launch_dataplane();
    ASSERT_TRUE(becomes_true([this] { return links_up() == 2; }));
  }

  void prepare_report() {
    report_.time = monotonic_now();
    report_.started = report_.time - seconds(60);
    report_.port_up = true;
    report_.port_since = report_.started;
    report_.buffers = 4'096;
    report_.buffers_free = 4'000;
    report_.link_count = 2;
    report_.links[0].peer = kTwo;
    report_.links[1].peer = kThree;
    for (int i = 0; i < 2; ++i) {
      auto& link = report_.links[static_cast<std::size_t>(i)];
      link.address = Ipv4Address{0x0a000102u + static_cast<std::uint32_t>(i)};
      link.port = kUdpPortDefault;
      link.state = LinkState::kUp;
      link.since = report_.started;
      link.statistics.smoothed_rtt = microseconds(40);
      link.statistics.round_trip.record(40'000, 100);
      link.statistics.outcomes[1] = 5;
    }
    report_.dead_after = seconds(1);
    report_.idle = IdlePolicy::kAdaptive;
    report_.stack.drops[static_cast<std::size_t>(DropReason::kUdpChecksum)] = 3;
  }

  void launch_dataplane(const std::string& started_config = "",
                        FakeDataplane::Handler handler = {}) {
    dataplane_ = std::make_unique<FakeDataplane>(directory_ / "node-1.sock", kOne, started_config);
    dataplane_->on_command(std::move(handler));
    dataplane_->set_report(report_);
    dataplane_->keep_time(true);
    auto applications = std::make_unique<host::ApplicationsReport>();
    applications->count = 1;
    applications->rows[0].application_id = 7;
    applications->rows[0].attached = static_cast<std::uint64_t>(report_.started.count);
    std::memcpy(applications->rows[0].name, "gen\xff", 4);  // a program may call itself anything
    dataplane_->set_applications(*applications);
  }

  // As another node's control process tells it.
  void post_summary(const Summary& summary) {
    const auto bytes = encode(summary);
    host::ControlEvent event{};
    event.kind = host::ControlEventKind::kMessage;
    event.node = summary.node.value;
    event.type = host::kSystemControl;
    event.length = kSummaryBytes;
    std::memcpy(event.payload, bytes.data(), bytes.size());
    dataplane_->post(event);
  }

  Json call(const std::string& method, const Json& params = Json::object()) {
    const Json answer = client_->call(method, params);
    if (answer.is_object() && answer.contains("result")) {
      EXPECT_EQ(interface_.check_result(method, answer["result"]), "") << method << answer;
      return answer["result"];
    }
    return answer;
  }
  std::string kind_of(const Json& answer) {
    return answer.contains("error") ? answer["error"]["data"]["kind"].get<std::string>()
                                    : answer.dump();
  }
  // What the dataplane was told to change, in words.
  std::vector<std::string> told() {
    std::vector<std::string> words;
    for (const auto& command : dataplane_->commands()) {
      const std::string node = std::to_string(command.node);
      if (command.kind == ControlCommandKind::kAddPeer) words.push_back("add " + node);
      if (command.kind == ControlCommandKind::kRemovePeer) words.push_back("remove " + node);
      if (command.kind == ControlCommandKind::kSetIdle) words.push_back("idle");
      if (command.kind == ControlCommandKind::kSetDeadAfter) words.push_back("dead after");
    }
    return words;
  }
  // The last command but for what control tells its peers once a second, whenever that is.
  host::ControlCommand last_order() {
    const auto commands = dataplane_->commands();
    const auto last = std::find_if(commands.rbegin(), commands.rend(), [](const auto& command) {
      return command.kind != ControlCommandKind::kSend;
    });
    return last == commands.rend() ? host::ControlCommand{} : *last;
  }
  // That whoever asks for a part of the node is told, as cluster.status is, why it is not known.
  void expect_told_in_each_view(const std::string& text) {
    const auto texts = [](const Json& problems) {
      std::vector<std::string> found;
      for (const Json& problem : problems) {
        // Without the figure of its age, which grows between two answers.
        found.push_back(problem["text"].get<std::string>().substr(0, 36) +
                        problem["mend"].get<std::string>());
      }
      return found;
    };
    const Json whole = call("cluster.status")["problems"];
    ASSERT_EQ(whole.size(), 1u) << whole;
    EXPECT_NE(whole[0]["text"].get<std::string>().find(text), std::string::npos) << whole;
    EXPECT_EQ(texts(call("link.list")["problems"]), texts(whole));
    EXPECT_EQ(texts(call("app.list")["problems"]), texts(whole));
    EXPECT_EQ(texts(call("port.list")["ports"][0]["problems"]), texts(whole));
  }
  // The first of what node.status names as different from the configuration.
  std::string gap() {
    const Json gaps = call("node.status")["config_gaps"];
    return gaps.empty() ? "" : gaps[0].get<std::string>();
  }
  int links_up() { return call("node.status")["links_up"].get<int>(); }
  bool is_attached() { return call("node.status")["dataplane"]["attached"].get<bool>(); }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "node1.json";
  asio::io_context loop_{1};
  Log log_{std::make_shared<spdlog::sinks::null_sink_st>(), {}};
  RpcInterface interface_;
  NodeReport report_;
  std::unique_ptr<FakeDataplane> dataplane_;
  std::unique_ptr<ControlProcess> process_;
  std::thread thread_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(ProcessTest, AnswersWithoutADataplane) {
  const Json status = call("node.status");
  EXPECT_EQ(status["state"], "down");
  EXPECT_EQ(status["dataplane"]["attached"], false);
  EXPECT_NE(status["dataplane"]["reason"].get<std::string>().find("is ringroad-dataplane running"),
            std::string::npos);
  EXPECT_EQ(call("link.list")["links"], Json::array());
  EXPECT_EQ(call("cluster.status")["problems"].size(), 1u);
  EXPECT_EQ(kind_of(call("ping", {{"peer_id", 2}})), "unreachable");
  EXPECT_EQ(kind_of(call("capture.start")), "unreachable");
}

TEST_F(ProcessTest, AnswersEveryMethodThatOnlyTells) {
  start_dataplane();
  for (const char* method : {"node.status", "cluster.status", "cluster.members", "port.list",
                             "link.list", "app.list", "config.get", "rpc.discover"}) {
    EXPECT_FALSE(call(method).contains("error")) << method;
  }
  const Json status = call("node.status");
  EXPECT_EQ(status["dataplane"]["process_id"], 4'242);
  EXPECT_GE(status["dataplane"]["uptime_seconds"].get<double>(), 60.0);
  EXPECT_EQ(status["buffers_free"], 4'000);
  EXPECT_EQ(status["drops"]["udp checksum"], 3);
  EXPECT_EQ(call("cluster.members")["members"].size(), 3u);
  const Json links = call("link.list", {{"peer_id", 3}})["links"];
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["address"], "10.0.1.3");
  EXPECT_EQ(links[0]["round_trip_seconds"], 40e-6);
  EXPECT_EQ(links[0]["outcomes"]["delivered"], 5);
  EXPECT_EQ(kind_of(call("link.list", {{"peer_id", 9}})), "not_found");
  const Json applications = call("app.list")["applications"];
  ASSERT_EQ(applications.size(), 1u);
  EXPECT_EQ(applications[0]["name"], "gen\xef\xbf\xbd") << "no longer than it is, and valid UTF-8";
  MetricsSnapshot snapshot;
  process_->snapshot(snapshot);
  EXPECT_TRUE(snapshot.ready) << snapshot.unready;
  EXPECT_EQ(snapshot.report.buffers, 4'096u);
  EXPECT_EQ(snapshot.attachments, 1u);
}

TEST_F(ProcessTest, CountsByTheSecond) {
  start_dataplane();
  dataplane_->keep_time(false);
  // Each look finds a report of a second later, with a thousand messages more.
  ASSERT_TRUE(becomes_true([this] {
    report_.time = report_.time + milliseconds(10);
    report_.links[0].statistics.messages_sent += 10;
    report_.loop.busy_ns += 2'500'000;
    dataplane_->set_report(report_);
    const Json link = call("link.list")["links"][0];
    const double rate = link["messages_sent_per_second"];
    return rate > 999 && rate < 1'001;
  }));
  EXPECT_NEAR(call("node.status")["loops"][0]["busy_share"].get<double>(), 0.25, 0.01);
}

TEST_F(ProcessTest, PingsThroughTheLink) {
  start_dataplane();
  dataplane_->on_command([](const host::ControlCommand& command) -> FakeDataplane::Reply {
    if (command.kind != ControlCommandKind::kPing) return {};
    if (command.node == 3) return {.result = ControlResult::kNotConnected};
    return {.answered = command.length != 1'000, .value = 48'000};
  });
  const Json pong = call("ping", {{"peer_id", 2}, {"bytes", 100}});
  EXPECT_EQ(pong["round_trip_seconds"], 48e-6);
  EXPECT_EQ(pong["bytes"], 100);
  EXPECT_EQ(kind_of(call("ping", {{"peer_id", 3}})), "unreachable");
  EXPECT_EQ(kind_of(call("ping", {{"peer_id", 1}})), "not_found");
  EXPECT_EQ(kind_of(call("ping", {{"peer_id", 9}})), "not_found");
  EXPECT_EQ(kind_of(call("ping", {{"peer_id", 2}, {"bytes", 1'000}, {"timeout_seconds", 0.05}})),
            "timed_out");
  EXPECT_EQ(call("link.reset", {{"peer_id", 2}})["peer_id"], 2);
  EXPECT_EQ(last_order().kind, ControlCommandKind::kResetLink);
}

TEST_F(ProcessTest, OutlivesItsDataplaneAndAttachesToTheNext) {
  start_dataplane();
  std::atomic<bool> has_ping{false};
  dataplane_->on_command([&](const host::ControlCommand& command) -> FakeDataplane::Reply {
    if (command.kind != ControlCommandKind::kPing) return {};
    has_ping = true;
    return {.answered = false};
  });
  TestClient asker(directory_ / "control.sock");
  asker.send(Json{{"jsonrpc", "2.0"},
                  {"id", 1},
                  {"method", "ping"},
                  {"params", {{"peer_id", 2}, {"timeout_seconds", 60}}}}
                 .dump() +
             "\n");
  ASSERT_TRUE(becomes_true([&] { return has_ping.load(); }));
  dataplane_.reset();
  const Json answer = Json::parse(asker.line().value_or("{}"));
  EXPECT_EQ(kind_of(answer), "unreachable") << answer;
  EXPECT_TRUE(becomes_true([this] { return !is_attached(); }));
  EXPECT_EQ(links_up(), 0);
  start_dataplane();
  EXPECT_TRUE(is_attached());
  MetricsSnapshot snapshot;
  process_->snapshot(snapshot);
  EXPECT_EQ(snapshot.attachments, 2u);
}

TEST_F(ProcessTest, CallsANodeDownWhoseDataplaneStandsStillUntilItGoesOn) {
  start_dataplane();
  const auto state = [this] { return call("node.status")["state"].get<std::string>(); };
  dataplane_->keep_time(false);
  report_.time = monotonic_now() - seconds(30);
  dataplane_->set_report(report_);
  ASSERT_TRUE(becomes_true([&] { return state() == "down"; })) << state();
  const Json status = call("cluster.status");
  EXPECT_EQ(status["nodes"][0]["state"], "down");
  EXPECT_EQ(status["nodes"][1]["state"], "unknown") << "who stands still sees nobody";
  ASSERT_EQ(status["problems"].size(), 1u) << status["problems"];
  EXPECT_NE(status["problems"][0]["text"].get<std::string>().find("has not moved for 30 s"),
            std::string::npos)
      << status["problems"];
  for (const auto& [method, params] : {std::pair<const char*, Json>{"ping", {{"peer_id", 2}}},
                                       {"link.reset", {{"peer_id", 2}}},
                                       {"capture.start", Json::object()}}) {
    const Json answer = call(method, params);
    EXPECT_EQ(kind_of(answer), "unreachable") << method;
    EXPECT_NE(answer.dump().find("has not moved"), std::string::npos) << method << answer;
  }
  Json document = Json::parse(std::ifstream(path_));
  document["limits"]["dead_after_ms"] = 2'000;
  const std::string refusal = call("config.apply", {{"document", document}}).dump();
  for (const char* part : {"unreachable", "nothing was changed: the dataplane has not moved",
                           "mend: sudo systemctl restart ringroad-dataplane@1"}) {
    EXPECT_NE(refusal.find(part), std::string::npos) << part << refusal;
  }
  EXPECT_EQ(told(), std::vector<std::string>{});
  expect_told_in_each_view("its dataplane has not moved for 30 s");
  EXPECT_TRUE(call("app.list")["applications"][0]["does_read"].is_null()) << "it is not known";

  dataplane_->keep_time(true);
  EXPECT_TRUE(becomes_true([&] { return state() != "down"; }));
  EXPECT_TRUE(call("capture.start").contains("link_type"));
}

TEST_F(ProcessTest, TellsNoFiguresOfADataplaneThatIsGone) {
  start_dataplane();
  EXPECT_GE(call("port.list")["ports"][0]["since_seconds"].get<double>(), 59.0);
  dataplane_.reset();
  ASSERT_TRUE(becomes_true([this] { return !is_attached(); }));
  const Json status = call("node.status");
  for (const char* key : {"buffers_free", "applications", "messages_delivered_total", "drops"}) {
    EXPECT_TRUE(status[key].is_null()) << key << status[key];
  }
  EXPECT_EQ(status["loops"], Json::array());
  EXPECT_EQ(status["dataplane"]["mend"], "sudo systemctl restart ringroad-dataplane@1");
  const Json port = call("port.list")["ports"][0];
  EXPECT_EQ(port["up"], false);
  EXPECT_LT(port["since_seconds"].get<double>(), 59.0) << "since it is down, not since it was up";
  EXPECT_TRUE(port["packets_sent_total"].is_null());
  EXPECT_TRUE(call("cluster.status")["nodes"][0]["messages_sent_per_second"].is_null());
  expect_told_in_each_view("no dataplane is attached");
}

TEST_F(ProcessTest, SaysOfALinkThatIsDownWhyAndNotHowFastItWas) {
  prepare_report();
  report_.links[1].state = LinkState::kConnecting;
  report_.links[1].since = report_.time - seconds(38);
  launch_dataplane();
  ASSERT_TRUE(becomes_true([this] { return links_up() == 1; }));
  const Json link = call("link.list", {{"peer_id", 3}})["links"][0];
  EXPECT_TRUE(link["round_trip_seconds"].is_null());
  EXPECT_TRUE(link["round_trip_p99_seconds"].is_null());
  ASSERT_EQ(link["problems"].size(), 1u) << link["problems"];
  EXPECT_EQ(
      link["problems"][0]["text"].get<std::string>().find("node 3: not heard by node 1 for 3"), 0u)
      << link["problems"];
  EXPECT_EQ(call("link.list", {{"peer_id", 2}})["links"][0]["problems"], Json::array());
}

TEST_F(ProcessTest, NamesTheProgramThatDoesNotReadAndMessagesThatFindNone) {
  start_dataplane();
  host::ApplicationsReport applications{};
  applications.count = 2;
  for (std::uint32_t i = 0; i < 2; ++i) {
    applications.rows[i].application_id = 7 + i;
    applications.rows[i].process_id = 4'711 + i;
    std::memcpy(applications.rows[i].name, "gen\xff", 4);
  }
  ASSERT_TRUE(becomes_true([&] {
    // Both have too much to do at times; one of them goes on reading.
    ++applications.rows[0].counts.receive_busy;
    ++applications.rows[1].counts.receive_busy;
    ++applications.rows[0].counts.messages_received;
    dataplane_->set_applications(applications);
    report_.node.messages_no_receiver += 100;
    dataplane_->set_report(report_);
    const Json problems = call("app.list")["problems"];
    return problems.size() == 2;
  })) << call("app.list");
  const Json answer = call("app.list");
  EXPECT_EQ(answer["applications"][0]["does_read"], true);
  EXPECT_EQ(answer["applications"][1]["does_read"], false);
  EXPECT_EQ(answer["problems"][0]["text"],
            "node 1: messages wait for gen\xef\xbf\xbd (process 4712), which does not read: "
            "continue or restart it");
  EXPECT_NE(answer["problems"][1]["text"].get<std::string>().find("no program is bound"),
            std::string::npos);
}

// A slow link: no credit at every look, and node 2 tells that no program of its is behind.
TEST_F(ProcessTest, BlamesASlowLinkOnceThePeerHadTimeToTellOfAProgram) {
  prepare_report();
  report_.links[0].unresolved[3] = 512;
  report_.links[0].backpressure[3] = Backpressure::kMessageCredit;
  launch_dataplane();
  Summary summary;
  summary.node = kTwo;
  summary.links_configured = 2;
  summary.links_up = node_bit(kOne) | node_bit(kThree);
  std::set<std::string> said;
  int looks = 0;
  EXPECT_TRUE(becomes_true([&] {
    if (looks++ % 100 == 0) post_summary(summary);
    const Json problems = call("link.list", {{"peer_id", 2}})["links"][0]["problems"];
    if (!problems.empty()) said.insert(problems[0]["text"].get<std::string>());
    return said.size() == 2;
  }));
  const std::string front =
      "node 1: 512 messages at priority 3 wait for node 2: the link does not carry them fast "
      "enough, ";
  EXPECT_EQ(said, (std::set<std::string>{front + "and no program there is behind with reading",
                                         front + "or a program there does not read"}));
}

TEST_F(ProcessTest, TakesNoDataplaneOfAnotherNode) {
  dataplane_ = std::make_unique<FakeDataplane>(directory_ / "node-1.sock", NodeId{2});
  EXPECT_TRUE(becomes_true([this] {
    const std::string reason = call("node.status")["dataplane"]["reason"];
    return reason.find("belongs to node 2, not to node 1") != std::string::npos;
  }));
  EXPECT_FALSE(is_attached());
}

TEST_F(ProcessTest, TellsOthersHowItIsAndHearsThem) {
  start_dataplane();
  const auto told_to = [this](std::uint16_t node) {
    for (const auto& command : dataplane_->commands()) {
      if (command.kind == ControlCommandKind::kSend && command.node == node &&
          command.type == host::kSystemControl &&
          decode_summary(kOne, {command.payload, command.length})) {
        return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(becomes_true([&] { return told_to(2) && told_to(3); }));

  Summary summary;
  summary.node = kTwo;
  summary.links_configured = 2;
  summary.links_up = node_bit(kOne);
  summary.messages_sent_per_second = 412'000;
  post_summary(summary);
  ASSERT_TRUE(becomes_true(
      [this] { return call("cluster.status")["nodes"][1]["told_seconds"].is_number(); }));
  const Json status = call("cluster.status");
  EXPECT_EQ(status["nodes"][1]["state"], "degraded") << "it does not see node 3";
  EXPECT_EQ(status["nodes"][1]["messages_sent_per_second"], 412'000.0);
  EXPECT_EQ(status["nodes"][1]["sees"], Json::array({1}));
  EXPECT_TRUE(status["nodes"][2]["sees"].is_null()) << "node 3 has told nothing";
  EXPECT_EQ(status["problems"][0]["text"], "node 2: link to node 3 is down; node 1 sees node 3");
}

TEST_F(ProcessTest, CountsEventsThatNoDataplaneOfItsBuildPosts) {
  start_dataplane();
  host::ControlEvent event{};
  event.kind = host::ControlEventKind::kMessage;
  event.node = 2;
  event.type = host::kSystemControl;
  event.length = host::kControlPayloadMax + 1;
  dataplane_->post(event);
  event.length = 0;
  event.node = 65;
  dataplane_->post(event);
  event.kind = static_cast<host::ControlEventKind>(99);
  dataplane_->post(event);
  EXPECT_TRUE(becomes_true([this] {
    MetricsSnapshot snapshot;
    process_->snapshot(snapshot);
    return snapshot.malformed_events == 3;
  }));
  EXPECT_TRUE(is_attached());
}

// A dataplane that runs on while the file was edited and control was down: node 2 has moved, node 3
// is new, node 4 is gone, and both settings differ.
TEST_F(ProcessTest, BringsADataplaneThatDiffersToTheConfiguration) {
  prepare_report();
  report_.links[0].address = Ipv4Address{0x0a000163u};
  report_.links[1].peer = NodeId{4};
  report_.dead_after = milliseconds(50);
  report_.idle = IdlePolicy::kPoll;
  launch_dataplane();
  const std::vector<std::string> steps = {"remove 2", "remove 4",   "add 2",
                                          "add 3",    "dead after", "idle"};
  EXPECT_TRUE(becomes_true([&] { return told() == steps; })) << testing::PrintToString(told());
  ASSERT_TRUE(becomes_true([this] { return call("link.list")["links"].size() == 2; }));
  const Json links = call("link.list")["links"];
  EXPECT_EQ(links[0]["address"], "10.0.1.2");
  EXPECT_EQ(links[1]["address"], "10.0.1.3");
  EXPECT_EQ(gap(), "");
  // Two looks later, since links that are up are told to once a look, nothing more was changed.
  prepare_report();
  dataplane_->set_report(report_);
  EXPECT_TRUE(becomes_true([this] {
    return std::ranges::count(dataplane_->commands(), ControlCommandKind::kSend,
                              &host::ControlCommand::kind) >= 4;
  }));
  EXPECT_EQ(told(), steps);
}

TEST_F(ProcessTest, NamesWhatTheDataplaneWouldNotChange) {
  prepare_report();
  report_.link_count = 1;
  launch_dataplane("", [](const host::ControlCommand& command) -> FakeDataplane::Reply {
    return {.result = command.kind == ControlCommandKind::kAddPeer ? ControlResult::kNoRoom
                                                                   : ControlResult::kDone};
  });
  EXPECT_TRUE(becomes_true([this] {
    return gap().starts_with(
        "its dataplane differs from the configuration: adding node 3: memory for another peer");
  })) << gap();
  const Json problems = call("cluster.status")["problems"];
  EXPECT_TRUE(std::ranges::any_of(problems, [](const Json& problem) {
    return problem["text"].get<std::string>().find("adding node 3") != std::string::npos;
  })) << problems;
}

TEST_F(ProcessTest, NamesWhatTakesARestartOfTheDataplane) {
  const auto config = read_config(path_);
  NodeConfig started = *config;
  started.limits.queue_messages = 4'096;
  started.cluster_name = "renamed";  // control's to tell, and so no difference
  started.host.group = "staff";
  prepare_report();
  launch_dataplane(print_config(started));
  EXPECT_TRUE(becomes_true([this] {
    return gap() ==
           "/host/group, /limits/queue_messages change only at a restart of ringroad-dataplane";
  })) << gap();
  dataplane_.reset();
  launch_dataplane(print_config(*config));
  EXPECT_TRUE(becomes_true([this] { return is_attached() && gap().empty(); })) << gap();
}

TEST_F(ProcessTest, ReadsTheFileAgainWhenADataplaneAttaches) {
  Json document = Json::parse(std::ifstream(path_));
  document["cluster_nodes"].push_back({{"node_id", 4}, {"endpoints", {{{"address", "10.0.1.4"}}}}});
  std::ofstream(path_) << document;
  start_dataplane();
  EXPECT_TRUE(becomes_true([this] { return told() == std::vector<std::string>{"add 4"}; }));
  EXPECT_EQ(call("cluster.members")["members"].size(), 4u);
  EXPECT_EQ(call("config.get")["version"], 2);
  dataplane_.reset();
  std::ofstream(path_) << "{";
  ASSERT_TRUE(becomes_true([this] { return !is_attached(); }));
  start_dataplane();
  EXPECT_NE(gap().find("its configuration file is wrong"), std::string::npos) << gap();
  EXPECT_EQ(call("cluster.members")["members"].size(), 4u) << "what was read before is in force";
}

TEST_F(ProcessTest, AppliesAConfigurationAtTheDataplane) {
  start_dataplane();
  Json document = Json::parse(std::ifstream(path_));
  document["cluster_nodes"].push_back({{"node_id", 4}, {"endpoints", {{{"address", "10.0.1.4"}}}}});
  document["control"]["log"]["level"] = "error";
  EXPECT_EQ(call("config.diff", {{"document", document}})["changes"].size(), 2u);
  EXPECT_EQ(call("config.apply", {{"document", document}})["version"], 2);
  const host::ControlCommand added = last_order();
  EXPECT_EQ(added.kind, ControlCommandKind::kAddPeer);
  EXPECT_EQ(added.node, 4);
  host::PeerParameters parameters;
  std::memcpy(&parameters, added.payload, sizeof parameters);
  EXPECT_EQ(parameters.address, 0x0a000104u);
  EXPECT_EQ(parameters.port, 8'801);
  EXPECT_EQ(call("cluster.members")["members"].size(), 4u);
  EXPECT_EQ(call("config.get")["version"], 2);

  dataplane_->on_command([](const host::ControlCommand& command) -> FakeDataplane::Reply {
    return {.result = command.kind == ControlCommandKind::kRemovePeer ? ControlResult::kBusy
                                                                      : ControlResult::kDone};
  });
  EXPECT_EQ(kind_of(call("config.rollback")), "failed");
  EXPECT_EQ(call("cluster.members")["members"].size(), 4u);
  EXPECT_EQ(kind_of(call("config.apply", {{"document", document}, {"expected_version", 1}})),
            "conflict");
  EXPECT_EQ(call("config.check", {{"document", Json::object()}})["ok"], false);
}

class GroupProcessTest : public ProcessTest {
 protected:
  GroupProcessTest() : ProcessTest("nogroup") {}
};

TEST_F(GroupProcessTest, DeniesMembersOfTheGroupWhatIsTheOwners) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user is needed, and only root can become one";
  start_dataplane();
  ASSERT_EQ(::chmod((directory_ / ".").c_str(), 0755), 0);
  Json document = Json::parse(std::ifstream(path_));
  document["eal_extra"] = {"-d", "evil.so"};
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(3);
    TestClient client(directory_ / "control.sock");
    const Json answer = client.call("config.apply", {{"document", document}});
    ::_exit(answer.dump().find("\"denied\"") != std::string::npos ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(call("config.apply", {{"document", document}})["version"], 2) << "root may";
}

// Ethernet, IPv4, UDP to the port.
std::vector<std::byte> packet_to(std::uint16_t port) {
  std::vector<std::byte> bytes(60);
  bytes[12] = std::byte{0x08};
  bytes[14] = std::byte{0x45};
  bytes[17] = std::byte{46};
  bytes[23] = std::byte{17};
  bytes[36] = static_cast<std::byte>(port >> 8);
  bytes[37] = static_cast<std::byte>(port & 0xff);
  return bytes;
}

TEST_F(ProcessTest, CapturesWhatTheFilterLetsThrough) {
  start_dataplane();
  EXPECT_EQ(kind_of(call("capture.stop")), "not_found");
  EXPECT_EQ(kind_of(call("capture.start", {{"port", 1}})), "not_found");
  const Json params = {
      {"program", *cli::compile_filter("udp port 8801")}, {"packets_max", 2}, {"snap_bytes", 60}};
  EXPECT_EQ(call("capture.start", params)["link_type"], 1);
  TestClient other(directory_ / "control.sock");
  EXPECT_EQ(kind_of(other.call("capture.start")), "conflict");
  for (const int port : {8'801, 99, 8'801, 8'801}) {
    auto bytes = packet_to(static_cast<std::uint16_t>(port));
    const host::CapturedPacket packet{.time = monotonic_now(),
                                      .length = 60,
                                      .captured_length = 60,
                                      .direction = host::kCaptureOut};
    dataplane_->capture(packet, std::move(bytes));
  }
  for (int i = 0; i < 2; ++i) {
    const Json told = Json::parse(client_->line().value_or("{}"));
    ASSERT_EQ(told["method"], "capture.packet") << told;
    EXPECT_EQ(interface_.check_notification("capture.packet", told["params"]), "");
    EXPECT_EQ(told["params"]["direction"], "out");
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(told["params"]["bytes"].get<std::string>(), &bytes));
    EXPECT_EQ(bytes.size(), 60u);
    EXPECT_GT(told["params"]["time_nanoseconds"].get<std::int64_t>(), 1'600'000'000'000'000'000);
  }
  const Json end = Json::parse(client_->line().value_or("{}"));
  EXPECT_EQ(end["method"], "capture.end");
  EXPECT_EQ(interface_.check_notification("capture.end", end["params"]), "");
  EXPECT_EQ(end["params"]["reason"], "packets");
  EXPECT_EQ(end["params"]["packets"], 2);
  EXPECT_EQ(end["params"]["filtered"], 1);
}

// Instructions and no text: nothing is compiled or looked up here, and no program can run for ever.
TEST_F(ProcessTest, TakesNoFilterThatCouldHoldItUp) {
  start_dataplane();
  constexpr unsigned kLoad = 0x28, kJump = 0x05, kReturn = 0x06, kStore = 0x02;
  const Json end = {kReturn, 0, 0, 1}, load = {kLoad, 0, 0, 12};
  const struct {
    const char* what;
    Json program;
  } kWrong[] = {
      {"a text with a host's name", "host www.example.org"},
      {"no end", {load}},
      {"a jump to itself", {{kJump, 0, 0, 0xffffffff}, end}},
      {"a jump back", {load, {kJump, 0, 0, 0xfffffffe}, end}},
      {"a jump out of it", {{kJump, 0, 0, 1}, end}},
      {"a write outside its memory", {{kStore, 0, 0, 99}, end}},
      {"a code too large", {{0x10000, 0, 0, 0}, end}},
      {"no instruction", {{kLoad, 0, 0}, end}},
      {"too many", std::vector<Json>(PacketFilter::kInstructionsMax + 1, end)},
      {"what libpcap loops for", *cli::compile_filter("ip6 protochain 17")},
  };
  for (const auto& wrong : kWrong) {
    const Json answer = client_->call("capture.start", {{"program", wrong.program}});
    EXPECT_EQ(answer["error"]["code"], -32602) << wrong.what << answer;
  }
  EXPECT_EQ(client_->call("capture.start", {{"filter", "host x"}})["error"]["code"], -32602);
  const Json most = std::vector<Json>(PacketFilter::kInstructionsMax, end);
  EXPECT_EQ(call("capture.start", {{"program", most}})["link_type"], 1);
}

TEST_F(ProcessTest, EndsACaptureWithItsTimeItsClientOrItsDataplane) {
  start_dataplane();
  call("capture.start", {{"seconds_max", 0.01}});
  EXPECT_EQ(Json::parse(client_->line().value_or("{}"))["params"]["reason"], "seconds");
  call("capture.start");
  call("capture.stop");
  EXPECT_EQ(Json::parse(client_->line().value_or("{}"))["params"]["reason"], "stopped");
  {
    TestClient other(directory_ / "control.sock");
    EXPECT_TRUE(other.call("capture.start").contains("result"));
  }
  ASSERT_TRUE(becomes_true([this] { return call("capture.start").contains("link_type"); }))
      << "whoever started the one before is gone";
  dataplane_.reset();
  EXPECT_EQ(Json::parse(client_->line().value_or("{}"))["params"]["reason"], "dataplane gone");
}

TEST_F(ProcessTest, EndsACaptureThatMayStartLateAndOneThatWasLeft) {
  start_dataplane();
  // The dataplane's own state, and whether it answers.
  std::atomic<bool> is_capturing{false}, answers{false};
  dataplane_->on_command([&](const host::ControlCommand& command) -> FakeDataplane::Reply {
    if (command.kind == ControlCommandKind::kStopCapture) is_capturing = false;
    if (command.kind != ControlCommandKind::kStartCapture) return {};
    if (is_capturing) return {.result = ControlResult::kExists};
    is_capturing = true;
    return {.answered = answers};
  });
  const Nanos begun = monotonic_now();
  EXPECT_EQ(kind_of(call("capture.start")), "timed_out");
  EXPECT_LT(monotonic_now() - begun, seconds(5)) << "the CLI waits no longer than that";
  EXPECT_TRUE(becomes_true([&] { return !is_capturing; }));

  is_capturing = answers = true;
  EXPECT_TRUE(call("capture.start").contains("link_type"));
  EXPECT_TRUE(is_capturing);
  dataplane_.reset();
}

}  // namespace
}  // namespace ringroad::control
