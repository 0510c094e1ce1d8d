#include "tools/ringroad/attachment.h"

#include "dataplane/config.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {

using fabric::cat;

absl::StatusOr<std::string> host_socket(Session& session) {
  const auto status = session.ask("node.status");
  if (status.ok()) {
    std::string socket = text_of(*status, "host_socket");
    if (!socket.empty()) return socket;
    return absl::InternalError("node.status names no host_socket");
  }
  const auto target = session.target();
  if (absl::IsUnavailable(status.status()) && target.ok() && target->node_id) {
    return default_host_socket(NodeId{static_cast<std::uint16_t>(*target->node_id)});
  }
  return status.status();
}

// Whatever it is that does not answer, a node that a program cannot attach to is unreachable.
absl::Status status_of_opening(dist_net_error_t error, const std::string& socket) {
  if (error != DIST_NET_TIMEOUT) return status_of(error);
  return absl::UnavailableError(
      cat("the dataplane at ", socket, " does not answer; next: ringroad cluster status"));
}

absl::Status status_of(dist_net_error_t error) {
  const std::string text = dist_net_last_error();  // begins with the error's name
  switch (error) {
    case DIST_NET_SUCCESS:
      return absl::OkStatus();
    case DIST_NET_INVALID_ARGUMENT:
    case DIST_NET_TOO_LARGE:
    case DIST_NET_BAD_PRIORITY:
      return absl::InvalidArgumentError(text);
    case DIST_NET_NO_SUCH_NODE:
      return absl::NotFoundError(text);
    case DIST_NET_NOT_CONNECTED:
    case DIST_NET_DISCONNECTED:
    case DIST_NET_UNAVAILABLE:
      return absl::UnavailableError(text);
    case DIST_NET_TIMEOUT:
      return absl::DeadlineExceededError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<Attachment> attach(Session& session) {
  const auto socket = host_socket(session);
  if (!socket.ok()) return socket.status();
  dist_net_options_t options{};
  options.socket = socket->c_str();
  dist_net_context_t* context = nullptr;
  const auto error = dist_net_open(&options, &context);
  if (error != DIST_NET_SUCCESS) return status_of_opening(error, *socket);
  return Attachment{context};
}

}  // namespace ringroad::cli
