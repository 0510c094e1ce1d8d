// What changes when. Three things move the model on, and nothing else does:
//
//   on_reports()  the dataplane's counters, as often as anybody looks; no rate changes by it
//   tick()        once a second: rates are of the time between the reports of two ticks, by the
//                 dataplane's own clock, and "for two ticks in a row" is what turns a moment's
//                 waiting into a problem
//   on_summary()  what another node's control process told
//
// A dataplane that went away leaves its last report, so that counters can still be told, but no
// links and no rates; the next one begins from nothing. One that is attached and reports nothing
// new stands still, and its rates are forgotten rather than repeated.
//
// Invariant: link_rates_ has a place for every id a report may name; ids outside are passed over.
#include "control/node_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/drops.h"

namespace ringroad::control {
namespace {

std::vector<NodeId> peers_of(const NodeConfig& config) {
  std::vector<NodeId> peers;
  for (const PeerConfig& peer : config.cluster_nodes) peers.push_back(peer.node_id);
  return peers;
}

void add(CountsByReason& counts, const char* reason, std::uint64_t count) {
  if (count > 0) counts[reason] += count;
}

template <typename Wanted>
CountsByReason counts_of_drops(const NodeReport& report, Wanted wanted) {
  CountsByReason counts;
  const std::vector<Drop> drops = drops_of(report);
  for (const Drop& drop : drops) {
    if (wanted(drop)) add(counts, drop.reason, drop.count);
  }
  return counts;
}

TrafficCounts counts_of(const LinkStatistics& link) {
  return {.messages_sent = link.messages_sent,
          .messages_received = link.messages_received,
          .bytes_sent = link.payload_bytes_sent,
          .bytes_received = link.payload_bytes_received};
}

TrafficCounts counts_of(const host::ChannelCounts& counts) {
  return {.messages_sent = counts.messages_taken,
          .messages_received = counts.messages_received,
          .bytes_sent = counts.bytes_taken,
          .bytes_received = counts.bytes_received};
}

bool waits_for_credit(const NodeReport::LinkRow& link, std::size_t priority) {
  const Backpressure why = link.backpressure[priority];
  return link.unresolved[priority] > 0 &&
         (why == Backpressure::kMessageCredit || why == Backpressure::kByteCredit);
}

// Since when links are as they are, and the node itself: since the last of them, or its port,
// changed.
std::vector<LinkTime> link_times(NodeId self, const NodeReport& report,
                                 std::span<const NodeReport::LinkRow> links) {
  std::vector<LinkTime> times;
  if (links.empty()) return times;
  Nanos latest = std::max(report.started, report.port_since);
  for (const NodeReport::LinkRow& link : links) {
    times.push_back({.node = link.peer, .since = link.since});
    latest = std::max(latest, link.since);
  }
  times.push_back({.node = self, .since = latest});
  return times;
}

const NodeReport::LinkRow* find_row(const NodeReport& report, NodeId peer) {
  for (std::size_t i = 0; i < report.link_count; ++i) {
    if (report.links[i].peer == peer) return &report.links[i];
  }
  return nullptr;
}

}  // namespace

const char* backpressure_name(Backpressure backpressure) {
  switch (backpressure) {
    case Backpressure::kNone:
      return "nothing";
    case Backpressure::kMessageCredit:
      return "message credit";
    case Backpressure::kByteCredit:
      return "byte credit";
    case Backpressure::kFlight:
      return "flight";
  }
  return "nothing";
}

CountsByReason port_drops(const NodeReport& report) {
  return counts_of_drops(report, [](const Drop& drop) {
    return drop.layer == DropLayer::kPort || drop.layer == DropLayer::kStack;
  });
}

CountsByReason port_waits(const NodeReport& report) {
  CountsByReason counts;
  add(counts, "no buffer to receive into", report.port.received_no_buffer);
  add(counts, "send ring full", report.port.send_ring_full);
  return counts;
}

CountsByReason frame_drops(const NodeReport& report) {
  return counts_of_drops(report, [](const Drop& drop) {
    return drop.layer == DropLayer::kFrame || drop.layer == DropLayer::kMessage;
  });
}

CountsByReason alarming_drops(const NodeReport& report) {
  CountsByReason counts =
      counts_of_drops(report, [](const Drop& drop) { return drop.is_alarming; });
  add(counts, "no buffer to send with", report.node.no_buffer);
  return counts;
}

NodeModel::NodeModel(const NodeConfig& config, Nanos now)
    : config_(config),
      view_(config.local_node.node_id, peers_of(config), now),
      attached_since_(now),
      report_(std::make_unique<NodeReport>()),
      ticked_report_(std::make_unique<NodeReport>()),
      applications_(std::make_unique<host::ApplicationsReport>()),
      ticked_applications_(std::make_unique<host::ApplicationsReport>()),
      link_rates_(kNodesMax + 1) {}

void NodeModel::set_config(const NodeConfig& config, std::uint64_t version, Nanos now) {
  config_ = config;
  config_version_ = version;
  view_.set_peers(peers_of(config), now);
  look_at_dataplane(now);
}

// What a dataplane that stands still last said of its links is true no more: for the view there is
// none.
void NodeModel::look_at_dataplane(Nanos now) {
  still_for_ = is_attached_ && has_report_ ? std::max(now - report_->time, Nanos{}) : Nanos{};
  const std::vector<LinkTime> times = link_times(config_.local_node.node_id, *report_, links());
  view_.on_links(is_attached_ && !is_still() ? std::optional(links_up()) : std::nullopt, times,
                 now);
  view_.tick(now);
}

void NodeModel::forget_rates() {
  std::ranges::fill(link_rates_, LinkRates{});
  port_rates_ = {};
  loop_rates_ = {};
  program_rates_.clear();
  unread_ticks_ = unclaimed_ticks_ = 0;
  unclaimed_per_second_ = 0;
  drops_per_second_ = 0;
  drop_reason_.clear();
}

void NodeModel::on_attached(Nanos now) {
  is_attached_ = true;
  attached_since_ = now;
  away_reason_.clear();
  // Of the dataplane before: this one reports afresh, and soon.
  has_report_ = has_ticked_ = false;
  *report_ = NodeReport{};
  *applications_ = host::ApplicationsReport{};
  forget_rates();
  look_at_dataplane(now);
}

void NodeModel::on_detached(const std::string& reason, Nanos now) {
  is_attached_ = false;
  attached_since_ = now;
  away_reason_ = reason;
  has_ticked_ = false;
  forget_rates();
  look_at_dataplane(now);
}

void NodeModel::on_reports(const NodeReport& report, const host::ApplicationsReport& applications,
                           Nanos now) {
  *report_ = report;
  *applications_ = applications;
  has_report_ = true;
  look_at_dataplane(now);
}

std::string NodeModel::dataplane_fault() const {
  if (!is_attached_) return absl::StrCat("no dataplane is attached: ", away_reason_);
  if (is_still()) return absl::StrCat("the dataplane ", describe_stillness(still_for_));
  return "";
}

std::span<const NodeReport::LinkRow> NodeModel::links() const {
  return {report_->links.data(), is_live() ? report_->link_count : 0};
}

const NodeReport::LinkRow* NodeModel::find_link(NodeId peer) const {
  return is_live() ? find_row(*report_, peer) : nullptr;
}

const PeerConfig* NodeModel::find_peer(NodeId peer) const {
  const auto found = std::ranges::find(config_.cluster_nodes, peer, &PeerConfig::node_id);
  return found == config_.cluster_nodes.end() ? nullptr : &*found;
}

std::uint64_t NodeModel::links_up() const {
  std::uint64_t up = 0;
  for (const NodeReport::LinkRow& link : links()) {
    const bool is_node = link.peer.value >= 1 && link.peer.value <= kNodesMax;
    if (is_node && link.state == LinkState::kUp) up |= node_bit(link.peer);
  }
  return up;
}

ProgramRates NodeModel::program_rates(std::uint32_t application_id) const {
  const auto found = program_rates_.find(application_id);
  return found == program_rates_.end() ? ProgramRates{} : found->second;
}

void NodeModel::tick_links(Nanos elapsed) {
  const auto is_stalled = [](const NodeReport::LinkRow& link) { return link.has_stalled; };
  unread_ticks_ = std::ranges::any_of(links(), is_stalled) ? unread_ticks_ + 1 : 0;
  for (const NodeReport::LinkRow& link : links()) {
    if (link.peer.value < 1 || link.peer.value > kNodesMax) continue;
    LinkRates& rates = link_rates_[link.peer.value];
    const NodeReport::LinkRow* before = find_row(*ticked_report_, link.peer);
    rates.traffic = before == nullptr ? TrafficRates{}
                                      : rates_between(counts_of(before->statistics),
                                                      counts_of(link.statistics), elapsed);
    rates.round_trip.tick(link.statistics.round_trip);
    for (std::size_t p = 0; p < kPriorities; ++p) {
      rates.waiting_ticks[p] = waits_for_credit(link, p) ? rates.waiting_ticks[p] + 1 : 0;
    }
  }
}

void NodeModel::tick_applications(Nanos elapsed) {
  const std::map<std::uint32_t, ProgramRates> earlier = std::exchange(program_rates_, {});
  for (std::size_t i = 0; i < applications_->count; ++i) {
    const auto& row = applications_->rows[i];
    for (std::size_t k = 0; k < ticked_applications_->count; ++k) {
      const auto& before = ticked_applications_->rows[k];
      if (before.application_id != row.application_id || before.attached != row.attached) continue;
      ProgramRates& rates = program_rates_[row.application_id];
      rates.traffic = rates_between(counts_of(before.counts), counts_of(row.counts), elapsed);
      const auto known = earlier.find(row.application_id);
      // Put off is what a busy program's messages are too, now and then: it goes on taking some.
      const bool is_unread = row.counts.receive_busy > before.counts.receive_busy &&
                             row.counts.messages_received == before.counts.messages_received;
      rates.unread_ticks = !is_unread               ? 0
                           : known == earlier.end() ? 1
                                                    : known->second.unread_ticks + 1;
    }
  }
}

void NodeModel::tick_drops(Nanos elapsed) {
  const NodeReport& before = *ticked_report_;
  const NodeReport& after = *report_;
  drops_per_second_ = 0;
  std::uint64_t most = 0;
  const CountsByReason earlier = alarming_drops(before);
  const CountsByReason later = alarming_drops(after);
  for (const auto& [reason, count] : later) {
    const auto known = earlier.find(reason);
    const std::uint64_t was = known == earlier.end() ? 0 : known->second;
    drops_per_second_ += rate_between(was, count, elapsed);
    if (count >= was && count - was > most) {
      most = count - was;
      drop_reason_ = reason;
    }
  }
  unclaimed_per_second_ =
      rate_between(before.node.messages_no_receiver, after.node.messages_no_receiver, elapsed);
  unclaimed_ticks_ = unclaimed_per_second_ > 0 ? unclaimed_ticks_ + 1 : 0;
}

void NodeModel::tick(Nanos now) {
  if (is_attached_ && has_report_) {
    const NodeReport& before = *ticked_report_;
    const NodeReport& after = *report_;
    const Nanos elapsed = after.time - before.time;
    look_at_dataplane(now);
    if (is_still()) forget_rates();
    if (has_ticked_ && elapsed.count > 0) {
      tick_links(elapsed);
      tick_applications(elapsed);
      const auto rate = [&](std::uint64_t a, std::uint64_t b) {
        return rate_between(a, b, elapsed);
      };
      port_rates_ = {
          .packets_sent = rate(before.port.packets_sent, after.port.packets_sent),
          .packets_received = rate(before.port.packets_received, after.port.packets_received),
          .bytes_sent = rate(before.port.bytes_sent, after.port.bytes_sent),
          .bytes_received = rate(before.port.bytes_received, after.port.bytes_received)};
      loop_rates_ = {
          .busy_share = share_between(before.loop.busy_ns, after.loop.busy_ns, elapsed),
          .asleep_share = share_between(before.loop.sleep_ns, after.loop.sleep_ns, elapsed),
          .passes = rate(before.loop.passes, after.loop.passes)};
      tick_drops(elapsed);
    }
    *ticked_report_ = after;
    *ticked_applications_ = *applications_;
    has_ticked_ = true;
    if (!is_still()) view_.on_summary(summary(now), now);
  }
  view_.tick(now);
}

bool NodeModel::on_summary(NodeId from, std::span<const std::byte> bytes, Nanos now) {
  const auto summary = decode_summary(from, bytes);
  if (!summary || from == view_.self() || !view_.on_summary(*summary, now)) return false;
  view_.tick(now);
  return true;
}

Summary NodeModel::summary(Nanos now) const {
  Summary summary;
  summary.node = config_.local_node.node_id;
  summary.config_version = config_version_;
  if (!has_report_) return summary;
  const NodeReport& report = *report_;
  if (!report.port_up) summary.problems |= kProblemPortDown;
  if (are_buffers_low(report.buffers, report.buffers_free)) summary.problems |= kProblemBuffersLow;
  if (drops_per_second_ >= 1) summary.problems |= kProblemDropsGrowing;
  if (has_unread()) summary.problems |= kProblemUnread;
  if (unclaimed_ticks_ >= 2) summary.problems |= kProblemNoReceiver;
  summary.drops_per_second = static_cast<std::uint32_t>(std::min(drops_per_second_, 4e9));
  summary.applications = static_cast<std::uint32_t>(applications_->count);
  summary.links_up = links_up();
  summary.links_configured = static_cast<std::uint32_t>(report.link_count);
  LatencyHistogram round_trips;
  for (const NodeReport::LinkRow& link : links()) {
    if (link.peer.value < 1 || link.peer.value > kNodesMax) continue;
    const LinkRates& rates = link_rates_[link.peer.value];
    summary.messages_sent_per_second += rates.traffic.messages_sent;
    summary.messages_received_per_second += rates.traffic.messages_received;
    round_trips.add(rates.round_trip.recent(link.statistics.round_trip));
    if (std::ranges::any_of(rates.waiting_ticks, [](int ticks) { return ticks >= 2; })) {
      summary.links_waiting |= node_bit(link.peer);
    }
  }
  if (round_trips.count() > 0) {
    summary.round_trip_p99 = Nanos{static_cast<std::int64_t>(round_trips.quantile(0.99))};
  }
  summary.uptime = std::max(Nanos{}, now - report.started);
  return summary;
}

// "sink (process 4711) and sink (process 4712)"; what a program calls itself may be anything.
std::string NodeModel::unread_programs() const {
  std::string text;
  for (std::size_t i = 0; i < applications_->count; ++i) {
    const auto& row = applications_->rows[i];
    if (!program_rates(row.application_id).is_unread()) continue;
    absl::StrAppend(&text, text.empty() ? "" : " and ",
                    std::string(row.name, ::strnlen(row.name, sizeof row.name)), " (process ",
                    row.process_id, ")");
  }
  return text;
}

bool NodeModel::has_unread() const {
  return unread_ticks_ >= 2 || std::ranges::any_of(program_rates_, [](const auto& program) {
           return program.second.is_unread();
         });
}

LocalFacts NodeModel::local_facts() const {
  LocalFacts facts;
  facts.attached = is_attached_;
  facts.away_reason = away_reason_;
  facts.away_since = attached_since_;
  if (is_still()) facts.still_for = still_for_;
  facts.gaps = gaps_;
  if (!has_report_) return facts;
  facts.port_up = report_->port_up;
  facts.port_since = report_->port_since;
  facts.buffers = report_->buffers;
  facts.buffers_free = report_->buffers_free;
  facts.unread_programs = unread_programs();
  facts.unread = has_unread();
  facts.unclaimed_per_second = unclaimed_ticks_ >= 2 ? unclaimed_per_second_ : 0;
  facts.drops_per_second = drops_per_second_;
  facts.drop_reason = drop_reason_;
  for (const NodeReport::LinkRow& link : links()) {
    if (link.peer.value < 1 || link.peer.value > kNodesMax) continue;
    LocalFacts::Link fact{
        .peer = link.peer, .up = link.state == LinkState::kUp, .since = link.since};
    const LinkRates& rates = link_rates_[link.peer.value];
    for (std::size_t p = 0; p < kPriorities; ++p) {
      if (rates.waiting_ticks[p] < 2 || fact.waiting) continue;
      fact.waiting = true;
      fact.waiting_looks = rates.waiting_ticks[p];
      fact.waiting_messages = link.unresolved[p];
      fact.waiting_priority = static_cast<std::uint32_t>(p);
    }
    facts.links.push_back(fact);
  }
  return facts;
}

}  // namespace ringroad::control
