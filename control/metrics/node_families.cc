// What a dataplane counts of itself as a whole: messages, its port, its loop, its packet buffers,
// and what was dropped or had to wait, by reason.
//
// Reasons are listed in full whatever their counts. "Dropped" is gone for good; "waited" was put
// off and lost nothing. A link's reasons are added up over all links here, and told link by link in
// link_families.cc.
#include <algorithm>

#include "control/drops.h"
#include "control/metrics/node_collector.h"

namespace ringroad::control {
namespace {

void add_messages(const NodeReport& report, FamilyList& families) {
  std::uint64_t sent = 0, received = 0;
  for (std::size_t i = 0; i < std::min(report.link_count, kNodesMax); ++i) {
    sent += report.links[i].statistics.messages_sent;
    received += report.links[i].statistics.messages_received;
  }
  families.counter("dist_messages_total",
                   "Messages sent to other nodes (each once, however often its frames were), and "
                   "messages received from them and delivered.");
  families.add(sent, {{"type", "sent"}});
  families.add(received, {{"type", "received"}});
  families.counter("dist_messages_local_total",
                   "Messages between programs of this node; they pass no link.");
  families.add(report.node.messages_local);
  families.counter("dist_messages_delivered_total",
                   "Messages put into the hands of a program here, from other nodes and from this "
                   "one.");
  families.add(report.node.messages_delivered);
}

void add_port(const NodeReport& report, FamilyList& families) {
  const PortStatistics& port = report.port;
  families.gauge("dist_port_up", "1 while the port has a link.");
  families.add(report.port_up);
  families.gauge("dist_port_state_seconds",
                 "Time since the port's link last came up or went down.");
  families.add(in_seconds(std::max(report.time - report.port_since, Nanos{})));
  families.counter("dist_port_packets_total", "Ethernet packets that passed the port.");
  families.add(port.packets_sent, {{"type", "sent"}});
  families.add(port.packets_received, {{"type", "received"}});
  families.counter("dist_port_bytes_total",
                   "Bytes of these packets, without checksum and preamble.");
  families.add(port.bytes_sent, {{"type", "sent"}});
  families.add(port.bytes_received, {{"type", "received"}});
  families.counter("dist_port_link_changes_total", "Times the port's link came up or went down.");
  families.add(port.link_changes);

  const StackStatistics& stack = report.stack;
  families.counter("dist_arp_packets_total",
                   "ARP packets by what they said; well-formed ones only.");
  families.add(stack.arp_requests_sent, {{"type", "sent"}, {"operation", "request"}});
  families.add(stack.arp_replies_sent, {{"type", "sent"}, {"operation", "reply"}});
  families.add(stack.announcements_sent, {{"type", "sent"}, {"operation", "announcement"}});
  families.add(stack.arp_requests_received, {{"type", "received"}, {"operation", "request"}});
  families.add(stack.arp_replies_received, {{"type", "received"}, {"operation", "reply"}});
  families.counter("dist_echo_requests_total", "ICMP echo requests received.");
  families.add(stack.echo_requests);
  families.counter("dist_echo_replies_total", "ICMP echo replies sent.");
  families.add(stack.echo_replies_sent);
}

// Of all links together.
LinkStatistics sum_of_reasons(const NodeReport& report) {
  LinkStatistics sum;
  for (std::size_t i = 0; i < std::min(report.link_count, kNodesMax); ++i) {
    const LinkStatistics& link = report.links[i].statistics;
    sum.duplicate_messages += link.duplicate_messages;
    sum.fragments_refused += link.fragments_refused;
    sum.beyond_window += link.beyond_window;
    sum.held_frames_full += link.held_frames_full;
  }
  return sum;
}

void add_drops(const NodeReport& report, const LinkStatistics& links, FamilyList& families) {
  families.counter("dist_drops_total",
                   "Packets, frames and messages that ended here, by layer and reason. A drop at "
                   "link level is of a copy or of a peer's mistake, and loses no message.");
  const auto drop = [&](const char* layer, const char* reason, std::uint64_t value) {
    families.add(value, {{"layer", layer}, {"reason", label_value(reason)}});
  };
  const std::vector<Drop> drops = drops_of(report);
  for (const Drop& one : drops) drop(layer_name(one.layer), one.reason, one.count);
  drop("link", "duplicate message", links.duplicate_messages);
  drop("link", "fragment refused", links.fragments_refused);
  drop("link", "beyond window", links.beyond_window);
}

void add_waits(const NodeReport& report, const LinkStatistics& links, FamilyList& families) {
  families.counter("dist_waits_total",
                   "Times something was put off, by reason; nothing was lost by it.");
  const auto wait = [&](const char* reason, std::uint64_t value) {
    families.add(value, {{"reason", reason}});
  };
  wait("port_send_ring_full", report.port.send_ring_full);
  wait("port_receive_no_buffer", report.port.received_no_buffer);
  wait("send_no_buffer", report.node.no_buffer);
  wait("next_hop_unresolved", report.node.next_hop_unresolved);
  wait("receiver_busy", report.node.deliveries_busy);
  wait("held_frames_full", links.held_frames_full);
}

void add_control(const ControlStatistics& control, FamilyList& families) {
  families.counter("dist_control_commands_total",
                   "Commands that the dataplane took from control processes.");
  families.add(control.commands);
  families.counter("dist_control_answers_total", "Of them, commands that were answered.");
  families.add(control.answers);
  families.counter("dist_control_unanswered_total",
                   "Of them, commands whose control process had gone before their answer.");
  families.add(control.unanswered);
  families.counter("dist_control_messages_refused_total",
                   "Messages of other nodes' control processes that found no room, since ours did "
                   "not read.");
  families.add(control.messages_refused);
}

void add_loop(const NodeReport& report, FamilyList& families) {
  const LoopReport& loop = report.loop;
  families.gauge("dist_dataplane_uptime_seconds", "Time since the dataplane's node started.");
  families.add(in_seconds(std::max(report.time - report.started, Nanos{})));
  families.counter("dist_lcore_run_seconds_total", "Time the io lcore has run its loop.");
  families.add(in_seconds(loop.run_ns));
  families.counter("dist_lcore_busy_seconds_total", "Of it, time in passes that found work.");
  families.add(in_seconds(loop.busy_ns));
  families.counter("dist_lcore_sleep_seconds_total",
                   "Of it, time asleep; what is left was spent looking for work and finding none.");
  families.add(in_seconds(loop.sleep_ns));
  families.gauge("dist_lcore_busy_ratio",
                 "Share of the io lcore's time in passes that found work, 0 to 1, since the start; "
                 "for a share over time, divide the rates of busy and run seconds.");
  families.add(loop.run_ns == 0 ? 0.0
                                : std::min(1.0, static_cast<double>(loop.busy_ns) /
                                                    static_cast<double>(loop.run_ns)));
  families.counter("dist_lcore_passes_total", "Passes of the io lcore's loop.");
  families.add(loop.passes);
  families.counter("dist_lcore_busy_passes_total", "Of them, passes that found work.");
  families.add(loop.busy_passes);
  families.counter("dist_lcore_sleeps_total", "Times the io lcore went to sleep.");
  families.add(loop.sleeps);
  families.gauge("dist_packet_buffers", "Packet buffers of the pool.");
  families.add(std::uint64_t{report.buffers});
  families.gauge("dist_packet_buffers_free", "Of them, buffers that nobody holds.");
  families.add(std::uint64_t{report.buffers_free});
}

}  // namespace

void add_node_families(const NodeReport& report, FamilyList& families) {
  const LinkStatistics links = sum_of_reasons(report);
  add_messages(report, families);
  add_port(report, families);
  add_drops(report, links, families);
  add_waits(report, links, families);
  add_loop(report, families);
  add_control(report.control, families);
}

}  // namespace ringroad::control
