// A type for each identity and unit that crosses an interface, so that a node is never passed where
// a packet number is meant. All are trivially copyable, totally ordered and the size of the integer
// they hold. They carry no meaning of their own: ranges are checked where the value enters.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace ringroad {

template <typename Tag, typename Integer>
struct StrongId {
  using Value = Integer;
  Integer value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Integer v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const StrongId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// 1 to 64 name nodes; 0 is no node; kBroadcast stands for all configured peers.
using NodeId = StrongId<struct NodeIdTag, std::uint16_t>;
inline constexpr NodeId kNoNode{0};
inline constexpr NodeId kBroadcast{0xffff};

// An application attached to this node. 0 is none. Given out by the dataplane, never by the wire.
using ApplicationId = StrongId<struct ApplicationIdTag, std::uint16_t>;

// What a program binds to. The whole 32-bit range belongs to applications.
using MessageType = StrongId<struct MessageTypeTag, std::uint32_t>;

// 0 is the most urgent and belongs to Raft; applications use 1 to 7.
using Priority = StrongId<struct PriorityTag, std::uint8_t>;

// One incarnation of one end of a link; never 0 once chosen.
using SessionId = StrongId<struct SessionIdTag, std::uint32_t>;

// Counts frames under one session and lane; never repeats, never goes back.
using PacketNumber = StrongId<struct PacketNumberTag, std::uint64_t>;

// Counts messages of one (link direction, priority) from 0.
using Sequence = StrongId<struct SequenceTag, std::uint64_t>;

// A point on, or a distance along, the monotonic clock. Cores are given it; they never read it.
struct Nanos {
  std::int64_t count{};

  constexpr Nanos() = default;
  constexpr explicit Nanos(std::int64_t c) : count(c) {}
  constexpr auto operator<=>(const Nanos&) const = default;
  friend constexpr Nanos operator+(Nanos a, Nanos b) { return Nanos{a.count + b.count}; }
  friend constexpr Nanos operator-(Nanos a, Nanos b) { return Nanos{a.count - b.count}; }
  friend constexpr Nanos operator*(Nanos a, std::int64_t k) { return Nanos{a.count * k}; }
  friend constexpr Nanos operator/(Nanos a, std::int64_t k) { return Nanos{a.count / k}; }
};

constexpr Nanos microseconds(std::int64_t n) { return Nanos{n * 1'000}; }
constexpr Nanos milliseconds(std::int64_t n) { return Nanos{n * 1'000'000}; }
constexpr Nanos seconds(std::int64_t n) { return Nanos{n * 1'000'000'000}; }
inline constexpr Nanos kNever{std::numeric_limits<std::int64_t>::max()};

}  // namespace ringroad
