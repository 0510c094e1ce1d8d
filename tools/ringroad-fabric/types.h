// The words the fabric's parts share: ports and the reasons for which a frame is dropped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/base/ids.h"

namespace ringroad::fabric {

inline constexpr std::size_t kPortsMax = 64;

// 1 to 64; by default also the memif interface id and the node id behind the port.
using PortId = StrongId<struct PortIdTag, std::uint8_t>;
constexpr std::size_t index_of(PortId port) { return port.value - std::size_t{1}; }
constexpr PortId port_at(std::size_t index) { return PortId{static_cast<std::uint8_t>(index + 1)}; }

// One bit a port, bit 0 for port 1.
using PortSet = std::uint64_t;
constexpr PortSet set_of(PortId port) { return PortSet{1} << index_of(port); }

// Each drop is counted once: the first three on the port a frame came in by, the others on the port
// it would have left by.
enum class Drop : std::uint8_t {
  kRunt,          // shorter than an Ethernet header
  kTooLong,       // longer than the MTU and its headers
  kSamePort,      // its destination is behind the port it came from
  kPartition,     // a partition asked for
  kLoss,          // a loss asked for
  kRateQueue,     // the queue before a rate limit is full
  kDelayFull,     // no room among the delayed frames
  kOutputFull,    // the port's peer reads too slowly
  kNotConnected,  // nobody is behind the port
};
inline constexpr std::size_t kDropReasons = 9;

constexpr std::string_view name_of(Drop reason) {
  constexpr std::array<std::string_view, kDropReasons> kNames = {
      "runt",       "too_long",   "same_port",   "partition",    "loss",
      "rate_queue", "delay_full", "output_full", "not_connected"};
  return kNames[static_cast<std::size_t>(reason)];
}

using DropCounts = std::array<std::uint64_t, kDropReasons>;

}  // namespace ringroad::fabric
