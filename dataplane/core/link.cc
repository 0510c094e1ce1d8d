#include "dataplane/core/link.h"

#include "dataplane/core/link_impl.h"

namespace ringroad {

namespace {

// Half as much again as the longest message: the peer is told of new credit after a quarter of the
// window, and must never wait for more than it will be granted.
std::uint64_t window_bytes(const LinkConfig& config) {
  const std::uint64_t longest = config.message_bytes_max;
  return std::max<std::uint64_t>(std::max<std::uint64_t>(config.window_bytes, longest * 3 / 2), 64);
}

// Field by field: the caller has only just written them, and a load wider than those stores would
// wait until they have reached the cache.
void fill_slot(OutboundMessage& slot, const OutboundMessage& message) {
  slot.to = message.to;
  slot.type = message.type;
  slot.priority = message.priority;
  slot.cancelled = false;
  slot.owner = message.owner;
  slot.length = message.length;
  slot.payload = message.payload;
  slot.token = message.token;
}

}  // namespace

Link::Impl::Impl(const LinkConfig& link_config, LinkSink& link_sink, Prng link_prng, Nanos now)
    : config_(link_config),
      sink_(link_sink),
      prng_(link_prng),
      frame_limits_{link_config.self, link_config.peer, link_config.message_bytes_max},
      dead_after_(link_config.dead_after),
      sent_(link_config.flight_frames_max),
      round_trip_(link_config.initial_rtt, link_config.probe_timeout_min),
      held_(link_config.held_frames_max),
      pieces_(link_config.held_frames_max),
      gathered_(link_config.held_frames_max) {
  RR_CHECK(config_.frame_bytes_max >= kFrameBytesMaxLeast &&
           config_.frame_bytes_max <= kFrameBytesMax);
  RR_CHECK(config_.message_bytes_max <= kMessageBytesMaxLimit);
  send_.reserve(kPriorities);
  receive_.reserve(kPriorities);
  for (std::size_t p = 0; p < kPriorities; ++p) {
    send_.emplace_back(config_.queue_messages_max, config_.flight_frames_max * 2);
    receive_.emplace_back(config_.window_messages, window_bytes(config_));
  }
  start_connecting(now);
}

Link::Impl::~Impl() {
  held_.clear([this](std::uintptr_t handle) { sink_.release_frame(handle); });
}

SendResult Link::Impl::offer(const OutboundMessage& message) {
  if (message.priority.value >= kPriorities) return SendResult::kBadPriority;
  if (state_ != LinkState::kUp) return SendResult::kNotConnected;
  if (message.length > message_bytes_max_) return SendResult::kTooLarge;
  SendStream& stream = send_[message.priority.value];
  if (stream.is_full()) return SendResult::kQueueFull;
  fill_slot(stream.slot(stream.tail++), message);
  if (stream.tail == stream.next + 1) refresh(message.priority.value);
  return SendResult::kAccepted;
}

std::uint32_t Link::Impl::offer_burst(std::span<const OutboundMessage> messages,
                                      SendResult& refusal) {
  std::uint32_t accepted = 0;
  while (accepted < messages.size()) {
    refusal = offer(messages[accepted]);
    if (refusal != SendResult::kAccepted) break;
    ++accepted;
    // The others that go the same way, without asking again what was just answered.
    const Priority priority = messages[accepted - 1].priority;
    SendStream& stream = send_[priority.value];
    for (OutboundMessage& slot : stream.free_slots()) {
      if (accepted == messages.size()) break;
      const OutboundMessage& message = messages[accepted];
      if (message.priority != priority || message.length > message_bytes_max_) break;
      // Whole: of a burst, this one was written long enough ago (see fill_slot).
      slot = message;
      slot.cancelled = false;
      ++stream.tail;
      ++accepted;
    }
  }
  statistics_.messages_accepted += accepted;
  return accepted;
}

void Link::Impl::refresh(std::uint8_t priority) {
  const SendStream& stream = send_[priority];
  const auto bit = static_cast<std::uint8_t>(1u << priority);
  const auto rest = static_cast<std::uint8_t>(~bit);
  lost_mask_ = static_cast<std::uint8_t>((lost_mask_ & rest) | (stream.has_lost() ? bit : 0));
  new_mask_ = static_cast<std::uint8_t>((new_mask_ & rest) | (stream.can_send_new() ? bit : 0));
}

bool Link::Impl::has_work() const {
  if (hello_due_ || reply_source_.value != 0 || close_due_) return true;
  if (state_ != LinkState::kUp) return false;
  if (ack_due_) return true;
  const bool wants = ping_due_ || (outcome_mask_ | window_mask_ | sendable()) != 0;
  return wants && sent_.has_room();
}

// The peer said that this priority's receiver does not read and that it has no more room: sending
// all of it again once a round trip would only take the wire from the other priorities.
void Link::Impl::hold_back(std::uint8_t priority, Nanos now) {
  SendStream& stream = send_[priority];
  stream.is_held_back = true;
  stream.retry_time = now + std::min(round_trip_.probe_timeout() * 2, kRetryDelayMax);
  held_back_mask_ |= static_cast<std::uint8_t>(1u << priority);
  retry_time_ = std::min(retry_time_, stream.retry_time);
}

// Something of this priority ended, or was granted: what held it back is over.
void Link::Impl::note_progress(std::uint8_t priority) {
  SendStream& stream = send_[priority];
  if (!stream.is_held_back) return;
  stream.is_held_back = false;
  stream.retry_time = kNever;
  held_back_mask_ &= static_cast<std::uint8_t>(~(1u << priority));
}

void Link::Impl::run_retries(Nanos now) {
  retry_time_ = kNever;
  for (std::uint8_t p = 0; p < kPriorities; ++p) {
    const SendStream& stream = send_[p];
    if (stream.retry_time <= now) {
      held_back_mask_ &= static_cast<std::uint8_t>(~(1u << p));
    } else {
      retry_time_ = std::min(retry_time_, stream.retry_time);
    }
  }
}

void Link::Impl::tell_outcome(const OutboundMessage& message, Outcome outcome) {
  tell_outcomes({&message, 1}, outcome);
}

void Link::Impl::tell_outcomes(std::span<const OutboundMessage> messages, Outcome outcome) {
  statistics_.outcomes[static_cast<std::size_t>(outcome)] += messages.size();
  sink_.on_outcomes(messages, outcome);
}

// RFC 9002, section 6.2.1; the backed-off timeout stays below the keepalive interval, so that a
// path that heals is noticed soon.
Nanos Link::Impl::probe_deadline() const {
  if (sent_.count() == 0 || ping_due_) return kNever;
  const Nanos timeout = round_trip_.probe_timeout() + kAckDelay;
  const Nanos backed_off = timeout * (std::int64_t{1} << std::min(probe_count_, 10u));
  return sent_.last_sent() + std::min(backed_off, std::max(timeout, config_.keepalive_interval));
}

void Link::Impl::send_probe() {
  ++statistics_.probes_sent;
  ++probe_count_;
  // The oldest content travels again; more of it when there is no number left for the probe.
  do {
    // No word of it yet is no word of its loss (RFC 9002, section 6.2).
    sent_.lose_oldest([this](const SentPacket& packet) { send_again(packet); });
  } while (!sent_.has_room());
  ping_due_ = true;
}

void Link::Impl::on_time(Nanos now) {
  if (state_ == LinkState::kConnecting && now >= hello_time_) {
    hello_due_ = true;
    hello_time_ = now + hello_interval_;
    hello_interval_ = std::min(hello_interval_ * 2, config_.hello_interval * 16);
  }
  if (state_ != LinkState::kUp) return;
  if (is_owed_ && now - owed_since_ >= dead_after_) {
    reset(now);
    return;
  }
  if (now >= ack_time_) {
    ack_time_ = kNever;
    ack_due_ = true;
  }
  if (now >= sent_.loss_time()) {
    sent_.detect_lost(now, round_trip_,
                      [this](const SentPacket& packet) { on_packet_lost(packet); });
  }
  if (now >= retry_time_) run_retries(now);
  if (now >= probe_deadline()) send_probe();
  if (sent_.count() == 0 && now - last_received_ >= config_.keepalive_interval) {
    // From now on, and not from when it leaves: a port that cannot send is silence like any other.
    ping_due_ = true;
    expect_word(now);
  }
}

void Link::Impl::expect_word(Nanos now) {
  if (!is_owed_) owed_since_ = now;
  is_owed_ = true;
}

Nanos Link::Impl::next_deadline() const {
  if (state_ == LinkState::kConnecting) return hello_time_;
  if (state_ != LinkState::kUp) return kNever;
  Nanos deadline = std::min(ack_time_, std::min(sent_.loss_time(), probe_deadline()));
  deadline = std::min(deadline, retry_time_);
  if (is_owed_) deadline = std::min(deadline, owed_since_ + dead_after_);
  if (sent_.count() == 0 && !(ping_due_ && is_owed_)) {
    deadline = std::min(deadline, last_received_ + config_.keepalive_interval);
  }
  return deadline;
}

void Link::Impl::forget_owner(std::uint16_t owner) {
  for (std::uint8_t p = 0; p < kPriorities; ++p) {
    SendStream& stream = send_[p];
    const std::uint64_t end = stream.tail;
    for (std::uint64_t at = stream.base; at < end; ++at) {
      OutboundMessage& slot = stream.slot(at);
      if (stream.is_resolved(at) || slot.cancelled || slot.owner != owner) continue;
      const OutboundMessage message = slot;
      const bool was_sent = stream.was_sent(at);
      slot.cancelled = true;
      slot.payload = nullptr;
      if (!was_sent) slot.length = 0;  // Never charged for.
      if (was_sent && message.length > whole_bytes_max_) {
        // Its fragments stop here; a record of its own takes its place.
        if (at == stream.next) {
          ++stream.next;
          stream.fragment_next = 0;
        }
        stream.mark_lost(at);
      }
      tell_outcome(message, was_sent ? Outcome::kUnknown : Outcome::kNotSent);
    }
    refresh(p);
  }
}

void Link::Impl::end_session(LinkState next) {
  state_ = next;  // First, so that offers made by the callbacks are refused.
  for (SendStream& stream : send_) {
    for (std::uint64_t at = stream.base; at < stream.tail; ++at) {
      const OutboundMessage& slot = stream.slot(at);
      if (stream.is_resolved(at) || slot.cancelled) continue;
      tell_outcome(slot, stream.was_sent(at) ? Outcome::kUnknown : Outcome::kNotSent);
    }
    stream.reset();
  }
  for (ReceiveStream& stream : receive_) stream.reset();
  held_.clear([this](std::uintptr_t handle) { sink_.release_frame(handle); });
  pieces_.reset(config_.held_frames_max);
  sent_.reset();
  received_.reset();
  lost_mask_ = new_mask_ = held_back_mask_ = stalled_mask_ = waiting_mask_ = outcome_mask_ =
      window_mask_ = 0;
  retry_time_ = kNever;
  ping_due_ = is_owed_ = ack_wanted_ = ack_due_ = false;
  ack_delayed_frames_ = probe_count_ = 0;
  ack_time_ = kNever;
  ended_ = {};
}

void Link::Impl::close(Nanos) {
  if (state_ == LinkState::kClosed) return;
  const bool was_up = state_ == LinkState::kUp;
  close_due_ = was_up;
  close_number_ = sent_.next_number();
  hello_due_ = false;
  reply_source_ = {};
  if (was_up) {
    end_session(LinkState::kClosed);
  } else {
    state_ = LinkState::kClosed;
  }
  sink_.on_link_state(config_.peer, LinkState::kClosed);
}

void Link::Impl::reset(Nanos now) {
  const bool was_connecting = state_ == LinkState::kConnecting;
  if (state_ == LinkState::kUp) end_session(LinkState::kConnecting);
  start_connecting(now);
  if (!was_connecting) sink_.on_link_state(config_.peer, LinkState::kConnecting);
}

Backpressure Link::Impl::backpressure(std::uint8_t priority) const {
  const SendStream& stream = send_[priority];
  if (state_ != LinkState::kUp) return Backpressure::kNone;
  // The peer granted credit, and then said that its receiver leaves what came.
  if (stream.is_held_back) return Backpressure::kMessageCredit;
  if (stream.next < stream.tail) {
    if (!stream.has_message_credit()) return Backpressure::kMessageCredit;
    if (!stream.has_byte_credit()) return Backpressure::kByteCredit;
  }
  return sent_.has_room() ? Backpressure::kNone : Backpressure::kFlight;
}

Link::Link(const LinkConfig& config, LinkSink& sink, Prng prng, Nanos now)
    : impl_(std::make_unique<Impl>(config, sink, prng, now)) {}
Link::~Link() = default;

SendResult Link::offer(const OutboundMessage& message) {
  SendResult result = SendResult::kAccepted;
  (void)impl_->offer_burst({&message, 1}, result);
  return result;
}
std::uint32_t Link::offer_burst(std::span<const OutboundMessage> messages, SendResult& refusal) {
  return impl_->offer_burst(messages, refusal);
}
FrameDisposition Link::on_frame(const ReceivedFrame& frame, Nanos now, FrameError& error) {
  const FrameDisposition disposition = impl_->on_frame(frame, now, error);
  impl_->deadline_stale_ = true;
  return disposition;
}
std::size_t Link::poll_frame(Nanos now, std::span<std::byte> out) {
  const std::size_t bytes = impl_->poll_frame(now, out);
  impl_->deadline_stale_ = true;
  return bytes;
}
bool Link::has_work() const { return impl_->has_work(); }
void Link::on_time(Nanos now) {
  impl_->on_time(now);
  impl_->deadline_stale_ = true;
}
Nanos Link::next_deadline() const {
  if (impl_->deadline_stale_) {
    impl_->deadline_ = impl_->next_deadline();
    impl_->deadline_stale_ = false;
  }
  return impl_->deadline_;
}
std::uint32_t Link::redeliver(Nanos) { return impl_->redeliver(); }
bool Link::has_stalled() const { return impl_->waiting_mask_ != 0; }
void Link::forget_owner(std::uint16_t owner) { impl_->forget_owner(owner); }
void Link::close(Nanos now) {
  impl_->close(now);
  impl_->deadline_stale_ = true;
}
void Link::reset(Nanos now) {
  impl_->reset(now);
  impl_->deadline_stale_ = true;
}
void Link::set_dead_after(Nanos dead_after) {
  impl_->dead_after_ = dead_after;
  impl_->deadline_stale_ = true;
}
LinkState Link::state() const { return impl_->state_; }
Backpressure Link::backpressure(Priority priority) const {
  return priority.value < kPriorities ? impl_->backpressure(priority.value) : Backpressure::kNone;
}
std::uint32_t Link::unresolved(Priority priority) const {
  return priority.value < kPriorities ? impl_->send_[priority.value].unresolved() : 0;
}
const LinkConfig& Link::config() const { return impl_->config_; }
const LinkStatistics& Link::statistics() const { return impl_->statistics_; }
std::uint32_t Link::frame_bytes_max() const {
  return state() == LinkState::kUp ? impl_->frame_bytes_max_ : 0;
}
std::uint32_t Link::peer_frame_bytes_max() const {
  return state() == LinkState::kUp ? impl_->peer_frame_bytes_max_ : 0;
}

}  // namespace ringroad
