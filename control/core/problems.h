// What is wrong in the cluster, told so that a person knows where to look next: each problem is one
// sentence about one node, the commands that show more, and the process whose restart mends it.
//
// One cause is told once: a node that nobody sees is one problem and not one a link that ends
// there, a port that is down says nothing of the links that go through it, and where a program that
// does not read is known, nobody is accused of waiting for it. What is not known is not claimed:
// who is silent may know better.
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

// What has to be started anew to mend a problem, at the node that the problem names.
enum class Restart : std::uint8_t { kNothing, kDataplane, kControl, kNetwork };
const char* restart_name(Restart restart);  // "dataplane"; of nothing: ""

enum class ProblemSeverity : std::uint8_t { kWarning, kWrong };

// Which answer of the node's shows more of it.
enum class ProblemSubject : std::uint8_t { kNode, kPort, kLink, kProgram, kConfig };
const char* subject_name(ProblemSubject subject);  // "node"

struct Problem {
  ProblemSeverity severity = ProblemSeverity::kWarning;
  ProblemSubject subject = ProblemSubject::kNode;
  std::string text;  // "link to node 1 is down for 38 s; node 2 sees node 3"
  NodeId node;
  NodeId peer;  // kNoNode: none
  std::vector<std::string> next;
  Restart restart = Restart::kNothing;
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
    int waiting_looks = 0;  // how many in a row, a second apart
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
  bool unread = false;          // messages wait here for a program to read, over more than one look
  std::string unread_programs;  // which: "sink (process 4711)"; empty: not known
  double unclaimed_per_second = 0;  // messages no program is bound for, over more than one look
  double drops_per_second = 0;
  std::string drop_reason;  // the commonest of the last second
  ConfigGaps gaps;
};

// Fewer free than this and the node will soon refuse packets.
bool are_buffers_low(std::uint32_t buffers, std::uint32_t buffers_free);

// Those of find_problems() that a person at this node has to know of: what is wrong with it, and
// with any of its links, at whichever end.
bool concerns(const Problem& problem, NodeId self);

// The gravest first.
std::vector<Problem> find_problems(const ClusterView& view, const LocalFacts& local, Nanos now);

// "38 s", "12 min", "3 h", "2 d"
std::string describe_age(Nanos age);
// Of a dataplane: "has not moved for 38 s: it is stopped, or stuck"
std::string describe_stillness(Nanos still_for);

}  // namespace ringroad::control
