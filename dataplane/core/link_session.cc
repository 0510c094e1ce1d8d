// Who we talk to. Each end names every incarnation of its half of a session by a random number; a
// session is up once an end has seen its own number come back beside the peer's:
//
//   A: HELLO(a, 0)  ->              a is new, and knows nothing of B
//                   <-  B: HELLO(b, a)      B has heard a: A is up with (a, b)
//   A: DATA(a, b)   ->              A has heard b: B is up with (b, a)
//
// Anyone may start; hellos on a timer name no destination, each is answered by one frame at most.
// A hello by itself never ends a session: a peer that came back is met with a new number of ours,
// and only a frame that carries that number switches over. So hellos that were delayed, repeated or
// forged change nothing.
#include "dataplane/core/link_impl.h"

namespace ringroad {

SessionId Link::Impl::fresh_session() {
  for (;;) {
    const SessionId session{static_cast<std::uint32_t>(prng_.next())};
    if (session.value != 0 && session != own_session_ && session != candidate_own_) return session;
  }
}

void Link::Impl::start_connecting(Nanos now) {
  state_ = LinkState::kConnecting;
  own_session_ = fresh_session();
  peer_session_ = candidate_own_ = candidate_peer_ = reply_source_ = {};
  close_due_ = false;
  hello_due_ = true;
  hello_time_ = now + config_.hello_interval;
  hello_interval_ = std::min(config_.hello_interval * 2, config_.hello_interval * 16);
}

// Both ends come to the same sizes, so what one sends is cut as the other has reserved room for.
void Link::Impl::agree_sizes(const HelloRecord& peer) {
  peer_frame_bytes_max_ = peer.frame_bytes_max;
  frame_bytes_max_ = std::min(config_.frame_bytes_max, peer.frame_bytes_max);
  whole_bytes_max_ = whole_bytes_max(frame_bytes_max_);
  fragment_bytes_ = fragment_bytes(frame_bytes_max_);
  held_.reserve_for(fragments_of(config_.message_bytes_max, frame_bytes_max_));
  message_bytes_max_ = std::min(config_.message_bytes_max, peer.message_bytes_max);
  message_bytes_max_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      message_bytes_max_, completable_bytes_max(peer.message_fragments_max, frame_bytes_max_)));
}

void Link::Impl::become_up(SessionId own, SessionId peer, Nanos now) {
  own_session_ = own;
  peer_session_ = peer;
  candidate_own_ = candidate_peer_ = {};
  hello_due_ = false;
  state_ = LinkState::kUp;
  agree_sizes(candidate_hello_);
  round_trip_ = RoundTrip(config_.initial_rtt, config_.probe_timeout_min);
  last_received_ = now;
  is_owed_ = false;
  // The first frame tells the peer its credits, which also proves that we heard it.
  for (ReceiveStream& stream : receive_) stream.raise_limits();
  window_mask_ = 0xff;
  ++statistics_.sessions;
  sink_.on_link_state(config_.peer, LinkState::kUp);
}

void Link::Impl::switch_session(Nanos now) {
  const SessionId own = candidate_own_;
  const SessionId peer = candidate_peer_;
  end_session(LinkState::kConnecting);
  sink_.on_link_state(config_.peer, LinkState::kConnecting);
  become_up(own, peer, now);
}

void Link::Impl::reply_hello(SessionId own, SessionId peer) {
  reply_source_ = own;
  reply_destination_ = peer;
}

FrameError Link::Impl::on_hello(const FrameHeader& header, const HelloRecord& record, Nanos now) {
  const SessionId source{header.source_session};
  const SessionId destination{header.destination_session};
  const bool is_first = destination.value == 0;
  if (state_ == LinkState::kClosed) return FrameError::kSession;
  if (state_ == LinkState::kConnecting) {
    if (!is_first && destination != own_session_) return FrameError::kSession;
    candidate_peer_ = source;
    candidate_hello_ = record;
    if (is_first) {
      reply_hello(own_session_, source);
    } else {
      become_up(own_session_, source, now);
    }
    return FrameError::kNone;
  }
  if (source == peer_session_) {
    if (is_first) {
      reply_hello(own_session_, source);
    } else if (destination != own_session_) {
      return FrameError::kSession;
    }
    return FrameError::kNone;
  }
  const bool is_known = candidate_own_.value != 0 && source == candidate_peer_;
  if (is_known && destination == candidate_own_) {
    switch_session(now);
    return FrameError::kNone;
  }
  if (!is_first && destination != own_session_) return FrameError::kSession;
  if (!is_known) {
    candidate_own_ = fresh_session();
    candidate_peer_ = source;
    candidate_hello_ = record;
  }
  reply_hello(candidate_own_, source);
  return FrameError::kNone;
}

bool Link::Impl::accepts_session(const FrameHeader& header, Nanos now) {
  const SessionId source{header.source_session};
  const SessionId destination{header.destination_session};
  if (state_ == LinkState::kUp) {
    if (source == peer_session_ && destination == own_session_) return true;
    if (candidate_own_.value == 0 || source != candidate_peer_ || destination != candidate_own_) {
      return false;
    }
    switch_session(now);
    return true;
  }
  if (state_ != LinkState::kConnecting || source != candidate_peer_ ||
      destination != own_session_) {
    return false;
  }
  become_up(own_session_, source, now);
  return true;
}

std::size_t Link::Impl::finish_frame(FrameDraft& draft, std::span<std::byte> out,
                                     FrameHeader header) {
  header.source_node = config_.self.value;
  header.destination_node = config_.peer.value;
  const std::size_t size = draft.finish(header);
  const std::size_t covered = size - kFrameTrailerBytes;
  store_record(out.data() + covered, sink_.crc32c(out.first(covered)));
  ++statistics_.frames_sent;
  statistics_.frame_bytes_sent += size;
  return size;
}

std::size_t Link::Impl::write_hello(std::span<std::byte> out) {
  FrameHeader header{};
  header.kind = static_cast<std::uint8_t>(FrameKind::kHello);
  if (reply_source_.value != 0) {
    header.source_session = reply_source_.value;
    header.destination_session = reply_destination_.value;
    reply_source_ = {};
  } else {
    header.source_session = own_session_.value;
    hello_due_ = false;
  }
  HelloRecord record;
  record.message_bytes_max = config_.message_bytes_max;
  record.message_fragments_max = held_frames_share(config_.held_frames_max);
  record.frame_bytes_max = config_.frame_bytes_max;
  FrameDraft draft(out.data(), config_.frame_bytes_max);
  draft.add(record);
  return finish_frame(draft, out, header);
}

std::size_t Link::Impl::write_close(std::span<std::byte> out) {
  close_due_ = false;
  FrameHeader header{};
  header.kind = static_cast<std::uint8_t>(FrameKind::kData);
  header.source_session = own_session_.value;
  header.destination_session = peer_session_.value;
  header.packet_number = close_number_;
  FrameDraft draft(out.data(), config_.frame_bytes_max);
  draft.add(CloseRecord{});
  return finish_frame(draft, out, header);
}

}  // namespace ringroad
