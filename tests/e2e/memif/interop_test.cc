// Our memif against the one in DPDK's testpmd, in both roles.
#include "memif_setting.h"

namespace ringroad {
namespace {

class Interop : public MemifSetting {
 protected:
  void SetUp() override {
    if (!has_testpmd()) GTEST_SKIP() << "needs dpdk-testpmd (package dpdk)";
  }
  static std::uint64_t number_after(const std::string& line, const std::string& key) {
    const auto at = line.find(key);
    return at == std::string::npos ? 0 : std::strtoull(line.c_str() + at + key.size(), nullptr, 10);
  }
  void expect_clean_end(ChildProcess& peer) {
    EXPECT_TRUE(peer.is_running()) << peer.output();
    const int status = peer.end(SIGTERM);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << "\n" << peer.output();
    ASSERT_TRUE(peer.wait_for("total", milliseconds(1'000)));
    EXPECT_EQ(number_after(peer.last_line(), "malformed="), 0u) << peer.last_line();
    EXPECT_EQ(number_after(peer.last_line(), "too_long="), 0u) << peer.last_line();
    EXPECT_EQ(number_after(peer.last_line(), "protocol_errors="), 0u) << peer.last_line();
  }
};

TEST_F(Interop, OurMasterReceivesWhatTestpmdSends) {
  auto ours = our_peer(true, path(), {"--mode", "sink"});
  auto theirs = testpmd(/*server=*/false, "txonly");
  ASSERT_TRUE(ours->wait_for("moving 1", milliseconds(10'000)))
      << ours->output() << theirs->output();
  expect_clean_end(*ours);
  EXPECT_GE(number_after(ours->last_line(), "received="), 1'000u);
  EXPECT_EQ(number_after(ours->last_line(), "bytes_received="),
            number_after(ours->last_line(), "received=") * 64)
      << "testpmd sends 64 bytes each";
}

TEST_F(Interop, OurSlaveReceivesWhatTestpmdSends) {
  auto theirs = testpmd(/*server=*/true, "txonly");
  auto ours = our_peer(false, abstract_path(), {"--mode", "sink"});
  ASSERT_TRUE(ours->wait_for("moving 1", milliseconds(10'000)))
      << ours->output() << theirs->output();
  expect_clean_end(*ours);
}

TEST_F(Interop, TestpmdReceivesWhatWeSend) {
  for (const bool server : {true, false}) {
    auto ours = our_peer(!server, server ? abstract_path() : path());
    auto theirs = testpmd(server, "rxonly");
    ASSERT_TRUE(ours->wait_for("up 1", milliseconds(10'000))) << theirs->output();
    bool received = false;
    for (int line = 0; line < 20 && !received; ++line) {
      if (!theirs->wait_for("RX-packets:", milliseconds(5'000))) break;
      received = number_after(theirs->last_line(), "RX-packets:") > 1'000;
    }
    EXPECT_TRUE(received) << theirs->output();
    theirs->end(SIGKILL);
    EXPECT_TRUE(ours->wait_for("down 1", milliseconds(2'000)));
    expect_clean_end(*ours);
  }
}

// testpmd's io mode sends back what it receives: single buffers and chains, in order, unchanged.
TEST_F(Interop, EchoThroughTestpmdIsUnchanged) {
  for (const bool server : {true, false}) {
    for (const char* size : {"1514", "6000"}) {
      auto theirs = testpmd(server, "io");
      auto ours = our_peer(!server, server ? abstract_path() : path(),
                           {"--mode", "verify", "--size", size, "--packets", "20000"});
      EXPECT_TRUE(ours->wait_for("verified", milliseconds(15'000)))
          << (server ? "server " : "client ") << size << "\n"
          << ours->output();
      expect_clean_end(*ours);
    }
  }
}

}  // namespace
}  // namespace ringroad
