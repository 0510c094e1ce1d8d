// Packets as a pcapng file (draft-ietf-opsawg-pcapng): a section header, one Ethernet interface
// with nanosecond times, then a packet block each, with its direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ringroad::cli {

struct PcapngPacket {
  std::uint64_t time_nanoseconds = 0;  // since 1970
  std::uint32_t length = 0;            // on the port
  bool is_outgoing = false;
  std::span<const std::byte> bytes;  // the captured front; beyond 65,535 it is cut
};

// Bytes to be written to a file, in order: the head once, then a block a packet.
std::string pcapng_head(const std::string& interface_name, std::uint32_t snap_bytes,
                        const std::string& comment);
std::string pcapng_packet(const PcapngPacket& packet);

}  // namespace ringroad::cli
