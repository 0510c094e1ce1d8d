// Which port a MAC address was last seen behind.
//
// A fixed, set-associative table: 256 sets of 8 entries, so that no flood of addresses makes it
// grow. In a full set the oldest entry of the port that holds most of the set makes way: a port
// that invents addresses pushes out its own. Entries not heard from for the ageing time count as
// absent. Pure; the time is an argument.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/net/address.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

struct Station {
  MacAddress mac;
  PortId port;
  Nanos last_seen;
};

class SwitchTable {
 public:
  static constexpr std::size_t kSets = 256;
  static constexpr std::size_t kWays = 8;

  explicit SwitchTable(Nanos ageing = seconds(300));

  // Group and all-zero addresses are not learned.
  void learn(const MacAddress& mac, PortId port, Nanos now);
  // Where to send; nothing for an unknown, aged or group address: flood.
  [[nodiscard]] std::optional<PortId> find(const MacAddress& mac, Nanos now) const;
  void forget(PortId port);

  // Slow path: the stations alive at `now`, ordered by address.
  [[nodiscard]] std::vector<Station> stations(Nanos now) const;

  [[nodiscard]] std::uint64_t moves() const { return moves_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    std::uint64_t key = 0;  // the address, big-endian in the low 48 bits; 0: free
    Nanos last_seen;
    PortId port;
  };
  using Set = std::array<Entry, kWays>;

  [[nodiscard]] bool is_alive(const Entry& entry, Nanos now) const {
    return entry.key != 0 && now - entry.last_seen < ageing_;
  }
  Entry& entry_for_newcomer(Set& set, Nanos now);

  Nanos ageing_;
  std::vector<Set> sets_;
  std::uint64_t moves_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace ringroad::fabric
