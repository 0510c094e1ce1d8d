// A configuration file on disk, replaced whole or not at all: whatever fails, and whenever the
// machine stops, the file's name leads to the old text or to the new one. The text before is kept
// beside it, as FILE.previous.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ringroad::control {

std::string previous_path(const std::string& path);

// At most what a configuration may have, and one byte. NotFound when it is not there.
absl::StatusOr<std::string> read_text(const std::string& path);

absl::Status replace_text(const std::string& path, std::string_view text);

}  // namespace ringroad::control
