// What the control process tells the node to do. Each command is answered: at once, with the
// message it sends, or when a peer has come or gone. Runs on the io lcore, which allocates nothing:
// links are made and destroyed elsewhere (peer_changes.h). What is out of range changes nothing.
#include <algorithm>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"
#include "dataplane/control_endpoint.h"
#include "dataplane/io_loop.h"

namespace ringroad {
namespace {

using host::ControlCommand;
using host::ControlCommandKind;
using host::ControlResult;

// How long a removed peer's link may take to say goodbye.
constexpr Nanos kGoodbye = milliseconds(50);
constexpr std::uint64_t kDeadAfterMsMin = 50, kDeadAfterMsMax = 3'600'000;  // as in the schema

// A command's payload as the struct its kind says it is.
template <typename Parameters>
bool read_parameters(const ControlCommand& command, Parameters& out) {
  if (command.length != sizeof out) return false;
  std::memcpy(&out, command.payload, sizeof out);
  return true;
}

}  // namespace

bool ControlEndpoint::may_take() const { return channel_->event_room() > owed_; }

// No command is taken that could not be answered, now or when its message, its peer's coming or its
// peer's going has come to an end.
std::uint32_t ControlEndpoint::take_commands(Nanos now, Sender& sender) {
  ControlCommand command;
  std::uint32_t taken = 0;
  while (taken < kCommandBurst && may_take() && channel_->poll_command(command)) {
    ++owed_;
    ++statistics_.commands;
    apply(command, now, sender);
    ++taken;
  }
  return taken;
}

void ControlEndpoint::apply(const ControlCommand& command, Nanos now, Sender& sender) {
  if (command.kind == ControlCommandKind::kSend || command.kind == ControlCommandKind::kPing) {
    start_message(command, now, sender);
    return;
  }
  ControlResult result = ControlResult::kDone;
  if (command.kind == ControlCommandKind::kAddPeer) {
    result = start_adding(command);
    if (result == ControlResult::kDone) return;  // answered when it has come
  } else if (command.kind == ControlCommandKind::kRemovePeer) {
    result = start_removing(command, now);
    if (result == ControlResult::kDone) return;  // answered when it has gone
  } else {
    result = apply_setting(command, now);
  }
  post_result(command.request, attachment_, NodeId{command.node}, result);
}

ControlResult ControlEndpoint::apply_setting(const ControlCommand& command, Nanos now) {
  switch (command.kind) {
    case ControlCommandKind::kResetLink: {
      Link* link = node_.link(NodeId{command.node});
      if (link == nullptr) return ControlResult::kNoSuchNode;
      if (removals_[command.node].is_under_way) return ControlResult::kBusy;
      link->reset(now);
      return ControlResult::kDone;
    }
    case ControlCommandKind::kSetIdle:
      if (command.value > static_cast<std::uint64_t>(IdlePolicy::kPoll)) break;
      loop_.set_idle(static_cast<IdlePolicy>(command.value));
      on_idle_(static_cast<IdlePolicy>(command.value));
      return ControlResult::kDone;
    case ControlCommandKind::kSetDeadAfter:
      if (command.value < kDeadAfterMsMin || command.value > kDeadAfterMsMax) break;
      node_.set_dead_after(milliseconds(static_cast<std::int64_t>(command.value)));
      return ControlResult::kDone;
    case ControlCommandKind::kStartCapture: {
      host::CaptureParameters parameters;
      if (!read_parameters(command, parameters) || parameters.snap_bytes == 0 ||
          (parameters.directions & ~(host::kCaptureIn | host::kCaptureOut)) != 0) {
        break;
      }
      if (is_capturing_) return ControlResult::kExists;
      capture_ = parameters;
      is_capturing_ = true;
      node_.set_tap(this);
      return ControlResult::kDone;
    }
    case ControlCommandKind::kStopCapture:
      is_capturing_ = false;
      node_.set_tap(nullptr);
      return ControlResult::kDone;
    default:
      break;
  }
  return ControlResult::kMalformed;
}

// ---- messages ----

void ControlEndpoint::start_message(const ControlCommand& command, Nanos now, Sender& sender) {
  const bool is_ping = command.kind == ControlCommandKind::kPing;
  const NodeId peer{command.node};
  const auto refuse = [&](ControlResult result) {
    post_result(command.request, attachment_, peer, result);
  };
  if (command.length > host::kControlPayloadMax ||
      (!is_ping && command.type < host::kSystemControl)) {
    return refuse(ControlResult::kMalformed);
  }
  Slot* slot = free_slot(0, kSends);
  // One peer that does not answer leaves room for the others.
  if (slot == nullptr || slots_of(peer, 0, kSends) >= kSends / 2) {
    return refuse(ControlResult::kBusy);
  }
  slot->use = is_ping ? Slot::Use::kPing : Slot::Use::kSend;
  slot->is_replied = slot->is_answered = false;
  slot->peer = peer;
  slot->attachment = attachment_;
  slot->request = command.request;
  slot->started = now;
  slot->length = command.length;
  std::byte* payload = slot->payload.data();
  if (is_ping) {
    store_le<std::uint64_t>(payload, token_of(*slot));
    payload += kEchoHeader;
    slot->length += static_cast<std::uint32_t>(kEchoHeader);
    ++pings_waiting_;
  }
  std::memcpy(payload, command.payload, command.length);
  const SendResult result = send(*slot, is_ping ? host::kSystemEchoRequest : command.type, sender);
  if (result == SendResult::kAccepted) return;
  if (is_ping) {
    slot->is_answered = true;
    --pings_waiting_;
  }
  release(*slot);
  refuse(result == SendResult::kNoSuchNode     ? ControlResult::kNoSuchNode
         : result == SendResult::kNotConnected ? ControlResult::kNotConnected
                                               : ControlResult::kBusy);
}

// ---- peers ----

ControlResult ControlEndpoint::start_adding(const ControlCommand& command) {
  host::PeerParameters parameters;
  const bool is_sane = read_parameters(command, parameters) && parameters.port != 0 &&
                       command.node >= 1 && command.node <= kNodesMax;
  if (!is_sane) return ControlResult::kMalformed;
  const NodeId peer{command.node};
  if (peer == node_.sender().self() || node_.link(peer) != nullptr) return ControlResult::kExists;
  const PeerRequest request{.peer = peer,
                            .address = Ipv4Address{parameters.address},
                            .port = parameters.port,
                            .request = command.request,
                            .attachment = attachment_};
  return changes_.ask(request) ? ControlResult::kDone : ControlResult::kBusy;
}

std::uint32_t ControlEndpoint::finish_adding() {
  PeerReady ready;
  std::uint32_t count = 0;
  for (; changes_.may_tell() && changes_.take(ready); ++count) {
    const PeerRequest asked = ready.asked;
    ControlResult result = ControlResult::kNoRoom;
    if (ready.draft.link != nullptr) {
      result = ControlResult::kExists;
      PeerChanged changed{.peer = asked.peer, .is_added = true, .retired = nullptr};
      if (node_.link(asked.peer) == nullptr) {
        RR_CHECK(node_.add_peer(std::move(ready.draft)));
        result = ControlResult::kDone;
      } else {
        changed.retired = std::move(ready.draft.link);  // a second one: the slow thread's again
      }
      changes_.tell(std::move(changed));
    }
    post_result(asked.request, asked.attachment, asked.peer, result);
  }
  return count;
}

ControlResult ControlEndpoint::start_removing(const ControlCommand& command, Nanos now) {
  const NodeId peer{command.node};
  Link* link = node_.link(peer);
  if (link == nullptr) return ControlResult::kNoSuchNode;
  Removal& removal = removals_[peer.value];
  if (removal.is_under_way) return ControlResult::kBusy;
  removal = {.is_under_way = true,
             .request = command.request,
             .attachment = attachment_,
             .deadline = now + kGoodbye};
  ++removals_under_way_;
  link->close(now);
  return ControlResult::kDone;
}

std::uint32_t ControlEndpoint::finish_removing(Nanos now) {
  std::uint32_t removed = 0;
  for (std::uint16_t node = 1; node <= kNodesMax; ++node) {
    Removal& removal = removals_[node];
    const NodeId peer{node};
    const bool is_over =
        removal.is_under_way && (!node_.link(peer)->has_work() || now >= removal.deadline);
    if (!is_over || !changes_.may_tell()) continue;
    changes_.tell({.peer = peer, .is_added = false, .retired = node_.remove_peer(peer)});
    removal.is_under_way = false;
    --removals_under_way_;
    ++removed;
    post_result(removal.request, removal.attachment, peer, ControlResult::kDone);
  }
  return removed;
}

}  // namespace ringroad
