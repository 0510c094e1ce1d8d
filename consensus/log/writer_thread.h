// One thread a process that writes the logs of all its nodes: what their lcores have asked for
// since it last looked is appended, and one flush a log answers all of it (log_service.h).
//
// Idle, it tidies up, a bounded piece at a time between two looks at the channels, and then sleeps
// until somebody submits. Where there is no room it tries again every 100 ms.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "consensus/log/log_service.h"

namespace ringroad::raft::durable {

struct WriterThreadOptions {
  // Of SCHED_FIFO; 0: as any other thread. Pollers on the same CPU starve an ordinary one.
  int fifo_priority = 1;
  std::optional<int> cpu;  // its own
};

class WriterThread final : private Waker {
 public:
  explicit WriterThread(const WriterThreadOptions& options);
  // What was submitted is written before it ends.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  // What the system refused, to be logged; empty when nothing.
  const std::string& warning() const { return warning_; }

  // All three outlive the attachment; until detach() returns, only the thread uses log and files.
  void attach(LogWriter& log, FileSystem& files, LogChannel& channel);
  // What was submitted before is completed when it returns, unless there is no room for it.
  void detach(LogChannel& channel);

 private:
  void run();
  bool pass();
  void wake() override;
  void sleep();

  std::mutex nodes_mutex_;  // nodes_, for the length of a pass
  std::vector<LogService> nodes_;
  std::mutex sleep_mutex_;
  std::condition_variable bell_;
  std::atomic<bool> is_asleep_{false};
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> is_changing_{false};
  std::string warning_;
  std::thread thread_;
};

}  // namespace ringroad::raft::durable
