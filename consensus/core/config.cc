// What makes a Config unusable. What would break an invariant, a promise to clients or the node's
// progress is refused; what is merely unwise, such as a short election timeout, is the operator's
// choice.
#include "consensus/core/config.h"

#include "absl/strings/str_cat.h"

namespace ringroad::raft {

absl::Status Config::validate() const {
  const auto bad = [](const char* field, std::int64_t value, const char* rule) {
    return absl::InvalidArgumentError(absl::StrCat("raft: ", field, " is ", value, "; ", rule));
  };
  if (!is_node(id)) return bad("id", id.value, "it must be 1 to 64");
  if (heartbeat_interval <= Nanos{}) {
    return bad("heartbeat_interval", heartbeat_interval.count, "it must be above 0 ns");
  }
  if (election_timeout <= heartbeat_interval) {
    return bad("election_timeout", election_timeout.count,
               "it must be above heartbeat_interval (ns); ten times that is usual");
  }
  if (timeout_step <= Nanos{} || timeout_step > election_timeout) {
    return bad("timeout_step", timeout_step.count, "it must be 1 ns to election_timeout");
  }
  if (inflight_messages_max == 0) return bad("inflight_messages_max", 0, "it must be at least 1");
  if (append_entries_max == 0) return bad("append_entries_max", 0, "it must be at least 1");
  if (snapshot_chunk_bytes_max == 0) {
    return bad("snapshot_chunk_bytes_max", 0, "it must be at least 1");
  }
  if (read_mode == ReadMode::kLease && !check_quorum) {
    return absl::InvalidArgumentError("raft: read_mode lease needs check_quorum");
  }
  if (clock_drift_ppm_max >= 500'000) {
    return bad("clock_drift_ppm_max", clock_drift_ppm_max, "it must be below 500000");
  }
  return absl::OkStatus();
}

}  // namespace ringroad::raft
