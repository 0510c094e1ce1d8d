#include "dataplane/io_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dataplane/clock.h"

namespace ringroad {
namespace {

constexpr timespec kBlindSleep{0, 100'000};

// One writer: a load and a store, not a locked instruction.
void count(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

IoLoop::~IoLoop() {
  if (epoll_ >= 0) close(epoll_);
  if (bell_ >= 0) close(bell_);
}

absl::Status IoLoop::open() {
  if (epoll_ >= 0) return absl::OkStatus();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || bell_ < 0) return absl::ErrnoToStatus(errno, "epoll for an io lcore");
  return watch(bell_);
}

absl::Status IoLoop::watch(int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl for an io lcore");
  }
  return absl::OkStatus();
}

absl::Status IoLoop::add(Node& node, CommandSource* commands) {
  if (auto status = open(); !status.ok()) return status;
  members_.push_back({&node, commands});
  const int port = node.port().wait_descriptor();
  if (port < 0) {
    blind_ = true;
  } else if (auto status = watch(port); !status.ok()) {
    return status;
  }
  return commands == nullptr ? absl::OkStatus() : watch(commands->wait_descriptor());
}

void IoLoop::run() {
  // The default slack of 50 us would be most of a short deadline.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const Nanos spin = microseconds(options_.spin.us);
  LoopClock clock;
  Nanos last_work = clock.now();
  const Nanos started = last_work;
  Nanos pass_started = last_work;
  bool was_busy = false;
  while (!stop_.load(std::memory_order_relaxed)) {
    const Nanos now = clock.now();
    count_time(now - started, was_busy ? now - pass_started : Nanos{});
    pass_started = now;
    if (report_state_.load(std::memory_order_acquire) == Report::kWanted) [[unlikely]] {
      members_.front().node->report(report_);
      report_.loop = statistics_.report();
      report_.idle = options_.idle;
      report_state_.store(Report::kReady, std::memory_order_release);
    }
    std::uint32_t work = 0;
    for (const Member& member : members_) {
      if (member.commands != nullptr) work += member.commands->poll(*member.node);
      work += member.node->poll(now);
    }
    was_busy = work != 0;
    count(statistics_.passes);
    if (was_busy) {
      last_work = now;
      count(statistics_.busy_passes);
    } else if (options_.idle == IdlePolicy::kAdaptive && now - last_work >= spin) {
      sleep(now);
      last_work = clock.now();
    } else if (options_.idle == IdlePolicy::kAdaptive) {
      options_.spin.pause();
    }
    // kPoll looks again at once: its CPU is its own, and a pause is 40 to 140 cycles of every
    // message's way (perf/run --only pingpong.memif).
  }
}

void IoLoop::count_time(Nanos run, Nanos busy) {
  statistics_.run_ns.store(static_cast<std::uint64_t>(run.count), std::memory_order_relaxed);
  if (busy > Nanos{}) count(statistics_.busy_ns, static_cast<std::uint64_t>(busy.count));
}

void IoLoop::sleep(Nanos now) {
  bool idle = true;
  Nanos deadline = now + (blind_ ? options_.blind_sleep : options_.sleep_max);
  for (const Member& member : members_) {
    idle = member.node->arm() && idle;
    deadline = std::min(deadline, member.node->next_deadline());
  }
  if (idle && deadline > now && !stop_.load(std::memory_order_relaxed)) {
    const std::int64_t wait = (deadline - now).count;
    const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
    epoll_event events[8];
    const int ready = epoll_pwait2(epoll_, events, 8, &timeout, nullptr);
    // Where waiting fails (a kernel before 5.11), sleep by the clock rather than not at all.
    if (ready < 0 && errno != EINTR) nanosleep(&kBlindSleep, nullptr);
    std::uint64_t rung = 0;
    (void)!read(bell_, &rung, sizeof rung);
    count(statistics_.sleeps);
    const Nanos slept = std::max(monotonic_now() - now, Nanos{});
    count(statistics_.sleep_ns, static_cast<std::uint64_t>(slept.count));
  }
  for (const Member& member : members_) {
    member.node->disarm();
    if (idle && member.commands != nullptr) member.commands->woke();
  }
}

bool IoLoop::report(NodeReport& out) {
  report_state_.store(Report::kWanted, std::memory_order_release);
  wake();
  for (int i = 0; i < 1'000; ++i) {
    if (report_state_.load(std::memory_order_acquire) == Report::kReady) {
      out = report_;
      return true;
    }
    const timespec millisecond{0, 1'000'000};
    nanosleep(&millisecond, nullptr);
  }
  return false;
}

void IoLoop::stop() {
  stop_.store(true, std::memory_order_relaxed);
  wake();
}

void IoLoop::wake() {
  if (bell_ >= 0) (void)!write(bell_, "\1\0\0\0\0\0\0", 8);
}

}  // namespace ringroad
