// What the control process knows of its node and of the cluster, kept up to date by its loop: the
// latest reports of the dataplane, the rates between the last two ticks, and the view of all nodes.
// No sockets and no clock: reports and times are handed in. One event loop's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/core/cluster_view.h"
#include "control/core/problems.h"
#include "control/core/rates.h"
#include "control/core/summary.h"
#include "dataplane/base/ids.h"
#include "dataplane/config.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/node_report.h"

namespace ringroad::control {

// "message credit": what a link's queue waits for.
const char* backpressure_name(Backpressure backpressure);

// A count of drops, by the reason's name; zeros are left out.
using CountsByReason = std::map<std::string, std::uint64_t>;
CountsByReason port_drops(const NodeReport& report);   // by the port and the stack below the frame
CountsByReason port_waits(const NodeReport& report);   // put off, not lost
CountsByReason frame_drops(const NodeReport& report);  // by the node: frames, messages
// Those that mean that something is wrong, not that a packet was meant for somebody else.
CountsByReason alarming_drops(const NodeReport& report);

// Of a program of the node's: how it goes, and whether it reads what comes for it.
struct ProgramRates {
  TrafficRates traffic;
  int unread_ticks = 0;  // looks in a row at which it had taken nothing, and messages waited for it

  bool is_unread() const { return unread_ticks >= 2; }
};

struct LinkRates {
  TrafficRates traffic;
  HistogramWindow round_trip;
  std::array<int, kPriorities> waiting_ticks{};  // looks in a row at which a queue had no credit
};

struct PortRates {
  double packets_sent = 0, packets_received = 0, bytes_sent = 0, bytes_received = 0;
};

struct LoopRates {
  double busy_share = 0, asleep_share = 0, passes = 0;
};

class NodeModel {
 public:
  NodeModel(const NodeConfig& config, Nanos now);

  // The configuration in force; peers may have come and gone.
  void set_config(const NodeConfig& config, std::uint64_t version, Nanos now);
  const NodeConfig& config() const { return config_; }
  void set_gaps(ConfigGaps gaps) { gaps_ = std::move(gaps); }
  const ConfigGaps& gaps() const { return gaps_; }

  void on_attached(Nanos now);
  void on_detached(const std::string& reason, Nanos now);
  void on_away(const std::string& reason) { away_reason_ = reason; }
  // The latest from the dataplane, which may be as old as the last look's; rates stay those of the
  // last tick.
  void on_reports(const NodeReport& report, const host::ApplicationsReport& applications,
                  Nanos now);
  // Once a second: rates of the time since the last tick.
  void tick(Nanos now);
  // From another node's control process; false when it is not one of ours.
  bool on_summary(NodeId from, std::span<const std::byte> bytes, Nanos now);

  Summary summary(Nanos now) const;
  LocalFacts local_facts() const;

  // The dataplane is attached and writes no reports, which it does ten times a second: it is
  // stopped, or stuck.
  bool is_still() const { return is_attached_ && still_for_ > kStillAfter; }
  static constexpr Nanos kStillAfter = seconds(2);
  bool is_attached() const { return is_attached_; }
  // What it reported is how it is now: it is attached, and moves.
  bool is_live() const { return is_attached_ && has_report_ && !is_still(); }
  const std::string& away_reason() const { return away_reason_; }
  // Why nothing can be asked of the dataplane; empty: it can.
  std::string dataplane_fault() const;
  Nanos attached_since() const { return attached_since_; }  // or away since
  bool has_report() const { return has_report_; }
  const NodeReport& report() const { return *report_; }
  const host::ApplicationsReport& applications() const { return *applications_; }
  // None while no dataplane is attached that moves.
  std::span<const NodeReport::LinkRow> links() const;
  const NodeReport::LinkRow* find_link(NodeId peer) const;
  const PeerConfig* find_peer(NodeId peer) const;
  std::uint64_t links_up() const;
  // Since the dataplane's last report, when it was last looked at; 0 without a dataplane.
  Nanos still_for() const { return still_for_; }

  const LinkRates& link_rates(NodeId peer) const { return link_rates_[peer.value]; }
  const PortRates& port_rates() const { return port_rates_; }
  const LoopRates& loop_rates() const { return loop_rates_; }
  ProgramRates program_rates(std::uint32_t application_id) const;
  const ClusterView& view() const { return view_; }

 private:
  void forget_rates();
  void look_at_dataplane(Nanos now);
  void tick_links(Nanos elapsed);
  void tick_applications(Nanos elapsed);
  void tick_drops(Nanos elapsed);
  std::string unread_programs() const;
  bool has_unread() const;

  NodeConfig config_;
  std::uint64_t config_version_ = 1;
  ConfigGaps gaps_;
  ClusterView view_;
  bool is_attached_ = false, has_report_ = false;
  std::string away_reason_ = "not tried yet";
  Nanos attached_since_;

  // Behind pointers: they are large.
  std::unique_ptr<NodeReport> report_, ticked_report_;
  std::unique_ptr<host::ApplicationsReport> applications_, ticked_applications_;
  bool has_ticked_ = false;

  std::vector<LinkRates> link_rates_;  // by node id
  PortRates port_rates_;
  LoopRates loop_rates_;
  std::map<std::uint32_t, ProgramRates> program_rates_;
  Nanos still_for_;
  int unread_ticks_ = 0;     // looks in a row at which messages waited for a program to read
  int unclaimed_ticks_ = 0;  // looks in a row at which messages had found no receiver
  double unclaimed_per_second_ = 0;
  double drops_per_second_ = 0;
  std::string drop_reason_;
};

}  // namespace ringroad::control
