#include "tools/ringroad-fabric/switch_table.h"

#include <algorithm>

namespace ringroad::fabric {
namespace {

std::uint64_t key_of(const MacAddress& mac) {
  std::uint64_t key = 0;
  for (const std::uint8_t byte : mac.bytes) key = key << 8 | byte;
  return key;
}

MacAddress mac_of(std::uint64_t key) {
  MacAddress mac;
  for (std::size_t i = mac.bytes.size(); i-- > 0; key >>= 8) {
    mac.bytes[i] = static_cast<std::uint8_t>(key & 0xff);
  }
  return mac;
}

// Fibonacci hashing: the high bits of the product depend on all bits of the key.
std::size_t set_index(std::uint64_t key) {
  return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15) >> 56);
}
static_assert(SwitchTable::kSets == 256, "set_index takes the top 8 bits");

}  // namespace

SwitchTable::SwitchTable(Nanos ageing) : ageing_(ageing), sets_(kSets) {}

void SwitchTable::learn(const MacAddress& mac, PortId port, Nanos now) {
  const std::uint64_t key = key_of(mac);
  if (key == 0 || mac.is_multicast()) return;
  Set& set = sets_[set_index(key)];
  for (Entry& entry : set) {
    if (entry.key != key) continue;
    if (entry.port != port) ++moves_;
    entry.port = port;
    entry.last_seen = now;
    return;
  }
  entry_for_newcomer(set, now) = Entry{key, now, port};
}

SwitchTable::Entry& SwitchTable::entry_for_newcomer(Set& set, Nanos now) {
  for (Entry& entry : set) {
    if (!is_alive(entry, now)) return entry;
  }
  const auto share = [&](PortId port) {
    return std::count_if(set.begin(), set.end(), [&](const Entry& e) { return e.port == port; });
  };
  ++evictions_;
  return *std::min_element(set.begin(), set.end(), [&](const Entry& a, const Entry& b) {
    const auto share_a = share(a.port);
    const auto share_b = share(b.port);
    return share_a != share_b ? share_a > share_b : a.last_seen < b.last_seen;
  });
}

std::optional<PortId> SwitchTable::find(const MacAddress& mac, Nanos now) const {
  const std::uint64_t key = key_of(mac);
  for (const Entry& entry : sets_[set_index(key)]) {
    if (entry.key == key && is_alive(entry, now)) return entry.port;
  }
  return std::nullopt;
}

void SwitchTable::forget(PortId port) {
  for (Set& set : sets_) {
    for (Entry& entry : set) {
      if (entry.key != 0 && entry.port == port) entry = Entry{};
    }
  }
}

std::vector<Station> SwitchTable::stations(Nanos now) const {
  std::vector<Station> found;
  for (const Set& set : sets_) {
    for (const Entry& entry : set) {
      if (is_alive(entry, now)) found.push_back({mac_of(entry.key), entry.port, entry.last_seen});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Station& a, const Station& b) { return a.mac < b.mac; });
  return found;
}

}  // namespace ringroad::fabric
