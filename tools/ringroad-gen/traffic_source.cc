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
      slots_(arena_.slots()),
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
  while (sent < config_.burst) {
    if (!stream.holds_slot) {
      if (stream.finished || !stream.schedule.is_due(now)) {
        stream.blocked = false;
        break;
      }
      const Nanos intended = stream.schedule.intended(now);
      if (intended >= stream.phase_end && !enter_phase_of(stream, intended)) break;
      if (arena_.empty()) {
        ++counters_.waited_for_slot;
        stream.blocked = met_backpressure_ = true;
        break;
      }
      stamp_slot(stream, intended);
      count_lateness(stream, now, intended);
    }
    if (!offer(stream, sender)) break;
    ++sent;
  }
  return sent;
}

// The stream's next message into a free slot. It is the stream's until offer() has placed it.
void TrafficSource::stamp_slot(Stream& stream, Nanos intended) {
  if (stream.length == 0) stream.length = config_.sizes.draw(prng_);
  const std::uint32_t slot = arena_.take();
  const Stamp stamp{stream.head.with_sequence(stream.sequence), intended, config_.run};
  const NodeId to = config_.broadcast ? ringroad::kBroadcast : stream.to.front();
  std::byte* payload = arena_.data(slot);
  write_stamp(payload, stamp, stream.length, to);
  if (config_.verify == Verify::kFull) {
    fill_body({payload + kStampBytes, stream.length - kStampBytes}, stamp);
  }
  slots_[slot] = {.intended = intended,
                  .length = stream.length,
                  .copies = static_cast<std::uint16_t>(stream.to.size()),
                  .measured = stream.head.has(kMeasured)};
  stream.slot = slot;
  stream.next_peer = 0;
  stream.holds_slot = true;
}

// Offers the held message to the peers that have not taken it. True when all have.
bool TrafficSource::offer(Stream& stream, Sender& sender) {
  const Slot slot = slots_[stream.slot];
  OutboundMessage message{.type = config_.type,
                          .priority = stream.head.priority(),
                          .owner = config_.owner,
                          .length = slot.length,
                          .payload = arena_.data(stream.slot),
                          .token = config_.token_base + stream.slot};
  while (stream.next_peer < stream.to.size()) {
    message.to = stream.to[stream.next_peer];
    // The outcome may be told inside this call, and with the last copy's the slot is free again.
    const SendResult result = sender.send(message);
    if (result != SendResult::kAccepted) {
      on_refused(stream, result);
      return false;
    }
    ++stream.next_peer;
    count_accepted(slot.length, slot.measured);
  }
  stream.holds_slot = false;
  stream.length = 0;
  stream.schedule.advance();
  ++stream.sequence;
  payloads_measured_ += slot.measured;
  return true;
}

void TrafficSource::count_accepted(std::uint32_t length, bool measured) {
  ++counters_.sent_all_phases;
  if (measured) {
    ++counters_.sent;
    counters_.sent_bytes += length;
  }
}

void TrafficSource::on_refused(Stream& stream, SendResult result) {
  ++counters_.refused[static_cast<std::size_t>(result)];
  stream.blocked = met_backpressure_ = true;
  if (stream.next_peer > 0) return;
  // Nobody has it: it is drawn up anew when tried again, as of then if there is no schedule.
  slots_[stream.slot].copies = 0;
  arena_.give_back(stream.slot);
  stream.holds_slot = false;
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

void TrafficSource::count_lateness(const Stream& stream, Nanos now, Nanos intended) {
  const Nanos lag = now - intended;
  if (lag <= kLateAfter || stream.blocked) return;
  ++counters_.late;
  counters_.late_ns_max = std::max(counters_.late_ns_max, static_cast<std::uint64_t>(lag.count));
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
    const bool all =
        std::ranges::all_of(streams_, [](const Stream& s) { return s.finished && !s.holds_slot; });
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

void TrafficSource::on_outcome(std::uint32_t slot_index, Outcome outcome) {
  RR_CHECK(slot_index < slots_.size() && slots_[slot_index].copies > 0);
  Slot& slot = slots_[slot_index];
  ++counters_.resolved_all_phases;
  if (slot.measured) {
    ++counters_.outcomes[static_cast<std::size_t>(outcome)];
    if (outcome == Outcome::kDelivered) {
      counters_.delivered_bytes += slot.length;
      if (config_.outcome_latency) recorder_.note(&outcome_latency_, slot.intended);
    }
  }
  if (--slot.copies == 0) arena_.give_back(slot_index);
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
    if (stream.finished || stream.blocked || stream.holds_slot) continue;
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
    if (stream.holds_slot && place < stream.next_peer) ++sent[stream.head.stream_index()];
  }
  return sent;
}

}  // namespace ringroad::gen
