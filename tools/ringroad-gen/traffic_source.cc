#include "tools/ringroad-gen/traffic_source.h"

#include <algorithm>
#include <utility>

namespace ringroad::gen {

TrafficSource::TrafficSource(SourceConfig config)
    : config_(std::move(config)),
      prng_(config_.seed),
      // At least 8 messages in flight, whatever their size: fewer would measure the pauses.
      arena_(
          config_.sizes.largest(),
          SlotArena::slots_for(config_.sizes.largest(), config_.arena_bytes, 8, config_.slots_max)),
      lengths_(config_.sizes.parts().size() > 1 ? arena_.slots() : 0),
      copies_(arena_.slots()),
      recorder_(config_.clock) {
  RR_CHECK(!config_.to.empty() && !config_.priorities.empty());
  const std::span<const NodeId> to{config_.to};
  for (const Priority priority : config_.priorities) {
    std::uint8_t flags = config_.verify == Verify::kFull ? kBodyFilled : std::uint8_t{0};
    if (config_.broadcast) flags |= kBroadcast;
    const StampHead head{config_.self, priority, flags};
    const std::size_t streams = config_.broadcast ? 1 : to.size();
    for (std::size_t i = 0; i < streams; ++i) {
      Stream& stream = streams_.emplace_back();
      stream.to = config_.broadcast ? to : to.subspan(i, 1);
      stream.head = head;
    }
  }
}

std::uint32_t TrafficSource::poll(Nanos now, Sender& sender) {
  if (state_ == SourceState::kWaiting) {
    const bool ready = std::ranges::all_of(config_.to, [&](NodeId peer) {
      return peer == sender.self() || sender.is_connected(peer);
    });
    if (ready) start(now);
    if (stop_) state_ = SourceState::kDone;
  }
  if (state_ != SourceState::kSending) {
    maybe_finish(now);
    return 0;
  }
  if (stop_ || now >= end_) end_streams(now);

  met_backpressure_ = false;
  std::uint32_t sent = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    sent += send_due(streams_[(first_stream_ + i) % streams_.size()], now, sender);
  }
  first_stream_ = (first_stream_ + 1) % streams_.size();
  ++counters_.polls;
  counters_.polls_with_backpressure += met_backpressure_;
  maybe_finish(now);
  return sent;
}

void TrafficSource::start(Nanos now) {
  measured_from_ = now + config_.warmup;
  end_ = measured_from_ + config_.duration;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[i];
    if (config_.rate_per_s > 0) {
      stream.schedule = Schedule{config_.rate_per_s, now, static_cast<std::uint32_t>(i),
                                 static_cast<std::uint32_t>(streams_.size())};
    }
    stream.phase_end = measured_from_;
  }
  state_ = SourceState::kSending;
}

std::uint32_t TrafficSource::send_due(Stream& stream, Nanos now, Sender& sender) {
  std::uint32_t sent = 0;
  stream.refused = false;
  while (sent < config_.burst && !stream.refused) {
    const std::uint32_t more = config_.broadcast
                                   ? send_broadcast(stream, now, sender)
                                   : send_batch(stream, now, sender, config_.burst - sent);
    sent += more;
    if (more == 0) break;
  }
  return sent;
}

// Whether the stream's next message is due, and a slot free for it.
bool TrafficSource::may_draw(Stream& stream, Nanos now) {
  if (stream.finished || !stream.schedule.is_due(now)) {
    stream.blocked = false;
    return false;
  }
  const Nanos intended = stream.schedule.intended(now);
  if (intended >= stream.phase_end && !enter_phase_of(stream, intended)) return false;
  if (!arena_.empty()) return true;
  ++counters_.waited_for_slot;
  stream.blocked = met_backpressure_ = true;
  return false;
}

