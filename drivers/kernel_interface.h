// A network interface of the kernel's, by name: what a tap or af_packet port stands on. Slow path
// only: every call opens a socket.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace ringroad {

// 1 to 15 letters, digits, '.', '_' or '-': what the kernel and a DPDK device argument both take.
bool is_interface_name(const std::string& name);
bool interface_exists(const std::string& name);
std::string interface_names();  // "lo, eth0", for errors
bool is_interface_running(const std::string& name);
absl::Status set_interface_mtu(const std::string& name, std::uint32_t mtu);

// Bits of capabilities(7).
inline constexpr unsigned kNetAdmin = 12;
inline constexpr unsigned kNetRaw = 13;
bool has_capability(unsigned bit);

}  // namespace ringroad
