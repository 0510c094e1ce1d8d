// Who has to go when another client comes and all seats are taken. Pure.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringroad::control {

struct Seat {
  uid_t user = 0;
  bool is_busy = false;           // something is under way for it, or on its way to it
  std::uint64_t last_active = 0;  // grows with each connection and each request of anybody
};

// Of the user who holds most seats, so that nobody can keep the others out; of theirs one that is
// idle, if there is one; of these the one that has been silent longest. `seats` is not empty.
std::size_t choose_displaced(std::span<const Seat> seats);

}  // namespace ringroad::control