// Stamps what is due and offers it together. What is refused is drawn up anew when tried again, as
// of then if there is no schedule.
std::uint32_t TrafficSource::send_batch(Stream& stream, Nanos now, Sender& sender,
                                        std::uint32_t most) {
  const bool was_blocked = stream.blocked;
  if (!may_draw(stream, now)) return 0;
  // Where messages are counted toward a limit, each begins a batch: may_draw() looks.
  most = config_.messages_max > 0 ? 1 : std::min(most, kBatch);
  const Schedule schedule = stream.schedule;
  const std::uint64_t sequence = stream.sequence;
  std::uint32_t count = 0;
  do {
    stamp_next(stream, stream.schedule.intended(now), batch_[count++]);
    stream.schedule.advance();
    ++stream.sequence;
    stream.length = 0;
  } while (count < most && !arena_.empty() && stream.schedule.is_due(now) &&
           stream.schedule.intended(now) < stream.phase_end);
  const bool measured = stream.head.has(kMeasured);
  SendResult refusal = SendResult::kAccepted;
  const std::uint32_t accepted = sender.send_burst({batch_.data(), count}, refusal);
  if (!was_blocked) count_lateness(now, schedule, accepted);
  count_accepted({batch_.data(), accepted}, measured);
  if (measured) payloads_measured_ += accepted;
  if (accepted == count) return accepted;

  on_refused(stream, refusal);
  stream.length = batch_[accepted].length;
  stream.sequence = sequence + accepted;
  stream.schedule = schedule;
  for (std::uint32_t i = 0; i < accepted; ++i) stream.schedule.advance();
  while (count-- > accepted) take_back(batch_[count]);
  return accepted;
}

// The stream's next message, stamped in a free slot.
[[gnu::always_inline]] inline void TrafficSource::stamp_next(Stream& stream, Nanos intended,
                                                             OutboundMessage& message) {
  if (stream.length == 0) stream.length = config_.sizes.draw(prng_);
  const std::uint32_t length = stream.length;
  const std::uint32_t slot = arena_.take();
  const Stamp stamp{stream.head.with_sequence(stream.sequence), intended, config_.run};
  const NodeId to = config_.broadcast ? ringroad::kBroadcast : stream.to.front();
  std::byte* payload = arena_.data(slot);
  write_stamp(payload, stamp, length, to);
  if (config_.verify == Verify::kFull) {
    fill_body({payload + kStampBytes, length - kStampBytes}, stamp);
  }
  if (!lengths_.empty()) lengths_[slot] = length;
  copies_[slot] = static_cast<std::uint16_t>(stream.to.size());
  message = {.to = to,
             .type = config_.type,
             .priority = stream.head.priority(),
             .owner = config_.owner,
             .length = length,
             .payload = payload,
             .token = config_.token_base + slot};
}

// One payload to several peers: held until each of them has taken it. Returns 1 when all have.
std::uint32_t TrafficSource::send_broadcast(Stream& stream, Nanos now, Sender& sender) {
  if (!stream.holds_message) {
    if (!may_draw(stream, now)) return 0;
    stamp_next(stream, stream.schedule.intended(now), stream.message);
    stream.next_peer = 0;
    stream.holds_message = true;
    if (!stream.blocked) count_lateness(now, stream.schedule, 1);
  }
  const bool measured = stream.head.has(kMeasured);
  while (stream.next_peer < stream.to.size()) {
    stream.message.to = stream.to[stream.next_peer];
    // The outcome may be told inside this call, and with the last copy's the slot is free again.
    const SendResult result = sender.send(stream.message);
    if (result != SendResult::kAccepted) {
      on_refused(stream, result);
      if (stream.next_peer > 0) return 0;
      take_back(stream.message);
      stream.holds_message = false;
      return 0;
    }
    ++stream.next_peer;
    count_accepted({&stream.message, 1}, measured);
  }
  stream.holds_message = false;
  stream.length = 0;
  stream.schedule.advance();
  ++stream.sequence;
  payloads_measured_ += measured;
  return 1;
}

void TrafficSource::count_accepted(std::span<const OutboundMessage> messages, bool measured) {
  counters_.sent_all_phases += messages.size();
  if (!measured) return;
  counters_.sent += messages.size();
  for (const OutboundMessage& message : messages) counters_.sent_bytes += message.length;
}

void TrafficSource::on_refused(Stream& stream, SendResult result) {
  ++counters_.refused[static_cast<std::size_t>(result)];
  stream.blocked = stream.refused = met_backpressure_ = true;
}

// A stamped message that nobody took.
void TrafficSource::take_back(const OutboundMessage& message) {
  copies_[slot_of(message)] = 0;
  arena_.give_back(slot_of(message));
}

bool TrafficSource::enter_phase_of(Stream& stream, Nanos intended) {
  const bool limit_reached = config_.messages_max > 0 && payloads_measured_ >= config_.messages_max;
  if (!stream.head.has(kMeasured)) {
    stream.sent[stream.head.stream_index()] = stream.sequence;
    stream.head = stream.head.with_flags(kMeasured);
    stream.sequence = 0;
    // With a limit on their number every message comes by here, to be counted.
    stream.phase_end = config_.messages_max > 0 ? measured_from_ : end_;
  }
  stream.finished = intended >= end_ || limit_reached;
  return !stream.finished;
}

