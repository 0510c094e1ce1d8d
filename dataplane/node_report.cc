#include "dataplane/node_report.h"

#include "absl/strings/str_format.h"

namespace ringroad {
namespace {

class Lines {
 public:
  void heading(const std::string& text) { text_ += text + "\n"; }
  void count(const std::string& name, std::uint64_t value) {
    if (value != 0) absl::StrAppendFormat(&text_, "  %-34s %15d\n", name, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_port(const NodeReport& report, Lines& lines) {
  const PortStatistics& port = report.port;
  lines.heading(absl::StrFormat("port  %s", report.port_up ? "up" : "down"));
  lines.count("packets received", port.packets_received);
  lines.count("packets sent", port.packets_sent);
  lines.count("bytes received", port.bytes_received);
  lines.count("bytes sent", port.bytes_sent);
  lines.count("dropped: too long for a buffer", port.received_too_long);
  lines.count("dropped: too long for the peer", port.send_too_long);
  lines.count("dropped: malformed descriptor", port.received_malformed);
  lines.count("left in the ring: no buffer", port.received_no_buffer);
  lines.count("refused for now: ring full", port.send_ring_full);
  lines.count("link changes", port.link_changes);
}

void add_node(const NodeReport& report, Lines& lines) {
  const NodeStatistics& node = report.node;
  lines.heading("node");
  lines.count("messages delivered", node.messages_delivered);
  lines.count("messages within the node", node.messages_local);
  lines.count("messages without receiver", node.messages_no_receiver);
  lines.count("deliveries put off: receiver busy", node.deliveries_busy);
  lines.count("waited for the next hop's MAC", node.next_hop_unresolved);
  lines.count("no buffer to send with", node.no_buffer);
  for (std::size_t i = 1; i < static_cast<std::size_t>(FrameError::kCount); ++i) {
    lines.count(std::string("frame dropped: ") + frame_error_name(static_cast<FrameError>(i)),
                node.frame_errors[i]);
  }
  for (std::size_t i = 1; i < static_cast<std::size_t>(DropReason::kCount); ++i) {
    lines.count(std::string("packet dropped: ") + drop_reason_name(static_cast<DropReason>(i)),
                report.stack.drops[i]);
  }
  lines.count("ARP requests answered", report.stack.arp_replies_sent);
  lines.count("echo requests answered", report.stack.echo_replies_sent);
}

void add_link(const NodeReport::LinkRow& row, Lines& lines) {
  const LinkStatistics& link = row.statistics;
  lines.heading(absl::StrFormat("link to node %d  %s   round trip %.1f us", row.peer.value,
                                link_state_name(row.state),
                                static_cast<double>(link.smoothed_rtt.count) / 1000));
  lines.count("sessions", link.sessions);
  lines.count("messages accepted", link.messages_accepted);
  lines.count("messages sent", link.messages_sent);
  lines.count("messages received", link.messages_received);
  lines.count("frames sent", link.frames_sent);
  lines.count("frames received", link.frames_received);
  lines.count("frames lost", link.frames_lost);
  lines.count("messages sent again", link.messages_retransmitted);
  lines.count("probes sent", link.probes_sent);
  lines.count("messages arrived again", link.duplicate_messages);
  lines.count("fragments refused", link.fragments_refused);
  lines.count("beyond the window", link.beyond_window);
  lines.count("no room to hold a frame", link.held_frames_full);
  lines.count("outcome: delivered", link.outcomes[static_cast<int>(Outcome::kDelivered)]);
  lines.count("outcome: not sent", link.outcomes[static_cast<int>(Outcome::kNotSent)]);
  lines.count("outcome: no receiver", link.outcomes[static_cast<int>(Outcome::kNoReceiver)]);
  lines.count("outcome: unknown", link.outcomes[static_cast<int>(Outcome::kUnknown)]);
}

}  // namespace

const char* link_state_name(LinkState state) {
  switch (state) {
    case LinkState::kConnecting:
      return "connecting";
    case LinkState::kUp:
      return "up";
    case LinkState::kClosed:
      return "closed";
  }
  return "?";
}

std::string describe(const NodeReport& report) {
  Lines lines;
  add_port(report, lines);
  add_node(report, lines);
  for (std::size_t i = 0; i < report.link_count; ++i) add_link(report.links[i], lines);
  return lines.take();
}

}  // namespace ringroad
