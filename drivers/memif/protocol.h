// What a memif's two ends say to each other: the control messages on their socket and the layout of
// the rings in shared memory. Version 2.0 of the memif protocol, as libmemif and DPDK's net_memif
// speak it (DPDK: drivers/net/memif/memif.h and doc/guides/nics/memif.rst).
//
// The slave owns the memory. Slave to master ring (S2M): the slave fills buffers and advances head,
// the master takes them and advances tail. Master to slave ring (M2S): the slave offers empty
// buffers by advancing head, the master fills them and advances tail.
//
// All fields are little-endian by virtue of the machine; there is no memif between machines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringroad::memif {

inline constexpr std::uint32_t kRingCookie = 0x3E31F20;
inline constexpr std::uint16_t kProtocolVersion = 2 << 8 | 0;
inline constexpr std::size_t kNameBytes = 32;
inline constexpr std::size_t kSecretBytes = 24;
inline constexpr std::uint8_t kRingSizeLog2Max = 14;
inline constexpr std::size_t kRegionsMax = 16;
inline constexpr std::uint64_t kRegionBytesMax = std::uint64_t{1} << 32;  // offsets have 32 bits

enum class MessageKind : std::uint16_t {
  kNone,
  kAck,
  kHello,      // master: what I can do
  kInit,       // slave: which interface I want
  kAddRegion,  // slave, with a memfd
  kAddRing,    // slave, with an eventfd
  kConnect,    // slave: that was all
  kConnected,  // master: the rings are live
  kDisconnect,
};

inline constexpr std::uint8_t kModeEthernet = 0;
inline constexpr std::uint16_t kAddRingSlaveToMaster = 1;

#pragma pack(push, 1)
struct Hello {
  std::array<char, kNameBytes> name;
  std::uint16_t version_min, version_max;
  std::uint16_t region_index_max, m2s_ring_index_max, s2m_ring_index_max;
  std::uint8_t ring_size_log2_max;
};
struct Init {
  std::uint16_t version;
  std::uint32_t id;
  std::uint8_t mode;
  std::array<char, kSecretBytes> secret;
  std::array<char, kNameBytes> name;
};
struct AddRegion {
  std::uint16_t index;
  std::uint64_t size;
};
struct AddRing {
  std::uint16_t flags;
  std::uint16_t index;
  std::uint16_t region;
  std::uint32_t offset;
  std::uint8_t ring_size_log2;
  std::uint16_t private_header_size;
};
struct Connect {  // CONNECT and CONNECTED
  std::array<char, kNameBytes> interface_name;
};
struct Disconnect {
  std::uint32_t code;
  std::array<char, 96> reason;
};
struct Message {
  MessageKind kind;
  union {
    Hello hello;
    Init init;
    AddRegion add_region;
    AddRing add_ring;
    Connect connect;
    Disconnect disconnect;
    std::array<char, 126> bytes;
  };
};
#pragma pack(pop)

static_assert(sizeof(Hello) == 43);
static_assert(sizeof(Init) == 63);
static_assert(sizeof(AddRegion) == 10);
static_assert(sizeof(AddRing) == 13);
static_assert(sizeof(Disconnect) == 100);
static_assert(sizeof(Message) == 128);

// Set by a ring's consumer while it polls: "do not ring the bell".
inline constexpr std::uint16_t kRingFlagMaskInterrupt = 1;

// Two cache lines, each written by one end (but for the flags). No alignas: a peer may place it on
// any multiple of 8.
struct RingHeader {
  std::uint32_t cookie;
  std::uint16_t flags;  // written by the consumer of packets
  std::uint16_t head;   // written by the slave
  std::array<std::byte, 56> padding0;
  std::uint16_t tail;  // written by the master
  std::array<std::byte, 62> padding1;
};
static_assert(sizeof(RingHeader) == 128 && offsetof(RingHeader, flags) == 4 &&
              offsetof(RingHeader, head) == 6 && offsetof(RingHeader, tail) == 64);

// The buffer is continued in the next slot.
inline constexpr std::uint16_t kDescriptorNext = 1;

// One slot of a ring; `RingHeader` is followed by a power of two of them.
struct Descriptor {
  std::uint16_t flags;
  std::uint16_t region;
  std::uint32_t length;
  std::uint32_t offset;
  std::uint32_t metadata;
};
static_assert(sizeof(Descriptor) == 16);

constexpr std::uint64_t ring_bytes(std::uint8_t ring_size_log2) {
  return sizeof(RingHeader) + (std::uint64_t{sizeof(Descriptor)} << ring_size_log2);
}

}  // namespace ringroad::memif
