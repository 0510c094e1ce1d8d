#include "control/core/problems.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace ringroad::control {
namespace {

// Within this time those who live notice that another does not, and tell.
constexpr Nanos kOthersTell = seconds(4);
// Likewise, in looks a second apart, for a peer to notice that a program of its does not read.
constexpr int kLooksUntilTold = 6;

std::string at_node(const char* command, NodeId node) {
  return absl::StrFormat("ringroad %s --node %d", command, node.value);
}

std::string show_link(NodeId node, NodeId peer) {
  return absl::StrFormat("ringroad link show %d --node %d", peer.value, node.value);
}

std::string describe_restart(const std::string& processes,
                             const std::vector<std::string>& pointers) {
  return absl::StrCat(absl::StrJoin(pointers, ", "), pointers.size() == 1 ? " changes" : " change",
                      " only at a restart of ", processes);
}

class Finder {
 public:
  Finder(const ClusterView& view, const LocalFacts& local, Nanos now)
      : view_(view), local_(local), now_(now) {}

  std::vector<Problem> find() {
    find_local();
    for (const NodeView& node : view_.nodes()) {
      if (node.node != view_.self()) find_remote(node);
    }
    // Each severity in the order it was found.
    std::vector<Problem> sorted;
    for (const auto severity : {ProblemSeverity::kWrong, ProblemSeverity::kWarning}) {
      std::ranges::copy_if(problems_, std::back_inserter(sorted),
                           [&](const Problem& problem) { return problem.severity == severity; });
    }
    return sorted;
  }

 private:
  void add(ProblemSeverity severity, ProblemSubject subject, NodeId node, NodeId peer,
           const std::string& text, std::vector<std::string> next,
           Restart restart = Restart::kNothing) {
    problems_.push_back({severity, subject, absl::StrCat("node ", node.value, ": ", text), node,
                         peer, std::move(next), restart});
  }

  void find_local() {
    const NodeId self = view_.self();
    if (!local_.attached) {
      add(ProblemSeverity::kWrong, ProblemSubject::kNode, self, kNoNode,
          absl::StrCat("no dataplane is attached for ", describe_age(now_ - local_.away_since),
                       ": ", local_.away_reason),
          {at_node("node show", self), at_node("doctor", self)}, Restart::kDataplane);
      return;
    }
    if (local_.still_for > Nanos{}) {
      add(ProblemSeverity::kWrong, ProblemSubject::kNode, self, kNoNode,
          absl::StrCat("its dataplane ", describe_stillness(local_.still_for)),
          {at_node("node show", self), at_node("doctor", self)}, Restart::kDataplane);
      return;
    }
    find_gaps(self);
    if (local_.port_up) {
      find_links(self);
    } else {
      port_down(self, absl::StrCat(" for ", describe_age(now_ - local_.port_since)));
    }
    if (are_buffers_low(local_.buffers, local_.buffers_free)) {
      buffers_low(self,
                  absl::StrFormat(": %d of %d are free", local_.buffers_free, local_.buffers));
    }
    if (local_.unread) unread(self, local_.unread_programs);
    if (local_.unclaimed_per_second >= 1) {
      unclaimed(self, absl::StrFormat("%.0f messages", local_.unclaimed_per_second));
    }
    if (local_.drops_per_second >= 1) {
      drops(self, absl::StrFormat("%.0f packets a second are dropped, most as: %s",
                                  local_.drops_per_second, local_.drop_reason));
    }
  }

  void find_gaps(NodeId self) {
    const auto gap = [&](const std::string& text, Restart restart) {
      add(ProblemSeverity::kWarning, ProblemSubject::kConfig, self, kNoNode, text,
          {at_node("node show", self), at_node("config show", self)}, restart);
    };
    ConfigGaps others = local_.gaps;
    others.restarts.clear();
    const std::vector<std::string> sentences = describe(others);
    for (const std::string& sentence : sentences) gap(sentence, Restart::kNothing);
    for (const auto& [processes, pointers] : local_.gaps.restarts) {
      const bool is_control = processes == "ringroad-control";
      gap(describe_restart(processes, pointers),
          is_control ? Restart::kControl : Restart::kDataplane);
    }
  }

