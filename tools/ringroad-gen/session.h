// One run as its user sees it: heading, a line a second, ctrl-C, the final table or JSON, the exit
// code. The traffic runs in the caller's thread, between start() and finish(); a reporter thread
// beside it asks the role for snapshots and takes the signals.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "tools/ringroad-gen/options.h"
#include "tools/ringroad-gen/summary.h"

namespace ringroad::gen {

// SIGINT and SIGTERM in this thread and those it starts; call before any is started.
void block_stop_signals();

class Session {
 public:
  // `role` outlives the session. `stop_traffic` ends the caller's loop, from the reporter thread:
  // called once the role is done, or the user is out of patience.
  Session(TrafficRole& role, RunFacts facts, const Options& options,
          std::function<void()> stop_traffic);
  ~Session();

  void start();
  // The caller's loop has ended, with an error if it had to. Says all there is to say.
  int finish(const absl::Status& traffic);

 private:
  void report();
  void on_tick(Nanos now);
  void on_signal();
  bool read(Snapshot& out);
  void say(const std::string& text) const;  // progress: stdout, or stderr with --json
  int exit_code(const Summary& total, const absl::Status& traffic) const;

  TrafficRole& role_;
  RunFacts facts_;
  const Options& options_;
  std::function<void()> stop_traffic_;
  std::thread reporter_;
  std::atomic<bool> ended_{false};

  // The reporter's own, then finish()'s.
  Snapshot before_, now_;
  Nanos started_{}, next_line_{}, running_since_{};
  std::uint64_t cpu_at_start_ns_ = 0;
  std::uint64_t lines_ = 0;
  bool running_ = false;
  bool said_waiting_ = false;
  bool unreachable_ = false;
  std::uint32_t signals_ = 0;
};

}  // namespace ringroad::gen
