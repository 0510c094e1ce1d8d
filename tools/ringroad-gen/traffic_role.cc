#include "tools/ringroad-gen/traffic_role.h"

#include <algorithm>
#include <utility>

namespace ringroad::gen {
namespace {

// Tokens: the part that sent it, then its slot.
constexpr std::uint64_t kSourcePart = 0;  // so that the source's tokens are bare slots
constexpr std::uint64_t kPingPart = 1ULL << 32;
constexpr std::uint64_t kEchoPart = 2ULL << 32;
constexpr std::uint64_t kControlPart = 3ULL << 32;
constexpr std::uint64_t kPartMask = 3ULL << 32;

constexpr std::uint32_t kFinishOffset = 1;
constexpr std::uint32_t kReportOffset = 2;

// Finishes and reports are rare and wait for a free slot; a few keep several peers going at once.
constexpr std::uint32_t kControlSlots = 8;
// A reader in another thread is answered at least this often, though nothing arrives.
constexpr Nanos kAnswerInterval = milliseconds(50);
constexpr Priority kControlPriority{1};

std::uint32_t control_bytes(const RoleConfig& config) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(config.message_bytes_max, kReportBytesMax));
}

MessageType plus(MessageType type, std::uint32_t offset) {
  return MessageType{type.value + offset};
}

// Before its stamp was verified: true of all pings.
bool may_be_ping(std::span<const std::byte> payload) {
  return payload.size() < sizeof(std::uint64_t) ||
         StampHead{load_le<std::uint64_t>(payload.data())}.has(kPing);
}

}  // namespace

TrafficRole::TrafficRole(RoleConfig config)
    : config_(std::move(config)),
      control_(control_bytes(config_), kControlSlots),
      control_to_(kControlSlots),
      report_scratch_(kReportBytesMax) {
  if (config_.source) {
    SourceConfig source = *config_.source;
    source.self = config_.self;
    source.type = config_.type;
    source.owner = config_.index;
    source.clock = config_.clock;
    source.token_base = kSourcePart;
    for (const NodeId peer : source.to) peers_.push_back({.peer = peer});
    source_.emplace(std::move(source));
  }
  if (config_.ping) {
    PingConfig ping = *config_.ping;
    ping.self = config_.self;
    ping.type = config_.type;
    ping.owner = config_.index;
    ping.clock = config_.clock;
    ping.token_base = kPingPart;
    pinger_.emplace(ping);
  }
  if (config_.sink) {
    sink_.emplace(SinkConfig{.self = config_.self,
                             .verify = config_.verify,
                             .clock_id = config_.clock_id,
                             .clock = config_.clock});
    echo_.emplace(EchoConfig{.self = config_.self,
                             .type = plus(config_.type, kReportOffset),
                             .bytes_max = control_bytes(config_),
                             .owner = config_.index,
                             .token_base = kEchoPart});
  }
}

std::vector<TrafficRole::Binding> TrafficRole::bindings() const {
  std::vector<Binding> all;
  if (sink_) {
    all.push_back({config_.type, false});
    all.push_back({plus(config_.type, kFinishOffset), false});
  }
  if (source_ || pinger_) all.push_back({plus(config_.type, kReportOffset), true});
  return all;
}

DeliverResult TrafficRole::on_message(const InboundMessage& message) {
  if (message.type == config_.type && sink_) [[likely]] {
    // Looked at before the sink counts it: what is delivered again later was not here yet.
    if (!echo_->has_room()) return DeliverResult::kBusy;
    Stamp stamp;
    const Verdict verdict = sink_->on_message(message, stamp);
    if (verdict == Verdict::kGood && stamp.head.has(kPing)) {
      return echo_->on_ping(message, stamp);
    }
    return DeliverResult::kDelivered;
  }
  if (message.type == plus(config_.type, kFinishOffset) && sink_) {
    sink_->on_finish(message);
    return DeliverResult::kDelivered;
  }
  if (message.type == plus(config_.type, kReportOffset)) {
    if (!pinger_ || !pinger_->on_message(message, now_)) on_report(message);
    return DeliverResult::kDelivered;
  }
  return DeliverResult::kNoReceiver;
}

