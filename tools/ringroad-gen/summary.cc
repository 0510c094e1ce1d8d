#include "tools/ringroad-gen/summary.h"

#include <algorithm>

namespace ringroad::gen {
namespace {

// One part in so many counts: of messages late, of the rate missed, of polls refused.
constexpr std::uint64_t kPart = 100;

double seconds_between(Nanos from, Nanos until) {
  return std::max(0.0, static_cast<double>((until - from).count) * 1e-9);
}

// What a rate missed for the node's refusals is the node's doing, and not told here.
GeneratorLimit generator_limit(const SendCounters& send, const RunFacts& facts, const Summary& s) {
  if (facts.mode != Mode::kRun || send.sent == 0) return GeneratorLimit::kNone;
  const std::uint64_t held = send.polls_with_backpressure;
  const bool held_up = held > 0 && held * kPart >= send.polls;
  if (facts.rate_per_s == 0) return held_up ? GeneratorLimit::kNone : GeneratorLimit::kIdle;
  if (send.late > 0 && send.late * kPart >= s.payloads) return GeneratorLimit::kLate;
  const auto offered = static_cast<double>(facts.rate_per_s);
  // The last message may be due just after the end.
  const double missed = (offered - s.payloads_per_s) * s.duration_s - 1;
  const bool too_slow = missed * kPart > offered * s.duration_s;
  return too_slow && !held_up ? GeneratorLimit::kTooSlow : GeneratorLimit::kNone;
}

void add_receivers_view(const ReceiveCounters& c, Summary& s) {
  s.received = c.received;
  s.received_bytes = c.received_bytes;
  s.lost = c.lost;
  s.duplicated = c.duplicated;
  s.reordered = c.reordered;
  s.corrupted = c.corrupted;
}

void add_source(const Snapshot& snapshot, const RunFacts& facts, Summary& s) {
  s.sent = snapshot.send.sent;
  s.no_receiver = snapshot.send.outcome(Outcome::kNoReceiver);
  s.unresolved = snapshot.send.sent_all_phases - snapshot.send.resolved_all_phases;
  // Each peer of a broadcast is sent, and counted, a copy.
  const std::uint64_t copies = facts.broadcast ? std::max(facts.to.size(), std::size_t{1}) : 1;
  s.payloads = snapshot.send.sent_all_phases / copies;
  if (s.duration_s > 0) {
    s.payloads_per_s = static_cast<double>(s.sent) / static_cast<double>(copies) / s.duration_s;
  }
  s.late = snapshot.send.late;
  s.late_ns_max = snapshot.send.late_ns_max;
  s.by_receiver = snapshot.peers_reporting > 0;
  s.reports_missing = snapshot.peers_final < snapshot.peers;
  if (s.by_receiver) {
    add_receivers_view(snapshot.reported, s);
  } else {
    s.received = snapshot.send.outcome(Outcome::kDelivered);
    s.received_bytes = snapshot.send.delivered_bytes;
    s.lost = snapshot.send.outcome(Outcome::kNotSent) + snapshot.send.outcome(Outcome::kUnknown) +
             s.no_receiver;
  }
  if (snapshot.same_clock && snapshot.peers_reporting == snapshot.peers) {
    s.latency_kind = LatencyKind::kOneWay;
    s.latency = snapshot.reported_latency;
  } else if (snapshot.outcome_latency.count() > 0) {
    s.latency_kind = LatencyKind::kToOutcome;
    s.latency = snapshot.outcome_latency;
  }
}

void add_pings(const Snapshot& snapshot, const RunFacts& facts, Summary& s) {
  s.sent = snapshot.ping.sent;
  s.received = snapshot.ping.answered;
  s.received_bytes = s.received * facts.sizes.largest();
  s.lost = snapshot.ping.lost;
  s.no_receiver = snapshot.ping_no_receiver;
  s.by_receiver = true;
  s.latency_kind = LatencyKind::kRoundTrip;
  s.latency = snapshot.round_trips;
}

}  // namespace

const char* name_of(Mode mode) {
  constexpr const char* kNames[] = {"run", "pingpong", "sink"};
  return kNames[static_cast<std::size_t>(mode)];
}

const char* name_of(Verify verify) {
  constexpr const char* kNames[] = {"off", "stamp", "full"};
  return kNames[static_cast<std::size_t>(verify)];
}

const char* name_of(LatencyKind kind) {
  constexpr const char* kNames[] = {"none", "one way", "to the outcome", "round trip"};
  return kNames[static_cast<std::size_t>(kind)];
}

double Summary::messages_per_s() const {
  const double over = receive_s > 0 ? receive_s : duration_s;
  return over > 0 ? static_cast<double>(received) / over : 0;
}

double Summary::goodput_bits_per_s() const {
  const double over = receive_s > 0 ? receive_s : duration_s;
  return over > 0 ? static_cast<double>(received_bytes) * 8 / over : 0;
}

Summary summarize(const Snapshot& snapshot, const RunFacts& facts, Nanos since) {
  Summary s;
  const bool ended = snapshot.measured_until != Nanos{};
  const Nanos from = facts.mode == Mode::kSink ? since : snapshot.measured_from;
  s.duration_s = seconds_between(from, ended ? snapshot.measured_until : snapshot.at);
  switch (facts.mode) {
    case Mode::kRun:
      add_source(snapshot, facts, s);
      break;
    case Mode::kPingpong:
      add_pings(snapshot, facts, s);
      break;
    case Mode::kSink:
      add_receivers_view(snapshot.received, s);
      s.sent = s.received + s.lost;
      s.by_receiver = true;
      s.latency_kind =
          snapshot.received_latency.count() > 0 ? LatencyKind::kOneWay : LatencyKind::kNone;
      s.latency = snapshot.received_latency;
  }
  s.generator_limit = generator_limit(snapshot.send, facts, s);
  return s;
}

Summary summarize_interval(const Snapshot& before, const Snapshot& now, const RunFacts& facts) {
  const Summary old = summarize(before, facts, before.at);
  Summary s = summarize(now, facts, now.at);
  // Until the receivers speak the counts are the outcomes': not to be mixed with theirs.
  const bool comparable = old.by_receiver == s.by_receiver;
  const auto take = [comparable](std::uint64_t& total, std::uint64_t earlier) {
    total = comparable ? total - std::min(total, earlier) : total;
  };
  s.duration_s = seconds_between(before.at, now.at);
  if (facts.mode == Mode::kRun && before.reported_at != Nanos{}) {
    s.receive_s = seconds_between(before.reported_at, now.reported_at);
  }
  s.sent -= std::min(s.sent, old.sent);
  take(s.received, old.received);
  take(s.received_bytes, old.received_bytes);
  take(s.lost, old.lost);
  take(s.duplicated, old.duplicated);
  take(s.reordered, old.reordered);
  take(s.corrupted, old.corrupted);
  if (s.latency_kind == old.latency_kind) s.latency = s.latency.since(old.latency);
  return s;
}

}  // namespace ringroad::gen
