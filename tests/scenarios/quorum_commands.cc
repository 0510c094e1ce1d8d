// The commands of the published quorum files: configurations with acknowledged indexes or votes,
// drawn as a chart and decided. Each answer of the core is compared with the brute force of
// tests/unit/consensus/quorum_oracle.h, and a difference is printed in its place: the files of
// others are thereby further cases for the oracle, too.
#include "quorum_commands.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "arguments.h"
#include "consensus/core/quorum.h"
#include "tests/unit/consensus/quorum_oracle.h"

namespace ringroad::scenarios {
namespace {

using raft::AckedValues;
using raft::JointVoters;
using raft::NodeSet;
using raft::VoteResult;
using raft::ZoneLabels;

// Voters may go by any numbers; the nodes that stand for them are counted from 1, in the order of
// those numbers.
struct Quorum {
  JointVoters voters;
  bool joint = false;
  std::vector<std::uint64_t> names;  // of node 1, 2 and so on, ascending
  std::vector<NodeId> order;         // in which `idx` and `votes` speak of them

  NodeId node(std::uint64_t name) const {
    const auto place = std::ranges::lower_bound(names, name) - names.begin();
    return NodeId{static_cast<std::uint16_t>(place + 1)};
  }
};

const Argument* find(const Command& command, absl::string_view key) {
  for (const Argument& argument : command.arguments) {
    if (argument.key == key) return &argument;
  }
  return nullptr;
}

std::vector<std::uint64_t> half_of(const Argument* argument) {
  std::vector<std::uint64_t> half;
  if (argument == nullptr || argument->values == std::vector<std::string>{"zero"}) return half;
  for (const std::string& text : argument->values) half.push_back(number(text));
  return half;
}

Quorum quorum_of(const Command& command) {
  const Argument* cfgj = find(command, "cfgj");
  const std::vector<std::uint64_t> incoming = half_of(find(command, "cfg"));
  const std::vector<std::uint64_t> outgoing = half_of(cfgj);
  Quorum quorum;
  quorum.joint = cfgj != nullptr;
  quorum.names = incoming;
  quorum.names.insert(quorum.names.end(), outgoing.begin(), outgoing.end());
  std::ranges::sort(quorum.names);
  const auto twice = std::ranges::unique(quorum.names);
  quorum.names.erase(twice.begin(), twice.end());
  if (quorum.names.size() > kNodesMax) throw BadCommand("more than 64 voters");
  const auto take = [&](const std::vector<std::uint64_t>& half, NodeSet& into) {
    for (const std::uint64_t name : half) {
      const NodeId id = quorum.node(name);
      if (!quorum.voters.all().contains(id)) quorum.order.push_back(id);
      into.insert(id);
    }
  };
  take(incoming, quorum.voters.incoming);
  take(outgoing, quorum.voters.outgoing);
  return quorum;
}

// What `key` says about each voter, in their order.
std::vector<std::string> said(const Command& command, absl::string_view key, const Quorum& quorum) {
  const Argument* argument = find(command, key);
  const std::vector<std::string> values =
      argument != nullptr ? argument->values : std::vector<std::string>{};
  if (values.size() != quorum.order.size()) {
    throw BadCommand(
        absl::StrCat(values.size(), " values of ", key, " for ", quorum.order.size(), " voters"));
  }
  return values;
}

std::string index_text(std::uint64_t index) {
  return index == raft::kNothingAsked<std::uint64_t> ? "∞" : absl::StrCat(index);
}

std::uint64_t committed(JointVoters voters, const AckedValues& acked) {
  return raft::committed_index(voters, [&](NodeId id) { return acked[id.value]; });
}

// A line for each voter; its bar is as long as there are voters behind it.
std::string bars(const Quorum& quorum, const AckedValues& acked) {
  const NodeSet voters = quorum.voters.all();
  if (voters.empty()) return "<empty majority quorum>";
  const std::size_t width = voters.count();
  std::string text = std::string(width, ' ') + "    idx\n";
  for (const NodeId id : voters) {
    const std::uint64_t index = acked[id.value];
    const std::size_t behind = width - raft::holders_of(index, voters, acked).count();
    const std::string bar = index == 0 ? "?" : std::string(behind, 'x') + ">";
    absl::StrAppendFormat(&text, "%s%s %5d    (id=%d)\n", bar,
                          std::string(width + 1 - bar.size(), ' '), index,
                          quorum.names[id.value - 1u]);
  }
  return text;
}

// Lines for those of the other ways to compute `index` that don't come to it.
std::string disagreements(const Quorum& quorum, const AckedValues& acked, std::uint64_t index) {
  std::string text;
  const auto expect = [&](std::uint64_t other, const std::string& way) {
    if (other != index) absl::StrAppend(&text, index_text(other), " <-- ", way, "\n");
  };
  const JointVoters voters = quorum.voters;
  expect(raft::oracle_committed(voters, acked), "via alternative computation");
  if (quorum.joint) {
    expect(committed({voters.outgoing, voters.incoming}, acked), "via symmetry");
    return text;
  }
  expect(raft::committed_index(voters.incoming, [&](NodeId id) { return acked[id.value]; }),
         "via the majority alone");
  expect(committed({voters.incoming, voters.incoming}, acked), "via self-joint quorum");
  for (const NodeId id : voters.incoming) {
    const std::uint64_t own = acked[id.value];
    if (own == 0 || own >= index) continue;
    for (const std::uint64_t lower : {own - 1, std::uint64_t{0}}) {
      AckedValues lowered = acked;
      lowered[id.value] = lower;
      expect(committed(voters, lowered),
             absl::StrCat("overlaying ", quorum.names[id.value - 1u], "->", lower));
    }
  }
  return text;
}

ZoneLabels zones_of(const Command& command, const Quorum& quorum) {
  ZoneLabels labels{};
  const std::vector<std::string> zones = said(command, "zones", quorum);
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const std::uint64_t zone = zones[i] == "_" ? 0 : number(zones[i]);
    if (zone > 255) throw BadCommand("zones are 1 to 255");
    labels[quorum.order[i].value] = raft::Zone{static_cast<std::uint8_t>(zone)};
  }
  return labels;
}

NodeSet lost_of(const Command& command, const Quorum& quorum) {
  NodeSet lost;
  for (const std::uint64_t name : half_of(find(command, "lost"))) {
    if (!std::ranges::binary_search(quorum.names, name)) throw BadCommand("a stranger is lost");
    lost.insert(quorum.node(name));
  }
  return lost;
}

std::string run_committed(const Command& command) {
  allow_only(command, std::array<absl::string_view, 5>{"cfg", "cfgj", "idx", "zones", "lost"});
  const Quorum quorum = quorum_of(command);
  AckedValues acked{};
  const std::vector<std::string> indexes = said(command, "idx", quorum);
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    if (indexes[i] == "_") continue;
    acked[quorum.order[i].value] = number(indexes[i]);
    if (acked[quorum.order[i].value] == 0) throw BadCommand("idx has 0; a silent voter is _");
  }
  std::string text = bars(quorum, acked);
  if (find(command, "zones") == nullptr) {
    const std::uint64_t index = committed(quorum.voters, acked);
    return text + disagreements(quorum, acked, index) + index_text(index) + "\n";
  }
  const ZoneLabels zones = zones_of(command, quorum);
  const NodeSet lost = lost_of(command, quorum);
  const std::uint64_t index = raft::zone_committed_index(
      quorum.voters, [&](NodeId id) { return acked[id.value]; },
      [&](NodeId id) { return zones[id.value]; }, lost);
  if (index != raft::oracle_zone_committed(quorum.voters, acked, zones, lost)) {
    text += "by brute force another index\n";
  }
  return text + index_text(index) + "\n";
}