std::size_t TrafficRole::on_messages(const InboundBurst& burst) {
  if (burst.type != config_.type || !sink_ || !echo_->has_room()) return 0;
  std::size_t taken = 0;
  for (const auto& payload : burst.payloads) {
    // Pings end in ways of their own: each comes by itself.
    if (may_be_ping(payload)) break;
    Stamp stamp;
    (void)sink_->on_message({burst.from,
                             burst.type,
                             burst.priority,
                             static_cast<std::uint32_t>(payload.size()),
                             {&payload, 1}},
                            stamp);
    ++taken;
  }
  return taken;
}

void TrafficRole::on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
  while (!messages.empty()) {
    std::size_t count = 0;
    while (count < messages.size() && (messages[count].token & kPartMask) == kSourcePart) ++count;
    if (count > 0) {
      source_->on_outcomes(messages.first(count), outcome);
    } else {
      on_outcome(messages.front().to, messages.front().token, outcome);
      count = 1;
    }
    messages = messages.subspan(count);
  }
}

void TrafficRole::on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) {
  const auto slot = static_cast<std::uint32_t>(token);
  switch (token & kPartMask) {
    case kSourcePart:
      source_->on_outcome(slot, outcome);
      break;
    case kPingPart:
      pinger_->on_outcome(slot, outcome);
      break;
    case kEchoPart:
      echo_->on_outcome(slot);
      break;
    default:
      if (control_to_[slot] == peer && outcome != Outcome::kDelivered) {
        for (PeerReport& p : peers_) p.unreachable |= p.peer == peer;
      }
      control_to_[slot] = kNoNode;
      control_.give_back(slot);
  }
}

