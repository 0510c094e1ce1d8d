// What the generator writes at the head of every payload, and what a receiver believes of it. Pure.
//
//   offset  bytes  field (little-endian)
//   0       6      sequence in its stream, from 0
//   6       1      source node
//   7       1      priority (low 3 bits), flags (kMeasured and following)
//   8       8      intended send time, nanoseconds of the sender's monotonic clock
//   16      4      run: one program's one run
//   20      4      check over all of the above, the length and the destination
//   24      ...    body: a function of stream and sequence (kBodyFilled), or whatever lay there
//
// A stream is (run, source, priority, flags): sequences count within it. A message that was cut,
// mixed up with another, altered in its stamp or brought to the wrong node fails its check but for
// one chance in 2^32. The body is compared byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/ids.h"

namespace ringroad::gen {

inline constexpr std::uint32_t kStampBytes = 24;
inline constexpr std::size_t kStampIntended = 8;  // where in it

inline constexpr std::uint8_t kMeasured = 0x08;    // after the warm-up
inline constexpr std::uint8_t kBodyFilled = 0x10;  // the body can be verified
inline constexpr std::uint8_t kBroadcast = 0x20;   // one of several copies of one payload
inline constexpr std::uint8_t kPing = 0x40;        // to be echoed
inline constexpr std::uint8_t kPong = 0x80;        // an echo

// The first word: everything that names a message within its run.
class StampHead {
 public:
  constexpr StampHead() = default;
  constexpr explicit StampHead(std::uint64_t word) : word_(word) {}
  constexpr StampHead(NodeId source, Priority priority, std::uint8_t flags)
      : word_(std::uint64_t{source.value & 0xffU} << 48 |
              std::uint64_t{(priority.value & 7U) | flags} << 56) {}

  constexpr std::uint64_t word() const { return word_; }
  constexpr std::uint64_t sequence() const { return word_ & 0xffff'ffff'ffffULL; }
  constexpr NodeId source() const { return NodeId{static_cast<std::uint16_t>(word_ >> 48 & 0xff)}; }
  constexpr Priority priority() const {
    return Priority{static_cast<std::uint8_t>(word_ >> 56 & 7)};
  }
  constexpr bool has(std::uint8_t flag) const { return (word_ >> 56 & flag) != 0; }
  // Names the stream within its run: 0 to 31, from priority, phase and kind of sending.
  constexpr std::size_t stream_index() const {
    return static_cast<std::size_t>(word_ >> 56 & 0x0f) | (has(kBroadcast) ? 0x10U : 0U);
  }
  constexpr StampHead with_sequence(std::uint64_t sequence) const {
    return StampHead{(word_ & ~0xffff'ffff'ffffULL) | sequence};
  }
  constexpr StampHead with_flags(std::uint8_t set, std::uint8_t cleared = 0) const {
    return StampHead{(word_ & ~(std::uint64_t{cleared} << 56)) | std::uint64_t{set} << 56};
  }

 private:
  std::uint64_t word_ = 0;
};
inline constexpr std::size_t kStreamsPerRun = 32;

struct Stamp {
  StampHead head;
  Nanos intended;
  std::uint32_t run = 0;
};

namespace detail {
__extension__ using Wide = unsigned __int128;

// Both halves of a wide product folded together: one multiplication mixes two words.
constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
}  // namespace detail

// `to` is the node that shall receive it, kBroadcast for a payload shared by several.
constexpr std::uint32_t stamp_check(const Stamp& stamp, std::uint32_t length, NodeId to) {
  const std::uint64_t a = stamp.head.word() ^ (std::uint64_t{length} << 20);
  const std::uint64_t b = static_cast<std::uint64_t>(stamp.intended.count) ^
                          (std::uint64_t{stamp.run} << 32) ^ to.value;
  const std::uint64_t mixed =
      detail::fold(a ^ 0xa076'1d64'78bd'642fULL, b ^ 0xe703'7ed1'a0b4'28dbULL);
  return static_cast<std::uint32_t>(mixed ^ (mixed >> 32));
}

// Writes 24 bytes. `length` is the whole message's.
inline void write_stamp(std::byte* out, const Stamp& stamp, std::uint32_t length, NodeId to) {
  store_le(out, stamp.head.word());
  store_le(out + 8, static_cast<std::uint64_t>(stamp.intended.count));
  store_le(out + 16,
           std::uint64_t{stamp.run} | std::uint64_t{stamp_check(stamp, length, to)} << 32);
}

// Reads 24 bytes; false when the check fails for this length and receiver.
[[nodiscard]] inline bool read_stamp(const std::byte* in, std::uint32_t length, NodeId self,
                                     Stamp& stamp) {
  const auto tail = load_le<std::uint64_t>(in + 16);
  stamp.head = StampHead{load_le<std::uint64_t>(in)};
  stamp.intended = Nanos{static_cast<std::int64_t>(load_le<std::uint64_t>(in + 8))};
  stamp.run = static_cast<std::uint32_t>(tail);
  const NodeId to = stamp.head.has(kBroadcast) ? ringroad::kBroadcast : self;
  return stamp_check(stamp, length, to) == static_cast<std::uint32_t>(tail >> 32);
}

// The body's 8-byte words are start, start + step, ...: both from the stamp, step odd, so a word
// tells message and place. The last word is cut to what remains.
struct BodyPattern {
  std::uint64_t start, step;

  constexpr explicit BodyPattern(const Stamp& stamp)
      : start(detail::fold(stamp.head.word() ^ 0x8ebc'6af0'9c88'c6e3ULL,
                           stamp.run ^ 0x5899'65cc'7537'4cc3ULL)),
        step(start * 0x9e37'79b9'7f4a'7c15ULL | 1) {}

  constexpr std::uint64_t word(std::uint64_t index) const { return start + index * step; }
};

// Fills the bytes after the stamp.
inline void fill_body(std::span<std::byte> body, const Stamp& stamp) {
  if (body.empty()) return;
  const BodyPattern pattern{stamp};
  const std::size_t words = body.size() / 8;
  for (std::size_t i = 0; i < words; ++i) store_le(body.data() + 8 * i, pattern.word(i));
  std::byte last[8];
  store_le(last, pattern.word(words));
  std::memcpy(body.data() + 8 * words, last, body.size() % 8);
}

// Compares a piece of the body that begins `offset` bytes into it, in any cut.
[[nodiscard]] inline bool body_matches(std::span<const std::byte> piece, std::size_t offset,
                                       const Stamp& stamp) {
  const BodyPattern pattern{stamp};
  std::size_t at = 0;
  const auto byte_matches = [&] {
    std::byte word[8];
    store_le(word, pattern.word((offset + at) / 8));
    return piece[at] == word[(offset + at) % 8];
  };
  for (; at < piece.size() && (offset + at) % 8 != 0; ++at) {
    if (!byte_matches()) return false;
  }
  std::uint64_t differences = 0;
  for (; at + 8 <= piece.size(); at += 8) {
    differences |= load_le<std::uint64_t>(piece.data() + at) ^ pattern.word((offset + at) / 8);
  }
  for (; at < piece.size(); ++at) {
    if (!byte_matches()) return false;
  }
  return differences == 0;
}

}  // namespace ringroad::gen
