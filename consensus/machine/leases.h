// Leases: a time to live that a client keeps renewing, and the keys that go when it does not. Which
// keys those are follows from the keys themselves (KeyRecord::lease) and is held here in order.
#pragma once

#include <functional>
#include <utility>

#include "absl/container/btree_set.h"
#include "consensus/machine/blob.h"
#include "consensus/machine/deadlines.h"
#include "consensus/machine/snapshot_map.h"

namespace ringroad::machine {

struct Lease {
  Nanos time_to_live;
  Nanos expires_at = kNever;  // until a reading of the clock dates it
  std::uint64_t keys = 0;     // follows from the keys
};

class Leases {
 public:
  using Map = SnapshotMap<LeaseId, Lease, std::less<>>;

  const Lease* find(LeaseId id) const {
    const auto at = map_.find(id);
    return at == map_.end() ? nullptr : &at->second;
  }
  std::size_t size() const { return map_.size(); }
  // Invariant: there is one.
  LeaseId last() const { return map_.last_key(); }
  void add(LeaseId id, const Lease& lease) {
    map_.insert(map_.end(), id, lease);
    deadlines_.add(id, lease.expires_at);
  }
  // Invariant (this and the following): the lease exists.
  void renew(LeaseId id) {
    Lease& lease = change(id);
    deadlines_.renew(id, std::exchange(lease.expires_at, kNever));
  }
  // Invariant: no key is attached.
  void remove(LeaseId id) {
    const auto at = map_.find(id);
    RR_CHECK(at != map_.end() && at->second.keys == 0);
    deadlines_.remove(id, at->second.expires_at);
    map_.erase(at);
  }

  void attach(LeaseId id, const Blob& key) {
    RR_CHECK(attached_.insert({id, key}).second);
    ++change(id).keys;
  }
  void detach(LeaseId id, const Blob& key) {
    RR_CHECK(attached_.erase(Attached{id, key}) == 1);
    --change(id).keys;
  }
  // The first of its keys in order; nullptr when it has none.
  const Blob* first_key(LeaseId id) const {
    const auto at = attached_.lower_bound(Attached{id, Blob()});
    return at == attached_.end() || at->first != id ? nullptr : &at->second;
  }

  void on_clock(Nanos now) {
    deadlines_.date_renewals([this, now](LeaseId id) {
      Lease& lease = change(id);
      return lease.expires_at = now + lease.time_to_live;
    });
  }
  bool any_due(Nanos now) const { return deadlines_.any_due(now); }
  LeaseId first_due() const { return deadlines_.first_due(); }

  const Map& map() const { return map_; }
  Map& map() { return map_; }

 private:
  using Attached = std::pair<LeaseId, Blob>;
  struct AttachedLess {
    bool operator()(const Attached& a, const Attached& b) const {
      return a.first != b.first ? a.first < b.first : KeyLess{}(a.second, b.second);
    }
  };

  Lease& change(LeaseId id) {
    const auto at = map_.find(id);
    RR_CHECK(at != map_.end());
    return map_.change(at);
  }

  Map map_;
  absl::btree_set<Attached, AttachedLess> attached_;
  Deadlines<LeaseId> deadlines_;
};

}  // namespace ringroad::machine
