// Processes that run scenarios and report by pipes. Whoever calls owns nothing of it: all processes
// are gone and all pipes closed when a call returns. Invariant: each seed of a range is reported
// once, also one that killed its process. The order of reports depends on the machine, so whatever
// sums them up must not depend on it. What a process tells as it dies, its handler finds by
// `dying_timeline`: the one variable here that is nobody's.
#include "tests/sim/raft/runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>

namespace ringroad::raft::sim {

namespace {

// What a child tells: "S seed" when it begins one, "L text" a line of the timeline, "R numbers
// failure" when it is done. Whatever else it prints is what it said as it died.
constexpr std::size_t kTimelineTold = 4'000;

const Timeline* dying_timeline = nullptr;

void tell(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void tell_timeline(const Timeline& timeline) {
  for (const Timeline::Line& line : timeline.lines()) {
    char head[64];
    std::snprintf(head, sizeof head, "L %10.3f ms  %2u  ", static_cast<double>(line.at.count) / 1e6,
                  line.node.value);
    tell(head + line.text);
  }
}

void on_abort(int) {
  if (dying_timeline != nullptr) tell_timeline(*dying_timeline);
  _exit(134);
}

void run_and_tell(const Scenario& scenario, std::size_t lines_max) {
  tell("S " + std::to_string(scenario.seed));
  World world(scenario, lines_max);
  dying_timeline = &world.timeline();
  const Report r = world.run();
  tell_timeline(world.timeline());
  dying_timeline = nullptr;
  std::ostringstream line;
  line << "R " << r.hash << ' ' << r.events << ' ' << r.elections << ' ' << r.committed << ' '
       << r.requests << ' ' << r.is_quorum_lost << ' ' << r.recovery.count;
  for (std::size_t i = 0; i < kFaults; ++i) line << ' ' << r.tally[static_cast<Fault>(i)];
  std::string text = r.failure;
  std::ranges::replace(text, '\n', '\x1f');
  line << ' ' << text;
  tell(line.str());
}

Report parse_report(const std::string& text) {
  Report r;
  std::istringstream line(text.substr(2));
  line >> r.hash >> r.events >> r.elections >> r.committed >> r.requests >> r.is_quorum_lost >>
      r.recovery.count;
  for (std::size_t i = 0; i < kFaults; ++i) {
    std::uint64_t times = 0;
    line >> times;
    r.tally.add(static_cast<Fault>(i), times);
  }
  line.get();
  std::getline(line, r.failure);
  std::ranges::replace(r.failure, '\x1f', '\n');
  return r;
}

class Child {
 public:
  using Line = std::function<void(const std::string&)>;
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    std::fflush(stdout);
    pid_ = fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      close(ends[0]);
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      signal(SIGABRT, on_abort);
      work();
      _exit(0);
    }
    close(ends[1]);
    fd_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    close(fd_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  int fd() const { return fd_; }
  // False when the child is gone.
  bool read_lines(const Line& line) {
    char buffer[65536];
    const ssize_t got = read(fd_, buffer, sizeof buffer);
    if (got <= 0) return false;
    rest_.append(buffer, static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      line(rest_.substr(begin, end - begin));
    }
    rest_.erase(0, begin);
    return true;
  }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string rest_;
};

}  // namespace

std::string kind_of(const std::string& failure) { return failure.substr(0, failure.find(':')); }

Outcome run_apart(const Scenario& scenario, std::size_t lines_max) {
  Outcome outcome;
  outcome.report.failure = "died without a word";
  Child child([&] { run_and_tell(scenario, lines_max); });
  while (child.read_lines([&outcome](const std::string& line) {
    if (line.starts_with("L ")) {
      outcome.lines.push_back(line.substr(2));
    } else if (line.starts_with("R ")) {
      outcome.report = parse_report(line);
    } else if (!line.starts_with("S ")) {
      outcome.report.failure = "the core stopped itself: " + line;
    }
  })) {
  }
  return outcome;
}

void run_seeds(std::uint64_t from, std::uint64_t count, unsigned processes,
               const MakeScenario& make, const TakeReport& take) {
  struct Worker {
    std::unique_ptr<Child> child;
    std::uint64_t next = 0;  // to begin with, when it has to be replaced
    bool is_at_work = false;
    std::string last_words;
  };
  const std::uint64_t end = from + count;
  std::vector<Worker> workers(processes);
  const auto begin = [&](Worker& worker) {
    worker.is_at_work = false;
    worker.last_words.clear();
    worker.child = worker.next >= end ? nullptr : std::make_unique<Child>([&] {
      for (std::uint64_t seed = worker.next; seed < end; seed += processes) {
        run_and_tell(make(seed), 0);
      }
    });
  };
  for (unsigned i = 0; i < processes; ++i) {
    workers[i].next = from + i;
    begin(workers[i]);
  }
  bool goes_on = true;
  while (goes_on) {
    std::vector<pollfd> waiting;
    std::vector<Worker*> whose;
    for (Worker& worker : workers) {
      if (!worker.child) continue;
      waiting.push_back({worker.child->fd(), POLLIN, 0});
      whose.push_back(&worker);
    }
    if (waiting.empty()) return;
    poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < waiting.size() && goes_on; ++i) {
      if (waiting[i].revents == 0) continue;
      Worker& worker = *whose[i];
      const bool lives = worker.child->read_lines([&](const std::string& line) {
        if (line.starts_with("S ")) {
          worker.is_at_work = true;
        } else if (line.starts_with("R ")) {
          worker.is_at_work = false;
          goes_on = take(worker.next, parse_report(line)) && goes_on;
          worker.next += processes;
        } else {
          worker.last_words = line;
        }
      });
      if (lives) continue;
      if (worker.is_at_work) {
        Report report;
        report.failure = "the core stopped itself: " + worker.last_words;
        goes_on = take(worker.next, report);
        worker.next += processes;
      }
      begin(worker);
    }
  }
}

Minimised minimise(const Scenario& failing, const std::string& kind) {
  Minimised best{failing, {}, 0};
  const auto still_fails = [&](const Scenario& scenario) {
    ++best.runs;
    return kind_of(run_apart(scenario, 0).report.failure) == kind;
  };
  bool is_smaller = true;
  while (is_smaller) {
    is_smaller = false;
    for (std::size_t i = 0; i < kTroubles; ++i) {
      const auto trouble = static_cast<Trouble>(i);
      if (!best.scenario.troubles.has(trouble)) continue;
      Scenario less =
          draw_scenario(failing.seed, failing.mode, best.scenario.troubles.without(trouble));
      less.trouble_time = best.scenario.trouble_time;
      if (!still_fails(less)) continue;
      best.scenario = less;
      is_smaller = true;
    }
  }
  for (Nanos step = best.scenario.trouble_time / 2; step >= milliseconds(100); step = step / 2) {
    Scenario shorter = best.scenario;
    shorter.trouble_time = shorter.trouble_time - step;
    if (still_fails(shorter)) best.scenario = shorter;
  }
  best.outcome = run_apart(best.scenario, kTimelineTold);
  return best;
}

}  // namespace ringroad::raft::sim
