// Serves the hand-filled figures of tests/unit/control_metrics by HTTP, as a node's control process
// would serve its own, until it is told to end.
//
//   metrics-node LISTEN [full]   serves; says where; ends at SIGTERM and says how long that took
//   metrics-node print [full]    prints the exposition
//
// A line on standard input is a command: "ready", "detach", "attach"; each is answered by "done".
#include <signal.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "control/metrics/metrics_server.h"
#include "control/metrics/node_collector.h"
#include "tests/unit/control_metrics/sample_snapshot.h"

namespace ringroad::control {
namespace {

class Figures final : public SnapshotSource {
 public:
  explicit Figures(std::unique_ptr<MetricsSnapshot> snapshot) : snapshot_(std::move(snapshot)) {}

  void snapshot(MetricsSnapshot& out) override {
    const std::lock_guard lock(mutex_);
    out = *snapshot_;
  }

  void obey(const std::string& command) {
    const std::lock_guard lock(mutex_);
    if (command == "ready") {
      snapshot_->ready = true;
      snapshot_->unready.clear();
    } else if (command == "detach") {
      snapshot_->attached = snapshot_->ready = false;
      snapshot_->unready = "no dataplane";
    } else if (command == "attach") {
      snapshot_->attached = true;
    }
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<MetricsSnapshot> snapshot_;
};

int serve(const std::string& listen, Figures& figures) {
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &end, nullptr);
  auto server = MetricsServer::start(listen, figures);
  if (!server.ok()) {
    std::cerr << server.status().message() << std::endl;
    return 1;
  }
  std::cout << "listens at " << (*server)->address() << std::endl;
  std::thread([&figures] {
    for (std::string line; std::getline(std::cin, line);) {
      figures.obey(line);
      std::cout << "done " << line << std::endl;
    }
  }).detach();
  int signal = 0;
  ::sigwait(&end, &signal);
  const auto before = std::chrono::steady_clock::now();
  server->reset();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  std::cout << "ended after " << took.count() << std::endl;
  std::quick_exit(0);
}

}  // namespace
}  // namespace ringroad::control

int main(int argc, char** argv) {
  using namespace ringroad::control;
  if (argc < 2) return 2;
  const bool is_full = argc > 2 && std::string(argv[2]) == "full";
  auto snapshot = is_full ? full_snapshot() : sample_snapshot();
  if (std::string(argv[1]) == "print") {
    std::cout << exposition(*snapshot);
    return 0;
  }
  Figures figures(std::move(snapshot));
  return serve(argv[1], figures);
}
