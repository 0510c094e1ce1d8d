// A directory of a test's own, gone with it and with all that is in it. Declared first in a fixture
// it outlives whatever stands there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "dataplane/base/check.h"

namespace ringroad {

class TemporaryDirectory {
 public:
  // A short name: sockets' paths have 107 bytes.
  TemporaryDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "ringroad-XXXXXX").string();
    RR_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ringroad
