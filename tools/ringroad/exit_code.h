// How a command ends, and the one place where errors become exit codes: what the control process
// calls an error's kind becomes an absl::Status, and a status becomes the number a script sees.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace ringroad::cli {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kUnreachable = 4,
  kUnhealthy = 5,  // the answer came, and something in it is wrong
  kTimedOut = 6,
  kDenied = 7,
};

// Of any failure but kUnhealthy, which is no failure to answer.
ExitCode exit_code_of(const absl::Status& status);

// A JSON-RPC error object as a status. An object that is none is a failure too.
absl::Status status_of_rpc_error(const nlohmann::json& error);
// Whether the other side answered with this, so that the connection still stands.
bool is_rpc_error(const absl::Status& status);
// The same error with another text.
absl::Status with_text(const absl::Status& status, std::string_view text);

}  // namespace ringroad::cli
