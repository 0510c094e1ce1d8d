// How one configuration becomes the next; the invariants are in configuration.h.
//
// All three ways (simple, into a joint configuration, out of it) share one class: Changing holds
// the configuration it came from and the one it is making, applies single changes in order, and
// tracks who was a member all along. That is what decides whose progress a leader may keep: a node
// that was removed and added again by one list may have lost its log in between, so it counts as
// removed and as added. Each way then adds its own condition, and done() asserts the invariants.
//
// Refusals are values, not assertions: a change that was right when it was proposed may be
// impossible when its turn comes, and every node has to refuse it alike and go on.
#include "consensus/core/configuration.h"

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {
namespace {

// A configuration under change, and what the changes do to the members' progress.
class Changing {
 public:
  explicit Changing(const Configuration& from) : from_(from), to_(from) {}

  Configuration& configuration() { return to_; }

  absl::Status apply(std::span<const ConfChangeSingle> changes) {
    for (const ConfChangeSingle change : changes) {
      // A change that was taken back after it had been proposed names no node.
      if (change.node == kNoNode) continue;
      if (!is_node(change.node)) {
        return absl::InvalidArgumentError(
            absl::StrCat("node ", change.node.value, " is not one of 1 to ", kNodesMax));
      }
      switch (change.type) {
        case ConfChangeType::kAddNode:
          make_voter(change.node);
          break;
        case ConfChangeType::kAddLearner:
          make_learner(change.node);
          break;
        case ConfChangeType::kRemoveNode:
          remove(change.node);
          break;
        case ConfChangeType::kUpdateNode:
          break;
      }
      // Who is gone now and comes back later in the same list starts from nothing.
      kept_ = kept_ & to_.members();
    }
    if (to_.voters.empty()) return absl::FailedPreconditionError("removed all voters");
    return absl::OkStatus();
  }

  ConfigurationChange done() {
    RR_CHECK(check_invariants(to_).ok());
    kept_ = kept_ & to_.members();
    return {to_, to_.members() - kept_, from_.members() - kept_};
  }

 private:
  void make_voter(NodeId node) {
    to_.learners.erase(node);
    to_.learners_next.erase(node);
    to_.voters.insert(node);
  }

  // Thesis 4.2.1 has learners become voters; this also goes the other way. Who still votes in the
  // outgoing half can't be a learner yet, and is staged to be one once that half is gone.
  void make_learner(NodeId node) {
    to_.voters.erase(node);
    (to_.outgoing.contains(node) ? to_.learners_next : to_.learners).insert(node);
  }

  // Who votes in the outgoing half stays a member until that is gone.
  void remove(NodeId node) {
    to_.voters.erase(node);
    to_.learners.erase(node);
    to_.learners_next.erase(node);
  }

  const Configuration from_;
  Configuration to_;
  NodeSet kept_ = from_.members();  // members all along
};

NodeSet difference(NodeSet a, NodeSet b) { return (a - b) | (b - a); }

}  // namespace

std::string describe(NodeSet nodes) {
  std::string text = "(";
  for (const NodeId node : nodes) {
    absl::StrAppend(&text, text.size() > 1 ? " " : "", node.value);
  }
  return text + ")";
}

std::string Configuration::describe() const {
  std::string text = "voters=" + raft::describe(voters);
  if (joint()) text += "&&" + raft::describe(outgoing);
  if (!learners.empty()) text += " learners=" + raft::describe(learners);
  if (!learners_next.empty()) text += " learners_next=" + raft::describe(learners_next);
  if (auto_leave) text += " autoleave";
  return text;
}

ConfState conf_state(const Configuration& c) {
  return {.voters = c.voters,
          .learners = c.learners,
          .voters_outgoing = c.outgoing,
          .learners_next = c.learners_next,
          .auto_leave = c.auto_leave};
}

absl::Status check_invariants(const Configuration& c) {
  const auto refuse = [](NodeSet nodes, const char* what) {
    return absl::FailedPreconditionError(raft::describe(nodes) + " " + what);
  };
  if (const NodeSet both = c.learners & c.all_voters(); !both.empty()) {
    return refuse(both, "both voters and learners");
  }
  if (const NodeSet stray = c.learners_next - c.outgoing; !stray.empty()) {
    return refuse(stray, "staged as learners, but no outgoing voters");
  }
  if (const NodeSet both = c.learners_next & c.voters; !both.empty()) {
    return refuse(both, "staged as learners, but incoming voters");
  }
  if (c.auto_leave && !c.joint()) {
    return absl::FailedPreconditionError("leaves a joint config by itself, but is not joint");
  }
  if (c.voters.empty() && !c.members().empty()) {
    return absl::FailedPreconditionError("members, but no voters");
  }
  return absl::OkStatus();
}

absl::StatusOr<ConfigurationChange> simple(const Configuration& from,
                                           std::span<const ConfChangeSingle> changes) {
  if (from.joint()) {
    return absl::FailedPreconditionError("can't apply simple config change in joint config");
  }
  Changing changing{from};
  if (absl::Status status = changing.apply(changes); !status.ok()) return status;
  if (difference(from.voters, changing.configuration().voters).count() > 1) {
    return absl::FailedPreconditionError(
        "more than one voter changed without entering joint config");
  }
  return changing.done();
}

absl::StatusOr<ConfigurationChange> enter_joint(const Configuration& from, bool auto_leave,
                                                std::span<const ConfChangeSingle> changes) {
  if (from.joint()) return absl::FailedPreconditionError("config is already joint");
  if (from.voters.empty()) {
    return absl::FailedPreconditionError("can't make a zero-voter config joint");
  }
  Changing changing{from};
  changing.configuration().outgoing = from.voters;
  if (absl::Status status = changing.apply(changes); !status.ok()) return status;
  changing.configuration().auto_leave = auto_leave;
  return changing.done();
}

absl::StatusOr<ConfigurationChange> leave_joint(const Configuration& from) {
  if (!from.joint()) return absl::FailedPreconditionError("can't leave a non-joint config");
  Changing changing{from};
  Configuration& to = changing.configuration();
  to.learners = to.learners | to.learners_next;
  to.learners_next.clear();
  to.outgoing.clear();
  to.auto_leave = false;
  return changing.done();
}

absl::StatusOr<ConfigurationChange> apply(const Configuration& from, const ConfChange& change) {
  if (change.leaves_joint()) return leave_joint(from);
  if (change.enters_joint()) return enter_joint(from, change.auto_leave(), change.changes());
  return simple(from, change.changes());
}

absl::StatusOr<ConfigurationChange> restore(const ConfState& state) {
  const Configuration configuration{.voters = state.voters,
                                    .outgoing = state.voters_outgoing,
                                    .learners = state.learners,
                                    .learners_next = state.learners_next,
                                    .auto_leave = state.auto_leave};
  if (absl::Status status = check_invariants(configuration); !status.ok()) return status;
  return ConfigurationChange{configuration, configuration.members(), {}};
}

}  // namespace ringroad::raft