  void find_links(NodeId self) {
    const auto is_up = [](const LocalFacts::Link& link) { return link.up; };
    const bool is_alone = local_.links.size() > 1 && std::ranges::none_of(local_.links, is_up);
    if (is_alone) alone(self);
    for (const LocalFacts::Link& link : local_.links) {
      if (!link.up && !is_alone) {
        if (is_down(link.peer)) {
          node_down(link.peer, now_ - link.since);
        } else {
          link_down(self, link.peer, now_ - link.since);
        }
      }
      if (link.waiting) {
        waits(self, link.peer,
              absl::StrFormat("%d messages at priority %d wait for node %d", link.waiting_messages,
                              link.waiting_priority, link.peer.value),
              link.waiting_looks);
      }
    }
  }

  void find_remote(const NodeView& node) {
    if (!local_.attached || local_.still_for > Nanos{} || !node.link_up) return;
    if (!node.is_fresh(now_)) return silent(node);
    const Summary& summary = *node.summary;
    if ((summary.problems & kProblemPortDown) != 0) port_down(node.node, "");
    for (const NodeView& peer : view_.nodes()) {
      if (peer.node == node.node) continue;
      if ((summary.links_waiting & node_bit(peer.node)) != 0) {
        waits(node.node, peer.node, absl::StrFormat("messages wait for node %d", peer.node.value),
              std::nullopt);
      }
      // A link between two others is told once, by its lower end when that one speaks.
      const bool told_by_peer = peer.is_fresh(now_) && peer.node < node.node &&
                                peer.node != view_.self() &&
                                (peer.summary->links_up & node_bit(node.node)) == 0;
      if (peer.node == view_.self() || told_by_peer || is_down(peer.node)) continue;
      if ((summary.links_up & node_bit(peer.node)) == 0) {
        link_down(node.node, peer.node, std::nullopt);
      }
    }
    if ((summary.problems & kProblemBuffersLow) != 0) buffers_low(node.node, "");
    if ((summary.problems & kProblemUnread) != 0) unread(node.node, "");
    if ((summary.problems & kProblemNoReceiver) != 0) unclaimed(node.node, "messages");
    if ((summary.problems & kProblemDropsGrowing) != 0) {
      drops(node.node,
            absl::StrFormat("%d packets a second are dropped", summary.drops_per_second));
    }
  }

  bool is_down(NodeId node) const {
    const NodeView* view = view_.find(node);
    return view != nullptr && view->state == NodeState::kDown;
  }

  bool has_unread(NodeId node) const {
    if (node == view_.self()) return local_.unread;
    const NodeView* view = view_.find(node);
    return view != nullptr && view->is_fresh(now_) &&
           (view->summary->problems & kProblemUnread) != 0;
  }

  // Those who may hear a node that we do not, and tell nothing: their control is dead, or they are
  // cut off from us alone. Who is down itself is told as that.
  std::vector<NodeId> silent_witnesses(NodeId node) const {
    std::vector<NodeId> silent;
    for (const NodeView& view : view_.nodes()) {
      const bool is_other = view.node != node && view.node != view_.self();
      if (is_other && !view.is_fresh(now_) && view.state != NodeState::kDown) {
        silent.push_back(view.node);
      }
    }
    return silent;
  }

  void node_down(NodeId node, Nanos age) {
    const std::vector<NodeId> silent = silent_witnesses(node);
    if (!silent.empty()) return node_perhaps_down(node, age, silent);
    add(ProblemSeverity::kWrong, ProblemSubject::kLink, node, kNoNode,
        absl::StrCat("down for ", describe_age(age),
                     ": no other node hears it; its dataplane is dead or stopped, or its network "
                     "is cut"),
        {at_node("node show", node), at_node("doctor", node)}, Restart::kDataplane);
  }

