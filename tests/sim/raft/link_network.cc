// Messages over real links (dataplane/core/link.h) on simulated wires: what consensus will travel
// by. Faults hit frames, not messages: links repeat what is lost, and messages end when a link
// dies. A node that stops loses its links; its peers notice by silence, or by its next hello.
//
// Links call back while they work, and what they deliver makes nodes send: so deliveries and
// outcomes are passed on as events of their own, at the same moment.
#include <map>
#include <utility>

#include "consensus/core/message.h"
#include "dataplane/core/link.h"
#include "dataplane/kernels/crc32c.h"
#include "tests/sim/link/simulated_path.h"
#include "tests/sim/raft/network.h"

namespace ringroad::raft::sim {

namespace {

using ::ringroad::sim::Buffer;
using ::ringroad::sim::SimulatedPath;

constexpr std::uint64_t kBitsPerSecond = 10'000'000'000;
constexpr Nanos kAskAgain{100};

LinkConfig link_config(NodeId self, NodeId peer) {
  LinkConfig config;
  config.self = self;
  config.peer = peer;
  config.queue_messages_max = 128;
  config.window_messages = 128;
  config.window_bytes = 256 * 1024;
  config.held_frames_max = 256;  // an eighth of it makes up one message: 45 KB
  config.flight_frames_max = 128;
  config.hello_interval = milliseconds(5);
  config.keepalive_interval = milliseconds(60);
  config.dead_after = milliseconds(300);
  config.probe_timeout_min = milliseconds(2);
  return config;
}

class LinkNetwork;

// One end of a link, with what it was given to keep.
class End final : public LinkSink {
 public:
  End(LinkNetwork& network, NodeId self, NodeId peer, std::uint64_t seed, Nanos now);
  ~End();

  void offer(Bytes message);
  void on_frame(std::unique_ptr<Buffer> frame, Nanos now);
  Link& link() { return *link_; }

  DeliverResult on_message(const InboundMessage& message) override;
  void on_outcome(const OutboundMessage& message, Outcome outcome) override;
  void release_frame(std::uintptr_t handle) override;
  void on_link_state(NodeId, LinkState) override {}
  std::uint32_t crc32c(std::span<const std::byte> bytes) override {
    return ::ringroad::crc32c(bytes);
  }

  Nanos pump_at = kNever;

 private:
  LinkNetwork& network_;
  NodeId self_, peer_;
  std::uint64_t last_token_ = 0;
  std::uintptr_t last_handle_ = 0;
  std::map<std::uint64_t, Bytes> outgoing_;
  std::map<std::uintptr_t, std::unique_ptr<Buffer>> held_;
  std::unique_ptr<Link> link_;
};

class LinkNetwork final : public Network {
 public:
  LinkNetwork(Scheduler& scheduler, Prng prng, WireTiming timing, Hooks hooks, Tally& tally)
      : Network(std::move(hooks), tally), scheduler_(scheduler), prng_(prng), timing_(timing) {}

  void send(NodeId from, NodeId to, Bytes message) override {
    end(from, to).offer(std::move(message));
    pump(from, to);
  }
  void start(NodeId node) override { running_.insert(node); }
  void stop(NodeId node) override {
    running_.erase(node);
    for (auto& other : ends_[node.value]) other.reset();
  }
  void set_faults(const WireFaults& faults) override {
    faults_ = faults;
    for (auto& from : paths_) {
      for (auto& path : from) {
        if (path) set_faults(*path);
      }
    }
  }

  void deliver(NodeId from, NodeId to, Bytes message) {
    scheduler_.at(scheduler_.now(), [this, from, to, message = std::move(message)] {
      if (running_.contains(to)) hooks_.on_message(from, to, message);
    });
  }
  void tell_unreachable(NodeId from, NodeId to, bool was_snapshot) {
    scheduler_.at(scheduler_.now(), [this, from, to, was_snapshot] {
      if (running_.contains(from)) hooks_.on_unreachable(from, to, was_snapshot);
    });
  }
  SimulatedPath& path(NodeId from, NodeId to) {
    auto& place = paths_[from.value][to.value];
    if (!place) {
      const auto span =
          static_cast<std::uint64_t>((timing_.latency_max - timing_.latency_min).count);
      const Nanos latency =
          timing_.latency_min + Nanos{static_cast<std::int64_t>(prng_.below(span + 1))};
      place = std::make_unique<SimulatedPath>(prng_.fork(), latency, kBitsPerSecond);
      set_faults(*place);
    }
    return *place;
  }

 private:
  End& end(NodeId self, NodeId peer) {
    auto& place = ends_[self.value][peer.value];
    if (!place) {
      place = std::make_unique<End>(*this, self, peer, prng_.next(), scheduler_.now());
    }
    return *place;
  }
  void set_faults(SimulatedPath& path) const {
    path.faults.loss_ppm = faults_.loss_ppm;
    path.faults.duplicate_ppm = faults_.duplicate_ppm;
    path.faults.reorder_ppm = faults_.reorder_ppm;
    path.faults.reorder_delay_max = faults_.reorder_delay_max;
  }