std::string result_text(VoteResult result) {
  switch (result) {
    case VoteResult::kPending:
      return "VotePending";
    case VoteResult::kLost:
      return "VoteLost";
    case VoteResult::kWon:
      return "VoteWon";
  }
  return "VoteUnknown";
}

std::string run_vote(const Command& command) {
  allow_only(command, std::array<absl::string_view, 3>{"cfg", "cfgj", "votes"});
  const Quorum quorum = quorum_of(command);
  NodeSet granted;
  NodeSet rejected;
  const std::vector<std::string> votes = said(command, "votes", quorum);
  for (std::size_t i = 0; i < votes.size(); ++i) {
    if (votes[i] == "_") continue;
    if (votes[i] != "y" && votes[i] != "n") throw BadCommand(votes[i] + " is no vote: y, n or _");
    (votes[i] == "y" ? granted : rejected).insert(quorum.order[i]);
  }
  const JointVoters voters = quorum.voters;
  const VoteResult result = raft::vote_result(voters, granted, rejected);
  std::string text;
  const auto expect = [&](VoteResult other, const char* way) {
    if (other != result) text += result_text(other) + " <-- " + way + "\n";
  };
  expect(raft::oracle_vote(voters, granted, rejected), "via alternative computation");
  expect(raft::vote_result(JointVoters{voters.outgoing, voters.incoming}, granted, rejected),
         "via symmetry");
  if (!quorum.joint) {
    expect(raft::vote_result(voters.incoming, granted, rejected), "via the majority alone");
  }
  return text + result_text(result) + "\n";
}

}  // namespace

bool is_quorum_command(absl::string_view name) { return name == "committed" || name == "vote"; }

std::string run_quorum_command(const Command& command) {
  if (command.name == "committed") return run_committed(command);
  if (command.name == "vote") return run_vote(command);
  throw BadCommand(command.name + " asks nothing of quorums: committed or vote");
}

}  // namespace ringroad::scenarios
