#include "tools/ringroad/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "tools/ringroad-fabric/text.h"

namespace ringroad::cli {

bool open_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    // A new descriptor is the lowest that is free, and those below are open.
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream) return false;
  }
  return true;
}

Output::Output(int descriptor, Interrupts& interrupts)
    : descriptor_(descriptor), interrupts_(interrupts), is_terminal_(isatty(descriptor) == 1) {}

void Output::write(std::string_view text) {
  while (!text.empty() && !is_closed_) {
    // A reader that stalls must not keep ctrl-C from ending us: a pipe that is ready takes at least
    // PIPE_BUF bytes without blocking.
    const auto wake = interrupts_.wait(descriptor_, POLLOUT, deadline_in(0.2));
    if (wake == Interrupts::Wake::kStopped) {
      pollfd polled{descriptor_, POLLOUT, 0};
      if (poll(&polled, 1, 200) <= 0) {
        is_closed_ = true;
        continue;
      }
    } else if (wake == Interrupts::Wake::kTimedOut) {
      continue;
    }
    const ssize_t n =
        ::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR && errno != EAGAIN) {
      is_closed_ = true;
      if (errno != EPIPE) {
        status_ = absl::DataLossError(fabric::cat("output: ", std::strerror(errno)));
      }
    }
  }
}

bool Output::is_screen() const {
  const char* term = std::getenv("TERM");
  const std::string_view name = term == nullptr ? "" : term;
  return is_terminal_ && !name.empty() && name != "dumb";
}

Output::Size Output::size() const {
  winsize size{};
  if (!is_terminal_ || ioctl(descriptor_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.columns = std::max<std::size_t>(size.ws_col, 20),
          .rows = std::max<std::size_t>(size.ws_row, 5)};
}

}  // namespace ringroad::cli