  void count(SimulatedPath::Fate fate) {
    if (fate.is_lost) tally_.add(Fault::kLost);
    if (fate.is_duplicated) tally_.add(Fault::kDuplicated);
    if (fate.is_reordered) tally_.add(Fault::kReordered);
  }

  // Hands the end's frames to the wire, and comes back when there may be more.
  void pump(NodeId self, NodeId peer) {
    End& sender = end(self, peer);
    Link& link = sender.link();
    SimulatedPath& wire = path(self, peer);
    const Nanos now = scheduler_.now();
    if (now >= link.next_deadline()) link.on_time(now);
    while (wire.has_room(now)) {
      auto buffer = wire.take_buffer(link.config().frame_bytes_max);
      buffer->size = link.poll_frame(now, buffer->bytes);
      if (buffer->size == 0) {
        wire.give_back(std::move(buffer));
        break;
      }
      const Nanos before = wire.next_arrival();
      count(wire.send(std::move(buffer), now));
      if (wire.next_arrival() < before) expect_arrival(self, peer, wire.next_arrival());
    }
    Nanos next = link.next_deadline();
    if (link.has_work()) next = std::min(next, std::max(wire.room_time(), now + kAskAgain));
    if (next == kNever || sender.pump_at <= next) return;
    sender.pump_at = std::max(next, now + kAskAgain);
    scheduler_.at(sender.pump_at, [this, self, peer, at = sender.pump_at] {
      const auto& place = ends_[self.value][peer.value];
      if (!place || place->pump_at != at) return;
      place->pump_at = kNever;
      pump(self, peer);
    });
  }

  void expect_arrival(NodeId from, NodeId to, Nanos at) {
    scheduler_.at(at, [this, from, to] {
      SimulatedPath& wire = path(from, to);
      bool any = false;
      while (wire.next_arrival() <= scheduler_.now()) {
        auto frame = wire.arrive();
        if (!running_.contains(to) || is_cut(from, to)) {
          wire.give_back(std::move(frame));
          continue;
        }
        end(to, from).on_frame(std::move(frame), scheduler_.now());
        any = true;
      }
      if (wire.next_arrival() != kNever) expect_arrival(from, to, wire.next_arrival());
      if (any) pump(to, from);
    });
  }

  Scheduler& scheduler_;
  Prng prng_;
  WireTiming timing_;
  WireFaults faults_;
  NodeSet running_;
  // Before the ends, which give frames back as they go.
  std::array<std::array<std::unique_ptr<SimulatedPath>, kNodesMax + 1>, kNodesMax + 1> paths_;
  std::array<std::array<std::unique_ptr<End>, kNodesMax + 1>, kNodesMax + 1> ends_;
};

End::End(LinkNetwork& network, NodeId self, NodeId peer, std::uint64_t seed, Nanos now)
    : network_(network), self_(self), peer_(peer) {
  link_ = std::make_unique<Link>(link_config(self, peer), *this, Prng{seed}, now);
}

End::~End() { link_.reset(); }

void End::offer(Bytes message) {
  OutboundMessage out{};
  out.to = peer_;
  out.priority = Priority{0};
  out.token = ++last_token_;
  out.length = static_cast<std::uint32_t>(message.size());
  out.payload = message.data();
  const bool is_snapshot = message[1] == static_cast<std::byte>(raft::MessageType::kSnapshot);
  const auto [kept, is_new] = outgoing_.emplace(out.token, std::move(message));
  if (link_->offer(out) == SendResult::kAccepted) return;
  outgoing_.erase(kept);
  network_.tell_unreachable(self_, peer_, is_snapshot);
}

void End::on_frame(std::unique_ptr<Buffer> frame, Nanos now) {
  const std::uintptr_t handle = ++last_handle_;
  const std::span<const std::byte> bytes{frame->bytes.data(), frame->size};
  held_.emplace(handle, std::move(frame));
  FrameError error{};
  if (link_->on_frame({bytes, handle}, now, error) == FrameDisposition::kDone)
    release_frame(handle);
}

DeliverResult End::on_message(const InboundMessage& message) {
  Bytes whole(message.length);
  message.copy_to(whole.data());
  network_.deliver(peer_, self_, std::move(whole));
  return DeliverResult::kDelivered;
}

void End::on_outcome(const OutboundMessage& message, Outcome outcome) {
  const auto found = outgoing_.find(message.token);
  const bool is_snapshot = found->second[1] == static_cast<std::byte>(raft::MessageType::kSnapshot);
  outgoing_.erase(found);
  if (outcome != Outcome::kDelivered) network_.tell_unreachable(self_, peer_, is_snapshot);
}

void End::release_frame(std::uintptr_t handle) {
  const auto found = held_.find(handle);
  network_.path(peer_, self_).give_back(std::move(found->second));
  held_.erase(found);
}

}  // namespace

std::unique_ptr<Network> make_link_network(Scheduler& scheduler, Prng prng, WireTiming timing,
                                           Network::Hooks hooks, Tally& tally) {
  return std::make_unique<LinkNetwork>(scheduler, prng, timing, std::move(hooks), tally);
}

}  // namespace ringroad::raft::sim
