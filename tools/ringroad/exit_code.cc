#include "tools/ringroad/exit_code.h"

#include <array>
#include <utility>

#include "absl/strings/cord.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {
namespace {

using absl::StatusCode;

constexpr std::array<std::pair<std::string_view, StatusCode>, 8> kKinds = {{
    {"not_found", StatusCode::kNotFound},
    {"unreachable", StatusCode::kUnavailable},
    {"denied", StatusCode::kPermissionDenied},
    {"timed_out", StatusCode::kDeadlineExceeded},
    {"failed", StatusCode::kInternal},
    {"invalid_config", StatusCode::kFailedPrecondition},
    {"conflict", StatusCode::kAborted},
    {"busy", StatusCode::kResourceExhausted},
}};
constexpr const char* kAnswered = "ringroad/answered";  // marks a status as the other side's word
constexpr double kInvalidParams = -32602;               // JSON-RPC 2.0, section 5.1

StatusCode code_of(const nlohmann::json& error) {
  const std::string kind = text_of(child_of(error, "data"), "kind");
  for (const auto& [name, code] : kKinds) {
    if (kind == name) return code;
  }
  return number_of(error, "code") == kInvalidParams ? StatusCode::kInvalidArgument
                                                    : StatusCode::kInternal;
}

}  // namespace

ExitCode exit_code_of(const absl::Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return ExitCode::kOk;
    case StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case StatusCode::kUnavailable:
      return ExitCode::kUnreachable;
    case StatusCode::kDeadlineExceeded:
      return ExitCode::kTimedOut;
    case StatusCode::kPermissionDenied:
      return ExitCode::kDenied;
    default:
      return ExitCode::kFailed;
  }
}

absl::Status status_of_rpc_error(const nlohmann::json& error) {
  std::string text = text_of(error, "message");
  if (text.empty()) text = "an error without a text";
  for (const auto& fault : list_of(child_of(error, "data"), "faults")) {
    if (fault.is_string()) text += "\n  " + printable(fault.get<std::string>());
  }
  absl::Status status{code_of(error), text};
  status.SetPayload(kAnswered, absl::Cord{});
  return status;
}

bool is_rpc_error(const absl::Status& status) { return status.GetPayload(kAnswered).has_value(); }

absl::Status with_text(const absl::Status& status, std::string_view text) {
  absl::Status other{status.code(), fabric::to_absl(text)};
  if (is_rpc_error(status)) other.SetPayload(kAnswered, absl::Cord{});
  return other;
}

}  // namespace ringroad::cli
