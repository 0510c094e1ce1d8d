// A link's state and its parts. Private to dataplane/core: link.cc (offers, timers, ends of
// sessions), link_session.cc (who we talk to), link_send.cc (frames out), link_receive.cc (frames
// in). See link.h for the contract.
//
// Timers, all run by on_time():
//   hello       while connecting: hello_interval, doubling to 16 times
//   ack delay   kAckDelay after an outcome arrived alone, unless a frame leaves before
//   loss        SentPackets::loss_time
//   probe       probe timeout after the last frame that asks for an acknowledgement, doubling
//   retry       of a priority whose messages the peer has no room for: SendStream::retry_time
//   keepalive   keepalive_interval of silence: a ping
//   dead        dead_after since the peer began to owe us a sign of life: since we first asked, or
//               since a keepalive was due that the port perhaps never took
//
// The sink's methods may call offer() on this link, and nothing else of it.
#pragma once

#include <array>
#include <bit>
#include <vector>

#include "dataplane/core/frame_codec.h"
#include "dataplane/core/frame_sizes.h"
#include "dataplane/core/held_frames.h"
#include "dataplane/core/link.h"
#include "dataplane/core/reassembly.h"
#include "dataplane/core/receive_stream.h"
#include "dataplane/core/received_packets.h"
#include "dataplane/core/send_stream.h"
#include "dataplane/core/sent_packets.h"

namespace ringroad {

inline constexpr Nanos kAckDelay = microseconds(200);
inline constexpr std::uint32_t kAckDelayFrames = 32;
inline constexpr std::size_t kDeliverBurst = 32;  // messages handed over together
inline constexpr std::size_t kOutcomeBurst = 64;  // messages whose outcome is told together
inline constexpr Nanos kRetryDelayMax = milliseconds(20);

struct Link::Impl {
  Impl(const LinkConfig& link_config, LinkSink& link_sink, Prng link_prng, Nanos now);
  ~Impl();

  // link.cc
  SendResult offer(const OutboundMessage& message);
  std::uint32_t offer_burst(std::span<const OutboundMessage> messages, SendResult& refusal);
  void on_time(Nanos now);
  Nanos next_deadline() const;
  void forget_owner(std::uint16_t owner);
  void close(Nanos now);
  void reset(Nanos now);
  Backpressure backpressure(std::uint8_t priority) const;
  bool has_work() const;
  Nanos probe_deadline() const;
  void send_probe();
  void expect_word(Nanos now);  // the peer owes us a sign of life
  void end_session(LinkState next);
  void tell_outcome(const OutboundMessage& message, Outcome outcome);
  void tell_outcomes(std::span<const OutboundMessage> messages, Outcome outcome);
  void refresh(std::uint8_t priority);
  void hold_back(std::uint8_t priority, Nanos now);
  void note_progress(std::uint8_t priority);
  void run_retries(Nanos now);

  // link_session.cc
  SessionId fresh_session();
  void start_connecting(Nanos now);
  void agree_sizes(const HelloRecord& peer);
  void become_up(SessionId own, SessionId peer, Nanos now);
  void switch_session(Nanos now);
  void reply_hello(SessionId own, SessionId peer);
  FrameError on_hello(const FrameHeader& header, const HelloRecord& record, Nanos now);
  bool accepts_session(const FrameHeader& header, Nanos now);
  std::size_t write_hello(std::span<std::byte> out);
  std::size_t write_close(std::span<std::byte> out);
  std::size_t finish_frame(FrameDraft& draft, std::span<std::byte> out, FrameHeader header);

  // link_send.cc
  std::size_t poll_frame(Nanos now, std::span<std::byte> out);
  std::uint32_t sendable() const { return (lost_mask_ | new_mask_) & ~held_back_mask_; }
  void put_ack(FrameDraft& draft, SentPacket& packet);
  void put_windows(FrameDraft& draft, SentPacket& packet);
  void put_outcomes(FrameDraft& draft, SentPacket& packet);
  void put_data(FrameDraft& draft, SentPacket& packet, Nanos now);
  struct Plan;
  bool plan_lost(std::uint8_t priority, Plan& plan);
  bool plan_new(std::uint8_t priority, Plan& plan);
  bool put_fragment(std::uint8_t priority, LostFragment fragment, FrameDraft& draft,
                    SentPacket& packet);
  void write_plan(const Plan& plan, FrameDraft& draft, const SentPacket& packet);