std::uint32_t TrafficRole::poll(Nanos now, Sender& sender) {
  now_ = now;
  std::uint32_t work = 0;
  if (stop_.load(std::memory_order_relaxed)) [[unlikely]] {
    if (source_) source_->stop();
    if (pinger_) pinger_->stop();
    if (!source_ && !pinger_) become_done();
  }
  if (echo_) work += echo_->poll(sender);
  if (pinger_) work += pinger_->poll(now, sender);
  if (source_) {
    work += source_->poll(now, sender);
    if (source_->state() == SourceState::kDone && !done()) work += finish_source(now, sender);
  }
  if (sink_) work += send_reports(now, sender);
  if (!done()) maybe_become_done(now);
  if (wanted_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    answer_reader();
  return work;
}

void TrafficRole::publish() {
  if (sink_) sink_->settle(now_);
  if (source_) source_->settle(now_);
}

bool TrafficRole::arm() { return wanted_.load(std::memory_order_relaxed) == nullptr; }

Nanos TrafficRole::next_deadline() const {
  Nanos next = now_ + kAnswerInterval;
  if (source_) next = std::min(next, source_->next_deadline());
  if (pinger_) next = std::min(next, pinger_->next_deadline());
  if (sink_) next = std::min(next, sink_->next_deadline());
  return next;
}

void TrafficRole::answer_reader() {
  Request* request = wanted_.exchange(nullptr, std::memory_order_acq_rel);
  if (request == nullptr) return;
  snapshot(*request->out);
  request->filled.store(true, std::memory_order_release);
}

void TrafficRole::snapshot(Snapshot& out) const {
  out = Snapshot{};
  out.at = now_;
  out.done = done();
  if (source_) {
    out.waiting_for_peers = source_->state() == SourceState::kWaiting;
    out.send = source_->counters();
    out.outcome_latency = source_->outcome_latency();
    out.measured_from = source_->measured_from();
    out.measured_until = source_->measured_until();
  }
  if (pinger_) {
    out.waiting_for_peers = pinger_->measured_from() == Nanos{};
    out.ping = pinger_->counters();
    out.ping_no_receiver = pinger_->no_receiver();
    out.round_trips = pinger_->round_trips();
    out.measured_from = pinger_->measured_from();
    out.measured_until = pinger_->measured_until();
  }
  if (sink_) {
    out.received = sink_->counters();
    sink_->add_latency_to(out.received_latency);
  }
  out.peers = static_cast<std::uint32_t>(peers_.size());
  out.same_clock = true;
  for (const PeerReport& peer : peers_) {
    if (!peer.heard) continue;
    ++out.peers_reporting;
    out.reported_at = std::max(out.reported_at, peer.heard_at);
    out.peers_final += peer.report.is_final;
    out.same_clock &= peer.report.clock_id == config_.clock_id && peer.report.has_latency;
    out.reported.add(peer.report.counters);
    out.reported_latency.add(peer.latency);
  }
  out.same_clock &= out.peers_reporting > 0;
}

void TrafficRole::on_report(const InboundMessage& message) {
  if (!source_ || message.length > report_scratch_.size()) return;
  message.copy_to(report_scratch_.data());
  Report report;
  if (!decode_report({report_scratch_.data(), message.length}, report, report_latency_scratch_) ||
      report.run != source_->config().run) {
    return;
  }
  for (PeerReport& peer : peers_) {
    if (peer.peer != message.from) continue;
    peer.heard = true;
    peer.heard_at = now_;
    peer.report = report;
    peer.latency = report_latency_scratch_;
  }
}

SendResult TrafficRole::send_control(Sender& sender, NodeId to, std::uint32_t type_offset,
                                     std::uint32_t slot, std::size_t bytes) {
  const SendResult result = sender.send({.to = to,
                                         .type = plus(config_.type, type_offset),
                                         .priority = kControlPriority,
                                         .owner = config_.index,
                                         .length = static_cast<std::uint32_t>(bytes),
                                         .payload = control_.data(slot),
                                         .token = kControlPart + slot});
  if (result != SendResult::kAccepted) {
    control_to_[slot] = kNoNode;
    control_.give_back(slot);
  }
  return result;
}

std::uint32_t TrafficRole::send_reports(Nanos now, Sender& sender) {
  if (sink_->next_deadline() > now || control_.empty()) return 0;
  const std::uint32_t slot = control_.take();
  const auto due = sink_->poll_report(now, {control_.data(slot), control_.slot_bytes()});
  if (due.bytes == 0) {
    control_.give_back(slot);
    return 0;
  }
  const SendResult result = send_control(sender, due.to, kReportOffset, slot, due.bytes);
  const bool try_again = result == SendResult::kQueueFull || result == SendResult::kQuotaFull;
  if (!try_again) sink_->on_report_sent(due, now);
  return 1;
}

std::uint32_t TrafficRole::finish_source(Nanos now, Sender& sender) {
  std::uint32_t sent = 0;
  if (reports_until_ == Nanos{}) reports_until_ = now + config_.report_timeout;
  for (PeerReport& peer : peers_) {
    if (!peer.finish_sent && send_finish(peer, sender)) ++sent;
  }
  return sent;
}

bool TrafficRole::send_finish(PeerReport& peer, Sender& sender) {
  if (control_.empty()) return false;
  const std::uint32_t slot = control_.take();
  const Finish finish{.run = source_->config().run, .sent = source_->sent_to(peer.peer)};
  const std::size_t bytes = encode_finish(finish, {control_.data(slot), control_.slot_bytes()});
  control_to_[slot] = peer.peer;
  switch (send_control(sender, peer.peer, kFinishOffset, slot, bytes)) {
    case SendResult::kAccepted:
      peer.finish_sent = true;
      return true;
    case SendResult::kQueueFull:
    case SendResult::kQuotaFull:
      return false;
    default:
      peer.finish_sent = peer.unreachable = true;
      return false;
  }
}

void TrafficRole::maybe_become_done(Nanos now) {
  if (pinger_ && pinger_->done()) become_done();
  if (!source_ || source_->state() != SourceState::kDone) return;
  const bool all_told = std::ranges::all_of(
      peers_, [](const PeerReport& p) { return p.unreachable || (p.heard && p.report.is_final); });
  if (all_told || (reports_until_ != Nanos{} && now >= reports_until_)) become_done();
}

}  // namespace ringroad::gen
