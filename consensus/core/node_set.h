// A set of nodes as one 64-bit word: node n is bit n - 1. The cluster has 1 to 64 nodes, so every
// quorum is a popcount and every walk goes in ascending order, the same in every run.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>

#include "dataplane/base/check.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"

namespace ringroad::raft {

constexpr bool is_node(NodeId id) { return id.value >= 1 && id.value <= kNodesMax; }

class NodeSet {
 public:
  class Iterator {
   public:
    constexpr explicit Iterator(std::uint64_t rest) : rest_(rest) {}
    constexpr NodeId operator*() const {
      return NodeId{static_cast<std::uint16_t>(std::countr_zero(rest_) + 1)};
    }
    constexpr Iterator& operator++() {
      rest_ &= rest_ - 1;
      return *this;
    }
    constexpr bool operator==(const Iterator&) const = default;

   private:
    std::uint64_t rest_;
  };

  constexpr NodeSet() = default;
  constexpr explicit NodeSet(std::uint64_t bits) : bits_(bits) {}
  constexpr NodeSet(std::initializer_list<NodeId> ids) {
    for (const NodeId id : ids) insert(id);
  }

  // Invariant: only ids 1 to 64 enter; what came from outside was checked by is_node().
  constexpr void insert(NodeId id) { bits_ |= bit(id); }
  constexpr void erase(NodeId id) { bits_ &= ~bit(id); }
  // Any id may be asked for.
  constexpr bool contains(NodeId id) const { return is_node(id) && (bits_ & bit(id)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint32_t count() const { return static_cast<std::uint32_t>(std::popcount(bits_)); }
  constexpr std::uint64_t bits() const { return bits_; }
  constexpr void clear() { bits_ = 0; }

  constexpr Iterator begin() const { return Iterator{bits_}; }
  constexpr Iterator end() const { return Iterator{0}; }

  constexpr bool operator==(const NodeSet&) const = default;
  friend constexpr NodeSet operator|(NodeSet a, NodeSet b) { return NodeSet{a.bits_ | b.bits_}; }
  friend constexpr NodeSet operator&(NodeSet a, NodeSet b) { return NodeSet{a.bits_ & b.bits_}; }
  friend constexpr NodeSet operator-(NodeSet a, NodeSet b) { return NodeSet{a.bits_ & ~b.bits_}; }

 private:
  static constexpr std::uint64_t bit(NodeId id) {
    RR_CHECK(is_node(id));
    return std::uint64_t{1} << (id.value - 1);
  }

  std::uint64_t bits_ = 0;
};

}  // namespace ringroad::raft
