// Frames in. Nothing is believed before the whole frame was checked. Messages that come in order
// are delivered straight from the frame; what is early, incomplete or refused by a busy endpoint
// keeps its frame, uncopied, until it can go. A frame of which anything had to be left for want of
// room is not acknowledged: the peer sends it again, and what was taken of it counts as duplicate.
#include "dataplane/core/link_impl.h"

namespace ringroad {

struct Link::Impl::Incoming {
  const ReceivedFrame& frame;
  std::uint32_t held = HeldFrames::kNone;  // its place, with a reference of our own, once held
  bool is_sole = false;                    // holds one message or fragment, no more
  bool is_refused = false;                 // something was left: no acknowledgement
  bool is_close = false;
};

FrameDisposition Link::Impl::on_frame(const ReceivedFrame& frame, Nanos now, FrameError& error) {
  FrameShape shape;
  error = check_header(frame.bytes, frame_limits_, shape.header);
  if (error != FrameError::kNone) return FrameDisposition::kDone;
  const std::size_t covered = frame.bytes.size() - kFrameTrailerBytes;
  if (load_record<std::uint32_t>(frame.bytes.data() + covered) !=
      sink_.crc32c(frame.bytes.first(covered))) {
    error = FrameError::kChecksum;
    return FrameDisposition::kDone;
  }
  error = check_records(frame.bytes, frame_limits_, shape);
  if (error != FrameError::kNone) return FrameDisposition::kDone;

  if (shape.header.kind == static_cast<std::uint8_t>(FrameKind::kHello)) {
    const auto record = load_record<HelloRecord>(frame.bytes.data() + kFrameHeaderBytes);
    error = on_hello(shape.header, record, now);
  } else if (!accepts_session(shape.header, now)) {
    error = FrameError::kSession;
  } else if (!received_.is_new(shape.header.packet_number)) {
    error = FrameError::kDuplicate;
  }
  if (error != FrameError::kNone) return FrameDisposition::kDone;
  ++statistics_.frames_received;
  statistics_.frame_bytes_received += frame.bytes.size();
  if (shape.header.kind == static_cast<std::uint8_t>(FrameKind::kHello)) {
    return FrameDisposition::kDone;
  }

  last_received_ = now;
  is_owed_ = sent_.count() > 0;
  owed_since_ = now;
  Incoming in{frame};
  in.is_sole = shape.data_records == 1;
  process_records(shape, in, now);
  flush_outcomes();
  if (in.is_close) {
    if (in.held != HeldFrames::kNone) held_.forget(in.held);
    reset(now);
    return FrameDisposition::kDone;
  }
  if (in.is_refused) {
    ++statistics_.held_frames_full;
    ack_due_ = true;  // Of the others: the peer shall know that we live.
  } else {
    received_.add(shape.header.packet_number);
    if (shape.asks_ack) note_asked(shape, now);
  }
  return settle(in);
}

// Lets go of our own reference. The caller keeps the buffer if nothing else refers to it.
FrameDisposition Link::Impl::settle(Incoming& in) {
  if (in.held == HeldFrames::kNone) return FrameDisposition::kDone;
  const bool is_kept = held_.references(in.held) > 1;
  held_.drop(in.held, [](std::uintptr_t) {});
  return is_kept ? FrameDisposition::kHeld : FrameDisposition::kDone;
}

void Link::Impl::note_asked(const FrameShape& shape, Nanos now) {
  ack_wanted_ = true;
  if (shape.asks_ack_soon || ++ack_delayed_frames_ >= kAckDelayFrames) {
    ack_due_ = true;
  } else if (ack_time_ == kNever) {
    ack_time_ = now + kAckDelay;
  }
}

void Link::Impl::process_records(const FrameShape& shape, Incoming& in, Nanos now) {
  const std::size_t slots = shape.header.record_slots;
  const std::byte* at = in.frame.bytes.data() + kFrameHeaderBytes;
  const std::byte* const end = at + slots * kRecordSlotBytes;
  const std::byte* payload = end;
  while (at < end) {
    std::size_t used = 1;
    switch (static_cast<RecordKind>(*at)) {
      case RecordKind::kMessage:
        used = on_message_records(at, end, payload, in);
        break;
      case RecordKind::kFragment: {
        const auto record = load_record<FragmentRecord>(at);
        on_fragment_record(record, payload, in);
        payload += record.length;
        used = 2;
        break;
      }
      case RecordKind::kOutcome:
        on_outcome_record(load_record<OutcomeRecord>(at));
        break;
      case RecordKind::kAck:
        used = ack_slots(load_record<AckRecord>(at).range_count);
        on_ack_record(at, now);
        break;
      case RecordKind::kWindow:
        on_window_record(load_record<WindowRecord>(at));
        break;
      case RecordKind::kClose:
        in.is_close = true;
        break;
      case RecordKind::kPing:
      case RecordKind::kHello:
        break;
    }
    at += used * kRecordSlotBytes;
  }
}

DeliverResult Link::Impl::deliver(std::uint8_t priority, std::uint32_t type, std::uint32_t length,
                                  std::span<const std::span<const std::byte>> pieces) {
  const InboundMessage message{config_.peer, MessageType{type}, Priority{priority}, length, pieces};
  const DeliverResult result = sink_.on_message(message);
  if (result == DeliverResult::kDelivered) {
    ++statistics_.messages_received;
    statistics_.payload_bytes_received += length;
  }
  return result;
}

// Message records from `at` on, as many as are next in order and of one type, handed over together;
// or the one at `at`, if it is not. Returns how many it dealt with and moves `payload` behind
// theirs.
std::size_t Link::Impl::on_message_records(const std::byte* at, const std::byte* end,
                                           const std::byte*& payload, Incoming& in) {
  const auto first = load_record<MessageRecord>(at);
  ReceiveStream& stream = receive_[first.priority];
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  if (!stream.has_slots()) [[likely]] {
    const std::uint64_t room = stream.message_limit - stream.expected;
    const std::size_t most = std::min<std::uint64_t>(kDeliverBurst, room);
    for (const std::byte* next = at; count < most && next < end; next += kRecordSlotBytes) {
      const auto record = load_record<MessageRecord>(next);
      if (record.kind != first.kind || record.priority != first.priority || record.flags != 0 ||
          record.type != first.type ||
          record.sequence != static_cast<std::uint32_t>(stream.expected + count)) {
        break;
      }
      burst_[count++] = {payload + bytes, record.length};
      bytes += record.length;
    }
  }
  std::size_t done = 0;
  if (count > 1) {
    done = sink_.on_messages({config_.peer, MessageType{first.type}, Priority{first.priority},
                              std::span(burst_).first(count)});
    RR_CHECK(done <= count);
    std::uint64_t taken = 0;
    for (std::size_t i = 0; i < done; ++i) taken += burst_[i].size();
    statistics_.messages_received += done;
    statistics_.payload_bytes_received += taken;
    if (done > 0) {
      consume(first.priority, stream, static_cast<std::uint32_t>(done), taken, false);
      payload += taken;
    }
    if (done == count) return done;
  }
  // The one that has to be looked at by itself, those behind it may go together again; or all of
  // them, when not even the first was taken.
  const std::size_t singles = done == 0 && count > 0 ? count : 1;
  for (std::size_t i = 0; i < singles; ++i) {
    const auto record = load_record<MessageRecord>(at + (done + i) * kRecordSlotBytes);
    on_message_record(record, payload, in);
    payload += record.length;
  }
  return done + singles;
}

// Message `expected` cannot be taken by its endpoint now.
void Link::Impl::on_busy(std::uint8_t priority, const MessageRecord& record,
                         const std::byte* payload, Incoming& in) {
  ReceiveStream& stream = receive_[priority];
  const std::uint64_t sequence = stream.expected;
  on_early_message(stream, sequence, record, payload, in, true);
  note_stalled(priority, stream.has_slot(sequence));
}

void Link::Impl::note_stalled(std::uint8_t priority, bool is_stalled) {
  const auto bit = static_cast<std::uint8_t>(1u << priority);
  waiting_mask_ = static_cast<std::uint8_t>((waiting_mask_ & ~bit) | (is_stalled ? bit : 0));
}

void Link::Impl::on_message_record(const MessageRecord& record, const std::byte* payload,
                                   Incoming& in) {
  ReceiveStream& stream = receive_[record.priority];
  const std::uint64_t sequence = widen(record.sequence, stream.expected);
  if (sequence != stream.expected || stream.has_slot(sequence) || record.flags != 0 ||
      sequence >= stream.message_limit) [[unlikely]] {
    on_early_message(stream, sequence, record, payload, in);
    return;
  }
  const std::span<const std::byte> piece{payload, record.length};
  const DeliverResult result = deliver(record.priority, record.type, record.length, {&piece, 1});
  if (result == DeliverResult::kBusy) [[unlikely]] {
    on_busy(record.priority, record, payload, in);
    return;
  }
  consume(record.priority, stream, 1, record.length, result == DeliverResult::kNoReceiver);
  if (stream.has_slots()) [[unlikely]]
    drain(record.priority, stream);
}

// A message that cannot be delivered from its frame right now: old, early, cancelled, or stalled.
void Link::Impl::on_early_message(ReceiveStream& stream, std::uint64_t sequence,
                                  const MessageRecord& record, const std::byte* payload,
                                  Incoming& in, bool is_busy) {
  const bool is_next = sequence == stream.expected;
  const bool is_cancelled = record.flags != 0;
  if (static_cast<std::int64_t>(sequence - stream.expected) < 0) {
    ++statistics_.duplicate_messages;
    return;
  }
  if (sequence >= stream.message_limit) {
    ++statistics_.beyond_window;
    in.is_refused = true;
    return;
  }
  if (stream.has_slot(sequence)) {
    // Only fragments that will never be whole give way.
    if (!is_cancelled || stream.is_complete(sequence)) {
      ++statistics_.duplicate_messages;
      return;
    }
    release_slot(stream, sequence);
  }
  if (is_cancelled && is_next) {
    consume(record.priority, stream, 1, record.type, true);
    drain(record.priority, stream);
    return;
  }
  std::uint32_t frame = HeldFrames::kNone;
  if (!is_cancelled) {
    frame = hold(in, record.priority, is_next, is_busy);
    if (frame == HeldFrames::kNone) return;
  }
  ReceiveSlot& slot = stream.make_slot(sequence);
  slot.state = is_cancelled ? SlotState::kCancelled : SlotState::kWhole;
  slot.frame = frame;
  slot.data = payload;
  slot.type = record.type;
  slot.length = is_cancelled ? record.type : record.length;
}

void Link::Impl::on_fragment_record(const FragmentRecord& record, const std::byte* payload,
                                    Incoming& in) {
  const std::uint8_t priority = record.message.priority;
  ReceiveStream& stream = receive_[priority];
  const std::uint64_t sequence = widen(record.message.sequence, stream.expected);
  const bool is_old = static_cast<std::int64_t>(sequence - stream.expected) < 0;
  if (is_old || (stream.has_slot(sequence) && stream.is_complete(sequence))) {
    ++statistics_.duplicate_messages;
    return;
  }
  if (sequence >= stream.message_limit) {
    ++statistics_.beyond_window;
    in.is_refused = true;
    return;
  }
  PieceList fresh;
  const bool has_slot = stream.has_slot(sequence);
  if (has_slot && (stream.slot(sequence).type != record.message.type ||
                   stream.slot(sequence).length != record.message.length)) {
    ++statistics_.fragments_refused;
    return;
  }
  std::uint32_t before = PieceList::kEnd;
  switch (pieces_.find(has_slot ? stream.slot(sequence).pieces : fresh, record.offset,
                       record.length, before)) {
    case PieceResult::kDuplicate:
      ++statistics_.duplicate_messages;
      return;
    case PieceResult::kOverlap:
      ++statistics_.fragments_refused;
      return;
    case PieceResult::kNoRoom:
      in.is_refused = true;
      return;
    case PieceResult::kInserted:
      break;
  }
  const std::uint32_t frame = hold(in, priority, sequence == stream.expected);
  if (frame == HeldFrames::kNone) return;
  ReceiveSlot& slot = has_slot ? stream.slot(sequence) : stream.make_slot(sequence);
  if (!has_slot) {
    slot.state = SlotState::kPartial;
    slot.type = record.message.type;
    slot.length = record.message.length;
  }
  pieces_.insert(slot.pieces, before, record.offset, record.length, payload, frame);
  if (sequence == stream.expected) drain(priority, stream);
}

// Keeps the frame for one more thing in it; kNone, and the frame refused, when there is no room.
std::uint32_t Link::Impl::hold(Incoming& in, std::uint8_t priority, bool is_next, bool is_busy) {
  if (in.held == HeldFrames::kNone) {
    const bool is_stalled = is_busy || ((waiting_mask_ >> priority) & 1) != 0;
    in.held = held_.hold(in.frame.handle, priority, is_next && in.is_sole, is_stalled);
    if (in.held == HeldFrames::kNone) {
      in.is_refused = true;
      if (is_stalled) stalled_mask_ |= static_cast<std::uint8_t>(1u << priority);
      return HeldFrames::kNone;
    }
  }
  held_.add_reference(in.held);
  return in.held;
}

void Link::Impl::drop_frame(std::uint32_t index) {
  held_.drop(index, [this](std::uintptr_t handle) { sink_.release_frame(handle); });
}

void Link::Impl::release_slot(ReceiveStream& stream, std::uint64_t sequence) {
  ReceiveSlot& slot = stream.slot(sequence);
  if (slot.state == SlotState::kWhole) drop_frame(slot.frame);
  if (slot.state == SlotState::kPartial) {
    pieces_.clear(slot.pieces, [this](std::uint32_t frame) { drop_frame(frame); });
  }
  stream.free_slot(sequence);
}

// Delivers from the slots as long as the next message is there and its endpoint takes it.
std::uint32_t Link::Impl::drain(std::uint8_t priority, ReceiveStream& stream) {
  std::uint32_t taken = 0;
  note_stalled(priority, false);
  while (stream.is_complete(stream.expected)) {
    const std::uint64_t sequence = stream.expected;
    const ReceiveSlot& slot = stream.slot(sequence);
    DeliverResult result = DeliverResult::kNoReceiver;
    if (slot.state == SlotState::kWhole) {
      const std::span<const std::byte> piece{slot.data, slot.length};
      result = deliver(priority, slot.type, slot.length, {&piece, 1});
    } else if (slot.state == SlotState::kPartial) {
      const std::size_t count = pieces_.gather(slot.pieces, gathered_);
      result = deliver(priority, slot.type, slot.length, std::span(gathered_).first(count));
    }
    if (result == DeliverResult::kBusy) {
      note_stalled(priority, true);
      break;
    }
    ++taken;
    const std::uint32_t length = slot.length;
    release_slot(stream, sequence);
    consume(priority, stream, 1, length, result == DeliverResult::kNoReceiver);
  }
  return taken;
}

std::uint32_t Link::Impl::redeliver() {
  std::uint32_t taken = 0;
  for (std::uint8_t p = 0; p < kPriorities; ++p) {
    if (((waiting_mask_ >> p) & 1) != 0) taken += drain(p, receive_[p]);
  }
  flush_outcomes();
  return taken;
}

// The next `count` messages, from `expected` on, have ended. Their outcome joins the run of those
// just before them.
void Link::Impl::consume(std::uint8_t priority, ReceiveStream& stream, std::uint32_t count,
                         std::uint64_t bytes, bool refused) {
  if (ended_.count == 0 || ended_.priority != priority || ended_.refused != refused) {
    flush_outcomes();
    ended_.first = stream.expected;
    ended_.priority = priority;
    ended_.refused = refused;
  }
  ended_.count += count;
  stream.expected += count;
  stream.bytes_consumed += bytes;
  stalled_mask_ &= static_cast<std::uint8_t>(~(1u << priority));
}

void Link::Impl::flush_outcomes() {
  if (ended_.count == 0) return;
  receive_[ended_.priority].add_outcomes(ended_.first, ended_.count, ended_.refused);
  outcome_mask_ |= static_cast<std::uint8_t>(1u << ended_.priority);
  ended_.count = 0;
  update_windows(ended_.priority);
}

void Link::Impl::update_windows(std::uint8_t priority) {
  if (receive_[priority].raise_limits()) {
    window_mask_ |= static_cast<std::uint8_t>(1u << priority);
  }
}

void Link::Impl::on_outcome_record(const OutcomeRecord& record) {
  SendStream& stream = send_[record.priority];
  const std::uint64_t first = widen(record.first, stream.base);
  if (first > stream.next) return;  // Of what was never sent.
  const std::uint64_t end = std::min(first + record.count, stream.next);
  for (std::uint64_t at = std::max(first, stream.base); at < end;) {
    if (stream.is_resolved(at)) {
      ++at;
      continue;
    }
    const auto run = stream.slots(at, std::min(stream.first_resolved(at, end), at + kOutcomeBurst));
    // A copy: the callback may offer, and that may reuse the slots.
    std::size_t told = 0;
    for (const OutboundMessage& message : run) {
      if (!message.cancelled) [[likely]]
        told_[told++] = message;
    }
    stream.resolve(at, at + run.size());
    at += run.size();
    if (told > 0) tell_outcomes(std::span(told_).first(told), static_cast<Outcome>(record.outcome));
  }
  note_progress(record.priority);
  refresh(record.priority);
}

void Link::Impl::on_window_record(const WindowRecord& record) {
  SendStream& stream = send_[record.priority];
  const std::uint64_t limit = widen(record.message_limit, stream.message_limit);
  // Grants only grow; an older one that comes late says nothing.
  if (static_cast<std::int64_t>(limit - stream.message_limit) > 0) {
    stream.message_limit = limit;
    note_progress(record.priority);
  }
  stream.byte_limit = std::max(stream.byte_limit, record.byte_limit);
  refresh(record.priority);
}

void Link::Impl::on_ack_record(const std::byte* record, Nanos now) {
  flush_outcomes();  // Confirming outcomes must not run ahead of noting them.
  PacketRange ranges[kAckRangesMax];
  const std::size_t count = read_ack(record, ranges);
  const std::uint16_t stalled = load_record<AckRecord>(record).stalled;
  for (std::uint8_t p = 0; p < kPriorities; ++p) {
    if (((stalled >> p) & 1) != 0 && !send_[p].is_held_back) hold_back(p, now);
  }
  const std::uint32_t newly =
      sent_.acknowledge(std::span(ranges).first(count), now, round_trip_,
                        [this](const SentPacket& packet) { on_packet_acked(packet); });
  if (newly == 0) return;
  probe_count_ = 0;
  sent_.detect_lost(now, round_trip_, [this](const SentPacket& packet) { on_packet_lost(packet); });
  is_owed_ = sent_.count() > 0;
  statistics_.smoothed_rtt = round_trip_.smoothed();
  statistics_.smallest_rtt = round_trip_.smallest();
  statistics_.round_trip.record(static_cast<std::uint64_t>(round_trip_.latest().count));
}

void Link::Impl::on_packet_acked(const SentPacket& packet) {
  for (std::size_t i = 0; i < packet.outcome_run_count; ++i) {
    const SequenceRun& run = packet.outcome_runs[i];
    receive_[run.priority].confirm_outcomes(run.first, run.count);
    update_windows(run.priority);
  }
  if (packet.has_ack) received_.forget_through(packet.largest_acked);
}

void Link::Impl::on_packet_lost(const SentPacket& packet) {
  ++statistics_.frames_lost;
  send_again(packet);
}

void Link::Impl::send_again(const SentPacket& packet) {
  for (std::size_t i = 0; i < packet.run_count; ++i) {
    const SequenceRun& run = packet.runs[i];
    SendStream& stream = send_[run.priority];
    const std::uint64_t first = run.first;
    if (!run.is_fragment) {
      for (std::uint64_t at = std::max(first, stream.base); at < first + run.count; ++at) {
        stream.mark_lost(at);
      }
    } else if (!stream.is_resolved(first) && !stream.slot(first).cancelled) {
      stream.push_lost_fragment({first, packet.fragment_index});
    }
    refresh(run.priority);
  }
  for (std::size_t i = 0; i < packet.outcome_run_count; ++i) {
    const SequenceRun& run = packet.outcome_runs[i];
    if (receive_[run.priority].repeat_outcomes(run.first, run.count)) {
      outcome_mask_ |= static_cast<std::uint8_t>(1u << run.priority);
    }
  }
  window_mask_ |= packet.windows;
}

}  // namespace ringroad
