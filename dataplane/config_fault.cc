// How faults, pointers and values are written.
#include "dataplane/config_fault.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace ringroad {

void ConfigFaults::add_line(std::string line) {
  if (++count_ <= kTold) lines_.push_back(std::move(line));
}

void ConfigFaults::add(std::string_view pointer, std::string_view text) {
  add_line(file_name_ + ": " + std::string(pointer.empty() ? "/" : pointer) + ": " +
           std::string(text));
}

void ConfigFaults::add_syntax(std::size_t line, std::size_t column, std::string_view text) {
  add_line(absl::StrCat(file_name_, ":", line, ":", column, ": ", std::string(text)));
}

void ConfigFaults::add_file(std::string_view text) {
  add_line(file_name_ + ": " + std::string(text));
}

absl::Status ConfigFaults::status() const {
  std::string text = absl::StrJoin(lines_, "\n");
  if (count_ > kTold) {
    absl::StrAppend(&text, "\n", file_name_, ": and ", count_ - kTold, " more faults");
  }
  return absl::InvalidArgumentError(text);
}

std::string pointer_to(std::string_view pointer, std::string_view key) {
  return absl::StrCat(std::string(pointer), "/",
                      absl::StrReplaceAll(std::string(key), {{"~", "~0"}, {"/", "~1"}}));
}

std::string pointer_to(std::string_view pointer, std::size_t index) {
  return absl::StrCat(std::string(pointer), "/", index);
}

std::string quoted(const nlohmann::json& value) {
  constexpr std::size_t kBytesMax = 60;
  using Handler = nlohmann::json::error_handler_t;
  std::string text = value.dump(-1, ' ', true, Handler::replace);
  if (text.size() <= kBytesMax) return text;
  return absl::StrCat(text.substr(0, kBytesMax), "...");
}

}  // namespace ringroad
