// Serves the hand-filled figures of tests/unit/control_metrics by HTTP, as a node's control process
// would serve its own, until it is told to end.
//
//   metrics-node LISTEN [full]   serves and says where; SIGUSR1: the node gets ready; SIGUSR2: it
//                                loses its dataplane; SIGTERM: ends and says how long that took
//   metrics-node print [full]    prints the exposition
#include <signal.h>

#include <chrono>
#include <iostream>
#include <mutex>
#include <string>

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

  void become_ready() {
    const std::lock_guard lock(mutex_);
    snapshot_->ready = true;
    snapshot_->unready.clear();
  }
  void lose_dataplane() {
    const std::lock_guard lock(mutex_);
    snapshot_->attached = snapshot_->ready = false;
    snapshot_->unready = "no dataplane";
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<MetricsSnapshot> snapshot_;
};

int serve(const std::string& listen, Figures& figures) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto server = MetricsServer::start(listen, figures);
  if (!server.ok()) {
    std::cerr << server.status().message() << std::endl;
    return 1;
  }
  std::cout << "listens at " << (*server)->address() << std::endl;
  for (int number = 0; number != SIGTERM;) {
    ::sigwait(&signals, &number);
    if (number == SIGUSR1) figures.become_ready();
    if (number == SIGUSR2) figures.lose_dataplane();
  }
  const auto before = std::chrono::steady_clock::now();
  server->reset();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  std::cout << "ended in " << took.count() << std::endl;
  return 0;
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
