// A terminal's other screen, for what is drawn again and again: nothing scrolls, nothing flickers,
// and however this ends the terminal is as it was, since signals come through Interrupts.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "tools/ringroad/output.h"

namespace ringroad::cli {

class Screen {
 public:
  enum class Keys { kLeftAlone, kRead };
  // With kRead, what is typed comes from `input` key by key and is not shown. With either, ctrl-Z
  // is off: it would leave the other screen standing.
  Screen(Output& out, int input, Keys keys);
  ~Screen();
  Screen(const Screen&) = delete;

  // Shows `frame`, cut to the terminal's height; no line may be broader than it.
  void draw(std::string_view frame);
  int input() const { return input_; }

 private:
  Output& out_;
  int input_;
  Keys keys_;
  std::optional<termios> before_;  // of the input
};

// `frame` in one piece for a terminal of `rows`, over whatever stands there: each line's rest is
// cleared, and so is what is below. Lines that don't fit are counted in the last one.
std::string frame_update(std::string_view frame, std::size_t rows);

}  // namespace ringroad::cli
