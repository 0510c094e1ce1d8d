// Sessions: what makes a request that is repeated after a failover take effect once (Ongaro's
// thesis, 6.3). A client opens a session and numbers its requests; for each number the state keeps
// what it came to, until the client says that it has the answer. So a repeated request gets the
// answer it got, or would have got, the first time; since all this is replicated and part of
// snapshots, any node at any time can tell.
//
// A client may have a window of requests under way, in any order. A session that is not used for
// its time to live ends, on every node at the same entry, and with it the memory of what was done:
// its client is told that the session is unknown and must not repeat what it doesn't know about.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "consensus/machine/answer.h"
#include "consensus/machine/bounds.h"
#include "consensus/machine/deadlines.h"
#include "consensus/machine/snapshot_map.h"

namespace ringroad::machine {

struct Session {
  struct Remembered {
    RequestNumber number;  // 0: nothing
    Answer answer;
  };

  Nanos time_to_live;
  Nanos expires_at = kNever;      // until a reading of the clock dates it
  RequestNumber answered;         // the client has the answers up to here
  RequestNumber highest;          // that was applied
  std::vector<Remembered> slots;  // by number modulo their count, a power of two; stale ones stay

  // nullptr: not applied, or given up.
  const Answer* find(RequestNumber number) const;
  // Invariant: answered < number.
  void remember(RequestNumber number, const Answer& answer);
};

class Sessions {
 public:
  using Map = SnapshotMap<ClientId, Session, std::less<>>;

  explicit Sessions(const Limits& limits) : limits_(&limits) {}

  Answer open(ClientId id, Nanos time_to_live);
  Answer keep(ClientId id);
  Answer close(ClientId id);
  // A request of a session: calls `execute` and remembers its answer, unless the request is not to
  // be applied (again).
  template <typename Execute>
  Answer once(const Request& request, Execute execute) {
    Session* session = use(request.session);
    if (session == nullptr) return {.status = Status::kSessionUnknown};
    session->answered = std::max(session->answered, request.answered);
    if (request.number <= session->answered) return {.status = Status::kAlreadyAnswered};
    if (request.number.value - session->answered.value > limits_->session_window) {
      return {.status = Status::kTooFarAhead};
    }
    if (const Answer* before = session->find(request.number)) {
      Answer answer = *before;
      answer.repeated = true;
      return answer;
    }
    const Answer answer = execute();
    session->remember(request.number, answer);
    return answer;
  }
  void on_clock(Nanos now);

  const Session* find(ClientId id) const {
    const auto at = map_.find(id);
    return at == map_.end() ? nullptr : &at->second;
  }
  // Invariant: there is one.
  ClientId last() const { return map_.last_key(); }
  // From a snapshot, in the order of ids.
  void load(ClientId id, Session session);
  const Map& map() const { return map_; }
  Map& map() { return map_; }

 private:
  // The session, for changing it; its time to live begins anew.
  Session* use(ClientId id);

  const Limits* limits_;
  Map map_;
  Deadlines<ClientId> deadlines_;
};

}  // namespace ringroad::machine
