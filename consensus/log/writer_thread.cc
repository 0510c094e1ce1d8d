#include "consensus/log/writer_thread.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"

namespace ringroad::raft::durable {

namespace {

constexpr std::chrono::milliseconds kRoomRetry{100};
constexpr std::chrono::microseconds kLetIn{50};  // who attaches or detaches takes the lock

std::string refused(const char* what, int error) {
  return absl::StrCat("the log writer runs without ", what, ": ", std::strerror(error));
}

// What could not be had is said, not insisted on.
std::string configure(pthread_t thread, const WriterThreadOptions& options) {
  std::string warning;
  if (options.cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<std::size_t>(*options.cpu), &cpus);
    const int error = pthread_setaffinity_np(thread, sizeof cpus, &cpus);
    if (error != 0) warning = refused("a CPU of its own", error);
  }
  if (options.fifo_priority > 0) {
    const sched_param parameters{.sched_priority = options.fifo_priority};
    const int error = pthread_setschedparam(thread, SCHED_FIFO, &parameters);
    if (error != 0) {
      absl::StrAppend(&warning, warning.empty() ? "" : "; ", refused("SCHED_FIFO", error));
    }
  }
  return warning;
}

}  // namespace

WriterThread::WriterThread(const WriterThreadOptions& options) {
  thread_ = std::thread([this] { run(); });
  warning_ = configure(thread_.native_handle(), options);
}

WriterThread::~WriterThread() {
  is_stopping_.store(true, std::memory_order_seq_cst);
  wake();
  thread_.join();
}

void WriterThread::attach(LogWriter& log, FileSystem& files, LogChannel& channel) {
  is_changing_.store(true, std::memory_order_seq_cst);
  {
    const std::lock_guard lock(nodes_mutex_);
    nodes_.emplace_back(log, files, channel);
  }
  is_changing_.store(false, std::memory_order_seq_cst);
  channel.set_waker(this);
  wake();
}

void WriterThread::detach(LogChannel& channel) {
  is_changing_.store(true, std::memory_order_seq_cst);
  wake();
  const std::lock_guard lock(nodes_mutex_);
  channel.set_waker(nullptr);
  const auto is_its = [&channel](const LogService& n) { return &n.channel() == &channel; };
  const auto node = std::ranges::find_if(nodes_, is_its);
  RR_CHECK(node != nodes_.end());
  (void)node->serve();
  nodes_.erase(node);
  is_changing_.store(false, std::memory_order_seq_cst);
}

// Either the sleeper sees what was submitted, or the submitter sees it asleep.
void WriterThread::wake() {
  if (!is_asleep_.load(std::memory_order_seq_cst)) return;
  const std::lock_guard lock(sleep_mutex_);
  bell_.notify_one();
}

void WriterThread::sleep() {
  std::unique_lock lock(sleep_mutex_);
  is_asleep_.store(true, std::memory_order_seq_cst);
  bool wants_room = false;
  bool has_work = is_stopping_.load(std::memory_order_seq_cst);
  {
    const std::lock_guard nodes(nodes_mutex_);
    for (const LogService& node : nodes_) {
      if (node.channel().wants_room()) {
        wants_room = true;
      } else {
        has_work |= node.channel().has_jobs();
      }
    }
  }
  if (!has_work) {
    if (wants_room) {
      bell_.wait_for(lock, kRoomRetry);
    } else {
      bell_.wait(lock);
    }
  }
  is_asleep_.store(false, std::memory_order_seq_cst);
}

void WriterThread::run() {
  while (true) {
    while (is_changing_.load(std::memory_order_seq_cst)) std::this_thread::sleep_for(kLetIn);
    const bool is_last = is_stopping_.load(std::memory_order_seq_cst);
    if (pass()) continue;
    if (is_last) return;
    sleep();
  }
}

// Whether there may be more to do at once.
bool WriterThread::pass() {
  const std::lock_guard lock(nodes_mutex_);
  bool any = false;
  for (LogService& node : nodes_) any |= node.serve();
  if (any) return true;
  for (LogService& node : nodes_) any |= node.tidy_up();
  return any;
}

}  // namespace ringroad::raft::durable
