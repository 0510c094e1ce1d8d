// Peers that come and go while a node runs. The io lcore may not allocate, and a link is megabytes:
// the slow thread makes it and, when it is over, destroys it; between them go these queues.
//
//   io lcore: ask()      slow: poll_request(), allocate, give()       io lcore: take(), add
//   io lcore: close the link, let it say so, remove, tell()            slow: poll_changed(),
//   destroy
#pragma once

#include <sys/eventfd.h>

#include <cstdint>
#include <memory>

#include "dataplane/base/check.h"
#include "dataplane/host/descriptor.h"
#include "dataplane/host/spsc_queue.h"
#include "dataplane/node.h"

namespace ringroad {

// What control asked for, and who it was. No strings: the io lcore copies it.
struct PeerRequest {
  NodeId peer;
  Ipv4Address address;
  std::uint16_t port = 0;
  std::uint64_t request = 0;
  std::uint32_t attachment = 0;
};

struct PeerReady {
  PeerRequest asked;
  Node::PeerDraft draft;  // without a link when buffers for another peer were not set aside
};

// What changed, for the slow thread to know of.
struct PeerChanged {
  NodeId peer;
  bool is_added = false;
  std::unique_ptr<Link> retired;  // of a removed one
};

class PeerChanges {
 public:
  // `slow_bell`: an eventfd that the slow thread waits on. Waking the io loop after give() is the
  // caller's.
  explicit PeerChanges(int slow_bell) : slow_bell_(slow_bell) {}

  // The io lcore's. False when too many are under way.
  [[nodiscard]] bool ask(const PeerRequest& request) {
    if (!requests_.push(request)) return false;
    ::eventfd_write(slow_bell_, 1);
    return true;
  }
  [[nodiscard]] bool take(PeerReady& ready) { return ready_.pop(ready); }
  bool has_ready() const { return !ready_.empty(); }
  bool may_tell() const { return changed_.has_room(); }
  void tell(PeerChanged changed) {
    RR_CHECK(changed_.push(std::move(changed)));
    ::eventfd_write(slow_bell_, 1);
  }

  // The slow thread's.
  [[nodiscard]] bool poll_request(PeerRequest& request) {
    return ready_.has_room() && requests_.pop(request);
  }
  void give(PeerReady ready) { RR_CHECK(ready_.push(std::move(ready))); }
  [[nodiscard]] bool poll_changed(PeerChanged& changed) { return changed_.pop(changed); }

 private:
  host::SpscQueue<PeerRequest, 64> requests_;
  host::SpscQueue<PeerReady, 64> ready_;
  host::SpscQueue<PeerChanged, 256> changed_;
  int slow_bell_;
};

}  // namespace ringroad