// Of `count` messages that left now, due as `schedule` says.
void TrafficSource::count_lateness(Nanos now, Schedule schedule, std::uint32_t count) {
  if (schedule.is_max()) return;
  for (; count > 0; --count, schedule.advance()) {
    const Nanos lag = now - schedule.intended(now);
    if (lag <= kLateAfter) return;  // The later ones are due later.
    ++counters_.late;
    counters_.late_ns_max = std::max(counters_.late_ns_max, static_cast<std::uint64_t>(lag.count));
  }
}

void TrafficSource::end_streams(Nanos now) {
  // A fixed rate sends all that was due before the end, however late; a stop does not.
  for (Stream& stream : streams_) {
    stream.finished |= stop_ || stream.schedule.is_max() || stream.schedule.intended(now) >= end_;
  }
  if (stop_) end_ = std::min(end_, now);
}

void TrafficSource::maybe_finish(Nanos now) {
  if (state_ == SourceState::kSending) {
    const bool all = std::ranges::all_of(
        streams_, [](const Stream& s) { return s.finished && !s.holds_message; });
    const bool late = now >= end_ + config_.drain_timeout;
    if (!all && !late) return;
    for (Stream& stream : streams_) stream.finished = true;
    measured_until_ = std::max(measured_from_, now);
    drain_until_ = now + config_.drain_timeout;
    state_ = SourceState::kDraining;
  }
  if (state_ != SourceState::kDraining) return;
  const bool resolved = counters_.resolved_all_phases == counters_.sent_all_phases;
  if (resolved || now >= drain_until_) state_ = SourceState::kDone;
}

// What is to be known of a message is in its stamp.
[[gnu::always_inline]] inline void TrafficSource::end_message(std::uint32_t slot,
                                                              std::uint32_t length,
                                                              Outcome outcome) {
  RR_CHECK(slot < arena_.slots() && copies_[slot] > 0);
  const std::byte* stamp = arena_.data(slot);
  ++counters_.resolved_all_phases;
  if (StampHead{load_le<std::uint64_t>(stamp)}.has(kMeasured)) {
    ++counters_.outcomes[static_cast<std::size_t>(outcome)];
    if (outcome == Outcome::kDelivered) {
      counters_.delivered_bytes += length;
      if (config_.outcome_latency) {
        const auto intended = load_le<std::uint64_t>(stamp + kStampIntended);
        recorder_.note(&outcome_latency_, Nanos{static_cast<std::int64_t>(intended)});
      }
    }
  }
  if (--copies_[slot] == 0) arena_.give_back(slot);
}

void TrafficSource::on_outcome(std::uint32_t slot, Outcome outcome) {
  const bool is_known = lengths_.empty() || slot >= arena_.slots();
  end_message(slot, is_known ? config_.sizes.largest() : lengths_[slot], outcome);
}

void TrafficSource::on_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
  for (const OutboundMessage& message : messages) {
    end_message(slot_of(message), message.length, outcome);
  }
}

Nanos TrafficSource::next_deadline() const {
  switch (state_) {
    case SourceState::kWaiting:
    case SourceState::kDone:
      return kNever;
    case SourceState::kDraining:
      return drain_until_;
    case SourceState::kSending:
      break;
  }
  Nanos next = end_;
  for (const Stream& stream : streams_) {
    // A blocked stream moves when an outcome comes in, which wakes the lcore by itself.
    if (stream.finished || stream.blocked || stream.holds_message) continue;
    next = std::min(next, stream.schedule.intended(Nanos{}));
  }
  return next;
}

std::array<std::uint64_t, kStreamsPerRun> TrafficSource::sent_to(NodeId peer) const {
  std::array<std::uint64_t, kStreamsPerRun> sent{};
  for (const Stream& stream : streams_) {
    const auto at = std::ranges::find(stream.to, peer);
    if (at == stream.to.end()) continue;
    const auto place = static_cast<std::size_t>(at - stream.to.begin());
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] += stream.sent[i];
    sent[stream.head.stream_index()] += stream.sequence;
    // Taken by some, not by this one.
    if (stream.holds_message && place < stream.next_peer) ++sent[stream.head.stream_index()];
  }
  return sent;
}

}  // namespace ringroad::gen
