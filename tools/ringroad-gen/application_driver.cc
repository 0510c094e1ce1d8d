#include "tools/ringroad-gen/application_driver.h"

#include <algorithm>
#include <array>
#include <span>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/clock.h"
#include "dataplane/host/spin.h"

namespace ringroad::gen {
namespace {

absl::Status status_of(dist_net_error_t error) {
  const std::string text = dist_net_last_error();  // begins with the error's name
  switch (error) {
    case DIST_NET_SUCCESS:
      return absl::OkStatus();
    case DIST_NET_UNAVAILABLE:
    case DIST_NET_DISCONNECTED:
      return absl::UnavailableError(text);
    case DIST_NET_CONFIGURATION:
    case DIST_NET_INVALID_ARGUMENT:
      return absl::InvalidArgumentError(text);
    case DIST_NET_TYPE_TAKEN:
      return absl::AlreadyExistsError(text);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace

// What the role has sent and the node has not taken yet, a short queue for each (node, priority),
// so that a peer without room holds up nobody else.
class ApplicationDriver::Outbox final : public Sender {
 public:
  static constexpr std::size_t kQueueMax = 64;

  Outbox(dist_net_context_t* context, const NodeFacts& facts, TrafficRole& role)
      : context_(context), facts_(facts), role_(role), queues_(kNodesMax * kPriorities) {}

  SendResult send(const OutboundMessage& m) override {
    if (m.length > facts_.message_bytes_max) return SendResult::kTooLarge;
    if (m.to.value == 0 || m.to.value > kNodesMax) return SendResult::kNoSuchNode;
    auto& queue = queues_[(m.to.value - 1U) * kPriorities + (m.priority.value & 7U)];
    if (queue.size() >= kQueueMax) return SendResult::kQueueFull;
    if (queue.empty()) {
      queue.reserve(kQueueMax);  // the first time only
      waiting_.push_back(&queue);
    }
    queue.push_back({.node = m.to.value,
                     .type = m.type.value,
                     .priority = m.priority.value,
                     .flags = DIST_NET_WANT_OUTCOME,
                     .token = m.token,
                     .payload = m.payload,
                     .size = m.length,
                     .accepted = 0});
    return SendResult::kAccepted;
  }

  NodeId self() const override { return facts_.self; }
  std::span<const NodeId> peers() const override { return facts_.peers; }
  bool is_connected(NodeId peer) const override {
    return dist_net_is_connected(context_, peer.value);
  }
  Backpressure backpressure(NodeId, Priority) const override { return Backpressure::kNone; }

  // Hands over what the node has room for. An error only when it is gone.
  absl::StatusOr<std::uint32_t> flush() {
    std::uint32_t sent = 0;
    for (auto* queue : waiting_) {
      const auto count = static_cast<std::uint32_t>(queue->size());
      const std::uint32_t accepted = dist_net_send(context_, queue->data(), count);
      const auto error = accepted < count ? dist_net_error_details().error : DIST_NET_SUCCESS;
      std::uint32_t gone = accepted;
      if (error == DIST_NET_DISCONNECTED) return status_of(error);
      if (error != DIST_NET_SUCCESS && error != DIST_NET_WOULD_BLOCK &&
          error != DIST_NET_NOT_CONNECTED) {
        // Never to be sent: the node said no to this one, not to now.
        const dist_net_outgoing_t& refused = (*queue)[accepted];
        role_.on_outcome(NodeId{static_cast<std::uint16_t>(refused.node)}, refused.token,
                         Outcome::kNotSent);
        ++gone;
      }
      queue->erase(queue->begin(), queue->begin() + gone);
      sent += gone;
    }
    std::erase_if(waiting_, [](const auto* queue) { return queue->empty(); });
    return sent;
  }

  bool empty() const { return waiting_.empty(); }

 private:
  dist_net_context_t* context_;
  const NodeFacts& facts_;
  TrafficRole& role_;
  std::vector<std::vector<dist_net_outgoing_t>> queues_;
  std::vector<std::vector<dist_net_outgoing_t>*> waiting_;  // not empty
};

ApplicationDriver::ApplicationDriver(dist_net_context_t* context)
    : context_(context), outcomes_(kBurst) {
  received_.reserve(kBurst);
}

ApplicationDriver::~ApplicationDriver() { dist_net_close(context_); }

absl::StatusOr<std::unique_ptr<ApplicationDriver>> ApplicationDriver::attach(
    const std::string& config_file, const std::string& socket, NodeId node, std::uint32_t spin_us) {
  const dist_net_options_t options{
      .config_file = config_file.empty() ? nullptr : config_file.c_str(),
      .socket = socket.empty() ? nullptr : socket.c_str(),
      .name = nullptr,
      .node_id = node.value,
      .flags = 0};
  dist_net_context_t* context = nullptr;
  if (const auto error = dist_net_open(&options, &context); error != DIST_NET_SUCCESS) {
    return status_of(error);
  }
  std::unique_ptr<ApplicationDriver> driver{new ApplicationDriver(context)};
  dist_net_node_info_t info;
  if (const auto error = dist_net_get_node_info(context, &info); error != DIST_NET_SUCCESS) {
    return status_of(error);
  }
  driver->facts_.self = NodeId{static_cast<std::uint16_t>(info.node_id)};
  driver->facts_.message_bytes_max = info.message_bytes_max;
  for (std::uint32_t i = 0; i < info.peer_count; ++i) {
    driver->facts_.peers.emplace_back(static_cast<std::uint16_t>(info.peers[i]));
  }
  driver->spin_us_ = spin_us;
  dist_net_set_spin(context, spin_us);
  return driver;
}

absl::Status ApplicationDriver::bind(const TrafficRole& role) {
  for (const TrafficRole::Binding& binding : role.bindings()) {
    const auto mode = binding.shared ? DIST_NET_BIND_SHARED : DIST_NET_BIND_EXCLUSIVE;
    const auto error = dist_net_bind(context_, binding.type.value, mode);
    if (error == DIST_NET_TYPE_TAKEN) {
      return absl::AlreadyExistsError(
          absl::StrCat("--type: another program on node ", facts_.self.value, " receives type ",
                       binding.type.value, "; stop it, or give both ends another --type"));
    }
    if (error != DIST_NET_SUCCESS) return status_of(error);
  }
  return absl::OkStatus();
}

absl::Status ApplicationDriver::run(TrafficRole& role) {
  if (auto status = bind(role); !status.ok()) return status;
  Outbox outbox{context_, facts_, role};
  while (!role.done() && !stop_.load(std::memory_order_relaxed)) {
    const Nanos now = monotonic_now();
    const auto received = receive(role);
    if (!received.ok()) return received.status();
    const auto resolved = collect_outcomes(role);
    if (!resolved.ok()) return resolved.status();
    const std::uint32_t polled = role.poll(now, outbox);
    const auto sent = outbox.flush();
    if (!sent.ok()) return sent.status();
    role.publish();
    if (*received + *resolved + polled + *sent == 0) {
      if (auto status = wait(role); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint32_t> ApplicationDriver::receive(TrafficRole& role) {
  if (received_from_ == received_.size()) {
    received_.resize(kBurst);
    received_from_ = 0;
    const std::int32_t count = dist_net_receive(context_, received_.data(), kBurst);
    received_.resize(static_cast<std::size_t>(std::max(count, 0)));
    if (count < 0) return status_of(static_cast<dist_net_error_t>(count));
  }
  const std::size_t first = received_from_;
  for (; received_from_ < received_.size(); ++received_from_) {
    const dist_net_message_t& m = received_[received_from_];
    const std::span<const std::byte> payload{static_cast<const std::byte*>(m.payload), m.size};
    const InboundMessage message{.from = NodeId{static_cast<std::uint16_t>(m.from)},
                                 .type = MessageType{m.type},
                                 .priority = Priority{static_cast<std::uint8_t>(m.priority)},
                                 .length = static_cast<std::uint32_t>(m.size),
                                 .pieces = {&payload, 1}};
    if (role.on_message(message) == DeliverResult::kBusy) break;
  }
  const auto handled = static_cast<std::uint32_t>(received_from_ - first);
  if (handled > 0) dist_net_release(context_, received_.data() + first, handled);
  return handled;
}

absl::StatusOr<std::uint32_t> ApplicationDriver::collect_outcomes(TrafficRole& role) {
  const std::int32_t count = dist_net_poll_outcomes(context_, outcomes_.data(), kBurst);
  if (count < 0) return status_of(static_cast<dist_net_error_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    const auto& report = outcomes_[static_cast<std::size_t>(i)];
    role.on_outcome(NodeId{static_cast<std::uint16_t>(report.node)}, report.token,
                    static_cast<Outcome>(report.outcome));
  }
  return static_cast<std::uint32_t>(count);
}

absl::Status ApplicationDriver::wait(const TrafficRole& role) {
  const Nanos gap = role.next_deadline() - monotonic_now();
  // A sleep shorter than its own cost would only make the next message late.
  if (gap < microseconds(spin_us_)) {
    host::spin_on(std::thread::hardware_concurrency()).pause();
    return absl::OkStatus();
  }
  const std::int64_t wait_us = std::min<std::int64_t>(gap.count / 1'000, 20'000);
  const auto error = dist_net_wait(context_, wait_us);
  return error == DIST_NET_TIMEOUT ? absl::OkStatus() : status_of(error);
}

}  // namespace ringroad::gen
