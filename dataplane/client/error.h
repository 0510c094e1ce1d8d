// The error of the calling thread: what happened, in numbers; put into words only when asked for,
// since a sender that polls for room fails often.
#pragma once

#include <string>

#include "dataplane/client/dist_net.h"

namespace ringroad::client {

// Each records the error for this thread and returns it.
dist_net_error_t fail(dist_net_error_t error);
dist_net_error_t fail(const dist_net_error_details_t& details);
dist_net_error_t fail(dist_net_error_t error, const std::string& text);

}  // namespace ringroad::client
