// A change of membership as an application asks for it and as a log entry carries it. Values and a
// codec: what a change does is in configuration.h. Nothing is allocated; a change holds at most as
// many single changes as there can be nodes.
//
// On the wire (little-endian), the payload of an entry:
//
//   0       transition
//   1       how many changes follow, 0 to 64
//   2 + 4i  type, zero, node (16 bits)
//
// The change that leaves a joint configuration is the empty payload, which no limit on an entry's
// size can refuse: a leader that has to leave always can. Each change has one encoding, so what
// decodes encodes back to the same bytes; anything else is refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dataplane/base/ids.h"
#include "dataplane/base/limits.h"

namespace ringroad::raft {

enum class ConfChangeType : std::uint8_t { kAddNode, kRemoveNode, kUpdateNode, kAddLearner };

struct ConfChangeSingle {
  ConfChangeType type = ConfChangeType::kAddNode;
  NodeId node;  // kNoNode: ignored

  bool operator==(const ConfChangeSingle&) const = default;
};

// How to get to the next configuration.
enum class ConfChangeTransition : std::uint8_t {
  kAuto,           // one change directly, more by a joint configuration left automatically
  kJointImplicit,  // joint, left automatically
  kJointExplicit,  // joint, until the application asks to leave
};

class ConfChange {
 public:
  static constexpr std::size_t kChangesMax = kNodesMax;
  static constexpr std::size_t kBytesMax = 2 + 4 * kChangesMax;

  ConfChange() = default;
  explicit ConfChange(ConfChangeTransition transition) : transition_(transition) {}
  explicit ConfChange(ConfChangeSingle change) { changes_[count_++] = change; }

  // Declines when full.
  [[nodiscard]] bool add(ConfChangeSingle change);

  ConfChangeTransition transition() const { return transition_; }
  std::span<const ConfChangeSingle> changes() const { return std::span{changes_}.first(count_); }

  // Thesis 4.3: several voters change safely only by way of a joint configuration. Several changes
  // may come down to one voter, but that depends on what they are applied to, so they all go there.
  bool enters_joint() const { return transition_ != ConfChangeTransition::kAuto || count_ > 1; }
  bool auto_leave() const { return transition_ != ConfChangeTransition::kJointExplicit; }
  bool leaves_joint() const { return transition_ == ConfChangeTransition::kAuto && count_ == 0; }

  bool operator==(const ConfChange&) const = default;

 private:
  ConfChangeTransition transition_ = ConfChangeTransition::kAuto;
  std::uint8_t count_ = 0;
  // Invariant: those from count_ on are as constructed.
  std::array<ConfChangeSingle, kChangesMax> changes_{};
};

// "v1 l2 r3 u4": makes 1 a voter and 2 a learner, removes 3, updates 4.
std::string describe(std::span<const ConfChangeSingle> changes);

std::size_t encoded_bytes(const ConfChange& change);
// Writes encoded_bytes(), which `to` has room for, and returns how many they are.
std::size_t encode(const ConfChange& change, std::span<std::byte> to);
// Nothing, if these are not exactly the bytes of a change.
[[nodiscard]] std::optional<ConfChange> decode_conf_change(std::span<const std::byte> bytes);

}  // namespace ringroad::raft
