// Frames out. A frame is planned in one pass (which messages, how many bytes), then written in
// another: records first, payloads behind them, each payload copied once from its owner's memory.
// What a frame carries is remembered as runs of sequences, so the bookkeeping is per frame, not per
// message. Strictly by priority; within one, what was lost goes before what is new.
//
// A message that fits a frame of its own goes as one record and is never split; a longer one goes
// as fragments at multiples of fragment_bytes_, one a frame, so that a fragment sent again has the
// same bounds.
#include "dataplane/base/copy_bytes.h"
#include "dataplane/core/link_impl.h"

namespace ringroad {

struct Link::Impl::Plan {
  SentPacket& packet;
  std::size_t room;  // for records and payloads
  std::uint32_t messages = 0;

  bool fits(std::size_t bytes) const { return bytes <= room && messages < kBatchMessagesMax; }
  bool has_run() const { return packet.run_count < kPacketRunsMax; }
  void add_run(std::uint8_t priority, std::uint64_t first, std::uint64_t count) {
    SequenceRun& run = packet.runs[packet.run_count++];
    run.first = first;
    run.priority = priority;
    run.count = static_cast<std::uint32_t>(count);
    run.is_fragment = false;
  }
};

namespace {

std::size_t wire_bytes(const OutboundMessage& message) {
  return kRecordSlotBytes + (message.cancelled ? 0 : message.length);
}

// In a cancelled message's record the type's place holds the bytes it was charged for.
MessageRecord record_of(const OutboundMessage& message, std::uint64_t sequence) {
  MessageRecord record;
  record.priority = message.priority.value;
  record.sequence = static_cast<std::uint32_t>(sequence);
  if (message.cancelled) [[unlikely]] {
    record.flags = kMessageFlagCancelled;
    record.type = message.length;
  } else {
    record.type = message.type.value;
    record.length = message.length;
  }
  return record;
}

}  // namespace

std::size_t Link::Impl::poll_frame(Nanos now, std::span<std::byte> out) {
  RR_CHECK(out.size() >= config_.frame_bytes_max);
  if (reply_source_.value != 0 || hello_due_) return write_hello(out);
  if (close_due_) return write_close(out);
  if (!has_work()) return 0;

  FrameDraft draft(out.data(), frame_bytes_max_);
  SentPacket& packet = sent_.draft();
  bool asks_ack = false;
  put_ack(draft, packet);
  if (sent_.has_room()) {
    put_windows(draft, packet);
    put_outcomes(draft, packet);
    put_data(draft, packet, now);
    asks_ack = packet.run_count > 0 || packet.outcome_run_count > 0;
    packet.asks_ack_soon = packet.run_count > 0;
    // A grant must not get lost, so a frame that would not be acknowledged without it, asks.
    const bool must_ask = ping_due_ || (packet.windows != 0 && !asks_ack);
    if (must_ask && draft.room() >= kRecordSlotBytes && packet.run_count == 0) {
      draft.add(PingRecord{});
      asks_ack = packet.asks_ack_soon = true;
    }
    if (asks_ack) ping_due_ = false;
  }
  if (draft.empty()) return 0;

  FrameHeader header{};
  header.kind = static_cast<std::uint8_t>(FrameKind::kData);
  header.source_session = own_session_.value;
  header.destination_session = peer_session_.value;
  header.packet_number = sent_.next_number();
  if (asks_ack) {
    sent_.push(now);
    expect_word(now);
  } else {
    sent_.skip();
  }
  return finish_frame(draft, out, header);
}

void Link::Impl::put_ack(FrameDraft& draft, SentPacket& packet) {
  if (!ack_wanted_ && !ack_due_) return;
  ack_wanted_ = ack_due_ = false;
  ack_delayed_frames_ = 0;
  ack_time_ = kNever;
  PacketRange ranges[kAckRangesMax];
  const std::size_t slots = draft.room() / kRecordSlotBytes;
  const std::size_t count =
      received_.newest_ranges(std::span(ranges).first(std::min(kAckRangesMax, (slots - 1) * 2)));
  if (count == 0) {
    // Nothing could be taken yet, but the peer shall know that we are here.
    ping_due_ = true;
    return;
  }
  packet.has_ack = true;
  packet.largest_acked = ranges[0].last;
  draft.take_slots(write_ack(draft.next_record(), std::span(ranges).first(count), stalled_mask_));
}

void Link::Impl::put_windows(FrameDraft& draft, SentPacket& packet) {
  // One slot stays free for the ping that may have to go with them.
  while (window_mask_ != 0 && draft.room() >= 2 * kRecordSlotBytes) {
    const auto p = static_cast<std::uint8_t>(std::countr_zero(window_mask_));
    window_mask_ &= static_cast<std::uint8_t>(window_mask_ - 1);
    packet.windows |= static_cast<std::uint8_t>(1u << p);
    WindowRecord record;
    record.priority = p;
    record.message_limit = static_cast<std::uint32_t>(receive_[p].message_limit);
    record.byte_limit = receive_[p].byte_limit;
    draft.add(record);
  }
}

void Link::Impl::put_outcomes(FrameDraft& draft, SentPacket& packet) {
  while (outcome_mask_ != 0) {
    const auto p = static_cast<std::uint8_t>(std::countr_zero(outcome_mask_));
    ReceiveStream& stream = receive_[p];
    for (;;) {
      if (packet.outcome_run_count == kPacketRunsMax || draft.room() < kRecordSlotBytes) return;
      std::uint64_t first = 0;
      bool refused = false;
      const std::uint32_t count = stream.take_outcomes(stream.expected, first, refused);
      if (count == 0) break;
      SequenceRun& run = packet.outcome_runs[packet.outcome_run_count++];
      run.first = first;
      run.priority = p;
      run.count = count;
      OutcomeRecord record;
      record.priority = p;
      record.outcome =
          static_cast<std::uint16_t>(refused ? Outcome::kNoReceiver : Outcome::kDelivered);
      record.first = static_cast<std::uint32_t>(first);
      record.count = count;
      draft.add(record);
    }
    outcome_mask_ &= static_cast<std::uint8_t>(outcome_mask_ - 1);
  }
}

void Link::Impl::put_data(FrameDraft& draft, SentPacket& packet, Nanos now) {
  Plan plan{packet, draft.room()};
  for (std::uint32_t mask = sendable(); mask != 0; mask &= mask - 1) {
    const auto p = static_cast<std::uint8_t>(std::countr_zero(mask));
    SendStream& stream = send_[p];
    bool more = true;
    const LostFragment* fragment = stream.first_lost_fragment();
    if (fragment != nullptr && stream.first_lost() < fragment->sequence) {
      (void)plan_lost(p, plan);  // The older ones first, the fragment in the next frame.
      more = false;
    } else if (fragment != nullptr) {
      more = false;
      if (plan.messages == 0 && put_fragment(p, *fragment, draft, packet)) {
        stream.pop_lost_fragment();
        ++statistics_.messages_retransmitted;
      }
    } else {
      more = plan_lost(p, plan) && plan_new(p, plan);
      if (more && plan.messages == 0 && stream.can_send_new()) {
        // What stopped it is a message that goes in fragments.
        more = false;
        if (put_fragment(p, {stream.next, stream.fragment_next}, draft, packet)) {
          const std::uint32_t length = stream.slot(stream.next).length;
          if (stream.fragment_next++ == 0) {
            stream.bytes_charged += length;
            ++statistics_.messages_sent;
            statistics_.payload_bytes_sent += length;
          }
          if (std::uint64_t{stream.fragment_next} * fragment_bytes_ >= length) {
            ++stream.next;
            stream.fragment_next = 0;
          }
        }
      } else if (more && stream.can_send_new()) {
        more = false;
      }
    }
    refresh(p);
    if (stream.is_held_back) [[unlikely]]
      hold_back(p, now);  // One frame was its share for now.
    if (!more) break;
  }
  if (plan.messages > 0) write_plan(plan, draft, packet);
}

// Plans what was lost; false when the frame is full.
bool Link::Impl::plan_lost(std::uint8_t priority, Plan& plan) {
  SendStream& stream = send_[priority];
  for (std::uint64_t at; (at = stream.first_lost()) < stream.next;) {
    if (!plan.has_run()) return false;
    const std::uint64_t first = at;
    bool full = false;
    for (; at < stream.next && stream.is_lost(at); ++at) {
      const std::size_t bytes = wire_bytes(stream.slot(at));
      full = !plan.fits(bytes);
      if (full) break;
      stream.unmark_lost(at);
      plan.room -= bytes;
      ++plan.messages;
    }
    if (at > first) plan.add_run(priority, first, at - first);
    statistics_.messages_retransmitted += at - first;
    if (full) return false;
  }
  return true;
}

// Plans new messages up to one that goes in fragments or lacks credit; false when the frame is
// full.
bool Link::Impl::plan_new(std::uint8_t priority, Plan& plan) {
  SendStream& stream = send_[priority];
  if (stream.fragment_next > 0) return true;
  if (!plan.has_run()) return !stream.can_send_new();
  const std::uint64_t first = stream.next;
  const std::uint64_t end = std::min(stream.tail, stream.message_limit);
  std::uint64_t charged = stream.bytes_charged;
  std::uint64_t at = first;
  bool full = false;
  for (; at < end; ++at) {
    const OutboundMessage& message = stream.slot(at);
    // The payload comes from another core's cache: it is on its way when the copy needs it.
    __builtin_prefetch(message.payload);
    if (charged + message.length > stream.byte_limit || message.length > whole_bytes_max_) break;
    const std::size_t bytes = kRecordSlotBytes + message.length;
    full = !plan.fits(bytes);
    if (full) break;
    charged += message.length;
    plan.room -= bytes;
    ++plan.messages;
  }
  if (at == first) return !full;
  plan.add_run(priority, first, at - first);
  statistics_.messages_sent += at - first;
  statistics_.payload_bytes_sent += charged - stream.bytes_charged;
  stream.bytes_charged = charged;
  stream.next = at;
  return !full;
}

void Link::Impl::write_plan(const Plan& plan, FrameDraft& draft, const SentPacket& packet) {
  std::byte* record = draft.next_record();
  draft.take_slots(plan.messages);
  std::byte* const payloads = draft.next_record();
  std::byte* payload = payloads;
  for (std::size_t r = 0; r < packet.run_count; ++r) {
    const SequenceRun& run = packet.runs[r];
    const SendStream& stream = send_[run.priority];
    for (std::uint64_t at = run.first; at < run.first + run.count; ++at) {
      const OutboundMessage& message = stream.slot(at);
      const MessageRecord wire = record_of(message, at);
      store_record(record, wire);
      copy_bytes(payload, message.payload, wire.length);
      record += kRecordSlotBytes;
      payload += wire.length;
    }
  }
  draft.take_payload(static_cast<std::size_t>(payload - payloads));
}

// A fragment rides alone but for control; false when that leaves it too little room.
bool Link::Impl::put_fragment(std::uint8_t priority, LostFragment fragment, FrameDraft& draft,
                              SentPacket& packet) {
  const OutboundMessage& message = send_[priority].slot(fragment.sequence);
  FragmentRecord record;
  record.message = record_of(message, fragment.sequence);
  record.message.kind = static_cast<std::uint8_t>(RecordKind::kFragment);
  record.offset = fragment.index * fragment_bytes_;
  record.length = std::min(fragment_bytes_, message.length - record.offset);
  if (draft.room() < sizeof record + record.length) return false;
  draft.add(record);
  copy_bytes(draft.next_record(), message.payload + record.offset, record.length);
  draft.take_payload(record.length);
  packet.fragment_index = fragment.index;
  SequenceRun& run = packet.runs[packet.run_count++];
  run.first = fragment.sequence;
  run.priority = priority;
  run.count = 1;
  run.is_fragment = true;
  return true;
}

}  // namespace ringroad
