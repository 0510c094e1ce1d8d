#include "dataplane/host/control_segment.h"

#include <rte_ring.h>

namespace ringroad::host {

static_assert(sizeof(ControlCommand) == sizeof(ControlEvent), "one ring size for both");

std::size_t control_ring_bytes() {
  // What rte_ring_get_memsize_elem() says, without the library: control links none of it.
  const std::size_t bytes = sizeof(rte_ring) + kControlRing * sizeof(ControlCommand);
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

std::size_t control_segment_bytes() {
  constexpr std::size_t kPage = 4'096;
  const std::size_t bytes = sizeof(ControlSegment) + 2 * control_ring_bytes();
  return (bytes + kPage - 1) / kPage * kPage;
}

rte_ring* command_ring(std::byte* segment) {
  return reinterpret_cast<rte_ring*>(segment + sizeof(ControlSegment));
}

rte_ring* event_ring(std::byte* segment) {
  return reinterpret_cast<rte_ring*>(segment + sizeof(ControlSegment) + control_ring_bytes());
}

}  // namespace ringroad::host
