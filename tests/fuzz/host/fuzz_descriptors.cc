// Fuzzes what an application can write into the memory it shares with the dataplane: descriptors,
// indices, returns, and any byte of the segment, between passes of the io loop. The input is a list
// of actions, a byte each, with the bytes they need behind them.
//
// Found wrong: a read outside what the sanitizer allows, a payload handed to a link from outside
// the transmit arena or longer than a message may be, an outcome too many, a broken invariant.
#include <sys/eventfd.h>

#include <cstdlib>
#include <cstring>
#include <deque>

#include "dataplane/base/check.h"
#include "dataplane/host/application.h"
#include "dataplane/host/socket.h"

namespace {

using namespace ringroad;
using namespace ringroad::host;

constexpr std::uint32_t kArena = 64 * 1024;
constexpr std::uint32_t kMessageBytesMax = 4'096;

// Takes up to a few messages, checks where they lie, and ends them when told to.
class CheckingSender final : public Sender {
 public:
  SendResult send(const OutboundMessage& message) override {
    if (message.to.value < 1 || message.to.value > 3) return SendResult::kNoSuchNode;
    RR_CHECK(message.length <= kMessageBytesMax);
    RR_CHECK(message.payload >= arena && message.payload + message.length <= arena + kArena);
    RR_CHECK(message.priority.value < kPriorities);
    if (flight.size() >= 16) return SendResult::kQueueFull;
    flight.push_back(message);
    return SendResult::kAccepted;
  }
  std::size_t deliver_local(const InboundBurst& burst) override {
    for (const auto payload : burst.payloads) {
      RR_CHECK(payload.size() <= kMessageBytesMax);
      RR_CHECK(payload.data() >= arena && payload.data() + payload.size() <= arena + kArena);
    }
    RR_CHECK(burst.priority.value >= 1 && burst.priority.value < kPriorities);
    return receiver->on_messages(burst);
  }
  NodeId self() const override { return NodeId{1}; }
  std::span<const NodeId> peers() const override { return peers_; }
  bool is_connected(NodeId) const override { return true; }
  Backpressure backpressure(NodeId, Priority) const override { return Backpressure::kFlight; }

  const std::byte* arena = nullptr;
  Endpoint* receiver = nullptr;
  std::deque<OutboundMessage> flight;

 private:
  std::array<NodeId, 2> peers_{NodeId{2}, NodeId{3}};
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  template <typename T>
  T take() {
    T value{};
    const std::size_t count = std::min(sizeof value, size_);
    std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

struct World {
  World() {
    RR_CHECK(make_bell(bell));
    notice = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    auto segment = SharedSegment::create("ringroad-fuzz", geometry.segment_bytes);
    RR_CHECK(segment.ok() && segment->map().ok());
    data = segment->data();
    sender.arena = data + geometry.transmit_arena;
    const ApplicationConfig config{.index = 0,
                                   .self = NodeId{1},
                                   .peers = {NodeId{2}, NodeId{3}},
                                   .message_bytes_max = kMessageBytesMax,
                                   .quota_percent = 50,
                                   .bell = bell.ringer.get(),
                                   .notice = notice.get()};
    application = std::make_unique<Application>(config, geometry, std::move(*segment));
    sender.receiver = application.get();
  }

  ChannelControl& control() { return *reinterpret_cast<ChannelControl*>(data); }

  void act(Input& input) {
    ApplicationIndices& ours = control().application;
    switch (input.take<std::uint8_t>() % 9) {
      case 0: {  // a descriptor as it comes, and the index that announces it
        auto* ring = reinterpret_cast<TransmitDescriptor*>(data + geometry.transmit_ring);
        ring[tail++ % kTransmitRing] = input.take<TransmitDescriptor>();
        ours.transmit_tail.store(tail);
        break;
      }
      case 1: {  // one that could be right
        auto* ring = reinterpret_cast<TransmitDescriptor*>(data + geometry.transmit_ring);
        TransmitDescriptor descriptor{};
        descriptor.offset = input.take<std::uint16_t>();
        descriptor.length = input.take<std::uint16_t>() % (kMessageBytesMax + 2);
        descriptor.to = input.take<std::uint8_t>() % 5;
        if (descriptor.to == 4) descriptor.to = kToPeers;
        auto* masks = reinterpret_cast<std::uint64_t*>(data + transmit_masks(geometry));
        masks[tail % kTransmitRing] = input.take<std::uint8_t>();
        descriptor.options = static_cast<std::uint8_t>(input.take<std::uint8_t>() % 9 |
                                                       input.take<std::uint8_t>() % 3 << 4);
        descriptor.token = input.take<std::uint8_t>();
        ring[tail++ % kTransmitRing] = descriptor;
        ours.transmit_tail.store(tail);
        break;
      }
      case 2:
        ours.transmit_tail.store(input.take<std::uint32_t>());
        break;
      case 3:
        ours.completion_head.store(control().dataplane.completion_tail.load() +
                                   input.take<std::int8_t>());
        break;
      case 4: {
        auto* ring = reinterpret_cast<std::uint32_t*>(data + geometry.return_ring);
        ring[returns++ % kReceiveSlots] = input.take<std::uint32_t>() & 0x1fff;
        ours.return_tail.store(returns);
        break;
      }
      case 5: {  // any byte of the segment
        const auto at = input.take<std::uint32_t>() % geometry.segment_bytes;
        data[at] = input.take<std::byte>();
        break;
      }
      case 6:
        deliver(input.take<std::uint16_t>() % (kMessageBytesMax + 1));
        break;
      case 7:
        end_one(input.take<std::uint8_t>());
        break;
      case 8:
        pass();
        break;
    }
  }

  void pass() {
    (void)application->poll(Nanos{1}, sender);
    application->publish();
    (void)application->arm();
    application->disarm();
  }

  void deliver(std::uint32_t length) {
    const std::span<const std::byte> piece{payload.data(), length};
    (void)application->on_message({.from = NodeId{2},
                                   .type = MessageType{7},
                                   .priority = Priority{3},
                                   .length = length,
                                   .pieces = {&piece, 1}});
  }

  void end_one(std::uint8_t pick) {
    if (sender.flight.empty()) return;
    const auto at = sender.flight.begin() + pick % static_cast<long>(sender.flight.size());
    const OutboundMessage message = *at;
    sender.flight.erase(at);
    application->on_outcome(message.to, message.token, static_cast<Outcome>(1 + pick % 4));
  }

  ChannelGeometry geometry = channel_geometry(kArena, kMessageBytesMax);
  BellPair bell;
  Descriptor notice;
  std::byte* data = nullptr;
  std::unique_ptr<Application> application;
  CheckingSender sender;
  std::array<std::byte, kMessageBytesMax> payload{};
  std::uint32_t tail = 0, returns = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  Input input{data, size};
  while (!input.empty()) world.act(input);
  for (int i = 0; i < 4; ++i) world.pass();
  while (!world.sender.flight.empty()) world.end_one(0);
  world.pass();
  return 0;
}
