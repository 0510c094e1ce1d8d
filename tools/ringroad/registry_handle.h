// This process as a client of the cluster's registry, through the node that is asked, and what
// becomes of its errors: a status, which becomes an exit code.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/client/dist_registry.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {

struct CloseRegistry {
  void operator()(dist_registry_t* registry) const { dist_registry_close(registry); }
};
using RegistryHandle = std::unique_ptr<dist_registry_t, CloseRegistry>;

absl::StatusOr<RegistryHandle> open_registry(Session& session);

// What kept it from being done, and the command that shows more.
absl::Status status_of(dist_registry_error_t error);

}  // namespace ringroad::cli
