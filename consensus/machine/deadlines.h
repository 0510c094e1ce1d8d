// When what is kept alive by its owner ends: leases and sessions. Times are on the cluster's clock,
// which is replicated data: it stands still until the leader has a reading of its own committed.
//
// A renewal is not dated by the clock as it stands, which may be far behind; it is dated by the
// next reading. The leader took that reading after it had put the renewal in the log, so whatever
// was renewed lives for its whole time to live from then on at least, and at most by the distance
// of two readings longer. A new leader goes on from the last reading that was committed: the time
// between the two leaders counts for nobody, and nothing ends early by it.
//
// Each owner of a deadline has it in its own record, kNever while it waits for a reading. This
// holds what follows from the records: who waits, and who ends next.
#pragma once

#include <utility>

#include "absl/container/btree_set.h"
#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"

namespace ringroad::machine {

template <typename Id>
class Deadlines {
 public:
  // A record that begins, or was read from a snapshot.
  void add(Id id, Nanos expires_at) {
    if (expires_at == kNever) {
      waiting_.insert(id);
    } else {
      ends_.insert({expires_at, id});
    }
  }
  void remove(Id id, Nanos expires_at) {
    const std::size_t removed =
        expires_at == kNever ? waiting_.erase(id) : ends_.erase({expires_at, id});
    RR_CHECK(removed == 1);
  }
  // The record's deadline becomes kNever.
  void renew(Id id, Nanos expires_at) {
    if (expires_at == kNever) return;
    remove(id, expires_at);
    waiting_.insert(id);
  }
  // A reading of the clock: `date(id)` gives a record its deadline and returns it.
  template <typename Date>
  void date_renewals(Date date) {
    for (const Id id : waiting_) ends_.insert({date(id), id});
    waiting_.clear();
  }
  // The first to end at `now` or before.
  bool any_due(Nanos now) const { return !ends_.empty() && ends_.begin()->first <= now; }
  Id first_due() const { return ends_.begin()->second; }

 private:
  absl::btree_set<Id> waiting_;
  absl::btree_set<std::pair<Nanos, Id>> ends_;
};

}  // namespace ringroad::machine
