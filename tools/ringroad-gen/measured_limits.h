// What memif was measured to carry here, read from a file that `perf/run --json` wrote, so that a
// run can say which share of it was used. Nothing is measured here, and nothing guessed: a size
// without a row of its own has no limit.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ringroad::gen {

class Limits {
 public:
  // No file: nothing is known.
  Limits() = default;

  // Errors name the file, the row and what was expected.
  static absl::StatusOr<Limits> read(const std::string& path);
  static absl::StatusOr<Limits> parse(std::string_view text, const std::string& path);

  bool have_file() const { return !path_.empty(); }
  const std::string& path() const { return path_; }

  // Messages of `bytes` payload a second between two nodes; 0 when the file has no value for it.
  double memif_msgs_per_s(std::uint32_t bytes) const;
  static std::string row_name(std::uint32_t bytes);  // "p2p.memif.64B"

 private:
  std::string path_;
  std::map<std::uint32_t, double> msgs_per_s_;  // by payload bytes
};

}  // namespace ringroad::gen
