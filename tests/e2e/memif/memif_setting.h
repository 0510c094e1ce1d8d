// What the memif tests share: a directory, our peer program, and DPDK's testpmd with its own memif
// driver, kept away from everything else on the machine.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "child_process.h"
#include "tests/temporary_directory.h"

namespace ringroad {

using std::chrono::milliseconds;

class MemifSetting : public testing::Test {
 protected:
  MemifSetting() { ::setenv("XDG_RUNTIME_DIR", directory_.path().c_str(), 1); }

  static bool has_testpmd() { return std::system("command -v dpdk-testpmd >/dev/null") == 0; }
  std::string path() const { return directory_ / "memif.sock"; }
  std::string abstract_path() const { return absl::StrCat("@", path()); }

  static std::unique_ptr<ChildProcess> our_peer(bool master, const std::string& socket,
                                                std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {MEMIF_PEER, "--socket", socket};
    if (master) arguments.push_back("--master");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<ChildProcess>(std::move(arguments));
  }

  // testpmd cannot take over a stale path, so as a server it listens on an abstract name.
  std::unique_ptr<ChildProcess> testpmd(bool server, const std::string& mode) const {
    return std::make_unique<ChildProcess>(std::vector<std::string>{
        "dpdk-testpmd", "--no-huge", "-m", "128", "--no-pci", "--no-telemetry", "--no-shconf",
        "--iova-mode=va", "-l", "0,1",
        absl::StrCat("--vdev=net_memif0,role=", server ? "server" : "client", ",socket=", path(),
                     ",socket-abstract=", server ? "yes" : "no"),
        "--", "--total-num-mbufs=4096", absl::StrCat("--forward-mode=", mode), "--no-mlockall",
        "--no-flush-rx", "--stats-period=1"});
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace ringroad
