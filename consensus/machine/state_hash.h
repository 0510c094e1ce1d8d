// A 64-bit hash of a sequence of records, each a string of bytes: equal states hash alike on every
// node, with every compiler. Where one record ends and the next begins counts. Not for enemies: it
// finds nodes that went apart, checksums and signatures guard what travels.
#pragma once

#include <cstring>

#include "consensus/machine/ids.h"
#include "dataplane/base/byte_order.h"

namespace ringroad::machine {

class StateHash {
 public:
  void add(Bytes record) {
    mix(record.size());
    const std::byte* at = record.data();
    std::size_t left = record.size();
    for (; left >= 8; at += 8, left -= 8) mix(load_le<std::uint64_t>(at));
    if (left == 0) return;
    std::byte last[8]{};
    std::memcpy(last, at, left);
    mix(load_le<std::uint64_t>(last));
  }
  std::uint64_t value() const { return value_ ^ (value_ >> 32); }

 private:
  void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9e3779b97f4a7c15;
    value_ ^= value_ >> 29;
  }

  std::uint64_t value_ = 0x2545f4914f6cdd1d;
};

}  // namespace ringroad::machine
