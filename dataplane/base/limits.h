// The hard limits of the protocol and of one node. Configuration may choose less, never more.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringroad {

inline constexpr std::size_t kNodesMax = 64;
inline constexpr std::size_t kPriorities = 8;
inline constexpr std::size_t kLanesMax = 16;
inline constexpr std::size_t kApplicationsMax = 64;

inline constexpr std::uint32_t kMessageBytesMaxDefault = 64 * 1024;
inline constexpr std::uint32_t kMessageBytesMaxLimit = 16 * 1024 * 1024;

// The batcher looks at no more than this many messages at a time.
inline constexpr std::size_t kBatchMessagesMax = 1024;

// One frame, header to checksum; what fits a 16-bit UDP length less its own header.
inline constexpr std::size_t kFrameBytesMax = 65'000;

inline constexpr std::uint16_t kUdpPortDefault = 8801;
inline constexpr std::size_t kCacheLineBytes = 64;

}  // namespace ringroad
