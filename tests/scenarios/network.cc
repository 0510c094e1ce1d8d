// The queue's operations. Order is kept by all of them but release(), which is there to change it.
#include "network.h"

#include <algorithm>
#include <utility>

namespace ringroad::scenarios {

bool is_local(const raft::Message& m) {
  return m.from == m.to || m.type == raft::MessageType::kStorageAppendResponse ||
         m.type == raft::MessageType::kStorageApplyResponse;
}

bool Network::has_message_to(NodeId node) const {
  return std::ranges::any_of(queue_, [node](const auto& m) { return m.message.to == node; });
}

std::vector<HeldMessage> Network::take(const Selection& meant, bool local) {
  std::vector<HeldMessage> taken, rest;
  std::size_t matching = 0;
  for (HeldMessage& held : queue_) {
    const raft::Message& m = held.message;
    const bool matches = (meant.to == kNoNode || m.to == meant.to) &&
                         (meant.from == kNoNode || m.from == meant.from) &&
                         (!meant.type || m.type == *meant.type) && (local || !is_local(m));
    matching += matches ? 1 : 0;
    const bool is_meant = matches && (meant.nth == 0 || matching == meant.nth);
    (is_meant ? taken : rest).push_back(std::move(held));
  }
  queue_ = std::move(rest);
  return taken;
}

void Network::forget_local(NodeId node) {
  std::erase_if(queue_, [node](const HeldMessage& held) {
    return is_local(held.message) && held.message.to == node;
  });
}

void Network::duplicate(const std::vector<HeldMessage>& messages) {
  for (int copy = 0; copy < 2; ++copy) std::ranges::copy(messages, std::back_inserter(queue_));
}

void Network::hold_back(std::vector<HeldMessage> messages) {
  std::ranges::move(messages, std::back_inserter(held_back_));
}

std::vector<HeldMessage> Network::release(NodeId to) {
  std::vector<HeldMessage> released, rest;
  for (HeldMessage& held : held_back_) {
    (to == kNoNode || held.message.to == to ? released : rest).push_back(std::move(held));
  }
  held_back_ = std::move(rest);
  std::ranges::copy(released, std::back_inserter(queue_));
  return released;
}

}  // namespace ringroad::scenarios
