// Where data or talk goes: standard output or standard error, written whole. A reader that leaves
// ("| head") is no error: the rest is dropped, and whoever writes on looks at is_closed().
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "tools/ringroad/interrupts.h"

namespace ringroad::cli {

// Opens /dev/null in place of each of the three standard streams that is closed, before a
// descriptor of our own takes its number and is written to as if it were that stream. False when
// that cannot be done.
[[nodiscard]] bool open_standard_streams();

class Output {
 public:
  Output(int descriptor, Interrupts& interrupts);

  void write(std::string_view text);

  bool is_terminal() const { return is_terminal_; }
  // A terminal that takes commands, to be drawn on and coloured: none that is "dumb", or of which
  // TERM says nothing, as an editor's or a log's.
  bool is_screen() const;
  // Nobody reads any more, or it cannot be written to.
  bool is_closed() const { return is_closed_; }
  // Why it cannot be written to, when that is not because the reader left.
  const absl::Status& status() const { return status_; }

  struct Size {
    std::size_t columns = 80, rows = 24;
  };
  Size size() const;  // of the terminal

 private:
  int descriptor_;
  Interrupts& interrupts_;
  bool is_terminal_;
  bool is_closed_ = false;
  absl::Status status_;
};

}  // namespace ringroad::cli
