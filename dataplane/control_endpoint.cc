// What passes between control processes and back: messages, echoes, results, counters, packets.
// What control tells the node to do is control_commands.cc.
#include "dataplane/control_endpoint.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/io_loop.h"

namespace ringroad {
namespace {

constexpr Nanos kReportInterval = milliseconds(100);
// Longer than anybody waits for an echo: its slot is free again.
constexpr Nanos kEchoPatience = seconds(60);
constexpr Priority kSystemPriority{0};

host::ControlResult result_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDelivered:
      return host::ControlResult::kDone;
    case Outcome::kNotSent:
      return host::ControlResult::kNotSent;
    case Outcome::kNoReceiver:
      return host::ControlResult::kNoReceiver;
    case Outcome::kUnknown:
      return host::ControlResult::kUnknown;
  }
  return host::ControlResult::kUnknown;
}

}  // namespace

ControlEndpoint::ControlEndpoint(Node& node, IoLoop& loop, PeerChanges& changes,
                                 std::function<void(IdlePolicy)> on_idle)
    : node_(node), loop_(loop), changes_(changes), on_idle_(std::move(on_idle)) {
  node_.attach_system(*this);
}

void ControlEndpoint::attach(host::ControlChannel& channel) {
  RR_CHECK(channel_ == nullptr && owed_ == 0);
  channel_ = &channel;
  ++attachment_;
  report_time_ = Nanos{};  // at once
}

// Its messages travel on, and their outcomes are nobody's. A capture ends with who asked for it.
void ControlEndpoint::detach() {
  channel_ = nullptr;
  statistics_.unanswered += owed_;
  owed_ = 0;
  is_capturing_ = false;
  node_.set_tap(nullptr);
  for (Slot& slot : slots_) {
    if (slot.use == Slot::Use::kPing && !slot.is_answered) {
      slot.is_answered = true;
      release(slot);
    }
  }
  pings_waiting_ = pings_replied_ = 0;
}

// ---- slots ----

ControlEndpoint::Slot* ControlEndpoint::free_slot(std::size_t first, std::size_t count) {
  for (Slot& slot : std::span{slots_}.subspan(first, count)) {
    if (slot.use == Slot::Use::kFree) return &slot;
  }
  return nullptr;
}

// How many of them one peer has.
std::size_t ControlEndpoint::slots_of(NodeId peer, std::size_t first, std::size_t count) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      std::span{slots_}.subspan(first, count),
      [&](const Slot& slot) { return slot.use != Slot::Use::kFree && slot.peer == peer; }));
}

// Once the payload is ours again and nobody waits for an answer.
void ControlEndpoint::release(Slot& slot) {
  if (slot.is_sent || (slot.use == Slot::Use::kPing && !slot.is_answered)) return;
  slot.use = Slot::Use::kFree;
  ++slot.generation;
}

std::uint64_t ControlEndpoint::token_of(const Slot& slot) const {
  return std::uint64_t{slot.generation} << 16 | static_cast<std::uint64_t>(&slot - slots_.data());
}

ControlEndpoint::Slot* ControlEndpoint::slot_of(std::uint64_t token) {
  const std::size_t index = token & 0xffff;
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  return slot.use != Slot::Use::kFree && token_of(slot) == token ? &slot : nullptr;
}

// ---- in ----

DeliverResult ControlEndpoint::on_message(const InboundMessage& message) {
  if (message.type.value == host::kSystemEchoRequest) return on_echo_request(message);
  if (message.type.value == host::kSystemEchoReply) {
    on_echo_reply(message);
    return DeliverResult::kDelivered;
  }
  if (channel_ == nullptr || message.type.value < host::kSystemControl ||
      message.length > host::kControlPayloadMax) {
    return DeliverResult::kNoReceiver;
  }
  // Answers come first, those that are owed and some to come. A control process that does not read
  // may not hold up the links' most urgent priority: what it misses is said again.
  if (channel_->event_room() <= std::max(host::kControlRing / 2, owed_)) {
    ++statistics_.messages_refused;
    return DeliverResult::kNoReceiver;
  }
  host::ControlEvent event{};
  event.kind = host::ControlEventKind::kMessage;
  event.node = message.from.value;
  event.type = message.type.value;
  event.length = message.length;
  message.copy_to(event.payload);
  RR_CHECK(channel_->post_event(event));
  return DeliverResult::kDelivered;
}

// The answer leaves in the next poll(): a link may not be told to send while it delivers.
DeliverResult ControlEndpoint::on_echo_request(const InboundMessage& message) {
  if (message.length > kBufferBytes || message.length < kEchoHeader) {
    return DeliverResult::kNoReceiver;
  }
  // Nor may a peer that asks much: what cannot be answered is refused, and told.
  Slot* slot = free_slot(kSends, kReplies);
  if (slot == nullptr || slots_of(message.from, kSends, kReplies) >= kReplies / 4) {
    return DeliverResult::kNoReceiver;
  }
  slot->use = Slot::Use::kReply;
  slot->is_sent = false;
  slot->peer = message.from;
  slot->length = message.length;
  message.copy_to(slot->payload.data());
  ++replies_waiting_;
  return DeliverResult::kDelivered;
}

void ControlEndpoint::on_echo_reply(const InboundMessage& message) {
  if (message.length < kEchoHeader || message.length > kBufferBytes) return;
  std::array<std::byte, kBufferBytes> payload;
  message.copy_to(payload.data());
  Slot* slot = slot_of(load_le<std::uint64_t>(payload.data()));
  // A node can answer only what it was asked, once, and as it was asked.
  if (slot == nullptr || slot->use != Slot::Use::kPing || slot->is_answered || slot->is_replied ||
      slot->peer != message.from || slot->length != message.length ||
      std::memcmp(payload.data(), slot->payload.data(), message.length) != 0) {
    return;
  }
  // Timed in this pass' poll(): messages arrive before it, without the time.
  slot->is_replied = true;
  ++pings_replied_;
}