  // With no restart named: the node may run as well as it should.
  void node_perhaps_down(NodeId node, Nanos age, const std::vector<NodeId>& silent) {
    const std::string who = silent.size() == 1
                                ? absl::StrCat("node ", silent.front().value, " tells nothing")
                                : absl::StrCat(silent.size(), " others tell nothing");
    add(ProblemSeverity::kWrong, ProblemSubject::kLink, node, kNoNode,
        absl::StrCat("not heard by node ", view_.self().value, " for ", describe_age(age), ", and ",
                     who, ": whether it is down, or only a link to it, is not known"),
        {show_link(view_.self(), node), at_node("doctor", node)});
  }

  void alone(NodeId self) {
    Nanos since = local_.links.front().since;
    for (const LocalFacts::Link& link : local_.links) since = std::max(since, link.since);
    add(ProblemSeverity::kWrong, ProblemSubject::kPort, self, kNoNode,
        absl::StrCat("all its ", local_.links.size(), " links are down for ",
                     describe_age(now_ - since),
                     ", and its port is up: no other node is heard, its network is cut, or they "
                     "are all down"),
        {at_node("port show", self), at_node("doctor", self)}, Restart::kNetwork);
  }

  void link_down(NodeId node, NodeId peer, std::optional<Nanos> age) {
    std::string text = absl::StrFormat("link to node %d is down", peer.value);
    if (age) absl::StrAppend(&text, " for ", describe_age(*age));
    if (const NodeId witness = view_.witness(peer, node, now_); witness != kNoNode) {
      absl::StrAppend(&text, "; node ", witness.value, " sees node ", peer.value);
    } else if (node == view_.self() && silent_witnesses(peer).empty()) {
      absl::StrAppend(&text, "; nobody else sees node ", peer.value);
    }
    // Until the others have told whether they miss the peer as well, it may be the peer's end.
    const bool is_told = age && *age >= kOthersTell;
    add(ProblemSeverity::kWrong, ProblemSubject::kLink, node, peer, text,
        {show_link(node, peer), at_node("doctor", peer)},
        is_told ? Restart::kNetwork : Restart::kNothing);
  }

  void silent(const NodeView& node) {
    const Nanos since = node.summary ? std::max(node.told, node.link_since) : node.link_since;
    if (now_ - since < ClusterView::kFresh) return;  // it may have begun only now
    add(ProblemSeverity::kWrong, ProblemSubject::kNode, node.node, kNoNode,
        absl::StrCat("its link is up, but its control process has told nothing for ",
                     describe_age(now_ - since), ": is ringroad-control running there?"),
        {at_node("node show", node.node), at_node("doctor", node.node)}, Restart::kControl);
  }

  void port_down(NodeId node, const std::string& age) {
    add(ProblemSeverity::kWrong, ProblemSubject::kPort, node, kNoNode,
        absl::StrCat("its port is down", age, ": nothing goes in or out"),
        {at_node("port show", node), at_node("doctor", node)}, Restart::kNetwork);
  }

  // Credit runs out at a program that does not read, and on a slow link as well, which is long in
  // bringing it. Whether a program is behind is the peer's to know: the link is not blamed before
  // the peer had time to tell, nor when it tells nothing.
  void waits(NodeId node, NodeId peer, const std::string& what, std::optional<int> looks) {
    if (has_unread(peer)) return;
    const NodeView* view = view_.find(peer);
    const bool has_told = view != nullptr && view->is_fresh(now_);
    if (has_told && looks && *looks >= kLooksUntilTold) {
      add(ProblemSeverity::kWarning, ProblemSubject::kLink, node, peer,
          absl::StrCat(what,
                       ": the link does not carry them fast enough, and no program there is "
                       "behind with reading"),
          {show_link(node, peer), at_node("port show", node)});
      return;
    }
    add(ProblemSeverity::kWarning, ProblemSubject::kLink, node, peer,
        absl::StrCat(what,
                     ": the link does not carry them fast enough, or a program there does "
                     "not read"),
        {show_link(node, peer), at_node("app show", peer)});
  }

