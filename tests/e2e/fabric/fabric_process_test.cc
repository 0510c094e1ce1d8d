// ringroad-fabric as its users meet it: a process, its sockets, its commands, and peers that die.
#include "tests/e2e/fabric/fabric_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "dataplane/clock.h"
#include "tests/temporary_directory.h"
#include "tools/ringroad-fabric/control_client.h"

namespace ringroad::fabric {
namespace {

using Texts = std::vector<std::string>;

class FabricProcessTest : public testing::Test {
 protected:
  void start(int ports, std::vector<std::string> arguments = {}) {
    fabric_.emplace(directory_.path(), ports, std::move(arguments));
  }
  // Attaches stations 1 to n.
  void attach(std::uint32_t n) {
    for (std::uint32_t id = 1; id <= n; ++id) {
      stations_.push_back(std::make_unique<Station>(fabric_->socket(), id));
    }
    wait_for_connections();
  }
  void wait_for_connections() {
    ASSERT_TRUE(wait([&] {
      for (const auto& station : stations_) {
        if (!station->is_connected()) return false;
      }
      return connected_ports() >= stations_.size();
    }));
  }
  std::size_t connected_ports() {
    std::size_t count = 0;
    const auto answer = fabric_->ask("show ports");
    for (const auto& port : answer.at("ports")) count += port.at("connected").get<bool>();
    return count;
  }
  Station& station(std::size_t id) { return *stations_[id - 1]; }
  bool wait(const std::function<bool()>& condition) {
    std::vector<Station*> all;
    for (const auto& s : stations_) all.push_back(s.get());
    return wait_until(all, condition);
  }
  // Lets the switch learn where everybody is.
  void introduce() {
    for (std::size_t id = 1; id <= stations_.size(); ++id) {
      station(id).send(Station::kEveryone, "I am here");
    }
    ASSERT_TRUE(wait([&] {
      for (const auto& s : stations_) {
        if (s->heard().size() < stations_.size() - 1) return false;
      }
      return true;
    }));
    for (const auto& s : stations_) s->forget();
  }
  ProcessResult ctl(std::vector<std::string> words) {
    std::vector<std::string> command = {fabric_binary(), "ctl", "--socket", fabric_->control()};
    command.insert(command.end(), words.begin(), words.end());
    return run_command(command);
  }

