// A switch port over plain memory: what a test puts in, the switch receives; what the switch sends,
// the test reads.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/ringroad-fabric/fabric.h"

namespace ringroad::fabric {

struct MemoryWire {
  bool connected = true;
  std::size_t room = 1'000'000;  // frames the peer still takes
  std::deque<std::string> incoming;
  std::vector<std::string> outgoing;
};

class MemoryPort final : public Port {
 public:
  explicit MemoryPort(MemoryWire& wire) : wire_(wire) {}

  std::uint32_t service(Nanos) override { return 0; }
  bool is_connected() const override { return wire_.connected; }
  std::string peer_name() const override { return "memory"; }
  std::size_t receive(std::span<memif::ReceiveBuffer> frames) override {
    std::size_t count = 0;
    for (; count < frames.size() && !wire_.incoming.empty(); ++count) {
      const std::string& frame = wire_.incoming.front();
      std::memcpy(frames[count].data, frame.data(), frame.size());
      frames[count].length = static_cast<std::uint32_t>(frame.size());
      wire_.incoming.pop_front();
    }
    return count;
  }
  std::size_t transmit(std::span<const memif::TransmitBuffer> frames) override {
    const std::size_t count = std::min(frames.size(), wire_.room);
    for (const auto& frame : frames.first(count)) {
      wire_.outgoing.emplace_back(reinterpret_cast<const char*>(frame.data), frame.length);
    }
    wire_.room -= count;
    return count;
  }
  Refused refused() const override { return {}; }
  int wait_descriptor() const override { return -1; }
  bool arm() override { return wire_.incoming.empty(); }
  void disarm() override {}

 private:
  MemoryWire& wire_;
};

inline constexpr Limits kSmallLimits = {
    .frame_bytes_max = 1'522, .buffer_bytes = 2'048, .delayed_frames = 32, .queued_frames = 16};

// A switch whose ports are wires in the test's hands.
struct WiredFabric {
  explicit WiredFabric(std::size_t ports, const Limits& limits = kSmallLimits,
                       std::uint64_t seed = 1)
      : wires(ports), fabric(make_ports(wires), limits, seed) {
    fabric.service(now);
  }

  MemoryWire& wire(std::size_t port) { return wires[port - 1]; }
  // Polls until there is nothing left to do at this time.
  void settle() {
    while (fabric.poll(now) != 0) {
    }
  }
  std::uint64_t drops(std::size_t port, Drop reason) const {
    return fabric.counts(port_at(port - 1)).drops[static_cast<std::size_t>(reason)];
  }

  std::vector<MemoryWire> wires;
  Nanos now = seconds(1);
  Fabric fabric;

 private:
  static std::vector<std::unique_ptr<Port>> make_ports(std::vector<MemoryWire>& wires) {
    std::vector<std::unique_ptr<Port>> ports;
    for (MemoryWire& wire : wires) ports.push_back(std::make_unique<MemoryPort>(wire));
    return ports;
  }
};

// A frame between the stations numbered `from` and `to`; 0xff means broadcast.
inline std::string frame(unsigned char to, unsigned char from, const std::string& text) {
  std::string bytes = to == 0xff ? std::string(6, '\xff') : std::string("\x02RR\0\0", 5);
  if (to != 0xff) bytes.push_back(static_cast<char>(to));
  bytes += std::string("\x02RR\0\0", 5);
  bytes.push_back(static_cast<char>(from));
  return bytes + std::string("\x88\xb5", 2) + text;
}

}  // namespace ringroad::fabric