void ControlEndpoint::on_outcome(NodeId /*peer*/, std::uint64_t token, Outcome outcome) {
  Slot* slot = slot_of(token);
  RR_CHECK(slot != nullptr && slot->is_sent);
  slot->is_sent = false;
  if (slot->use == Slot::Use::kSend) finish(*slot, result_of(outcome));
  if (slot->use == Slot::Use::kPing && !slot->is_answered && !slot->is_replied &&
      outcome != Outcome::kDelivered) {
    answer(*slot, result_of(outcome));
  }
  release(*slot);
}

// Of a ping: nothing is waited for any more.
void ControlEndpoint::answer(Slot& slot, host::ControlResult result, std::uint64_t value) {
  finish(slot, result, value);
  slot.is_answered = true;
  --pings_waiting_;
}

void ControlEndpoint::finish(const Slot& slot, host::ControlResult result, std::uint64_t value) {
  post_result(slot.request, slot.attachment, slot.peer, result, value);
}

void ControlEndpoint::post_result(std::uint64_t request, std::uint32_t attachment, NodeId node,
                                  host::ControlResult result, std::uint64_t value) {
  if (channel_ == nullptr || attachment != attachment_) return;  // whoever asked is gone
  RR_CHECK(owed_ > 0);
  --owed_;
  ++statistics_.answers;
  host::ControlEvent event{};
  event.kind = host::ControlEventKind::kResult;
  event.node = node.value;
  event.request = request;
  event.value = value;
  event.result = result;
  RR_CHECK(channel_->post_event(event));  // room was kept for it, whether or not control reads
}

// ---- out ----

std::uint32_t ControlEndpoint::poll(Nanos now, Sender& sender) {
  now_ = now;
  std::uint32_t work = 0;
  if (replies_waiting_ != 0) work += send_replies(sender);
  if (pings_waiting_ != 0) work += finish_pings(now);
  if (changes_.has_ready()) work += finish_adding();
  if (removals_under_way_ != 0) work += finish_removing(now);
  if (channel_ == nullptr) return work;
  work += take_commands(now, sender);
  if (now >= report_time_) {
    node_.report(report_);
    report_.time = now;
    report_.loop = loop_.statistics().report();
    report_.idle = loop_.idle();
    report_.control = statistics_;
    channel_->write_report(report_);
    report_time_ = now + kReportInterval;
  }
  return work;
}

SendResult ControlEndpoint::send(Slot& slot, std::uint32_t type, Sender& sender) {
  const OutboundMessage message{.to = slot.peer,
                                .type = MessageType{type},
                                .priority = kSystemPriority,
                                .owner = Node::kSystemIndex,
                                .length = slot.length,
                                .payload = slot.payload.data(),
                                .token = token_of(slot)};
  slot.is_sent = true;  // its outcome may come before send() returns
  const SendResult result = sender.send(message);
  if (result != SendResult::kAccepted) slot.is_sent = false;
  return result;
}

std::uint32_t ControlEndpoint::send_replies(Sender& sender) {
  std::uint32_t sent = 0;
  for (Slot& slot : std::span{slots_}.subspan(kSends)) {
    if (slot.use != Slot::Use::kReply || slot.is_sent) continue;
    const SendResult result = send(slot, host::kSystemEchoReply, sender);
    if (result == SendResult::kQueueFull) continue;
    --replies_waiting_;
    ++sent;
    if (result != SendResult::kAccepted) release(slot);  // its link is down: nobody waits
  }
  return sent;
}

// Those that were replied to in this pass, and those that nobody waits for any more.
std::uint32_t ControlEndpoint::finish_pings(Nanos now) {
  std::uint32_t finished = 0;
  for (Slot& slot : std::span{slots_}.first(kSends)) {
    if (slot.use != Slot::Use::kPing || slot.is_answered) continue;
    const Nanos elapsed = std::max(now - slot.started, Nanos{});
    if (!slot.is_replied && elapsed < kEchoPatience) continue;
    answer(slot, slot.is_replied ? host::ControlResult::kDone : host::ControlResult::kUnknown,
           static_cast<std::uint64_t>(elapsed.count));
    ++finished;
    release(slot);
  }
  pings_replied_ = 0;
  return finished;
}

void ControlEndpoint::on_packet(bool is_outgoing, std::span<const std::byte> bytes, Nanos now) {
  const std::uint32_t direction = is_outgoing ? host::kCaptureOut : host::kCaptureIn;
  if (channel_ == nullptr || (capture_.directions & direction) == 0) return;
  const auto length = static_cast<std::uint32_t>(bytes.size());
  channel_->capture({.time = now,
                     .length = length,
                     .captured_length = std::min(length, capture_.snap_bytes),
                     .direction = direction},
                    bytes);
}

// ---- sleeping ----

void ControlEndpoint::publish() {
  if (channel_ != nullptr) channel_->publish();
}

bool ControlEndpoint::arm() {
  const bool has_work = replies_waiting_ != 0 || pings_replied_ != 0 || changes_.has_ready();
  // A command that may not be taken yet is no reason to stay awake: the next report's time is.
  return (channel_ == nullptr || channel_->arm() || !may_take()) && !has_work;
}

void ControlEndpoint::disarm() {
  if (channel_ != nullptr) channel_->disarm();
}

Nanos ControlEndpoint::next_deadline() const {
  Nanos deadline = channel_ == nullptr ? kNever : report_time_;
  if (removals_under_way_ != 0) deadline = std::min(deadline, now_ + milliseconds(1));
  return deadline;
}

}  // namespace ringroad
