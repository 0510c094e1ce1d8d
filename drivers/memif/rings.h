// The two packet rings of a connected memif and the copies in and out of them: the fast path.
//
// Owned by the interface's thread. Invariants: our own indices live here and are only written to
// shared memory, never read back from it; a slave derives the place of every buffer from its own
// layout; a master checks region, offset and length of every descriptor after reading it once.
// A peer's index that claims more than a ring of packets breaks the pair: nothing moves any more
// and the interface disconnects in its next service().
//
// Does not know sockets or handshakes, and maps nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "drivers/memif/interface.h"
#include "drivers/memif/protocol.h"
#include "drivers/memif/region.h"

namespace ringroad::memif {

// How a slave divides its region: both rings, then the buffers of S2M, then those of M2S. Buffers
// are an odd number of cache lines apart, so that short packets spread over all cache sets.
struct SlaveLayout {
  std::uint8_t ring_size_log2;
  std::uint32_t buffer_bytes;

  std::uint32_t slots() const { return std::uint32_t{1} << ring_size_log2; }
  std::uint32_t stride() const { return (buffer_bytes + 63) / 64 * 64 + 64; }
  std::uint32_t s2m_offset() const { return 0; }
  std::uint32_t m2s_offset() const { return (ring_bytes_32() + 63) / 64 * 64; }
  std::uint32_t s2m_buffers() const { return (m2s_offset() + ring_bytes_32() + 63) / 64 * 64; }
  std::uint32_t m2s_buffers() const { return s2m_buffers() + slots() * stride(); }
  std::uint64_t region_bytes() const {
    return std::uint64_t{m2s_buffers()} + std::uint64_t{slots()} * stride();
  }

 private:
  std::uint32_t ring_bytes_32() const {
    return static_cast<std::uint32_t>(ring_bytes(ring_size_log2));
  }
};

class Rings {
 public:
  // Writes cookies and descriptors; packets flow once offer_buffers() was called.
  void attach_as_slave(const Region& region, const SlaveLayout& layout);
  void offer_buffers();

  // False when a ring lies outside its region or isn't one.
  bool attach_as_master(std::span<const Region> regions, const AddRing& s2m, const AddRing& m2s);

  std::size_t receive(std::span<ReceiveBuffer> packets, Statistics* statistics);
  // Copies packets into the ring. publish() is to follow.
  std::size_t transmit(std::span<const TransmitBuffer> packets, Statistics* statistics);
  // A packet built in place; see Interface.
  Claim claim(std::uint32_t bytes, std::span<std::byte>* room, Statistics* statistics);
  void commit(std::uint32_t length, Statistics* statistics);
  // Shows the peer what was put in the ring since. True when it asked to be woken.
  [[nodiscard]] bool publish();

  // Stops masking the bell; false, and masked again, when packets are there.
  bool arm();
  void disarm();

  bool is_broken() const { return broken_; }

 private:
  // One ring as one end sees it.
  struct View {
    RingHeader* header = nullptr;
    std::byte* slots = nullptr;    // the descriptors
    std::byte* buffers = nullptr;  // slave only
    std::uint32_t buffers_offset = 0;
    std::uint16_t size = 0, mask = 0;
    std::uint16_t next = 0;   // ours: the next slot to take or fill
    std::uint16_t limit = 0;  // one past the last slot the peer let us have, when last read
  };
  struct Extent {
    std::byte* base = nullptr;
    std::uint64_t size = 0;
  };
  struct Place {
    std::byte* data;
    std::uint32_t capacity;
  };
  struct Words {  // a descriptor in two registers, read or written once
    std::uint64_t low, high;
  };
  enum class Chain : std::uint8_t { kTaken, kDropped, kNoRoom };

  static Words load(const View& ring, std::uint16_t slot);
  static void store(const View& ring, std::uint16_t slot, Words words);

  template <Role kRole>
  std::size_t receive_as(std::span<ReceiveBuffer> packets, Statistics* statistics);
  template <Role kRole>
  Chain receive_chain(std::uint16_t* slot, std::uint16_t end, ReceiveBuffer* packet,
                      Statistics* statistics);
  template <Role kRole>
  std::size_t transmit_as(std::span<const TransmitBuffer> packets, Statistics* statistics);
  template <Role kRole>
  Chain transmit_chain(std::uint16_t* slot, const TransmitBuffer& packet, Statistics* statistics);

  template <Role kRole>
  const std::byte* received_at(std::uint16_t slot, Words words) const;
  template <Role kRole>
  void give_back(std::uint16_t slot) const;
  template <Role kRole>
  Place place_for(std::uint16_t slot, Words words) const;
  template <Role kRole>
  void fill(std::uint16_t slot, Words words, std::uint32_t length, std::uint16_t flags) const;

  template <Role kRole>
  void ask_for_next() const;
  template <Role kRole>
  Claim claim_as(std::uint32_t bytes, std::span<std::byte>* room);

  template <Role kRole>
  std::uint16_t refresh_inbound();
  template <Role kRole>
  std::uint16_t refresh_outbound();

  Role role_ = Role::kSlave;
  bool broken_ = false;
  std::uint32_t buffer_bytes_ = 0;  // slave
  std::uint32_t stride_ = 0;        // slave
  View in_, out_;
  std::uint16_t published_ = 0;                // out_.next as the peer knows it
  Words claimed_{};                            // the descriptor of the buffer claimed
  std::array<Extent, kRegionsMax> extents_{};  // master
};

}  // namespace ringroad::memif
