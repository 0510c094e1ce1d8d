// The node's listening Unix socket (SOCK_SEQPACKET, mode 0660).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "dataplane/host/descriptor.h"

namespace ringroad::host {

// Binds and listens at `path`, making its directory when missing. A socket nobody listens on any
// more is replaced; one in use, or a file that is no socket, is an error. `group` may be empty.
absl::StatusOr<Descriptor> listen_at(const std::string& path, const std::string& group);

}  // namespace ringroad::host
