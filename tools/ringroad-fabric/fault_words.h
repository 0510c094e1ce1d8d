// Faults as people write them: a direction and settings, "1->2 loss=1% delay=50us". Pure. The words
// are the same on the command line, at run time, in reports and in the README.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/ringroad-fabric/faults.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

struct FaultWord {
  std::string_view name;
  std::string_view expected;  // what its value looks like
  std::string_view meaning;
};
std::span<const FaultWord> fault_words();

// Which pairs are meant; no port: all of them.
struct Direction {
  std::optional<PortId> from;
  std::optional<PortId> to;
  bool both_ways = false;
};

// "1->2", "1:2" (the same, needs no quotes in a shell), "1<->2", "*->2", "all"; ports up to
// `ports`.
absl::StatusOr<Direction> parse_direction(std::string_view text, std::size_t ports);

// Applies "loss=1%", or "none" for no fault at all, to what stands there already.
absl::Status apply_fault(std::string_view text, FaultSettings& settings);

// Calls function(from, to) for every pair of different ports that the direction names.
template <typename Function>
void for_each_pair(const Direction& direction, std::size_t ports, Function function) {
  for (std::size_t i = 0; i < ports; ++i) {
    for (std::size_t j = 0; j < ports; ++j) {
      const auto matches = [&](PortId from, PortId to) {
        return (!direction.from || *direction.from == from) &&
               (!direction.to || *direction.to == to);
      };
      const PortId from = port_at(i);
      const PortId to = port_at(j);
      if (i == j) continue;
      if (matches(from, to) || (direction.both_ways && matches(to, from))) function(from, to);
    }
  }
}

// Sets the words on all pairs that the direction names, or on none when a word is wrong.
absl::Status set_faults(Faults& faults, std::size_t ports, const Direction& direction,
                        std::span<const std::string_view> words);

void set_partitioned(Faults& faults, std::size_t ports, const Direction& direction,
                     bool partitioned);

// Only what differs from no fault: "loss=1% delay=50us"; empty when nothing does.
std::string format_faults(const FaultSettings& settings);

}  // namespace ringroad::fabric
