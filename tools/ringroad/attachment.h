// This process as a program of the node, for sending and listening: libringroad's context, opened
// at the socket the control process names, and its errors as statuses.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/client/dist_net.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {

struct CloseContext {
  void operator()(dist_net_context_t* context) const { dist_net_close(context); }
};
using Attachment = std::unique_ptr<dist_net_context_t, CloseContext>;

// A node whose control process is away is found by its id, since its links go on.
absl::StatusOr<Attachment> attach(Session& session);

// Where programs attach to the node that is asked.
absl::StatusOr<std::string> host_socket(Session& session);
// Why that could not be attached to.
absl::Status status_of_opening(dist_net_error_t error, const std::string& socket);

// What libringroad's last failing call of this thread has to say.
absl::Status status_of(dist_net_error_t error);

}  // namespace ringroad::cli