  void unread(NodeId node, const std::string& programs) {
    add(ProblemSeverity::kWarning, ProblemSubject::kProgram, node, kNoNode,
        programs.empty() ? "messages wait for a program there that does not read them"
                         : absl::StrCat("messages wait for ", programs,
                                        ", which does not read: continue or restart it"),
        {at_node("app show", node)});
  }

  void unclaimed(NodeId node, const std::string& what) {
    add(ProblemSeverity::kWarning, ProblemSubject::kProgram, node, kNoNode,
        absl::StrCat(what, what == "messages" ? "" : " a second",
                     " are dropped there: no program is bound to their type (no receiver)"),
        {at_node("app show", node), at_node("node show", node)});
  }

  void buffers_low(NodeId node, const std::string& figures) {
    add(ProblemSeverity::kWrong, ProblemSubject::kNode, node, kNoNode,
        absl::StrCat("packet buffers are nearly gone", figures),
        {at_node("node show", node), at_node("doctor", node)});
  }

  void drops(NodeId node, const std::string& what) {
    add(ProblemSeverity::kWarning, ProblemSubject::kPort, node, kNoNode, what,
        {at_node("port show", node), at_node("node show", node)});
  }

  const ClusterView& view_;
  const LocalFacts& local_;
  Nanos now_;
  std::vector<Problem> problems_;
};

}  // namespace

const char* restart_name(Restart restart) {
  switch (restart) {
    case Restart::kNothing:
      return "";
    case Restart::kDataplane:
      return "dataplane";
    case Restart::kControl:
      return "control";
    case Restart::kNetwork:
      return "network";
  }
  return "";
}

const char* subject_name(ProblemSubject subject) {
  switch (subject) {
    case ProblemSubject::kNode:
      return "node";
    case ProblemSubject::kPort:
      return "port";
    case ProblemSubject::kLink:
      return "link";
    case ProblemSubject::kProgram:
      return "program";
    case ProblemSubject::kConfig:
      return "config";
  }
  return "";
}

// A node that is down is told in place of all links that end there, ours among them.
bool concerns(const Problem& problem, NodeId self) {
  const bool is_node_down = problem.subject == ProblemSubject::kLink && problem.peer == kNoNode;
  return problem.node == self || problem.peer == self || is_node_down;
}

std::vector<std::string> describe(const ConfigGaps& gaps) {
  std::vector<std::string> sentences;
  if (!gaps.file_fault.empty()) {
    sentences.push_back(
        absl::StrCat("its configuration file is wrong, and what was read before stays in force: ",
                     gaps.file_fault));
  }
  for (const std::string& unmet : gaps.unmet) {
    sentences.push_back(absl::StrCat("its dataplane differs from the configuration: ", unmet));
  }
  for (const auto& [processes, pointers] : gaps.restarts) {
    sentences.push_back(describe_restart(processes, pointers));
  }
  return sentences;
}

bool are_buffers_low(std::uint32_t buffers, std::uint32_t buffers_free) {
  return buffers > 0 && buffers_free < buffers / 20;
}

std::vector<Problem> find_problems(const ClusterView& view, const LocalFacts& local, Nanos now) {
  return Finder(view, local, now).find();
}

std::string describe_age(Nanos age) {
  const std::int64_t s = std::max<std::int64_t>(0, age.count / 1'000'000'000);
  if (s < 120) return absl::StrCat(s, " s");
  if (s < 120 * 60) return absl::StrCat(s / 60, " min");
  if (s < 48 * 3'600) return absl::StrCat(s / 3'600, " h");
  return absl::StrCat(s / 86'400, " d");
}

std::string describe_stillness(Nanos still_for) {
  return absl::StrCat("has not moved for ", describe_age(still_for), ": it is stopped, or stuck");
}

}  // namespace ringroad::control
