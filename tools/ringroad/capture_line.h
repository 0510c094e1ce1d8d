// A captured packet in a line, for people: as much of its headers as is there. Pure; the bytes come
// from the network and may be anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ringroad::cli {

// "12:00:00.000001000 in   1,066 B  10.77.0.1:8801 > 10.77.0.2:8801 UDP"; the time is UTC.
std::string capture_line(std::uint64_t time_nanoseconds, bool is_outgoing, std::uint64_t length,
                         std::span<const std::byte> bytes);

}  // namespace ringroad::cli