  // link_receive.cc
  struct Incoming;
  FrameDisposition on_frame(const ReceivedFrame& frame, Nanos now, FrameError& error);
  void process_records(const FrameShape& shape, Incoming& in, Nanos now);
  std::size_t on_message_records(const std::byte* at, const std::byte* end,
                                 const std::byte*& payload, Incoming& in);
  void on_busy(std::uint8_t priority, const MessageRecord& record, const std::byte* payload,
               Incoming& in);
  void note_stalled(std::uint8_t priority, bool is_stalled);
  void on_message_record(const MessageRecord& record, const std::byte* payload, Incoming& in);
  void on_early_message(ReceiveStream& stream, std::uint64_t sequence, const MessageRecord& record,
                        const std::byte* payload, Incoming& in, bool is_busy = false);
  void on_fragment_record(const FragmentRecord& record, const std::byte* payload, Incoming& in);
  void on_outcome_record(const OutcomeRecord& record);
  void on_ack_record(const std::byte* record, Nanos now);
  void on_window_record(const WindowRecord& record);
  void on_packet_acked(const SentPacket& packet);
  void on_packet_lost(const SentPacket& packet);
  void send_again(const SentPacket& packet);  // what it held
  void note_asked(const FrameShape& shape, Nanos now);
  std::uint32_t hold(Incoming& in, std::uint8_t priority, bool is_next, bool is_busy = false);
  FrameDisposition settle(Incoming& in);
  DeliverResult deliver(std::uint8_t priority, std::uint32_t type, std::uint32_t length,
                        std::span<const std::span<const std::byte>> pieces);
  void consume(std::uint8_t priority, ReceiveStream& stream, std::uint32_t count,
               std::uint64_t bytes, bool refused);
  std::uint32_t drain(std::uint8_t priority, ReceiveStream& stream);
  void release_slot(ReceiveStream& stream, std::uint64_t sequence);
  void flush_outcomes();
  void update_windows(std::uint8_t priority);
  void drop_frame(std::uint32_t index);
  std::uint32_t redeliver();

  // Fixed by the configuration.
  const LinkConfig config_;
  LinkSink& sink_;
  Prng prng_;
  const FrameLimits frame_limits_;
  Nanos dead_after_;

  // The session.
  LinkState state_ = LinkState::kConnecting;
  SessionId own_session_;
  SessionId peer_session_;  // kUp only
  // Up: the session we would have with a peer that came back. Connecting: only the peer's half.
  SessionId candidate_own_;
  SessionId candidate_peer_;
  HelloRecord candidate_hello_;
  bool hello_due_ = false;
  SessionId reply_source_, reply_destination_;  // a hello to answer with; 0: none
  Nanos hello_interval_;
  Nanos hello_time_;
  // What this session takes; set by become_up() from both ends' limits.
  std::uint32_t frame_bytes_max_ = 0, peer_frame_bytes_max_ = 0;
  std::uint32_t whole_bytes_max_ = 0;  // the largest message that goes as one record
  std::uint32_t fragment_bytes_ = 0;   // payload of every fragment but a message's last
  std::uint32_t message_bytes_max_ = 0;
  bool close_due_ = false;
  std::uint64_t close_number_ = 0;

  // What next_deadline() found, until a frame, a timer or an end of session moves it. Offers don't.
  Nanos deadline_{};
  bool deadline_stale_ = true;

  // Out.
  std::vector<SendStream> send_;
  SentPackets sent_;
  RoundTrip round_trip_;
  std::uint8_t lost_mask_ = 0;       // a bit a priority that has something to send again
  std::uint8_t new_mask_ = 0;        // likewise something new, within its credits
  std::uint8_t held_back_mask_ = 0;  // priorities waiting for their retry_time
  Nanos retry_time_ = kNever;        // the earliest of them
  bool ping_due_ = false;
  std::uint32_t probe_count_ = 0;
  bool is_owed_ = false;  // the peer owes us a sign of life, since:
  Nanos owed_since_;
  Nanos last_received_;

  // In.
  std::vector<ReceiveStream> receive_;
  ReceivedPackets received_;
  HeldFrames held_;
  PiecePool pieces_;
  std::vector<std::span<const std::byte>> gathered_;
  std::array<std::span<const std::byte>, kDeliverBurst> burst_;  // scratch of on_message_records
  std::array<OutboundMessage, kOutcomeBurst> told_;              // scratch of on_outcome_record
  std::uint8_t outcome_mask_ = 0;                                // priorities with outcomes to tell
  std::uint8_t window_mask_ = 0;  // priorities whose grant is to be told
  // Priorities whose next message is whole, and its endpoint was busy.
  std::uint8_t waiting_mask_ = 0;
  // Priorities whose receiver does not read and for which a frame was left: told in acks.
  std::uint8_t stalled_mask_ = 0;
  bool ack_wanted_ = false;  // some frame that asked is not yet acknowledged
  bool ack_due_ = false;     // ... and shall be now
  std::uint32_t ack_delayed_frames_ = 0;
  Nanos ack_time_ = kNever;
  struct {  // outcomes of the messages just delivered, not yet in their stream
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    std::uint8_t priority = 0;
    bool refused = false;
  } ended_;

  LinkStatistics statistics_;
};

}  // namespace ringroad
