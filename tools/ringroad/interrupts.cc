#include "tools/ringroad/interrupts.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "dataplane/base/check.h"

namespace ringroad::cli {
namespace {

// Not those that whoever started us wants ignored, as nohup(1) does.
sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT}) {
    struct sigaction action{};
    const bool is_known = sigaction(number, nullptr, &action) == 0;
    if (!is_known || action.sa_handler != SIG_IGN) sigaddset(&signals, number);
  }
  return signals;
}

int milliseconds_until(Deadline deadline) {
  if (deadline == kForever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

Deadline deadline_in(double seconds) {
  const auto span = std::chrono::duration<double>(std::clamp(seconds, 0.0, 1e9));
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(span);
}

Interrupts::Interrupts() {
  const sigset_t signals = watched_signals();
  RR_CHECK(sigprocmask(SIG_BLOCK, &signals, nullptr) == 0);
  descriptor_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  RR_CHECK(descriptor_ >= 0);
}

Interrupts::~Interrupts() {
  close(descriptor_);
  const sigset_t signals = watched_signals();
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

void Interrupts::read_signals() {
  signalfd_siginfo info;
  while (read(descriptor_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGWINCH || number == SIGCONT) {
      is_resized_ = true;
      is_continued_ = is_continued_ || number == SIGCONT;
    } else {
      stop_signal_ = number;
    }
  }
}

int Interrupts::stop_signal() {
  read_signals();
  return stop_signal_;
}

bool Interrupts::take_resized() {
  read_signals();
  return std::exchange(is_resized_, false);
}

bool Interrupts::take_continued() {
  read_signals();
  return std::exchange(is_continued_, false);
}

Interrupts::Wake Interrupts::wait(int descriptor, short events, Deadline deadline,
                                  Resizing resizing) {
  for (;;) {
    read_signals();
    if (stop_signal_ != 0) return Wake::kStopped;
    if (is_resized_ && resizing == Resizing::kWakes) return Wake::kResized;
    pollfd polled[] = {{descriptor_, POLLIN, 0}, {descriptor, events, 0}};
    const int ready = poll(polled, 2, milliseconds_until(deadline));
    if (ready > 0 && polled[1].revents != 0) return Wake::kReady;
    if (Clock::now() >= deadline) return Wake::kTimedOut;
  }
}

}  // namespace ringroad::cli
