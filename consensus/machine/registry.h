// The registry: keys, leases and history, and the rules that tie them. Every change of a key takes
// a revision and leaves an event; what one command changes shares one revision, what one lease's
// end deletes likewise. Keys of a lease go with it.
#pragma once

#include "consensus/machine/history.h"
#include "consensus/machine/key_table.h"
#include "consensus/machine/leases.h"

namespace ringroad::machine {

class Registry {
 public:
  // `limits` outlives this.
  explicit Registry(const Limits& limits) : limits_(&limits) {}

  Revision revision() const { return revision_; }
  const KeyTable& keys() const { return keys_; }
  const Leases& leases() const { return leases_; }
  const History& history() const { return history_; }

  // Commands, as Request describes them.
  Answer put(const Request& request);
  Answer erase(const Request& request);
  Answer compare_and_swap(const Request& request);
  Answer grant(LeaseId id, Nanos time_to_live);
  Answer keep(LeaseId id);
  Answer revoke(LeaseId id);
  // A reading of the clock. Ends what is due, at most kExpirationsMax leases and about kDeletesMax
  // keys a reading; the rest at the next.
  void on_clock(Nanos now);

 private:
  friend class SnapshotWriter;
  friend class SnapshotReader;

  Answer store(KeyTable::Place place, Bytes key, Bytes value, LeaseId lease);
  // Returns the place of the next key.
  KeyTable::Place erase_at(KeyTable::Place place, EventType why);
  void end_lease(LeaseId id, EventType why);

  const Limits* limits_;
  Revision revision_;
  KeyTable keys_;
  Leases leases_;
  History history_;
};

}  // namespace ringroad::machine
