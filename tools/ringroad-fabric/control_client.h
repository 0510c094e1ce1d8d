// The other end of the control socket: sends one command to a running fabric and shows its answer.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ringroad::fabric {

// One line, without its end; the answer line, without its end. Waits at most a few seconds.
absl::StatusOr<std::string> ask(const std::string& socket_path, std::string_view line);

// An answer of the fabric for people: tables for what `show` asks for, the error as a sentence,
// otherwise the JSON itself.
std::string format_answer(std::string_view answer);
bool is_refusal(std::string_view answer);

}  // namespace ringroad::fabric
