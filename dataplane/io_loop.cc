#include "dataplane/io_loop.h"

#include <emmintrin.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dataplane/clock.h"

namespace ringroad {

IoLoop::~IoLoop() {
  if (epoll_ >= 0) close(epoll_);
  if (bell_ >= 0) close(bell_);
}

absl::Status IoLoop::watch(int descriptor) {
  if (epoll_ < 0) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || bell_ < 0) return absl::ErrnoToStatus(errno, "epoll for an io lcore");
    if (auto status = watch(bell_); !status.ok()) return status;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl for an io lcore");
  }
  return absl::OkStatus();
}

absl::Status IoLoop::add(Node& node, CommandSource* commands) {
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
  Nanos last_work = monotonic_now();
  while (!stop_.load(std::memory_order_relaxed)) {
    const Nanos now = monotonic_now();
    std::uint32_t work = 0;
    for (const Member& member : members_) {
      if (member.commands != nullptr) work += member.commands->poll(*member.node);
      work += member.node->poll(now);
    }
    auto& passes = statistics_.passes;
    passes.store(passes.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (work != 0) {
      last_work = now;
      auto& busy = statistics_.busy_passes;
      busy.store(busy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else if (options_.idle == IdlePolicy::kAdaptive && now - last_work >= spin) {
      sleep(now);
      last_work = monotonic_now();
    } else if (options_.idle == IdlePolicy::kAdaptive) {
      options_.spin.pause();
    } else {
      _mm_pause();
    }
  }
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
    (void)epoll_pwait2(epoll_, events, 8, &timeout, nullptr);
    statistics_.sleeps.fetch_add(1, std::memory_order_relaxed);
    statistics_.sleep_ns.fetch_add(static_cast<std::uint64_t>((monotonic_now() - now).count),
                                   std::memory_order_relaxed);
  }
  for (const Member& member : members_) {
    member.node->disarm();
    if (idle && member.commands != nullptr) member.commands->woke();
  }
}

void IoLoop::stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (bell_ >= 0) (void)!write(bell_, "\1\0\0\0\0\0\0", 8);
}

}  // namespace ringroad