  TemporaryDirectory directory_;
  std::optional<FabricProcess> fabric_;
  std::vector<std::unique_ptr<Station>> stations_;
};

TEST_F(FabricProcessTest, SaysWhenItIsReadyAndLeavesNothingBehind) {
  start(3);
  EXPECT_EQ(fabric_->ready_line(),
            "ready: 3 ports on " + fabric_->socket() + ", control on " + fabric_->control() + "\n");
  EXPECT_EQ(fabric_->stop(SIGTERM), 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "its sockets are removed";
  start(1);
  EXPECT_EQ(fabric_->stop(SIGINT), 0);
  const auto ended =
      run_command({fabric_binary(), "run", "--ports", "2", "--socket-dir", directory_ / "ports",
                   "--control", directory_ / "c.sock", "--duration", "50ms", "--json"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_NE(ended.output.find("\"frames_received\":0"), std::string::npos) << ended.output;
}

TEST_F(FabricProcessTest, FloodsAndThenLearns) {
  start(3);
  attach(3);
  station(1).send(2, "where are you");
  ASSERT_TRUE(wait([&] { return !station(2).heard().empty() && !station(3).heard().empty(); }));
  station(2).send(1, "here");
  ASSERT_TRUE(wait([&] { return !station(1).heard().empty(); }));
  station(1).send(2, std::string(9'000, 'j'));
  station(1).send(Station::kEveryone, "to all");
  ASSERT_TRUE(
      wait([&] { return station(2).heard().size() == 3 && station(3).heard().size() == 2; }));
  EXPECT_EQ(station(1).heard(), Texts{"here"});
  EXPECT_EQ(station(2).heard(), (Texts{"where are you", std::string(9'000, 'j'), "to all"}));
  EXPECT_EQ(station(3).heard(), (Texts{"where are you", "to all"}));
  EXPECT_EQ(fabric_->ask("show macs").at("macs").size(), 2u);
  const auto shown = ctl({"show", "ports"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_NE(shown.output.find("station-2"), std::string::npos) << shown.output;
}

TEST_F(FabricProcessTest, WakesForEveryFrameThoughItSleepsInBetween) {
  start(2);
  attach(2);
  introduce();
  for (std::size_t i = 1; i <= 200; ++i) {
    station(1).send(2, "ping");
    ASSERT_TRUE(wait([&] { return station(2).heard().size() == i; })) << i;
    station(2).send(1, "pong");
    ASSERT_TRUE(wait([&] { return station(1).heard().size() == i; })) << i;
    // Long enough for the switch to fall asleep now and then.
    if (i % 20 == 0) {
      const Nanos until = monotonic_now() + milliseconds(1);
      ASSERT_TRUE(wait([&] { return monotonic_now() >= until; }));
    }
  }
}

TEST_F(FabricProcessTest, FaultsChangeAtRunTimeAndOnlyWhereAsked) {
  start(3);
  attach(3);
  introduce();
  EXPECT_EQ(ctl({"partition", "1->2"}).exit_code, 0);
  station(1).send(2, "cut off");
  station(2).send(1, "the other way");
  station(1).send(3, "elsewhere");
  ASSERT_TRUE(wait([&] { return !station(1).heard().empty() && !station(3).heard().empty(); }));
  EXPECT_EQ(ctl({"heal"}).exit_code, 0);
  station(1).send(2, "healed");
  ASSERT_TRUE(wait([&] { return !station(2).heard().empty(); }));
  EXPECT_EQ(station(2).heard(), Texts{"healed"});
  EXPECT_EQ(fabric_->ask("show ports").at("ports")[1].at("drops").at("partition"), 1);

  EXPECT_EQ(ctl({"set", "1:2", "delay=50ms"}).exit_code, 0);
  station(2).forget();
  const Nanos sent_at = monotonic_now();
  station(1).send(2, "late");
  ASSERT_TRUE(wait([&] { return !station(2).heard().empty(); }));
  EXPECT_GE(monotonic_now() - sent_at, milliseconds(50));
}

TEST_F(FabricProcessTest, ASeedReplaysItsLosses) {
  const auto survivors = [&](const std::string& seed) {
    start(2, {"--seed", seed});
    attach(2);
    introduce();
    fabric_->ask("set 1->2 loss=20%");
    for (int i = 0; i < 300; ++i) station(1).send(2, std::to_string(i));
    fabric_->ask("set 1->2 none");
    station(1).send(2, "end");
    EXPECT_TRUE(
        wait([&] { return !station(2).heard().empty() && station(2).heard().back() == "end"; }));
    const Texts heard = station(2).heard();
    stations_.clear();
    EXPECT_EQ(fabric_->stop(SIGTERM), 0);
    return heard;
  };
  const Texts first = survivors("7");
  EXPECT_GT(first.size(), 180u);
  EXPECT_LT(first.size(), 290u);
  EXPECT_EQ(first, survivors("7"));
  EXPECT_NE(first, survivors("8"));
}

TEST_F(FabricProcessTest, ACaptureIsReadByTcpdump) {
  start(2);
  attach(2);
  introduce();
  const std::string path = directory_ / "a.pcap";
  EXPECT_EQ(ctl({"capture", path, "port", "2"}).exit_code, 0);
  for (int i = 0; i < 5; ++i) station(1).send(2, "captured frame");
  ASSERT_TRUE(wait([&] { return station(2).heard().size() == 5; }));
  EXPECT_EQ(ctl({"capture", "stop"}).exit_code, 0);
  EXPECT_EQ(fabric_->ask("show capture").at("capture").at("frames"), 5);
  if (access("/usr/bin/tcpdump", X_OK) != 0) GTEST_SKIP() << "no tcpdump to read it with";
  const auto listing = run_command({"/usr/bin/tcpdump", "-r", path, "-e", "-n"});
  EXPECT_EQ(listing.exit_code, 0) << listing.output;
  std::size_t lines = 0;
  for (std::size_t at = 0;
       (at = listing.output.find("02:52:52:00:00:01 >", at)) != std::string::npos; ++at) {
    ++lines;
  }
  EXPECT_EQ(lines, 5u) << listing.output;
}

TEST_F(FabricProcessTest, ACaptureThatCannotGoOnIsSaidAtOnceAndTheSwitchGoesOn) {
  start(2);
  attach(2);
  introduce();
  // As a disk that fills up after the capture began: its reader leaves.
  const std::string path = directory_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(ctl({"capture", path}).exit_code, 0);
  close(reader);
  station(1).send(2, "not captured");
  EXPECT_TRUE(fabric_->says("ringroad-fabric: capture to " + path + " ended: Broken pipe\n"));
  ASSERT_TRUE(wait([&] { return !station(2).heard().empty(); }));
  EXPECT_EQ(fabric_->ask("show capture").at("capture").at("state"), "failed");
  EXPECT_EQ(fabric_->stop(SIGTERM), 0);
}

TEST_F(FabricProcessTest, CaptureOffStopsIt) {
  start(2);
  EXPECT_EQ(ctl({"capture", directory_ / "a.pcap"}).exit_code, 0);
  const auto stopped = ctl({"capture", "off"});
  EXPECT_EQ(stopped.exit_code, 0) << stopped.output;
  EXPECT_EQ(fabric_->ask("show capture").at("capture").at("state"), "stopped");
}

TEST_F(FabricProcessTest, AKilledStationHarmsNobodyAndComesBack) {
  start(3);
  attach(2);
  introduce();
  for (int round = 0; round < 10; ++round) {
    const std::string socket = fabric_->socket();
    const std::string text = std::to_string(round) + std::string(1'000, 'x');
    const pid_t victim = fork();
    if (victim == 0) {
      // Floods until it is killed.
      Station flooder(socket, 3);
      for (;;) {
        flooder.pump();
        if (flooder.is_connected()) flooder.send(1, text);
      }
    }
    station(1).forget();
    EXPECT_TRUE(wait([&] {
      const Texts& heard = station(1).heard();
      return std::count(heard.begin(), heard.end(), text) > 100;
    })) << "round "
        << round;
    kill(victim, SIGKILL);
    waitpid(victim, nullptr, 0);
    ASSERT_TRUE(wait([&] { return connected_ports() == 2; })) << "round " << round;
    station(2).forget();
    station(1).send(2, "still there");
    ASSERT_TRUE(wait([&] { return station(2).heard() == Texts{"still there"}; }));
  }
  const auto ports = fabric_->ask("show ports").at("ports");
  EXPECT_EQ(ports[2].at("disconnects"), 10);
}

TEST_F(FabricProcessTest, AKilledFabricIsReplacedOnTheSamePathAndStationsComeBack) {
  start(2);
  attach(2);
  introduce();
  EXPECT_EQ(fabric_->stop(SIGKILL), 128 + SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(fabric_->socket())) << "a stale socket is left";
  EXPECT_TRUE(std::filesystem::exists(fabric_->control()));
  ASSERT_TRUE(wait([&] { return !station(1).is_connected() && !station(2).is_connected(); }));
  start(2);
  wait_for_connections();
  station(1).send(2, "after all");
  ASSERT_TRUE(wait([&] { return station(2).heard() == Texts{"after all"}; }));
}

TEST_F(FabricProcessTest, MalformedControlInputIsRefusedAndChangesNothing) {
  start(2);
  for (const char* line : {"", "nonsense", "set 1->2 loss=150%", "set 1->3 loss=1%", "\x01\x02\xff",
                           "capture /nonexistent/a.pcap", "seed -1"}) {
    const auto answer = ask(fabric_->control(), line);
    ASSERT_TRUE(answer.ok()) << line << answer.status();
    EXPECT_TRUE(is_refusal(*answer)) << line;
  }
  const auto too_long = ask(fabric_->control(), std::string(5'000, 'x'));
  EXPECT_TRUE(!too_long.ok() || is_refusal(*too_long));
  const auto mistaken = ctl({"set", "1:2", "dellay=5us"});
  EXPECT_EQ(mistaken.exit_code, 1);
  EXPECT_NE(mistaken.output.find("did you mean \"delay\"?"), std::string::npos) << mistaken.output;
  EXPECT_TRUE(fabric_->ask("show faults").at("faults").empty());
  EXPECT_EQ(fabric_->stop(SIGTERM), 0);
}

TEST_F(FabricProcessTest, WrongOptionsEndItBeforeItStarts) {
  const auto refused = [&](std::vector<std::string> options) {
    std::vector<std::string> command = {
        fabric_binary(),      "run", "--ports", "2", "--socket", directory_ / "f.sock", "--control",
        directory_ / "c.sock"};
    command.insert(command.end(), options.begin(), options.end());
    const auto result = run_command(command);
    EXPECT_NE(result.exit_code, 0) << result.output;
    return result.output;
  };
  EXPECT_NE(refused({"--capture", directory_ / "missing/a.pcap"}).find("missing/a.pcap"),
            std::string::npos);
  EXPECT_NE(refused({"--loss", "2"}).find("\"2\" is not a share"), std::string::npos);
  EXPECT_NE(refused({"--fault", "1->3 loss=1%"}).find("\"3\" is not a port (1 to 2"),
            std::string::npos);
  EXPECT_NE(refused({"--ring-slots", "1000"}).find("did you mean 1024?"), std::string::npos);
  EXPECT_NE(refused({"--buffer-bytes", "2048"}).find("at least 9022"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path())) << "no socket is left behind";
}

}  // namespace
}  // namespace ringroad::fabric
