// A master and a slave in one process, stepped by hand with a clock that only the test moves.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "drivers/memif/interface.h"
#include "tests/temporary_directory.h"

namespace ringroad::memif {

using Bytes = std::vector<std::byte>;

inline std::unique_ptr<Interface> make_interface(const Config& config) {
  auto made = Interface::create(config);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

// Steps all of them, a millisecond a turn, until the condition holds; false after 5 s of that
// clock.
inline bool step_until(const std::vector<Interface*>& interfaces, Nanos* now,
                       const std::function<bool()>& condition) {
  for (int turn = 0; turn < 5'000; ++turn) {
    if (condition()) return true;
    *now = *now + milliseconds(1);
    for (Interface* interface : interfaces) interface->service(*now);
  }
  return condition();
}

inline Bytes pattern(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((i * 131 + i / 251 + seed * 7'919) & 0xff);
  }
  return bytes;
}

inline bool send_one(Interface& from, const Bytes& packet) {
  const TransmitBuffer buffer{packet.data(), static_cast<std::uint32_t>(packet.size())};
  return from.transmit({&buffer, 1}) == 1;
}

inline bool receive_one(Interface& to, Bytes* packet, std::uint32_t capacity = 1u << 20) {
  packet->resize(capacity);
  ReceiveBuffer buffer{packet->data(), capacity, 0};
  if (to.receive({&buffer, 1}) != 1) return false;
  packet->resize(buffer.length);
  return true;
}

struct Pair {
  explicit Pair(std::uint16_t log2_ring_size = 10, std::uint32_t buffer_bytes = 2'048) {
    Config config;
    config.socket_path = directory / "memif.sock";
    config.log2_ring_size = log2_ring_size;
    config.buffer_bytes = buffer_bytes;
    config.role = Role::kMaster;
    config.name = "the master";
    master = make_interface(config);
    config.role = Role::kSlave;
    config.name = "the slave";
    slave = make_interface(config);
    EXPECT_TRUE(connect());
  }
  bool connect() {
    return step_until({master.get(), slave.get()}, &now,
                      [this] { return master->is_connected() && slave->is_connected(); });
  }

  TemporaryDirectory directory;
  Nanos now{1};
  std::unique_ptr<Interface> master, slave;
};

}  // namespace ringroad::memif
