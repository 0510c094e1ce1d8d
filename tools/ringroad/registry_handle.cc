#include "tools/ringroad/registry_handle.h"

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/attachment.h"

namespace ringroad::cli {

using fabric::cat;

absl::StatusOr<RegistryHandle> open_registry(Session& session) {
  const auto socket = host_socket(session);
  if (!socket.ok()) return socket.status();
  dist_net_options_t options{};
  options.socket = socket->c_str();
  dist_registry_t* registry = nullptr;
  if (const auto error = dist_registry_open(&options, &registry); error != DIST_NET_SUCCESS) {
    return status_of_opening(error, *socket);
  }
  return RegistryHandle{registry};
}

absl::Status status_of(dist_registry_error_t error) {
  const std::string text = cat("consensus: ", dist_registry_strerror(error));
  const std::string looking = cat(text, "; next: ringroad raft status");
  switch (error) {
    case DIST_REGISTRY_OK:
      return absl::OkStatus();
    case DIST_REGISTRY_NOT_FOUND:
    case DIST_REGISTRY_LEASE_UNKNOWN:
      return absl::NotFoundError(text);
    case DIST_REGISTRY_NO_LEADER:
    case DIST_REGISTRY_NO_QUORUM:
    case DIST_REGISTRY_STOPPED:
    case DIST_REGISTRY_NOT_MEMBER:
      return absl::UnavailableError(looking);
    case DIST_REGISTRY_NO_CONSENSUS:
      return absl::UnavailableError(
          cat(text,
              "; mend: set it in the node's configuration, and make its folder with "
              "ringroad-log format"));
    case DIST_REGISTRY_DISCONNECTED:
      return absl::UnavailableError(cat(text, "; next: ringroad cluster status"));
    case DIST_REGISTRY_TIMED_OUT:
      return absl::DeadlineExceededError(looking);
    case DIST_REGISTRY_TOO_LARGE:
    case DIST_REGISTRY_BAD_REQUEST:
    case DIST_REGISTRY_INVALID_ARGUMENT:
      return absl::InvalidArgumentError(text);
    default:
      return absl::FailedPreconditionError(looking);
  }
}

}  // namespace ringroad::cli
