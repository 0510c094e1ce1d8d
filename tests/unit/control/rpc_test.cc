// The control socket: JSON-RPC as its standard says, and a bound on everything a client can do. A
// real server on its own thread, real sockets in a directory of their own.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <thread>

#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "becomes_true.h"
#include "control/rpc/seats.h"
#include "control/rpc/server.h"
#include "dataplane/host/listener.h"
#include "rpc_client.h"
#include "spdlog/sinks/ostream_sink.h"
#include "tests/temporary_directory.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;
using test::becomes_true;
using test::TestClient;

const std::string kStatus = R"({"jsonrpc":"2.0","id":1,"method":"node.status"})";
const std::string kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"peer_id":2}})"
                          "\n";

// Answers every method with what it was asked; "ping" waits until told to go on, "rpc.discover"
// answers a megabyte.
class Echo final : public RpcHandler {
 public:
  explicit Echo(asio::io_context& loop) : gate_(loop) {
    gate_.expires_at(asio::steady_timer::time_point::max());
  }
  asio::awaitable<RpcResult> call(std::string method, Json params,
                                  std::shared_ptr<RpcClient>) override {
    if (method == "rpc.discover") co_return Json{{"text", std::string(1024 * 1024, 'x')}};
    if (method == "ping") {
      ++waiting;
      asio::error_code ignored;
      co_await gate_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      --waiting;
    }
    co_return Json{{"method", method}, {"params", params}};
  }
  bool serves(const RpcClient&) const override { return false; }
  void on_hung_up(const RpcClient&) override { ++hung_up; }
  void open() { gate_.cancel(); }

  std::atomic<int> waiting{0}, hung_up{0};

 private:
  asio::steady_timer gate_;
};

class Rpc : public testing::Test {
 protected:
  void start(RpcLimits limits = {}, const std::string& group = "") {
    server_ = std::make_unique<RpcServer>(
        loop_, RpcServer::Options{.socket = path_, .group = group, .limits = limits}, interface_,
        echo_, log_);
    const auto status = server_->start();
    ASSERT_TRUE(status.ok()) << status;
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] {
      echo_.open();
      server_->stop();
    });
    thread_.join();
  }
  std::string ask(TestClient& client, const std::string& text) {
    client.send(text + "\n");
    return client.line().value_or("no answer");
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "run/control.sock";
  asio::io_context loop_{1};
  std::ostringstream logged_;
  Log log_{std::make_shared<spdlog::sinks::ostream_sink_st>(logged_), {}};
  RpcInterface interface_;
  Echo echo_{loop_};
  std::unique_ptr<RpcServer> server_;
  std::thread thread_;
};

TEST_F(Rpc, AnswersInTheWordsOfTheStandard) {
  start();
  TestClient client(path_);
  EXPECT_EQ(ask(client, R"({"jsonrpc":"2.0","id":"a","method":"node.status"})"),
            R"({"id":"a","jsonrpc":"2.0","result":{"method":"node.status","params":{}}})");
  EXPECT_EQ(ask(client, R"({"jsonrpc":"2.0","id":1,"method":"link.list","params":{"peer_id":2}})"),
            R"({"id":1,"jsonrpc":"2.0","result":{"method":"link.list","params":{"peer_id":2}}})");
  const struct {
    const char* request;
    int code;
    const char* id;
  } kWrong[] = {
      {"{", -32700, "null"},
      {"\xff", -32700, "null"},
      {R"({"a":1,"a":2})", -32700, "null"},
      {"1", -32600, "null"},
      {"[]", -32600, "null"},
      {R"({"id":1,"method":"ping"})", -32600, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":7})", -32600, "1"},
      {R"({"jsonrpc":"2.0","id":{},"method":"ping"})", -32600, "null"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":3})", -32600, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[2]})", -32602, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":"pin"})", -32601, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping"})", -32602, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"peer_id":65}})", -32602, "1"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"peer_id":2,"x":1}})", -32602, "1"},
  };
  for (const auto& wrong : kWrong) {
    const Json answer = Json::parse(ask(client, wrong.request));
    EXPECT_EQ(answer["error"]["code"], wrong.code) << wrong.request << answer;
    EXPECT_EQ(answer["id"].dump(), wrong.id) << wrong.request;
  }
}

