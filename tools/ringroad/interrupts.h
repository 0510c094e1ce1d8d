// Signals as something to wait for: from construction on, SIGINT, SIGTERM, SIGHUP, SIGWINCH and
// SIGCONT come through a descriptor instead of interrupting whatever runs, so that ctrl-C ends a
// wait, an answer that does not come or a redraw, and every terminal is put back as it was. One a
// process.
#pragma once

#include <chrono>

namespace ringroad::cli {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
inline constexpr Deadline kForever = Deadline::max();

Deadline deadline_in(double seconds);

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;

  enum class Wake { kReady, kTimedOut, kStopped, kResized };
  enum class Resizing { kIgnored, kWakes };
  // Until `descriptor` (-1: none) is ready for `events` of poll(2), the deadline, or a signal.
  // Stopped stays stopped until clear(), resized until take_resized().
  Wake wait(int descriptor, short events, Deadline deadline,
            Resizing resizing = Resizing::kIgnored);

  // Whether, and by which signal, somebody wants this to stop; 0: nobody.
  int stop_signal();
  void clear() { stop_signal_ = 0; }
  // Whether the terminal has changed its size since the last call, or was another program's.
  bool take_resized();
  // Whether this was stopped and goes on (ctrl-Z, then fg), since the last call: the terminal's
  // mode is what the shell made of it. What waits for its size wakes then too.
  bool take_continued();

 private:
  void read_signals();

  int descriptor_;
  int stop_signal_ = 0;
  bool is_resized_ = false;
  bool is_continued_ = false;
};

}  // namespace ringroad::cli
