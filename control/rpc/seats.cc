#include "control/rpc/seats.h"

#include <algorithm>
#include <tuple>

#include "dataplane/base/check.h"

namespace ringroad::control {

std::size_t choose_displaced(std::span<const Seat> seats) {
  RR_CHECK(!seats.empty());
  const auto rank = [&](const Seat& seat) {
    const auto held = std::ranges::count(seats, seat.user, &Seat::user);
    return std::tuple(-held, seat.is_busy, seat.last_active);
  };
  return static_cast<std::size_t>(std::ranges::min_element(seats, {}, rank) - seats.begin());
}

}  // namespace ringroad::control
