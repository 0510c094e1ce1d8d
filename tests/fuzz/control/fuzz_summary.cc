// What another node's control process tells: the first byte names the node it came from. What is
// believed is in range, and reads the same once written again.
#include <cstdint>

#include "control/core/summary.h"
#include "dataplane/base/check.h"
#include "dataplane/base/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringroad;
  using namespace ringroad::control;
  if (size == 0) return 0;
  const NodeId from{data[0]};
  const auto summary =
      decode_summary(from, {reinterpret_cast<const std::byte*>(data + 1), size - 1});
  if (!summary) return 0;
  RR_CHECK(summary->node == from && from.value >= 1 && from.value <= kNodesMax);
  RR_CHECK(summary->applications <= kApplicationsMax && summary->links_configured < kNodesMax);
  RR_CHECK((summary->links_up & node_bit(from)) == 0);
  RR_CHECK(summary->messages_sent_per_second >= 0 && summary->uptime.count >= 0);
  const auto again = decode_summary(from, encode(*summary));
  RR_CHECK(again && again->links_up == summary->links_up);
  RR_CHECK(again->round_trip_p99 == summary->round_trip_p99 && again->uptime == summary->uptime);
  return 0;
}
