// The registry's keys and what they hold, with the room they take. It knows no rules: who may put
// what, and what else follows from it, is the Registry's business.
//
// Keys are ordered by their bytes. A key's bytes are stored once for as long as anything of the
// state names it.
#pragma once

#include "consensus/machine/answer.h"
#include "consensus/machine/blob.h"
#include "consensus/machine/bounds.h"
#include "consensus/machine/snapshot_map.h"

namespace ringroad::machine {

struct KeyRecord {
  Blob value;
  Revision created;           // when it last came to be
  Revision modified;          // when it last changed
  std::uint64_t version = 0;  // changes since it came to be, that one included
  LeaseId lease;
};

inline KeyItem item_of(Bytes key, const KeyRecord& r) {
  return {r.created, r.modified, r.version, r.lease, key, r.value.bytes()};
}

class KeyTable {
 public:
  using Map = SnapshotMap<Blob, KeyRecord, KeyLess>;
  using Place = Map::Iterator;

  static std::uint64_t stored_bytes(std::size_t key_bytes, std::size_t value_bytes) {
    return kOverheadBytes + key_bytes + value_bytes;
  }

  // Where the key is, or where it belongs.
  Place place_of(Bytes key) { return map_.lower_bound(key); }
  bool is_at(Place place, Bytes key) { return place != map_.end() && names(place, key); }
  const KeyRecord* find(Bytes key) const {
    const auto at = map_.find(key);
    return at == map_.end() ? nullptr : &at->second;
  }
  // Invariant: there is one.
  Bytes last() const { return map_.last_key().bytes(); }
  const Map& map() const { return map_; }
  Map& map() { return map_; }
  std::uint64_t bytes() const { return bytes_; }

  // Whether these limits let `key` have a value of so many bytes.
  bool has_room(Place place, Bytes key, std::size_t value_bytes, const Limits& limits) {
    const bool exists = is_at(place, key);
    const std::uint64_t freed = exists ? stored_bytes(key.size(), place->second.value.size()) : 0;
    return (exists || map_.size() < limits.keys_max) &&
           bytes_ - freed + stored_bytes(key.size(), value_bytes) <= limits.registry_bytes_max;
  }
  Place put(Place place, Bytes key, KeyRecord record) {
    bytes_ += stored_bytes(key.size(), record.value.size());
    if (!is_at(place, key)) return map_.insert(place, Blob(key), std::move(record));
    KeyRecord& old = map_.change(place);
    bytes_ -= stored_bytes(key.size(), old.value.size());
    old = std::move(record);
    return place;
  }
  // Returns the place of the next key.
  Place erase(Place place) {
    bytes_ -= stored_bytes(place->first.size(), place->second.value.size());
    return map_.erase(place);
  }

 private:
  static bool names(Place place, Bytes key) { return same_bytes(place->first.bytes(), key); }

  Map map_;
  std::uint64_t bytes_ = 0;
};

}  // namespace ringroad::machine