TEST_F(Rpc, AnswersABatchInOneLineAndNotificationsNotAtAll) {
  start();
  TestClient client(path_);
  const Json batch = Json::parse(R"([
    {"jsonrpc":"2.0","id":1,"method":"node.status"}, {"jsonrpc":"2.0","method":"node.status"},
    7, {"jsonrpc":"2.0","id":2,"method":"app.list"}])");
  const Json answers = Json::parse(ask(client, batch.dump()));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0]["id"], 1);
  EXPECT_EQ(answers[1]["error"]["code"], -32600);
  EXPECT_EQ(answers[2]["result"]["method"], "app.list");
  client.send("[{\"jsonrpc\":\"2.0\",\"method\":\"node.status\"}]\n\n");
  EXPECT_EQ(Json::parse(ask(client, R"({"jsonrpc":"2.0","id":3,"method":"node.status"})"))["id"], 3)
      << "nothing came before it";
  Json many = Json::array();
  for (int i = 0; i < 33; ++i) {
    many.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "app.list"}});
  }
  EXPECT_EQ(Json::parse(ask(client, many.dump()))["error"]["code"], -32600);
}

TEST_F(Rpc, AnswersWhoeverHasEndedWriting) {
  start();
  TestClient client(path_);
  client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node.status\"}\n");
  client.end_writing();
  EXPECT_TRUE(client.line());
  EXPECT_TRUE(client.is_hung_up());
}

TEST_F(Rpc, TakesNoLineLongerThanAMegabyte) {
  start();
  TestClient client(path_);
  const std::string most = R"({"jsonrpc":"2.0","id":1,"method":"node.status"})";
  EXPECT_TRUE(Json::parse(ask(client, most + std::string(kRpcLineBytesMax - most.size(), ' ')))
                  .contains("result"));
  TestClient wrong(path_);
  wrong.send(std::string(kRpcLineBytesMax + 70'000, 'x'));
  EXPECT_EQ(Json::parse(wrong.line().value_or("{}"))["error"]["code"], -32600);
  EXPECT_TRUE(wrong.is_hung_up());
  EXPECT_EQ(server_->counts().closed_too_long, 1u);
  EXPECT_TRUE(Json::parse(ask(client, most)).contains("result")) << "others go on";
}

TEST_F(Rpc, WaitsOnlySoLongForTheEndOfALine) {
  start({.line_patience = milliseconds(50)});
  TestClient silent(path_), client(path_);
  EXPECT_NE(ask(silent, kStatus), "no answer");
  client.send("{\"jsonrpc\":");
  EXPECT_TRUE(client.is_hung_up());
  EXPECT_EQ(server_->counts().closed_slow, 1u);
  EXPECT_TRUE(Json::parse(ask(silent, kStatus)).contains("result"))
      << "to say nothing more is no fault";
}

TEST_F(Rpc, WaitsOnlySoLongForTheFirstRequest) {
  start({.line_patience = milliseconds(50)});
  TestClient client(path_);
  EXPECT_TRUE(client.is_hung_up());
  EXPECT_EQ(server_->counts().closed_slow, 1u);
}

TEST_F(Rpc, HangsUpOnWhoDoesNotReadInTime) {
  start({.read_patience = milliseconds(50)});
  TestClient client(path_);
  client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}\n");
  EXPECT_TRUE(becomes_true([this] { return server_->counts().closed_slow == 1; }));
  EXPECT_TRUE(client.is_hung_up());
}

TEST_F(Rpc, HangsUpOnWhoLetsTooMuchWait) {
  start();
  TestClient client(path_);
  for (int i = 0; i < 8; ++i) {
    client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rpc.discover\"}\n");
  }
  EXPECT_TRUE(becomes_true([this] { return server_->counts().closed_slow == 1; }));
}

TEST_F(Rpc, TakesNoMoreRequestsThanMayBeUnderWay) {
  start();
  TestClient client(path_);
  std::string requests;
  for (int i = 0; i < 40; ++i) {
    requests += "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"peer_id\":2}}\n";
  }
  client.send(requests);
  EXPECT_TRUE(becomes_true([this] { return echo_.waiting == 32; }));
  EXPECT_EQ(server_->counts().requests, 32u);
  std::size_t answered = 0;
  for (const int under_way : {32, 8}) {
    ASSERT_TRUE(becomes_true([&] { return echo_.waiting == under_way; }));
    asio::post(loop_, [this] { echo_.open(); });
    for (int i = 0; i < under_way && client.line(); ++i) ++answered;
  }
  EXPECT_EQ(answered, 40u);
}

