#include "tools/ringroad/screen.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tools/ringroad-fabric/text.h"

namespace ringroad::cli {
namespace {

// The terminal's commands (ECMA-48 and xterm's private modes).
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // other screen, no cursor
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string frame_update(std::string_view frame, std::size_t rows) {
  auto lines = lines_of(frame);
  std::string last;
  if (lines.size() > rows) {
    last = fabric::cat("(", lines.size() - rows + 1, " more lines: make the window higher)");
    lines.resize(rows - 1);
    lines.push_back(last);
  }
  std::string update{kHome};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    update += fabric::cat(lines[i], kClearLine, i + 1 < lines.size() ? "\r\n" : "");
  }
  return update + std::string(kClearBelow);
}

Screen::Screen(Output& out, int input, Keys keys) : out_(out), input_(input), keys_(keys) {
  termios mode;
  if (tcgetattr(input, &mode) == 0) {
    before_ = mode;
    if (keys == Keys::kRead) {
      mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      mode.c_cc[VMIN] = 1;
      mode.c_cc[VTIME] = 0;
    }
    mode.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(input, TCSANOW, &mode);
  }
  out_.write(kEnter);
}

Screen::~Screen() {
  out_.write(kLeave);
  // What was typed ahead was for us with kRead, and otherwise is for who comes next.
  if (before_) tcsetattr(input_, keys_ == Keys::kRead ? TCSAFLUSH : TCSANOW, &*before_);
}

void Screen::draw(std::string_view frame) { out_.write(frame_update(frame, out_.size().rows)); }

}  // namespace ringroad::cli
