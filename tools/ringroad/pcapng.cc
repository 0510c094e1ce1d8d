#include "tools/ringroad/pcapng.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace ringroad::cli {
namespace {

// draft-ietf-opsawg-pcapng, section 3.1: "Block Total Length ... the total size of this block, in
// octets", once before and once after the body, which is padded to 32 bits. Numbers are in the
// writer's byte order, which the section header's magic tells the reader.
enum class BlockType : std::uint32_t {
  kSectionHeader = 0x0a0d0d0a,
  kInterfaceDescription = 1,
  kEnhancedPacket = 6,
};

constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kLinkTypeEthernet = 1;
constexpr std::size_t kOptionBytesMax = 65'535;
constexpr std::size_t kCapturedMax = 65'535;  // the most that capture.start lets be asked for

// Section 3.5 and the options of each block.
constexpr std::uint16_t kOptionEnd = 0, kOptionComment = 1, kSectionUserApplication = 4;
constexpr std::uint16_t kInterfaceName = 2, kInterfaceTimeResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint8_t kNanoseconds = 9;  // 10^-9 of a second
// epb_flags, bits 0 and 1: "01 = inbound, 10 = outbound".
constexpr std::uint32_t kInbound = 1, kOutbound = 2;

class Block {
 public:
  explicit Block(BlockType type) {
    number(static_cast<std::uint32_t>(type));
    number<std::uint32_t>(0);  // the length, once it is known
  }

  template <typename Number>
  void number(Number value) {
    static_assert(std::is_integral_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void padded(const char* bytes, std::size_t count) {
    bytes_.append(bytes, count);
    bytes_.append((4 - count % 4) % 4, '\0');
  }

  void option(std::uint16_t code, const std::string& value) {
    const std::size_t count = std::min(value.size(), kOptionBytesMax);
    number(code);
    number(static_cast<std::uint16_t>(count));
    padded(value.data(), count);
  }

  std::string close() {
    number(kOptionEnd);
    number<std::uint16_t>(0);
    const auto length = static_cast<std::uint32_t>(bytes_.size() + sizeof(std::uint32_t));
    number(length);
    bytes_.replace(4, sizeof length, reinterpret_cast<const char*>(&length), sizeof length);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string section_header(const std::string& comment) {
  Block block(BlockType::kSectionHeader);
  block.number(kByteOrderMagic);
  block.number<std::uint16_t>(1);  // version 1.0
  block.number<std::uint16_t>(0);
  block.number<std::int64_t>(-1);  // how long the section is stays open
  if (!comment.empty()) block.option(kOptionComment, comment);
  block.option(kSectionUserApplication, "ringroad capture");
  return block.close();
}

std::string interface_description(const std::string& name, std::uint32_t snap_bytes) {
  Block block(BlockType::kInterfaceDescription);
  block.number(kLinkTypeEthernet);
  block.number<std::uint16_t>(0);  // reserved
  block.number(snap_bytes);
  block.option(kInterfaceName, name);
  block.option(kInterfaceTimeResolution, std::string(1, static_cast<char>(kNanoseconds)));
  return block.close();
}

}  // namespace

std::string pcapng_head(const std::string& interface_name, std::uint32_t snap_bytes,
                        const std::string& comment) {
  return section_header(comment) + interface_description(interface_name, snap_bytes);
}

std::string pcapng_packet(const PcapngPacket& packet) {
  const auto captured = static_cast<std::uint32_t>(std::min(packet.bytes.size(), kCapturedMax));
  Block block(BlockType::kEnhancedPacket);
  block.number<std::uint32_t>(0);  // the file's one interface
  block.number(static_cast<std::uint32_t>(packet.time_nanoseconds >> 32));
  block.number(static_cast<std::uint32_t>(packet.time_nanoseconds));
  block.number(captured);
  // No reader takes a packet of which more was captured than there was.
  block.number(std::max(packet.length, captured));
  block.padded(reinterpret_cast<const char*>(packet.bytes.data()), captured);
  const std::uint32_t flags = packet.is_outgoing ? kOutbound : kInbound;
  block.option(kPacketFlags, std::string(reinterpret_cast<const char*>(&flags), sizeof flags));
  return block.close();
}

}  // namespace ringroad::cli
