// All nodes of the cluster as this one knows them: the latest summary of each, how old it is, and
// what state follows from it and from our own links.
//
//   self     down      no dataplane is attached, or it stands still
//            unknown   one is attached, and nothing has been worked out of it yet
//            degraded  the port, a link or something else is not as it should be
//   others   down      our link to it is down, and nobody whom we hear sees it
//            degraded  our link is down but another node sees it; or it told of trouble, or of a
//                      link that is down
//            unknown   our link is up, and its control process has told nothing for kFresh; or we
//                      have no dataplane that moves and cannot know
//
// How long a state holds is told from when it began, not from when this process began to look: a
// control process that was restarted takes the times of its dataplane and its links.
//
// Pure. Invariant: one entry a member, ascending ids, self among them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "control/core/summary.h"
#include "dataplane/base/ids.h"

namespace ringroad::control {

enum class NodeState : std::uint8_t { kUp, kDegraded, kDown, kUnknown };
const char* node_state_name(NodeState state);  // "up"

struct NodeView {
  NodeId node;
  NodeState state = NodeState::kUnknown;
  Nanos since;                     // of `state`
  std::optional<Summary> summary;  // the latest
  Nanos told;                      // when; meaningless without a summary
  bool link_up = false;            // ours to it; of self: a dataplane is attached and moves
  Nanos link_since;                // when we saw it become so
  Nanos as_is_since;               // when it became so, by the dataplane's own word

  // It told us something not long ago.
  bool is_fresh(Nanos now) const;
};

// Since when a link is as it is; of self: since when the dataplane and its links are.
struct LinkTime {
  NodeId node;
  Nanos since;
};

class ClusterView {
 public:
  // How long a summary is believed: five were missed by then.
  static constexpr Nanos kFresh = seconds(5);

  ClusterView(NodeId self, std::span<const NodeId> peers, Nanos now);

  // Peers that are new begin unknown; the others keep what is known of them.
  void set_peers(std::span<const NodeId> peers, Nanos now);
  // From another node, or our own. False when it is no member's.
  bool on_summary(const Summary& summary, Nanos now);
  // Our own links, as the dataplane reports them; nothing without one that moves.
  void on_links(std::optional<std::uint64_t> links_up, std::span<const LinkTime> times, Nanos now);
  // Looks at all again. Once a second, and after anything changed.
  void tick(Nanos now);

  NodeId self() const { return self_; }
  std::span<const NodeView> nodes() const { return nodes_; }
  const NodeView* find(NodeId node) const;
  // A node other than `besides` and the two ends that told, not long ago, that its link to `node`
  // is up; no node when there is none.
  NodeId witness(NodeId node, NodeId besides, Nanos now) const;

 private:
  NodeState state_of(const NodeView& view, Nanos now) const;
  Nanos begin_of(NodeState state, const NodeView& view, Nanos now) const;

  NodeId self_;
  std::vector<NodeView> nodes_;
  bool has_dataplane_ = false;
};

}  // namespace ringroad::control
