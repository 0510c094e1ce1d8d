#include "tools/ringroad-gen/pinger.h"

#include <algorithm>
#include <array>

namespace ringroad::gen {

// Two slots: the next ping may leave before the outcome of the last has been told.
Pinger::Pinger(const PingConfig& config)
    : config_(config), arena_(config.bytes, 4), head_(config.self, config.priority, kPing) {
  RR_CHECK(config.bytes >= kStampBytes);
}

std::uint32_t Pinger::poll(Nanos now, Sender& sender) {
  if (done_) return 0;
  if (!started_) {
    if (stop_) done_ = true;
    if (done_ || (config_.to != sender.self() && !sender.is_connected(config_.to))) return 0;
    started_ = true;
    measured_from_ = now + config_.warmup;
    end_ = measured_from_ + config_.duration;
  }
  if (waiting_ && now - sent_at_ >= kLostAfter) {
    waiting_ = false;
    ++sequence_;
    counters_.lost += head_.has(kMeasured);
  }
  if (waiting_) return 0;
  const bool measured = now >= measured_from_;
  if (stop_ || now >= end_ ||
      (config_.messages_max > 0 && counters_.sent >= config_.messages_max)) {
    measured_until_ = std::max(measured_from_, now);
    done_ = true;
    return 0;
  }
  if (arena_.empty()) return 0;

  if (measured) head_ = head_.with_flags(kMeasured);
  const std::uint32_t slot = arena_.take();
  const Nanos sent_at = time(now);
  write_stamp(arena_.data(slot), {head_.with_sequence(sequence_), sent_at, config_.run},
              config_.bytes, config_.to);
  const SendResult result = sender.send({.to = config_.to,
                                         .type = config_.type,
                                         .priority = config_.priority,
                                         .owner = config_.owner,
                                         .length = config_.bytes,
                                         .payload = arena_.data(slot),
                                         .token = config_.token_base + slot});
  if (result != SendResult::kAccepted) {
    arena_.give_back(slot);
    return 0;
  }
  sent_at_ = sent_at;
  waiting_ = true;
  counters_.sent += measured;
  return 1;
}

bool Pinger::on_message(const InboundMessage& message, Nanos now) {
  std::array<std::byte, kStampBytes> head;
  if (message.length < kStampBytes || message.pieces.empty() ||
      message.pieces[0].size() < kStampBytes) {
    return false;
  }
  std::copy_n(message.pieces[0].data(), kStampBytes, head.data());
  Stamp stamp;
  if (!read_stamp(head.data(), message.length, config_.self, stamp) || stamp.run != config_.run ||
      !stamp.head.has(kPong)) {
    return false;
  }
  if (!waiting_ || stamp.head.sequence() != sequence_) {
    ++counters_.stray;
    return true;
  }
  waiting_ = false;
  ++sequence_;
  if (stamp.head.has(kMeasured)) {
    ++counters_.answered;
    const Nanos trip = time(now) - stamp.intended;
    round_trips_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(trip.count, 0)));
  }
  return true;
}

void Pinger::on_outcome(std::uint32_t slot, Outcome outcome) {
  no_receiver_ += outcome == Outcome::kNoReceiver;
  arena_.give_back(slot);
}

Nanos Pinger::next_deadline() const {
  if (done_ || !started_) return kNever;
  return waiting_ ? sent_at_ + kLostAfter : Nanos{};
}

Echo::Echo(const EchoConfig& config) : config_(config), arena_(config.bytes_max, config.slots) {
  waiting_.reserve(config.slots);
}

DeliverResult Echo::on_ping(const InboundMessage& message, const Stamp& stamp) {
  if (message.length > arena_.slot_bytes()) return DeliverResult::kNoReceiver;
  if (arena_.empty()) return DeliverResult::kBusy;
  const std::uint32_t slot = arena_.take();
  message.copy_to(arena_.data(slot));
  Stamp echo = stamp;
  echo.head = stamp.head.with_flags(kPong, kPing);
  write_stamp(arena_.data(slot), echo, message.length, message.from);
  waiting_.push_back({.to = message.from,
                      .type = config_.type,
                      .priority = message.priority,
                      .owner = config_.owner,
                      .length = message.length,
                      .payload = arena_.data(slot),
                      .token = config_.token_base + slot});
  return DeliverResult::kDelivered;
}

std::uint32_t Echo::poll(Sender& sender) {
  if (waiting_.empty()) return 0;
  std::uint32_t sent = 0;
  while (sent < waiting_.size()) {
    const SendResult result = sender.send(waiting_[sent]);
    if (result == SendResult::kQueueFull || result == SendResult::kQuotaFull) break;
    if (result != SendResult::kAccepted) {
      // The asker is gone or takes no such size: its own timeout tells it.
      arena_.give_back(static_cast<std::uint32_t>(waiting_[sent].token - config_.token_base));
    }
    ++sent;
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + sent);
  return sent;
}

void Echo::on_outcome(std::uint32_t slot) { arena_.give_back(slot); }

}  // namespace ringroad::gen