TEST_F(Rpc, TakesABatchOnlyWhenAllOfItFindsRoom) {
  start();
  TestClient client(path_);
  for (int i = 0; i < 20; ++i) client.send(kPing);
  ASSERT_TRUE(becomes_true([this] { return echo_.waiting == 20; }));
  Json batch = Json::array();
  for (int i = 0; i < 20; ++i) {
    batch.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "app.list"}});
  }
  client.send(batch.dump() + "\n" + kPing);
  // Another connection's answer comes after ours would have, had it been taken.
  TestClient other(path_);
  for (int i = 0; i < 3; ++i) ask(other, kStatus);
  EXPECT_EQ(server_->counts().requests, 23u) << "the batch waits";
  asio::post(loop_, [this] { echo_.open(); });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(client.line());
  EXPECT_EQ(Json::parse(client.line().value_or("[]")).size(), 20u);
}

// Two rounds of silent connections and a few that ask: a caller gets in all the same, and whoever
// has something under way stays.
TEST_F(Rpc, LetsAnotherInWhenAllConnectionsAreTaken) {
  start({.connections_max = 4});
  TestClient busy(path_), first(path_), second(path_), third(path_);
  busy.send(kPing);
  ASSERT_TRUE(becomes_true([this] { return echo_.waiting == 1; }));
  for (TestClient* client : {&first, &second, &third, &first}) ask(*client, kStatus);
  TestClient fourth(path_);
  EXPECT_TRUE(Json::parse(ask(fourth, kStatus)).contains("result"));
  EXPECT_TRUE(second.is_hung_up()) << "silent for longest of those with nothing under way";
  EXPECT_EQ(server_->counts().displaced, 1u);
  std::vector<std::unique_ptr<TestClient>> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(std::make_unique<TestClient>(path_));
  TestClient caller(path_);
  EXPECT_TRUE(Json::parse(ask(caller, kStatus)).contains("result"));
  asio::post(loop_, [this] { echo_.open(); });
  EXPECT_TRUE(Json::parse(busy.line().value_or("{}")).contains("result"));
}

TEST(Seats, TheUserWithMostLosesAnIdleOneThatWasSilentLongest) {
  const Seat root{.user = 0, .is_busy = false, .last_active = 1};
  const Seat busy{.user = 7, .is_busy = true, .last_active = 2};
  const Seat late{.user = 7, .is_busy = false, .last_active = 9};
  const Seat idle{.user = 7, .is_busy = false, .last_active = 4};
  EXPECT_EQ(choose_displaced(std::array{root, busy, late, idle}), 3u);
  EXPECT_EQ(choose_displaced(std::array{root, busy, busy}), 1u) << "whatever the other has to do";
  EXPECT_EQ(choose_displaced(std::array{busy, root}), 1u);
}

TEST_F(Rpc, ReplacesASocketNobodyListensAtAndNoOther) {
  {
    const auto left_behind = host::listen_at(path_, "", SOCK_STREAM);
    ASSERT_TRUE(left_behind.ok());
  }
  start();
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  RpcServer second(loop_, {.socket = path_, .group = "", .limits = {}}, interface_, echo_, log_);
  const auto refused = second.start();
  EXPECT_EQ(refused.message(), path_ + " is in use by another program");
  TestClient client(path_);
  EXPECT_TRUE(client.is_connected()) << "the first still serves";
}

TEST_F(Rpc, RemovesItsSocketAtItsEnd) {
  start();
  TearDown();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Rpc, WarnsOfAMissingGroupAndServesItsOwnUser) {
  start({}, "no-such-group-here");
  TestClient client(path_);
  EXPECT_NE(ask(client, R"({"jsonrpc":"2.0","id":1,"method":"node.status"})"), "no answer");
  EXPECT_NE(logged_.str().find("group=no-such-group-here"), std::string::npos) << logged_.str();
}

TEST_F(Rpc, DeniesUsersWhoMayNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user is needed, and only root can become one";
  start();
  // The file's mode would stop them before the check of who they are.
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod((directory_ / "run").c_str(), 0755), 0);
  ASSERT_EQ(::chmod((directory_ / ".").c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(3);
    TestClient client(path_);
    const std::string answer = client.line().value_or("");
    ::_exit(answer.find("\"denied\"") != std::string::npos && client.is_hung_up() ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(server_->counts().refused, 1u);
}

TEST(PeerCheck, LetsInRootOurselvesAndTheGroup) {
  EXPECT_TRUE(may_ask({.user = 0, .group = 0}, std::nullopt));
  EXPECT_TRUE(may_ask({.user = ::geteuid(), .group = 12'345}, std::nullopt));
  EXPECT_TRUE(may_ask({.user = 54'321, .group = 77}, gid_t{77}));
  EXPECT_FALSE(may_ask({.user = 54'321, .group = 78}, gid_t{77}));
  EXPECT_FALSE(may_ask({.user = 54'321, .group = 77}, std::nullopt));
}

}  // namespace
}  // namespace ringroad::control
