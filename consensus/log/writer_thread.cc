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

void LogJob::clear() {
  ticket = 0;
  must_sync = true;
  pieces.clear();
  snapshot.reset();
  restores = false;
  hard_state.reset();
  entries.clear();
  configuration.reset();
  release = {};
  readmits = false;
  outcome = Outcome::kOk;
}

LogJob* LogChannel::claim() {
  if (claimed_ - polled_ == slots_.size()) return nullptr;
  LogJob& job = slots_[claimed_++ % slots_.size()];
  job.clear();
  return &job;
}

void LogChannel::submit() {
  submitted_.store(claimed_, std::memory_order_seq_cst);
  WriterThread* thread = thread_.load(std::memory_order_acquire);
  if (thread != nullptr) thread->wake();
}

const LogJob* LogChannel::poll() {
  if (polled_ == completed_.load(std::memory_order_acquire)) return nullptr;
  return &slots_[polled_++ % slots_.size()];
}

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
    nodes_.push_back({&log, &files, &channel, nullptr, 0, false});
  }
  is_changing_.store(false, std::memory_order_seq_cst);
  channel.thread_.store(this, std::memory_order_release);
  wake();
}

void WriterThread::detach(LogChannel& channel) {
  is_changing_.store(true, std::memory_order_seq_cst);
  wake();
  const std::lock_guard lock(nodes_mutex_);
  channel.thread_.store(nullptr, std::memory_order_release);
  const auto node = std::ranges::find(nodes_, &channel, &Node::channel);
  RR_CHECK(node != nodes_.end());
  (void)serve(*node);
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
    for (const Node& node : nodes_) {
      if (node.channel->wants_room()) {
        wants_room = true;
      } else {
        has_work |= node.channel->submitted_.load(std::memory_order_seq_cst) !=
                    node.channel->completed_.load(std::memory_order_relaxed);
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
  for (Node& node : nodes_) any |= serve(node);
  if (any) return true;
  for (Node& node : nodes_) any |= tidy_up(node);
  return any;
}

// All that this node has submitted, with one flush.
bool WriterThread::serve(Node& node) {
  LogChannel& channel = *node.channel;
  const std::uint64_t from = channel.completed_.load(std::memory_order_relaxed);
  const std::uint64_t submitted = channel.submitted_.load(std::memory_order_acquire);
  std::uint64_t to = from;
  bool must_sync = false;
  bool wants_room = false;
  for (; to != submitted; ++to) {
    LogJob& job = channel.slots_[to % channel.slots_.size()];
    job.outcome = take(node, job);
    wants_room = job.outcome == Outcome::kNoRoom;
    if (wants_room) break;
    must_sync |= job.must_sync && job.outcome == Outcome::kOk;
  }
  channel.wants_room_.store(wants_room, std::memory_order_relaxed);
  if (to == from) return false;
  if (must_sync && node.log->flush() != Outcome::kOk) {
    stop(node, std::string{node.log->failure().message()});
    for (std::uint64_t i = from; i != to; ++i) {
      channel.slots_[i % channel.slots_.size()].outcome = Outcome::kFailed;
    }
  }
  channel.completed_.store(to, std::memory_order_release);
  return true;
}

Outcome WriterThread::take(Node& node, LogJob& job) {
  if (node.has_failed) return Outcome::kFailed;
  Outcome outcome = write_pieces(node, job);
  if (outcome == Outcome::kOk) {
    if (job.release.value > 0) node.log->release(job.release);
    if (job.readmits) node.log->readmit();
    Work work;
    work.hard_state = job.hard_state;
    work.entries = job.entries;
    work.configuration = job.configuration;
    if (job.snapshot) (job.restores ? work.restored : work.saved) = &*job.snapshot;
    outcome = node.log->append(work);
  }
  if (outcome == Outcome::kFailed) stop(node, std::string{node.log->failure().message()});
  if (outcome == Outcome::kTooLarge) stop(node, name_of(outcome));
  if (outcome != Outcome::kNoRoom) node.pieces_done = 0;
  return outcome;
}

void WriterThread::stop(Node& node, std::string why) {
  if (node.has_failed) return;
  node.has_failed = true;
  node.channel->why_ = std::move(why);
}

// Goes on where want of room has stopped it.
Outcome WriterThread::write_pieces(Node& node, const LogJob& job) {
  while (node.pieces_done < job.pieces.size()) {
    const LogJob::Piece& piece = job.pieces[node.pieces_done];
    absl::Status status;
    if (piece.is_first) {
      auto snapshot = SnapshotWriter::begin(*node.files, piece.id);
      status = snapshot.status();
      if (snapshot.ok()) node.snapshot = std::move(*snapshot);
    }
    if (status.ok()) {
      RR_CHECK(node.snapshot != nullptr);
      status = node.snapshot->append(piece.bytes);
    }
    if (absl::IsResourceExhausted(status)) return Outcome::kNoRoom;
    if (!status.ok()) {
      stop(node, std::string{status.message()});
      return Outcome::kFailed;
    }
    ++node.pieces_done;
  }
  if (job.pieces.empty() || !job.pieces.back().is_last || node.snapshot == nullptr) {
    return Outcome::kOk;
  }
  RR_CHECK(job.snapshot.has_value());
  const absl::Status status = node.snapshot->finish(*job.snapshot);
  if (absl::IsResourceExhausted(status)) return Outcome::kNoRoom;
  node.snapshot.reset();
  if (status.ok()) return Outcome::kOk;
  stop(node, std::string{status.message()});
  return Outcome::kFailed;
}

// Whether there is more.
bool WriterThread::tidy_up(Node& node) {
  if (node.has_failed) return false;
  if (node.log->mark() != Outcome::kFailed) {
    const PoolStep step = node.log->prepare();
    if (step != PoolStep::kFailed) return step == PoolStep::kMore;
  }
  // Told with the next job: why() is not to change under the lcore's eyes.
  return false;
}

}  // namespace ringroad::raft::durable
