// Unix stream sockets by path: listening and connecting, with errors that name the path and the
// mend. Start-up only.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace ringroad::fabric {

// A non-blocking listener, for this user only. A socket nobody answers on is replaced; a living one
// or another kind of file is an error.
absl::StatusOr<int> listen_at(const std::string& path);

// A blocking connection.
absl::StatusOr<int> connect_to(const std::string& path);

}  // namespace ringroad::fabric
