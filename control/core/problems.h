// What is wrong in the cluster, told so that a person knows where to look next: each problem is one
// sentence about one node, and the commands that show more or mend it.
//
// Pure: what is known of this node is handed in, of the others it is the cluster view's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/core/cluster_view.h"
#include "dataplane/base/ids.h"

namespace ringroad::control {

enum class ProblemSeverity : std::uint8_t { kWarning, kWrong };

struct Problem {
  ProblemSeverity severity = ProblemSeverity::kWarning;
  std::string text;  // "link to node 1 is down for 38 s; node 2 sees node 3"
  NodeId node;
  NodeId peer;  // kNoNode: none
  std::vector<std::string> next;
};

// Where this node does not run as its configuration says.
struct ConfigGaps {
  std::string file_fault;          // what is wrong with the file; empty: nothing
  std::vector<std::string> unmet;  // what the dataplane would not change: "adding node 4: no room"
  // JSON pointers of what takes a restart, by the processes that have to be restarted.
  std::map<std::string, std::vector<std::string>> restarts;
};

// A sentence for each, without the node's name.
std::vector<std::string> describe(const ConfigGaps& gaps);

// What only this node's control process knows, beyond the summary it tells others.
struct LocalFacts {
  struct Link {
    NodeId peer;
    bool up = false;
    Nanos since;
    // A queue whose messages wait for the peer's credit, over more than one look.
    bool waiting = false;
    std::uint32_t waiting_messages = 0;
    std::uint32_t waiting_priority = 0;
  };
  bool attached = false;
  std::string away_reason;  // why not attached
  Nanos away_since;
  Nanos still_for;  // attached, and not heard of for so long; 0: it moves
  std::vector<Link> links;
  bool port_up = true;
  Nanos port_since;
  std::uint32_t buffers = 0, buffers_free = 0;
  bool unread = false;  // messages wait here for a program to read, over more than one look
  double drops_per_second = 0;
  std::string drop_reason;  // the commonest of the last second
  ConfigGaps gaps;
};

// Fewer free than this and the node will soon refuse packets.
bool are_buffers_low(std::uint32_t buffers, std::uint32_t buffers_free);

// The gravest first.
std::vector<Problem> find_problems(const ClusterView& view, const LocalFacts& local, Nanos now);

// "38 s", "12 min", "3 h", "2 d"
std::string describe_age(Nanos age);
// Of a dataplane: "has not moved for 38 s: it is stopped, or stuck"
std::string describe_stillness(Nanos still_for);

}  // namespace ringroad::control
