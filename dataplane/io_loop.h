// What an io lcore does all day: passes of its nodes, commands from the slow path, and sleep when
// there is nothing to do.
//
// Idle policy. `poll` never sleeps: for dedicated cores. `adaptive` spins a little after the last
// work, then asks everything that can bring work to ring (Node::arm, which also looks once more),
// and blocks in epoll until a bell or the next deadline. Only a port without a descriptor makes it
// sleep by the clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/config.h"
#include "dataplane/host/spin.h"
#include "dataplane/node.h"

namespace ringroad {

// Commands from the slow path to the nodes of this lcore.
class CommandSource {
 public:
  virtual ~CommandSource() = default;
  virtual std::uint32_t poll(Node& node) = 0;  // applies what has come; returns how much
  virtual int wait_descriptor() const = 0;     // readable when a command came
  virtual void woke() = 0;                     // after a sleep: quiet the descriptor
};

// One writer, the loop; see LoopReport.
struct IoLoopStatistics {
  std::atomic<std::uint64_t> passes{0}, busy_passes{0}, sleeps{0};
  std::atomic<std::uint64_t> busy_ns{0}, sleep_ns{0}, run_ns{0};

  LoopReport report() const {
    const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    return {.passes = read(passes),
            .busy_passes = read(busy_passes),
            .sleeps = read(sleeps),
            .busy_ns = read(busy_ns),
            .sleep_ns = read(sleep_ns),
            .run_ns = read(run_ns)};
  }
};

class IoLoop {
 public:
  struct Options {
    IdlePolicy idle = IdlePolicy::kAdaptive;
    host::Spin spin = host::spin_on(1);     // adaptive: without work before going to sleep
    Nanos blind_sleep = microseconds(100);  // where a port has no descriptor
    Nanos sleep_max = milliseconds(100);
  };

  IoLoop(const Options& options) : options_(options) {}
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  // Before run(). Both outlive the loop; `commands` may be null.
  absl::Status add(Node& node, CommandSource* commands);

  // Until `stop` is set; stop() wakes a sleeping loop from another thread or a signal handler.
  void run();
  void stop();

  // From any thread: ends a sleep.
  void wake();

  // From one other thread: what the first node counts. False when the loop, not running or stuck,
  // did not answer within a second.
  bool report(NodeReport& out);

  // From the loop's own thread: an endpoint's poll, or a command.
  void set_idle(IdlePolicy idle) { options_.idle = idle; }
  IdlePolicy idle() const { return options_.idle; }

  const IoLoopStatistics& statistics() const { return statistics_; }

 private:
  struct Member {
    Node* node;
    CommandSource* commands;
  };
  void sleep(Nanos now);
  void count_time(Nanos run, Nanos busy);
  absl::Status open();
  absl::Status watch(int descriptor);

  Options options_;
  std::vector<Member> members_;
  std::atomic<bool> stop_{false};
  enum class Report : std::uint8_t { kNone, kWanted, kReady };
  std::atomic<Report> report_state_{Report::kNone};
  NodeReport report_;   // written by the loop while kWanted, read by the asker while kReady
  bool blind_ = false;  // some port has no descriptor
  int epoll_ = -1;
  int bell_ = -1;
  IoLoopStatistics statistics_;
};

}  // namespace ringroad
