// The control process as the io lcore sees it: applies its commands to the node, hands it what its
// peers' control processes say, answers echo requests whether or not it is there, and writes the
// node's counters into the shared segment ten times a second.
//
// Owned by the io lcore; nothing is allocated after construction. The slow thread gives and takes
// the channel by commands (HostCommands), and makes and destroys links of peers that come and go
// (PeerChanges).
//
// Invariant: each command is answered by one event with its request, unless control has gone; an
// answer never reaches another attachment than the one that asked. Invariant: the events' ring has
// room for the answers of all commands taken. A command that would have none stays in its ring, and
// when that is full, control is told at once that it cannot post another.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "dataplane/core/endpoint.h"
#include "dataplane/host/control_channel.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/node.h"
#include "dataplane/peer_changes.h"

namespace ringroad {

class IoLoop;

class ControlEndpoint final : public Endpoint, public PacketTap {
 public:
  // All outlive it. Attaches itself to the node as its system endpoint. `on_idle` is told of each
  // change of the idle policy, on the io lcore.
  ControlEndpoint(Node& node, IoLoop& loop, PeerChanges& changes,
                  std::function<void(IdlePolicy)> on_idle);

  void attach(host::ControlChannel& channel);
  void detach();

  DeliverResult on_message(const InboundMessage& message) override;
  void on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) override;
  std::uint32_t poll(Nanos now, Sender& sender) override;
  void publish() override;
  bool arm() override;
  void disarm() override;
  Nanos next_deadline() const override;

  void on_packet(bool is_outgoing, std::span<const std::byte> bytes, Nanos now) override;

 private:
  // An echo's payload begins with the asker's own number, which comes back unchanged.
  static constexpr std::size_t kEchoHeader = sizeof(std::uint64_t);
  static constexpr std::size_t kBufferBytes = host::kControlPayloadMax + kEchoHeader;
  // What control may have under way, and echo replies of ours that have not arrived. Apart, so that
  // peers that ask much do not keep control from sending.
  static constexpr std::size_t kSends = 128;
  static constexpr std::size_t kReplies = 32;
  static constexpr std::uint32_t kCommandBurst = 16;

  // A message of ours on its way, and what is to be said of it.
  struct Slot {
    enum class Use : std::uint8_t { kFree, kSend, kPing, kReply };
    Use use = Use::kFree;
    bool is_sent = false;      // its payload is the link's until the outcome
    bool is_replied = false;   // kPing: in this pass
    bool is_answered = false;  // kPing: control knows, or does not wait any more
    NodeId peer;
    std::uint32_t generation = 0;
    std::uint32_t attachment = 0;  // of the control process that asked
    std::uint32_t length = 0;
    std::uint64_t request = 0;
    Nanos started;
    std::array<std::byte, kBufferBytes> payload;
  };

  // Whether one more answer would have room.
  bool may_take() const;
  std::uint32_t take_commands(Nanos now, Sender& sender);
  void apply(const host::ControlCommand& command, Nanos now, Sender& sender);
  host::ControlResult apply_setting(const host::ControlCommand& command, Nanos now);
  void start_message(const host::ControlCommand& command, Nanos now, Sender& sender);
  host::ControlResult start_adding(const host::ControlCommand& command);
  host::ControlResult start_removing(const host::ControlCommand& command, Nanos now);
  std::uint32_t finish_adding();
  std::uint32_t finish_removing(Nanos now);
  std::uint32_t send_replies(Sender& sender);
  std::uint32_t finish_pings(Nanos now);
  void answer(Slot& slot, host::ControlResult result, std::uint64_t value = 0);
  SendResult send(Slot& slot, std::uint32_t type, Sender& sender);
  Slot* free_slot(std::size_t first, std::size_t count);
  std::size_t slots_of(NodeId peer, std::size_t first, std::size_t count) const;
  void release(Slot& slot);
  DeliverResult on_echo_request(const InboundMessage& message);
  void on_echo_reply(const InboundMessage& message);
  void finish(const Slot& slot, host::ControlResult result, std::uint64_t value = 0);
  void post_result(std::uint64_t request, std::uint32_t attachment, NodeId node,
                   host::ControlResult result, std::uint64_t value = 0);
  std::uint64_t token_of(const Slot& slot) const;
  Slot* slot_of(std::uint64_t token);

  Node& node_;
  IoLoop& loop_;
  PeerChanges& changes_;
  std::function<void(IdlePolicy)> on_idle_;
  host::ControlChannel* channel_ = nullptr;
  std::uint32_t attachment_ = 0;  // counts them
  std::uint32_t owed_ = 0;        // commands of this attachment, taken and not yet answered
  ControlStatistics statistics_;
  std::array<Slot, kSends + kReplies> slots_;
  std::size_t replies_waiting_ = 0;  // taken in, not yet accepted by their link
  std::size_t pings_waiting_ = 0;    // not yet answered
  std::size_t pings_replied_ = 0;    // of those, to be answered in this pass

  // Peers whose links are saying goodbye.
  struct Removal {
    bool is_under_way = false;
    std::uint64_t request = 0;
    std::uint32_t attachment = 0;
    Nanos deadline;
  };
  std::array<Removal, kNodesMax + 1> removals_{};
  std::size_t removals_under_way_ = 0;

  Nanos now_;
  Nanos report_time_;
  NodeReport report_;
  bool is_capturing_ = false;
  host::CaptureParameters capture_{};
};

}  // namespace ringroad
