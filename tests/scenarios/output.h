// What the commands of a scenario print. Quiet while the log level is "none"; sections are indented
// by two blanks a level.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace ringroad::scenarios {

class Output {
 public:
  void write(absl::string_view text) {
    if (!quiet_) absl::StrAppend(&text_, text);
  }
  void line(absl::string_view text) { write(absl::StrCat(text, "\n")); }

  // Runs `body` and indents what it writes; its last line is ended.
  template <typename Body>
  auto indented(const Body& body) {
    std::string outer = std::exchange(text_, {});
    auto result = body();
    absl::string_view inner = text_;
    absl::ConsumeSuffix(&inner, "\n");
    if (!inner.empty()) {
      for (const absl::string_view row : absl::StrSplit(inner, '\n')) {
        absl::StrAppend(&outer, "  ", row, "\n");
      }
    }
    text_ = std::move(outer);
    return result;
  }

  void set_quiet(bool quiet) { quiet_ = quiet; }
  bool quiet() const { return quiet_; }
  std::string take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
  bool quiet_ = false;
};

}  // namespace ringroad::scenarios
