// Commands that ask and show: once, or again and again with --watch.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad/session.h"

namespace ringroad::cli {

struct View {
  std::function<absl::StatusOr<nlohmann::json>(Session&)> fetch;
  // For people; fits look.columns unless it is wide.
  std::function<std::string(const nlohmann::json&, const Look&)> draw;
  // What the answer itself says about how the command ends; by default, well.
  std::function<ExitCode(const nlohmann::json&)> judge = {};
};

// One method without parameters.
std::function<absl::StatusOr<nlohmann::json>(Session&)> asking(const char* method);

// Watching ends with a signal or a reader that left; an answer that fails after the first one is
// told and asked for again, since a control process may be restarted under a watch.
absl::StatusOr<ExitCode> show(Session& session, const View& view);

}  // namespace ringroad::cli
