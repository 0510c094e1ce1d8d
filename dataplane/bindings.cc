#include "dataplane/bindings.h"

#include "dataplane/base/check.h"

namespace ringroad {
namespace {

std::uint64_t bit(std::uint16_t index) {
  RR_CHECK(index < kApplicationsMax);
  return std::uint64_t{1} << index;
}

}  // namespace

BindResult Bindings::bind(std::uint16_t index, MessageType type, BindMode mode) {
  const std::uint64_t self = bit(index);
  if (mode == BindMode::kCatchAll) {
    if (catch_all_ != 0 && catch_all_ != self) return BindResult::kTaken;
    catch_all_ = self;
    return BindResult::kBound;
  }
  Slot& slot = slots_[probe(type)];
  if (slot.endpoints == 0) {
    if (types_ == kTypesMax) return BindResult::kTableFull;
    slot = {self, type, mode};
    ++types_;
    return BindResult::kBound;
  }
  if (slot.mode != mode) return BindResult::kTaken;
  if (mode == BindMode::kExclusive && slot.endpoints != self) return BindResult::kTaken;
  slot.endpoints |= self;
  return BindResult::kBound;
}

bool Bindings::unbind(std::uint16_t index, MessageType type, BindMode mode) {
  const std::uint64_t self = bit(index);
  if (mode == BindMode::kCatchAll) {
    if (catch_all_ != self) return false;
    catch_all_ = 0;
    return true;
  }
  const std::size_t i = probe(type);
  Slot& slot = slots_[i];
  if ((slot.endpoints & self) == 0 || slot.mode != mode) return false;
  slot.endpoints &= ~self;
  if (slot.endpoints == 0) erase(i);
  return true;
}

void Bindings::unbind_all(std::uint16_t index) {
  const std::uint64_t self = bit(index);
  if (catch_all_ == self) catch_all_ = 0;
  for (std::size_t i = 0; i < kSlots;) {
    if ((slots_[i].endpoints & self) == 0) {
      ++i;
      continue;
    }
    slots_[i].endpoints &= ~self;
    if (slots_[i].endpoints == 0) erase(i);  // may have moved another slot to i: look again
  }
}

// Backward-shift deletion (Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithm R):
// closes the hole so that no probe stops short and no tombstone is left.
void Bindings::erase(std::size_t i) {
  --types_;
  std::size_t hole = i;
  slots_[hole].endpoints = 0;
  for (std::size_t j = (i + 1) & (kSlots - 1); slots_[j].endpoints != 0;
       j = (j + 1) & (kSlots - 1)) {
    const std::size_t wanted = home(slots_[j].type);
    const bool stays = ((j - wanted) & (kSlots - 1)) < ((j - hole) & (kSlots - 1));
    if (stays) continue;
    slots_[hole] = slots_[j];
    slots_[j].endpoints = 0;
    hole = j;
  }
}

}  // namespace ringroad
