// Two links wired back to back under a clock of the test's own, for tests of single rules; the
// simulator in tests/sim covers everything at once. Frames are copied, queued, and delivered by
// hand, so that a test can look at, drop, repeat or change each one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/core/link.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad::test {

using Frame = std::vector<std::byte>;

inline Frame bytes_of(const std::string& text) {
  const auto span = std::as_bytes(std::span(text));
  return {span.begin(), span.end()};
}

// One end: a link, its sink, and what the sink saw.
class End final : public LinkSink {
 public:
  struct Arrival {
    std::uint8_t priority;
    std::uint32_t type;
    std::string payload;
    std::size_t pieces;
  };

  End(const LinkConfig& config, std::uint64_t seed, Nanos now)
      : link(std::make_unique<Link>(config, *this, Prng{seed}, now)) {}
  ~End() { link.reset(); }

  DeliverResult on_message(const InboundMessage& message) override {
    if (is_busy[message.priority.value]) return DeliverResult::kBusy;
    if (message.type.value >= 1'000) return DeliverResult::kNoReceiver;
    std::string payload(message.length, '\0');
    message.copy_to(reinterpret_cast<std::byte*>(payload.data()));
    arrivals.push_back(
        {message.priority.value, message.type.value, payload, message.pieces.size()});
    return DeliverResult::kDelivered;
  }
  std::size_t on_messages(const InboundBurst& burst) override {
    std::size_t taken = 0;
    for (; taken < std::min(burst.payloads.size(), burst_max); ++taken) {
      const auto& payload = burst.payloads[taken];
      const InboundMessage message{burst.from,
                                   burst.type,
                                   burst.priority,
                                   static_cast<std::uint32_t>(payload.size()),
                                   {&payload, 1}};
      if (is_busy[burst.priority.value] || burst.type.value >= 1'000) break;
      EXPECT_EQ(on_message(message), DeliverResult::kDelivered);
    }
    ++bursts;
    return taken;
  }
  void on_outcome(const OutboundMessage& message, Outcome outcome) override {
    EXPECT_FALSE(outcomes.contains(message.token)) << "a second outcome for " << message.token;
    outcomes[message.token] = outcome;
    if (when_outcome) when_outcome(*this);
  }
  void release_frame(std::uintptr_t handle) override {
    EXPECT_EQ(held.erase(handle), 1u) << "released a frame that was not held";
  }
  void on_link_state(NodeId, LinkState state) override { states.push_back(state); }
  std::uint32_t crc32c(std::span<const std::byte> bytes) override {
    return ringroad::crc32c(bytes);
  }

  // The payload is kept for as long as this end lives.
  SendResult send(const std::string& payload, std::uint8_t priority = 1, std::uint32_t type = 1,
                  std::uint16_t owner = 0) {
    payloads.push_back(bytes_of(payload));
    OutboundMessage message{};
    message.type = MessageType{type};
    message.priority = Priority{priority};
    message.owner = owner;
    message.length = static_cast<std::uint32_t>(payload.size());
    message.payload = payloads.back().data();
    message.token = next_token;
    const SendResult result = link->offer(message);
    if (result == SendResult::kAccepted) ++next_token;
    return result;
  }
  FrameError receive(const Frame& bytes, Nanos now) {
    auto kept = std::make_unique<Frame>(bytes);
    const auto handle = next_handle++;
    const std::span<const std::byte> span(*kept);
    held[handle] = std::move(kept);
    FrameError error{};
    if (link->on_frame({span, handle}, now, error) == FrameDisposition::kDone) held.erase(handle);
    return error;
  }
  std::vector<Frame> poll(Nanos now) {
    std::vector<Frame> frames;
    Frame out(link->config().frame_bytes_max);
    while (const std::size_t size = link->poll_frame(now, out)) {
      frames.emplace_back(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
      if (frames.size() > 100'000) {
        ADD_FAILURE() << "frames without end";
        break;
      }
    }
    return frames;
  }
  std::string received() const {
    std::string all;
    for (const Arrival& arrival : arrivals) all += arrival.payload;
    return all;
  }

  bool is_busy[kPriorities] = {};
  std::size_t burst_max = 1'000;  // messages it takes of a burst
  std::size_t bursts = 0;
  std::vector<Arrival> arrivals;
  std::map<std::uint64_t, Outcome> outcomes;
  std::vector<LinkState> states;
  std::map<std::uintptr_t, std::unique_ptr<Frame>> held;
  std::deque<Frame> payloads;
  void (*when_outcome)(End&) = nullptr;
  std::uint64_t next_token = 0;
  std::uintptr_t next_handle = 1;
  std::unique_ptr<Link> link;
};

struct LinkPair {
  explicit LinkPair(const LinkConfig& config = {}) : LinkPair(config, config) {}
  LinkPair(LinkConfig a_config, LinkConfig b_config) {
    a_config.self = b_config.peer = NodeId{1};
    a_config.peer = b_config.self = NodeId{2};
    a = std::make_unique<End>(a_config, 11, now);
    b = std::make_unique<End>(b_config, 22, now);
  }

  // One exchange: everything each end has to say, delivered after half a round trip.
  void exchange() {
    now = now + microseconds(10);
    a->link->on_time(now);
    b->link->on_time(now);
    const auto to_b = a->poll(now);
    const auto to_a = b->poll(now);
    for (const Frame& frame : to_b) carry(frame, *b);
    for (const Frame& frame : to_a) carry(frame, *a);
  }
  // A node's port has no room for frames longer than its link's: they are gone without a trace.
  void carry(const Frame& frame, End& to) {
    if (frame.size() > to.link->config().frame_bytes_max) {
      ++dropped_for_size;
      return;
    }
    expect_accepted(to.receive(frame, now));
  }
  void settle(int rounds = 50) {
    for (int i = 0; i < rounds; ++i) exchange();
  }
  void connect() {
    settle(5);
    ASSERT_EQ(a->link->state(), LinkState::kUp);
    ASSERT_EQ(b->link->state(), LinkState::kUp);
    settle(30);
  }

  // On a path without faults only a frame of a session just over is refused.
  static void expect_accepted(FrameError error) {
    EXPECT_TRUE(error == FrameError::kNone || error == FrameError::kSession)
        << frame_error_name(error);
  }

  Nanos now = seconds(1);
  std::uint64_t dropped_for_size = 0;
  std::unique_ptr<End> a;
  std::unique_ptr<End> b;
};

}  // namespace ringroad::test
