// The faults of one configuration file, gathered so that all are told at once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace ringroad {

class ConfigFaults {
 public:
  static constexpr std::size_t kTold = 20;  // the rest is only counted

  explicit ConfigFaults(std::string_view file_name) : file_name_(file_name) {}

  // `pointer` is a JSON pointer (RFC 6901) into the file.
  void add(std::string_view pointer, std::string_view text);
  // A fault of the text itself, at a line and column that count from 1.
  void add_syntax(std::size_t line, std::size_t column, std::string_view text);
  // A fault of the file as a whole.
  void add_file(std::string_view text);

  bool empty() const { return count_ == 0; }
  // InvalidArgument with one line for each fault. Only when there are some.
  absl::Status status() const;

 private:
  void add_line(std::string line);

  std::string file_name_;
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

// `pointer` with one more step: a key, escaped as RFC 6901 asks, or an index.
std::string pointer_to(std::string_view pointer, std::string_view key);
std::string pointer_to(std::string_view pointer, std::size_t index);

// A value as an error text shows it: JSON, on one line, cut when long.
std::string quoted(const nlohmann::json& value);

}  // namespace ringroad
