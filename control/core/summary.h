// What a node's control process tells those of all other nodes, once a second: a fixed,
// little-endian struct, one message of the system's type kSystemControl.
//
//   offset  size
//        0     4  magic "RRCS"
//        4     2  version, 1
//        6     2  bytes of the whole, 80
//        8     2  node id, 1 to 64
//       10     2  problems, a mask of kProblem...
//       12     4  applications attached
//       16     8  links up, bit n-1 for node n
//       24     8  links whose messages wait for the peer's programs, likewise
//       32     4  links configured
//       36     4  packets dropped as malformed or for want of buffers, a second
//       40     8  messages sent, a thousandth of one a second
//       48     8  messages received, likewise
//       56     8  round-trip p99 in nanoseconds; 0: not known
//       64     8  uptime of the dataplane in milliseconds
//       72     8  version of the sender's configuration
//
// Pure. What comes from another node is hostile: decode() believes nothing that is out of range.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/ids.h"

namespace ringroad::control {

inline constexpr std::uint16_t kProblemPortDown = 1;
inline constexpr std::uint16_t kProblemBuffersLow = 2;
inline constexpr std::uint16_t kProblemDropsGrowing = 4;
inline constexpr std::uint16_t kProblemUnread = 8;  // messages wait for a program there to read
inline constexpr std::uint16_t kProblemNoReceiver = 16;  // messages come, and no program is bound
inline constexpr std::uint16_t kProblemsKnown = kProblemPortDown | kProblemBuffersLow |
                                                kProblemDropsGrowing | kProblemUnread |
                                                kProblemNoReceiver;

struct Summary {
  NodeId node;
  std::uint16_t problems = 0;
  std::uint32_t applications = 0;
  std::uint64_t links_up = 0;
  std::uint64_t links_waiting = 0;
  std::uint32_t links_configured = 0;
  std::uint32_t drops_per_second = 0;
  double messages_sent_per_second = 0;
  double messages_received_per_second = 0;
  std::optional<Nanos> round_trip_p99;
  Nanos uptime;
  std::uint64_t config_version = 0;
};

inline constexpr std::size_t kSummaryBytes = 80;

std::array<std::byte, kSummaryBytes> encode(const Summary& summary);

// Nothing when it is no summary of `from`, of a version we know.
std::optional<Summary> decode_summary(NodeId from, std::span<const std::byte> bytes);

constexpr std::uint64_t node_bit(NodeId node) { return std::uint64_t{1} << (node.value - 1); }

}  // namespace ringroad::control
