#include "consensus/lcore/consensus_endpoint.h"

#include <algorithm>

#include "dataplane/base/check.h"
#include "dataplane/host/registry_protocol.h"

namespace ringroad::consensus {

namespace {

constexpr std::uint32_t kBurst = 64;
constexpr Priority kConsensusPriority{0};
constexpr Priority kAnswerPriority{1};

}  // namespace

ConsensusEndpoint::ConsensusEndpoint(Node& node, Parcels& inbound, Parcels& outbound, Sleeper& loop,
                                     Sleeper& io)
    : node_(node), inbound_(inbound), outbound_(outbound), loop_(loop), io_(io) {
  node_.attach_consensus(*this, *this);
}

// ---- in ----

DeliverResult ConsensusEndpoint::take_in(Parcel::Kind kind, std::uint16_t owner,
                                         const InboundMessage& message) {
  Parcel* const parcel = inbound_.take_empty();
  if (parcel == nullptr) {
    ++statistics_.busy;
    return DeliverResult::kBusy;
  }
  parcel->kind = kind;
  parcel->node = message.from;
  parcel->owner = owner;
  parcel->generation = kind == Parcel::Kind::kRequest ? generations_[owner] : 0;
  parcel->length = message.length;
  message.copy_to(parcel->data);
  inbound_.give_full(parcel);
  has_news_ = true;
  return DeliverResult::kDelivered;
}

DeliverResult ConsensusEndpoint::on_message(const InboundMessage& message) {
  if (message.length > inbound_.bytes_each()) {
    ++statistics_.malformed;
    return DeliverResult::kNoReceiver;
  }
  const DeliverResult result = take_in(Parcel::Kind::kPeerMessage, 0, message);
  statistics_.peer_messages_in += result == DeliverResult::kDelivered ? 1 : 0;
  return result;
}

DeliverResult ConsensusEndpoint::on_request(std::uint16_t owner, const InboundMessage& message) {
  if (message.length < sizeof(host::RegistryRequestHeader) ||
      message.length > inbound_.bytes_each() || owner >= kApplicationsMax) {
    ++statistics_.malformed;
    return DeliverResult::kNoReceiver;
  }
  const DeliverResult result = take_in(Parcel::Kind::kRequest, owner, message);
  statistics_.requests += result == DeliverResult::kDelivered ? 1 : 0;
  return result;
}

void ConsensusEndpoint::on_detached(std::uint16_t owner) { ++generations_[owner]; }

// ---- out ----

std::uint32_t ConsensusEndpoint::poll(Nanos /*now*/, Sender& sender) {
  std::uint32_t work = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < waiting_count_; ++i) {
    if (!answer(waiting_[i])) waiting_[kept++] = waiting_[i];
  }
  work += static_cast<std::uint32_t>(waiting_count_ - kept);
  waiting_count_ = kept;
  for (std::uint32_t i = 0; i < kBurst; ++i) {
    Parcel* const parcel = outbound_.take_full();
    if (parcel == nullptr) break;
    ++work;
    if (parcel->kind == Parcel::Kind::kPeerMessage) {
      send(parcel, sender);
    } else if (!answer(parcel)) {
      if (waiting_count_ == kAnswersWaiting) {
        ++statistics_.answers_dropped;
        give_back(waiting_[0]);
        std::move(waiting_.begin() + 1, waiting_.end(), waiting_.begin());
        --waiting_count_;
      }
      waiting_[waiting_count_++] = parcel;
    }
  }
  return work;
}

void ConsensusEndpoint::send(Parcel* parcel, Sender& sender) {
  const SendResult result = sender.send({.to = parcel->node,
                                         .type = Node::kConsensusMessage,
                                         .priority = kConsensusPriority,
                                         .owner = Node::kConsensusIndex,
                                         .length = parcel->length,
                                         .payload = parcel->data,
                                         .token = reinterpret_cast<std::uintptr_t>(parcel)});
  if (result == SendResult::kAccepted) {
    ++statistics_.peer_messages_out;
    return;
  }
  on_outcome(parcel->node, reinterpret_cast<std::uintptr_t>(parcel), Outcome::kNotSent);
}

void ConsensusEndpoint::on_outcome(NodeId peer, std::uint64_t token, Outcome outcome) {
  if (outcome != Outcome::kDelivered) {
    ++statistics_.not_sent;
    unreachable_.fetch_or(std::uint64_t{1} << (peer.value - 1), std::memory_order_relaxed);
    has_news_ = true;
  }
  give_back(reinterpret_cast<Parcel*>(token));
}

// False: the program has no room for it now.
bool ConsensusEndpoint::answer(Parcel* parcel) {
  DeliverResult result = DeliverResult::kNoReceiver;
  if (generations_[parcel->owner] == parcel->generation) {
    const std::span<const std::byte> payload = parcel->bytes();
    result = node_.answer(parcel->owner, {.from = node_.config().local_node.node_id,
                                          .type = kRegistryReply,
                                          .priority = kAnswerPriority,
                                          .length = parcel->length,
                                          .pieces = {&payload, 1}});
  }
  if (result == DeliverResult::kBusy) return false;
  ++(result == DeliverResult::kDelivered ? statistics_.answers : statistics_.answers_dropped);
  give_back(parcel);
  return true;
}

void ConsensusEndpoint::give_back(Parcel* parcel) { outbound_.give_empty(parcel); }

// ---- sleep ----

void ConsensusEndpoint::publish() {
  if (!has_news_) return;
  has_news_ = false;
  loop_.wake();
}

bool ConsensusEndpoint::arm() {
  io_.fall_asleep();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return !outbound_.has_full();
}

void ConsensusEndpoint::disarm() { io_.wake_up(); }

void ConsensusEndpoint::report(ConsensusCounts& out) {
  // When the loop is stopped amid its words, those before stand: a counter never falls.
  ConsensusCounts counts;
  if (counts_.read(counts)) told_ = counts;
  out = told_;
  out.is_here = true;
  out.messages_received = statistics_.peer_messages_in;
  out.messages_sent = statistics_.peer_messages_out;
  out.not_sent += statistics_.not_sent;
  out.answers_lost += statistics_.answers_dropped;
}

}  // namespace ringroad::consensus
