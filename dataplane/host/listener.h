// A listening Unix socket of a node (mode 0660): the applications' and the control process's.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/host/descriptor.h"

namespace ringroad::host {

// The group's number; nothing when there is no such group.
std::optional<gid_t> find_group(const std::string& name);

// Binds and listens at `path`, making its directory when missing. A socket nobody listens on any
// more is replaced; one in use, or a file that is no socket, is an error. `group` may be empty.
// `type` is SOCK_SEQPACKET or SOCK_STREAM.
absl::StatusOr<Descriptor> listen_at(const std::string& path, const std::string& group,
                                     int type = SOCK_SEQPACKET);

}  // namespace ringroad::host
