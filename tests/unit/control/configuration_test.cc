// Applying configurations to a running node: what changes when, that it is all or nothing, and that
// the file is whole whatever happens. The dataplane is a list of the steps it was asked to take.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"
#include "control/config/config_file.h"
#include "control/config/configuration.h"
#include "tests/temporary_directory.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

Json peer(int id, const std::string& address) {
  return {{"node_id", id}, {"endpoints", {{{"address", address}}}}};
}

Json small() {
  return {{"local_node", {{"node_id", 1}, {"bind_address", "10.0.1.1"}}},
          {"cluster_nodes", {peer(2, "10.0.1.2"), peer(3, "10.0.1.3")}},
          {"security", {{"tls", {{"enabled", false}}}}},
          {"ports", {{{"kind", "memif"}, {"socket", "@fabric"}}}}};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Recorder final : public ConfigStepper {
 public:
  std::string fault() override { return stands_still; }
  asio::awaitable<absl::Status> take(ConfigStep step) override {
    taken.push_back(step.describe());
    if (step.describe() == fails_at) co_return absl::FailedPreconditionError("no room");
    co_return absl::OkStatus();
  }
  std::vector<std::string> taken;
  std::string fails_at;
  std::string stands_still;
};

class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() {
    std::ofstream(path_) << small().dump();
    configuration_ =
        std::make_unique<Configuration>(path_, *read_config(path_), recorder_, [this] { ++told_; });
  }

  RpcResult wait_for(asio::awaitable<RpcResult> result) {
    RpcResult found = RpcError::internal("it never ended");
    asio::io_context loop;
    asio::co_spawn(
        loop, [&]() -> asio::awaitable<void> { found = co_await std::move(result); },
        asio::detached);
    loop.run();
    return found;
  }
  RpcResult apply(const Json& document) {
    return wait_for(configuration_->apply({.document = document, .by_owner = true}));
  }
  static std::string effects(const RpcResult& result) {
    if (const auto* error = std::get_if<RpcError>(&result)) return error->message;
    std::string text;
    for (const Json& change : std::get<Json>(result)["changes"]) {
      text += change["pointer"].get<std::string>() + " " + change["effect"].get<std::string>() +
              " " + change["restart"].get<std::string>() + "\n";
    }
    return text;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "node1.json";
  Recorder recorder_;
  int told_ = 0;
  std::unique_ptr<Configuration> configuration_;
};

TEST_F(ConfigurationTest, ChangesAtOnceWhatCanAndNamesWhatTakesARestart) {
  Json next = small();
  next["cluster_nodes"] = {peer(3, "10.0.1.33"), peer(4, "10.0.1.4")};
  next["cluster_nodes"][0]["name"] = "three";
  next["limits"]["dead_after_ms"] = 500;
  next["limits"]["queue_messages"] = 4'096;
  next["cpu"]["idle"] = "poll";
  next["control"]["log"]["level"] = "debug";
  next["control"]["group"] = "";
  next["cluster"]["name"] = "demo";
  next["host"]["socket"] = "/run/other.sock";
  next["metrics"]["listen"] = "";
  const RpcResult result = apply(next);
  EXPECT_EQ(effects(result),
            "/cluster_nodes/0 now \n"
            "/cluster_nodes/0/endpoints/0/address now \n"
            "/cluster_nodes/0/name now \n"
            "/cluster_nodes/1 now \n"
            "/cluster/name now \n"
            "/control/group restart ringroad-control\n"
            "/control/log/level now \n"
            "/cpu/idle now \n"
            "/host/socket restart ringroad-dataplane and ringroad-control\n"
            "/limits/dead_after_ms now \n"
            "/limits/queue_messages restart ringroad-dataplane\n"
            "/metrics/listen restart ringroad-control\n");
  EXPECT_EQ(recorder_.taken,
            (std::vector<std::string>{"removing node 2", "removing node 3", "adding node 3",
                                      "adding node 4", "setting /limits/dead_after_ms to 500",
                                      "setting /cpu/idle"}));
  EXPECT_EQ(std::get<Json>(result)["version"], 2);
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(configuration_->running().cluster_name, "demo");
  EXPECT_EQ(configuration_->running().limits.queue_messages, 2'048u) << "it takes a restart";
  EXPECT_EQ(configuration_->applied().limits.queue_messages, 4'096u);
  EXPECT_EQ(Json::parse(read_file(path_)), next);
  EXPECT_EQ(Json::parse(read_file(previous_path(path_))), small());
  EXPECT_EQ(configuration_->gaps().restarts.at("ringroad-dataplane"),
            std::vector<std::string>{"/limits/queue_messages"});
  configuration_->on_dataplane(std::nullopt);
  EXPECT_EQ(configuration_->running().limits.queue_messages, 4'096u);
  EXPECT_NE(configuration_->running().host.socket, "/run/other.sock") << "read at control's start";
}

TEST_F(ConfigurationTest, TakesEachDifferenceForItselfAndNamesThoseThatWereNotTaken) {
  recorder_.fails_at = "adding node 2";
  const auto reconcile = [&](std::vector<ConfigStep> steps) {
    asio::io_context loop;
    asio::co_spawn(loop, configuration_->reconcile(std::move(steps)), asio::detached);
    loop.run();
  };
  reconcile({{.kind = ConfigStep::Kind::kAddPeer, .peer = {.node_id = NodeId{2}}},
             {.kind = ConfigStep::Kind::kAddPeer, .peer = {.node_id = NodeId{3}}}});
  EXPECT_EQ(recorder_.taken, (std::vector<std::string>{"adding node 2", "adding node 3"}));
  EXPECT_EQ(configuration_->gaps().unmet, std::vector<std::string>{"adding node 2: no room"});
  reconcile({});
  EXPECT_TRUE(configuration_->gaps().unmet.empty());
}

TEST(Differences, AreTheStepsFromWhatIsReportedToWhatIsWanted) {
  NodeConfig wanted;
  wanted.cluster_nodes = {{.node_id = NodeId{2}, .name = "two", .zone = "b", .address = {2}},
                          {.node_id = NodeId{3}, .name = {}, .zone = {}, .address = {3}}};
  const auto report = std::make_unique<NodeReport>();
  report->dead_after = milliseconds(wanted.limits.dead_after_ms);
  report->link_count = 2;
  for (std::uint16_t i = 0; i < 2; ++i) {
    report->links[i].peer = NodeId{static_cast<std::uint16_t>(i + 2)};
    report->links[i].address = wanted.cluster_nodes[i].address;
    report->links[i].port = wanted.cluster_nodes[i].port;
  }
  const auto steps = [&] {
    std::vector<std::string> words;
    const std::vector<ConfigStep> found = differences(*report, wanted);
    for (const ConfigStep& step : found) words.push_back(step.describe());
    return words;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(steps(), Words{}) << "names are not the dataplane's to know";
  report->links[1].port = 9;
  EXPECT_EQ(steps(), (Words{"removing node 3", "adding node 3"}));
  report->link_count = 1;
  EXPECT_EQ(steps(), Words{"adding node 3"});
  wanted.cluster_nodes.clear();
  EXPECT_EQ(steps(), Words{"removing node 2"});
  report->link_count = 0;
  report->idle = IdlePolicy::kPoll;
  report->dead_after = milliseconds(7);
  EXPECT_EQ(steps(), (Words{"setting /limits/dead_after_ms to 1000", "setting /cpu/idle"}));
}

TEST_F(ConfigurationTest, SaysWhatWouldChangeAndChangesNothing) {
  Json next = small();
  next["cpu"]["idle"] = "poll";
  const RpcResult result =
      wait_for(configuration_->apply({.document = next, .by_owner = true, .dry_run = true}));
  EXPECT_EQ(effects(result), "/cpu/idle now \n");
  EXPECT_EQ(std::get<Json>(result)["dry_run"], true);
  EXPECT_EQ(std::get<Json>(result).value("schema_version", 0), 1);
  EXPECT_EQ(effects(configuration_->diff(next)), "/cpu/idle now \n");
  EXPECT_TRUE(recorder_.taken.empty());
  EXPECT_EQ(configuration_->version(), 1u);
  EXPECT_EQ(Json::parse(read_file(path_)), small());
  EXPECT_EQ(effects(apply(small())), "") << "nothing differs";
  EXPECT_EQ(configuration_->version(), 1u);
}

TEST_F(ConfigurationTest, TakesBackWhatWasDoneWhenAStepFails) {
  Json next = small();
  next["cluster_nodes"] = {peer(2, "10.0.1.2"), peer(4, "10.0.1.4"), peer(5, "10.0.1.5")};
  recorder_.fails_at = "adding node 5";
  const RpcResult result = apply(next);
  ASSERT_TRUE(std::holds_alternative<RpcError>(result));
  EXPECT_EQ(std::get<RpcError>(result).kind, "failed");
  EXPECT_EQ(std::get<RpcError>(result).message, "adding node 5: no room; nothing was changed");
  EXPECT_EQ(recorder_.taken,
            (std::vector<std::string>{"removing node 3", "adding node 4", "adding node 5",
                                      "removing node 4", "adding node 3"}));
  EXPECT_EQ(configuration_->version(), 1u);
  EXPECT_EQ(told_, 0);
  EXPECT_EQ(Json::parse(read_file(path_)), small());
  EXPECT_FALSE(std::filesystem::exists(previous_path(path_)));
}

TEST_F(ConfigurationTest, RefusesAtOnceWhatADataplaneThatStandsStillWouldHaveToDo) {
  recorder_.stands_still = "the dataplane has not moved for 38 s";
  Json document = small();
  document["cluster_nodes"].push_back(peer(4, "10.0.1.4"));
  EXPECT_EQ(effects(apply(document)), "nothing was changed: the dataplane has not moved for 38 s");
  EXPECT_EQ(recorder_.taken, std::vector<std::string>{});
  EXPECT_EQ(configuration_->version(), 1u);
  EXPECT_EQ(read_file(path_), small().dump());
  // What is control's alone it does without the dataplane.
  document = small();
  document["control"]["log"]["level"] = "error";
  EXPECT_EQ(effects(apply(document)), "/control/log/level now \n");
}

TEST_F(ConfigurationTest, SaysWhatCouldNotBeTakenBack) {
  Json next = small();
  next["cluster_nodes"] = {peer(2, "10.0.1.22"), peer(3, "10.0.1.3")};
  recorder_.fails_at = "adding node 2";  // again, when it is taken back
  EXPECT_EQ(effects(apply(next)),
            "adding node 2: no room; could not take back removing node 2 (no room): restart "
            "ringroad-dataplane");
}

TEST_F(ConfigurationTest, LeavesTheOldFileWholeWhenTheDiskIsFull) {
  // A limit on the size of files stands in for the full disk: write fails in the middle.
  struct sigaction ignore{}, before_signal{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &before_signal);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small_files{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small_files);
  Json next = small();
  next["cluster_nodes"].push_back(peer(4, "10.0.1.4"));
  const RpcResult result = apply(next);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::sigaction(SIGXFSZ, &before_signal, nullptr);

  ASSERT_TRUE(std::holds_alternative<RpcError>(result));
  EXPECT_NE(std::get<RpcError>(result).message.find("File too large; nothing was changed"),
            std::string::npos)
      << std::get<RpcError>(result).message;
  EXPECT_EQ(recorder_.taken, (std::vector<std::string>{"adding node 4", "removing node 4"}));
  EXPECT_EQ(Json::parse(read_file(path_)), small());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_ / "")) {
    ++files;
  }
  EXPECT_EQ(files, 1u) << "nothing is left of the attempt";
}

TEST_F(ConfigurationTest, LetsOnlyItsOwnerSayWhatRunsInTheDataplaneAndWhoMayComeIn) {
  const auto error = [](const RpcResult& result) { return std::get<RpcError>(result); };
  for (const char* pointer : {"/eal_extra", "/host/group", "/control/group"}) {
    Json next = small();
    next["limits"]["dead_after_ms"] = 250;
    next[Json::json_pointer(pointer)] =
        std::string(pointer) == "/eal_extra" ? Json{"-d", "evil.so"} : Json("staff");
    for (const bool dry_run : {false, true}) {
      const RpcResult denied =
          wait_for(configuration_->apply({.document = next, .dry_run = dry_run}));
      EXPECT_EQ(error(denied).kind, "denied");
      EXPECT_TRUE(error(denied).message.starts_with(pointer)) << error(denied).message;
    }
  }
  EXPECT_EQ(configuration_->version(), 1u);
  EXPECT_TRUE(recorder_.taken.empty());
  Json next = small();
  next["eal_extra"] = {"--log-level=8"};
  EXPECT_EQ(effects(apply(next)), "/eal_extra restart ringroad-dataplane\n");
  EXPECT_EQ(error(wait_for(configuration_->rollback(false, false))).kind, "denied")
      << "nor by the way back";
  next["limits"]["dead_after_ms"] = 250;
  EXPECT_EQ(effects(wait_for(configuration_->apply({.document = next}))),
            "/limits/dead_after_ms now \n")
      << "what stays as it is bars nobody from the rest";
}

TEST_F(ConfigurationTest, RollsBackAndForth) {
  EXPECT_EQ(std::get<RpcError>(wait_for(configuration_->rollback(false, true))).kind, "conflict")
      << "nothing was applied yet";
  Json next = small();
  next["cpu"]["idle"] = "poll";
  apply(next);
  const RpcResult back = wait_for(configuration_->rollback(false, true));
  EXPECT_EQ(std::get<Json>(back)["version"], 3);
  EXPECT_EQ(configuration_->running().cpu.idle, IdlePolicy::kAdaptive);
  EXPECT_EQ(Json::parse(read_file(path_)), small());
  EXPECT_EQ(Json::parse(read_file(previous_path(path_))), next);
  wait_for(configuration_->rollback(false, true));
  EXPECT_EQ(configuration_->running().cpu.idle, IdlePolicy::kPoll);
}

TEST_F(ConfigurationTest, RefusesWhatIsWrongOrMeantForAnotherVersionOrNode) {
  Json wrong = small();
  wrong["cpu"]["idel"] = "poll";
  const RpcResult result = apply(wrong);
  const RpcError& error = std::get<RpcError>(result);
  EXPECT_EQ(error.kind, "invalid_config");
  ASSERT_EQ(error.faults.size(), 1u);
  EXPECT_NE(error.faults[0].find("did you mean \"idle\"?"), std::string::npos) << error.faults[0];
  EXPECT_EQ(configuration_->check(wrong)["ok"], false);
  EXPECT_EQ(configuration_->check(small())["ok"], true);

  Json another = small();
  another["local_node"] = {{"node_id", 9}, {"bind_address", "10.0.1.9"}};
  EXPECT_EQ(std::get<RpcError>(apply(another)).kind, "invalid_config");

  const RpcResult stale = wait_for(
      configuration_->apply({.document = small(), .by_owner = true, .expected_version = 7}));
  EXPECT_EQ(std::get<RpcError>(stale).kind, "conflict");
}

TEST_F(ConfigurationTest, ReadsTheFileAgain) {
  Json next = small();
  next["limits"]["dead_after_ms"] = 250;
  std::ofstream(path_) << next.dump();
  EXPECT_EQ(effects(wait_for(configuration_->reload())), "/limits/dead_after_ms now \n");
  EXPECT_EQ(configuration_->version(), 2u);
  EXPECT_FALSE(std::filesystem::exists(previous_path(path_)));
  std::ofstream(path_) << "{";
  EXPECT_EQ(std::get<RpcError>(wait_for(configuration_->reload())).kind, "invalid_config");
}

}  // namespace
}  // namespace ringroad::control
