#include "tools/ringroad-fabric/loop.h"

#include <emmintrin.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string_view>
#include <thread>

#include "dataplane/clock.h"
#include "dataplane/host/spin.h"
#include "tools/ringroad-fabric/commands.h"
#include "tools/ringroad-fabric/wall_clock.h"

namespace ringroad::fabric {
namespace {

bool add_to(int epoll, int descriptor) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> Loop::create(Fabric& fabric, ControlServer& control,
                                                   const Options& options) {
  std::unique_ptr<Loop> loop(new Loop(fabric, control, options));
  if (absl::Status status = loop->open_descriptors(); !status.ok()) return status;
  return loop;
}

Loop::~Loop() {
  for (const int descriptor : {epoll_, signals_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

absl::Status Loop::open_descriptors() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  bool watched =
      epoll_ >= 0 && add_to(epoll_, signals_) && add_to(epoll_, control_.wait_descriptor());
  for (std::size_t i = 0; watched && i < fabric_.ports(); ++i) {
    watched = add_to(epoll_, fabric_.port(port_at(i)).wait_descriptor());
  }
  if (!watched) return absl::ErrnoToStatus(errno, "cannot wait on ports and sockets");
  // The default slack of 50 us would be most of a short delay.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  return absl::OkStatus();
}

void Loop::run() {
  Nanos now = monotonic_now();
  Nanos last_work = now;
  Nanos service_at = now;
  bool just_woken = false;
  const host::Spin spin = host::spin_on(std::thread::hardware_concurrency());
  if (options_.duration) stop_at_ = now + *options_.duration;
  for (; !stopping_ && now < stop_at_; now = monotonic_now()) {
    std::uint32_t work = fabric_.poll(now);
    // Frames first; what woke us was something else when there are none.
    if (now >= service_at || (just_woken && work == 0)) {
      work += service(now);
      service_at = now + kServiceInterval;
    }
    just_woken = false;
    if (work != 0) {
      last_work = now;
    } else if (options_.adaptive && now - last_work >= microseconds(spin.us)) {
      just_woken = sleep(now);
      if (just_woken) last_work = monotonic_now();
    } else {
      options_.adaptive ? spin.pause() : _mm_pause();
    }
  }
}

std::uint32_t Loop::service(Nanos now) {
  signalfd_siginfo signal;
  if (read(signals_, &signal, sizeof signal) > 0) stopping_ = true;
  const auto handler = [this](std::string_view line, Nanos at) {
    return execute(line, fabric_, at, wall_clock_now() - at);
  };
  const std::uint32_t work = fabric_.service(now) + control_.service(now, handler);
  tell_capture_failure();
  return work;
}

void Loop::tell_capture_failure() {
  if (const auto failure = fabric_.capture().take_failure()) {
    std::fprintf(stderr, "ringroad-fabric: %s\n", failure->c_str());
  }
}

// The order matters: arm first, then look again, so that no bell is missed in between. False when
// there was no point in sleeping.
bool Loop::sleep(Nanos now) {
  const Nanos deadline =
      std::min({fabric_.next_deadline(), control_.next_deadline(), stop_at_, now + kSleepMax});
  if (deadline - now < kSleepMin) return false;
  fabric_.capture().flush();
  tell_capture_failure();
  if (!fabric_.arm()) return false;
  const std::int64_t wait = (deadline - now).count;
  const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
  std::array<epoll_event, 8> events;
  (void)epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  fabric_.disarm();
  return true;
}

}  // namespace ringroad::fabric
