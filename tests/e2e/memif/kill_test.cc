// Either end is killed at full rate, again and again: the other lives, notices, and has its link
// back within a second of the killed one's return.
//
// RINGROAD_TESTPMD_KILLS=100 kills testpmd a hundred times a role as well; 25 by default, since
// each of its starts takes half a second and more.
#include "memif_setting.h"

namespace ringroad {
namespace {

class Kill : public MemifSetting {
 protected:
  // Restarts and kills `rounds` times. `back` bounds the time from the start of the process.
  template <typename Start>
  void kill_repeatedly(ChildProcess& survivor, Start start, int rounds, milliseconds back) {
    for (int round = 1; round <= rounds; ++round) {
      const std::string k = std::to_string(round);
      const auto began = Clock::now();
      auto victim = start();
      ASSERT_TRUE(survivor.wait_for("up " + k, back)) << "round " << k << "\n" << victim->output();
      slowest_ = std::max(slowest_, Clock::now() - began);
      ASSERT_TRUE(survivor.wait_for("moving " + k, milliseconds(5'000))) << "round " << k;
      victim->end(SIGKILL);
      ASSERT_TRUE(survivor.wait_for("down " + k, milliseconds(1'000))) << "round " << k;
      ASSERT_TRUE(survivor.is_running()) << "the survivor died in round " << k;
    }
    const int status = survivor.end(SIGTERM);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    RecordProperty("slowest_return_ms", static_cast<int>(slowest_ / milliseconds(1)));
  }
  static int testpmd_kills() {
    const char* text = std::getenv("RINGROAD_TESTPMD_KILLS");
    return text == nullptr ? 25 : std::atoi(text);
  }
  Clock::duration slowest_{};
};

TEST_F(Kill, MasterOutlivesAHundredSlaves) {
  auto master = our_peer(true, path());
  kill_repeatedly(*master, [this] { return our_peer(false, path()); }, 100, milliseconds(1'000));
}

TEST_F(Kill, SlaveOutlivesAHundredMasters) {
  auto slave = our_peer(false, path());
  kill_repeatedly(*slave, [this] { return our_peer(true, path()); }, 100, milliseconds(1'000));
}

// testpmd's own start is in these: EAL alone takes most of a second.
TEST_F(Kill, MasterOutlivesTestpmdClients) {
  if (!has_testpmd()) GTEST_SKIP() << "needs dpdk-testpmd (package dpdk)";
  auto master = our_peer(true, path());
  kill_repeatedly(
      *master, [this] { return testpmd(false, "txonly"); }, testpmd_kills(), milliseconds(10'000));
}

TEST_F(Kill, SlaveOutlivesTestpmdServers) {
  if (!has_testpmd()) GTEST_SKIP() << "needs dpdk-testpmd (package dpdk)";
  auto slave = our_peer(false, abstract_path());
  kill_repeatedly(
      *slave, [this] { return testpmd(true, "txonly"); }, testpmd_kills(), milliseconds(10'000));
}

}  // namespace
}  // namespace ringroad
