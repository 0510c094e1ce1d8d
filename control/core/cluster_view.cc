#include "control/core/cluster_view.h"

#include <algorithm>
#include <bit>

namespace ringroad::control {
namespace {

bool has_trouble(const Summary& summary) {
  return summary.problems != 0 || summary.links_waiting != 0 ||
         static_cast<std::uint32_t>(std::popcount(summary.links_up)) < summary.links_configured;
}

}  // namespace

const char* node_state_name(NodeState state) {
  switch (state) {
    case NodeState::kUp:
      return "up";
    case NodeState::kDegraded:
      return "degraded";
    case NodeState::kDown:
      return "down";
    case NodeState::kUnknown:
      return "unknown";
  }
  return "?";
}

bool NodeView::is_fresh(Nanos now) const { return summary && now - told < ClusterView::kFresh; }

ClusterView::ClusterView(NodeId self, std::span<const NodeId> peers, Nanos now) : self_(self) {
  set_peers(peers, now);
}

void ClusterView::set_peers(std::span<const NodeId> peers, Nanos now) {
  std::vector<NodeView> nodes;
  const auto keep = [&](NodeId id) {
    const NodeView* known = find(id);
    nodes.push_back(
        known != nullptr
            ? *known
            : NodeView{.node = id, .since = now, .link_since = now, .as_is_since = now});
  };
  keep(self_);
  for (NodeId peer : peers) keep(peer);
  std::ranges::sort(nodes, {}, &NodeView::node);
  nodes_ = std::move(nodes);
}

bool ClusterView::on_summary(const Summary& summary, Nanos now) {
  const auto view = std::ranges::find(nodes_, summary.node, &NodeView::node);
  if (view == nodes_.end()) return false;
  view->summary = summary;
  view->told = now;
  return true;
}

void ClusterView::on_links(std::optional<std::uint64_t> links_up, std::span<const LinkTime> times,
                           Nanos now) {
  has_dataplane_ = links_up.has_value();
  for (NodeView& view : nodes_) {
    const bool up =
        view.node == self_ ? has_dataplane_ : (links_up.value_or(0) & node_bit(view.node)) != 0;
    if (up != view.link_up) view.link_since = view.as_is_since = now;
    view.link_up = up;
    const auto time = std::ranges::find(times, view.node, &LinkTime::node);
    if (time != times.end()) view.as_is_since = std::min(time->since, now);
  }
}

NodeState ClusterView::state_of(const NodeView& view, Nanos now) const {
  if (view.node == self_) {
    if (!has_dataplane_) return NodeState::kDown;
    if (!view.is_fresh(now)) return NodeState::kUnknown;
    return has_trouble(*view.summary) ? NodeState::kDegraded : NodeState::kUp;
  }
  if (!has_dataplane_) return NodeState::kUnknown;
  if (!view.link_up) {
    return witness(view.node, self_, now) != kNoNode ? NodeState::kDegraded : NodeState::kDown;
  }
  if (!view.is_fresh(now)) return NodeState::kUnknown;
  return has_trouble(*view.summary) ? NodeState::kDegraded : NodeState::kUp;
}

// A link that is down is so since it went down, whatever else we learnt meanwhile; a node that we
// knew nothing of and find up has been up as long as its link. Of everything else we know no more
// than when we saw it.
Nanos ClusterView::begin_of(NodeState state, const NodeView& view, Nanos now) const {
  const bool is_cut = has_dataplane_ && !view.link_up;
  const bool is_found_up = state == NodeState::kUp && view.state == NodeState::kUnknown;
  return is_cut || is_found_up ? std::min(view.as_is_since, now) : now;
}

void ClusterView::tick(Nanos now) {
  for (NodeView& view : nodes_) {
    const NodeState state = state_of(view, now);
    if (state != view.state) view.since = begin_of(state, view, now);
    view.state = state;
  }
}

const NodeView* ClusterView::find(NodeId node) const {
  const auto view = std::ranges::find(nodes_, node, &NodeView::node);
  return view == nodes_.end() ? nullptr : &*view;
}

NodeId ClusterView::witness(NodeId node, NodeId besides, Nanos now) const {
  for (const NodeView& view : nodes_) {
    if (view.node == node || view.node == besides || !view.is_fresh(now)) continue;
    if ((view.summary->links_up & node_bit(node)) != 0) return view.node;
  }
  return kNoNode;
}

}  // namespace ringroad::control
