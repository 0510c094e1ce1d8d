// Which endpoint is bound to which message type: a fixed, open-addressed table looked up once a
// message. Owned by one io lcore; bind and unbind run on it too, between bursts.
//
// A type belongs to one endpoint (exclusive) or to a set of them (shared: each gets every message).
// What nobody is bound to goes to the catch-all, if there is one. Invariant: a type is in the table
// only while some endpoint is bound to it.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"

namespace ringroad {

enum class BindMode : std::uint8_t {
  kExclusive,  // this endpoint alone
  kShared,     // each endpoint bound this way gets every message
  kCatchAll,   // whatever type nobody else is bound to; `type` is ignored
};

enum class BindResult : std::uint8_t {
  kBound,
  kTaken,  // exclusive to somebody else, or shared where exclusive was asked for
  kTableFull,
};

class Bindings {
 public:
  static constexpr std::size_t kTypesMax = 1'024;

  // The endpoints bound to `type`, a bit each; 0 when there is no receiver.
  std::uint64_t find(MessageType type) const {
    const Slot& slot = slots_[probe(type)];
    return slot.endpoints != 0 ? slot.endpoints : catch_all_;
  }

  // Binding what is bound already the same way is kBound again.
  [[nodiscard]] BindResult bind(std::uint16_t index, MessageType type, BindMode mode);
  // False when it was not bound so.
  bool unbind(std::uint16_t index, MessageType type, BindMode mode);
  void unbind_all(std::uint16_t index);

  std::size_t types() const { return types_; }

 private:
  // Twice the types, so that a probe ends after a step or two.
  static constexpr std::size_t kSlots = 2 * kTypesMax;
  static_assert((kSlots & (kSlots - 1)) == 0);
  static_assert(kApplicationsMax <= 64, "an endpoint is a bit of a 64-bit word");

  struct Slot {
    std::uint64_t endpoints = 0;  // 0: the slot is free
    MessageType type;
    BindMode mode = BindMode::kExclusive;
  };

  static std::size_t home(MessageType type) {
    return (type.value * std::uint32_t{2'654'435'769}) >> 21;  // Fibonacci hashing to 11 bits
  }
  // The slot that holds `type`, or the free one where it would go.
  std::size_t probe(MessageType type) const {
    std::size_t i = home(type);
    while (slots_[i].endpoints != 0 && slots_[i].type != type) i = (i + 1) & (kSlots - 1);
    return i;
  }
  void erase(std::size_t i);

  std::array<Slot, kSlots> slots_{};
  std::uint64_t catch_all_ = 0;
  std::size_t types_ = 0;
};

}  // namespace ringroad
