// Two nodes, two links, a bad wire, and a ledger of every message: the world in which links are
// tried. Deterministic: the same Scenario gives the same run to the nanosecond.
//
// What the ledger holds true, at every step or at the end:
//   - ids at one (direction, priority) arrive in strictly ascending order, so at most once;
//   - a payload arrives as it was sent;
//   - every accepted message has one outcome (none when its node was restarted under it);
//   - kDelivered: the receiver took it. kNoReceiver: the receiver refused it. kNotSent: the
//   receiver
//     never saw it;
//   - held frames never exceed their limit, and each is released once;
//   - no frame is longer than its receiver takes;
//   - once the faults end, everything ends within a bound of virtual time;
//   - a link allocates nothing after construction (the program counts).
// A message's payload is freed the moment its outcome is told, so that touching it later shows
// (under AddressSanitizer as an error, otherwise as a wrong payload).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/core/link.h"
#include "tests/sim/link/simulated_path.h"

namespace ringroad::sim {

struct Scenario {
  std::uint64_t seed = 1;
  LinkConfig link;                         // of both ends, but for self and peer
  std::uint32_t frame_bytes_max_of_1 = 0;  // node 1's, where it is another than link's
  std::uint32_t messages = 10'000;
  std::uint32_t size_max = 64;       // most messages are no longer than this
  std::uint32_t rare_size_max = 64;  // one in 64 may be this long
  std::uint32_t burst_max = 64;      // offered at a time, each way
  bool one_way = false;
  Nanos tick = microseconds(20);  // between the applications' turns
  Nanos latency = microseconds(10);
  std::uint64_t bits_per_second = 10'000'000'000;
  PathFaults faults[2];
  std::uint32_t no_receiver_ppm = 0;
  std::uint32_t busy_ppm = 0;      // per tick: a priority's receiver stops reading for a while
  std::uint32_t blackout_ppm = 0;  // per tick
  Nanos blackout_max = milliseconds(5);
  std::uint32_t restart_ppm = 0;  // per tick
  std::uint32_t forget_ppm = 0;   // per tick
  Nanos time_max = seconds(600);  // for offering all messages
};

// A scenario drawn from the seed; `messages` small ones, fewer when they are long.
Scenario draw_scenario(std::uint64_t seed, std::uint32_t messages);

struct Report {
  std::string failure;  // empty: all held
  std::uint64_t delivered = 0;
  std::uint64_t bursts = 0;  // handed over together
  std::uint64_t delivered_bytes = 0;
  std::uint64_t restarts = 0, sessions = 0, retransmitted = 0, refused_frames = 0, held_full = 0;
  std::array<std::uint64_t, 5> outcomes{};
  Nanos virtual_time{};
};

class LinkWorld {
 public:
  explicit LinkWorld(const Scenario& scenario);
  ~LinkWorld();

  // Offers all messages under faults, heals, drains, and checks.
  Report run();
  // Keeps messages of `size` bytes on offer from node 0, as many as it takes, for `span`; returns
  // the payload bytes delivered in it. Node 1's receivers of `stalled` priorities (a bit each) do
  // not read.
  std::uint64_t stream_for(Nanos span, std::uint32_t size, std::uint8_t stalled = 0);

 private:
  class Node;
  friend class Node;
  struct Entry {
    std::byte* payload = nullptr;
    std::uint32_t length = 0;
    std::uint8_t sender = 0;
    std::uint8_t priority = 0;
    std::uint8_t outcome = 0;  // 0: none yet
    bool orphaned = false;     // its node was restarted under it
    std::uint8_t delivered = 0;
    std::uint8_t refused = 0;
    std::uint16_t owner = 0;
  };

  void fail(const std::string& what);
  bool offer_one(std::size_t from, std::uint32_t length, std::uint8_t priority);
  void application_turn(std::size_t from);
  void cause_trouble();
  void heal();
  void restart(std::size_t which);
  void step(Nanos limit);
  void pump(std::size_t from);
  bool is_drained() const;
  void check_ledger();
  std::uint32_t draw_length();

  Scenario scenario_;
  Prng prng_;
  Nanos now_ = seconds(1);
  Nanos next_tick_ = now_;
  std::array<std::unique_ptr<SimulatedPath>, 2> paths_;  // from node 0, from node 1
  std::array<std::unique_ptr<Node>, 2> nodes_;
  std::vector<Entry> ledger_;
  std::uint64_t last_id_[2][kPriorities] = {};  // delivered or refused, by sender
  bool healed_ = false;
  Report report_;
};

// Whether a link is running: set around every call into one, cleared in its callbacks, and read by
// the program's operator new.
inline thread_local bool inside_link = false;

}  // namespace ringroad::sim
