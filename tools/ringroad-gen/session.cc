#include "tools/ringroad-gen/session.h"

#include <signal.h>
#include <time.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "dataplane/clock.h"
#include "tools/ringroad-gen/hgrm.h"
#include "tools/ringroad-gen/report.h"

namespace ringroad::gen {
namespace {

constexpr Nanos kTick = milliseconds(10);
constexpr Nanos kLineInterval = seconds(1);
// A sleeping lcore answers a reader within 50 ms; a busy one at its next pass.
constexpr std::uint32_t kLooksMax = 300;

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void pause_a_millisecond() {
  constexpr timespec kMillisecond{0, 1'000'000};
  nanosleep(&kMillisecond, nullptr);
}

void complain(const std::string& text) { std::cerr << "ringroad-gen: " << text << std::endl; }

}  // namespace

void block_stop_signals() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Session::Session(TrafficRole& role, RunFacts facts, const Options& options,
                 std::function<void()> stop_traffic)
    : role_(role),
      facts_(std::move(facts)),
      options_(options),
      stop_traffic_(std::move(stop_traffic)) {}

Session::~Session() {
  ended_ = true;
  if (reporter_.joinable()) reporter_.join();
}

void Session::start() {
  started_ = monotonic_now();
  say(heading(facts_));
  reporter_ = std::thread([this] { report(); });
}

void Session::report() {
  const sigset_t signals = stop_signals();
  constexpr timespec kTickTime{0, kTick.count};
  while (!ended_.load()) {
    if (sigtimedwait(&signals, nullptr, &kTickTime) > 0) on_signal();
    if (role_.done()) stop_traffic_();
    on_tick(monotonic_now());
  }
}

void Session::on_signal() {
  if (++signals_ == 1) {
    if (facts_.mode != Mode::kSink) complain("interrupted; what is in flight comes in first");
    role_.stop();
  } else {
    stop_traffic_();
  }
}

void Session::on_tick(Nanos now) {
  if (!running_) {
    // Nothing is measured yet, so looking often disturbs nothing.
    if (!read(now_)) return;
    if (now_.waiting_for_peers) {
      if (now - started_ > options_.connect_timeout && !unreachable_) {
        unreachable_ = true;
        role_.stop();
      } else if (now - started_ > seconds(1) && !said_waiting_) {
        said_waiting_ = true;
        complain("waiting for the links to come up");
      }
      return;
    }
    running_ = true;
    running_since_ = now;
    cpu_at_start_ns_ = process_cpu_ns();
    next_line_ = now + kLineInterval;
    before_ = now_;
    return;
  }
  if (facts_.mode == Mode::kSink && options_.has_duration &&
      now - running_since_ >= options_.duration) {
    role_.stop();
  }
  if (now < next_line_ || role_.done() || ended_.load()) return;
  next_line_ = next_line_ + kLineInterval;
  ++lines_;
  if (options_.quiet || !read(now_)) return;
  say(progress_line(lines_, summarize_interval(before_, now_, facts_)));
  before_ = now_;
}

bool Session::read(Snapshot& out) {
  std::uint32_t looks = 0;
  return role_.snapshot_from_outside(out, kLooksMax, [&looks] {
    // A busy lcore answers within microseconds.
    if (++looks > 20) pause_a_millisecond();
  });
}

void Session::say(const std::string& text) const {
  std::ostream& out = options_.json ? std::cerr : std::cout;
  out << text << std::flush;
}

int Session::finish(const absl::Status& traffic) {
  ended_ = true;
  if (reporter_.joinable()) reporter_.join();
  role_.snapshot(now_);
  const Nanos now = monotonic_now();
  const Nanos since = running_ ? running_since_ : now;
  Summary total = summarize(now_, facts_, since);
  const Nanos wall = now - since;
  if (running_ && wall > Nanos{}) {
    total.cpu_share =
        static_cast<double>(process_cpu_ns() - cpu_at_start_ns_) / static_cast<double>(wall.count);
  }
  if (!traffic.ok()) {
    complain(absl::StrCat(std::string{traffic.message()}));
    if (absl::IsUnavailable(traffic)) {
      complain("the dataplane went away during the run: the figures are of what came before");
    }
  }
  if (unreachable_) {
    complain(
        "the peers' links did not come up within --connect-timeout; look at: the peers' "
        "dataplanes, their addresses in /cluster_nodes, the medium between them");
  }
  if (running_) {
    say(final_table(total, facts_));
    if (options_.json) std::cout << to_json(total, facts_) << std::flush;
  }
  if (options_.hdr_file != nullptr && running_) {
    std::error_code no_plain_file;  // a pipe has nothing to empty
    std::filesystem::resize_file(options_.hdr_path, 0, no_plain_file);
    *options_.hdr_file << write_hgrm(total.latency);
    if (!options_.hdr_file->flush()) {
      complain(absl::StrCat("--hdr: \"", options_.hdr_path, "\" cannot be written"));
      return kExitFailed;
    }
  }
  return exit_code(total, traffic);
}

int Session::exit_code(const Summary& total, const absl::Status& traffic) const {
  if (!traffic.ok()) return kExitFailed;
  if (unreachable_) return kExitUnreachable;
  if (total.no_receiver > 0 && total.received == 0) return kExitUnreachable;
  if (!total.is_clean()) return kExitUnverified;
  if (facts_.mode != Mode::kRun || signals_ > 1) return kExitOk;
  if (total.unresolved > 0 || (total.by_receiver && total.reports_missing)) return kExitTimedOut;
  return kExitOk;
}

}  // namespace ringroad::gen
