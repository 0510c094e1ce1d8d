// The codec of changes and their description; the layout is in conf_change.h.
//
// What is encoded here goes into the log and is read there by every node for as long as the log
// lives, so the numbers of ConfChangeType and ConfChangeTransition are part of the format and never
// change. Decoding is strict, one encoding a change: nodes that replay the same bytes must come to
// the same change or refuse it alike. Whether a change can be applied is not asked here, but in
// configuration.cc.
#include "consensus/core/conf_change.h"

#include "absl/strings/str_cat.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/check.h"

namespace ringroad::raft {
namespace {

constexpr std::size_t kHeaderBytes = 2;
constexpr std::size_t kChangeBytes = 4;
static_assert(ConfChange::kBytesMax == kHeaderBytes + ConfChange::kChangesMax * kChangeBytes);

char letter(ConfChangeType type) {
  switch (type) {
    case ConfChangeType::kAddNode:
      return 'v';
    case ConfChangeType::kRemoveNode:
      return 'r';
    case ConfChangeType::kUpdateNode:
      return 'u';
    case ConfChangeType::kAddLearner:
      return 'l';
  }
  return '?';
}

}  // namespace

bool ConfChange::add(ConfChangeSingle change) {
  if (count_ == kChangesMax) return false;
  changes_[count_++] = change;
  return true;
}

std::string describe(std::span<const ConfChangeSingle> changes) {
  std::string text;
  for (const ConfChangeSingle change : changes) {
    if (!text.empty()) text += ' ';
    text += letter(change.type);
    absl::StrAppend(&text, change.node.value);
  }
  return text;
}

std::size_t encoded_bytes(const ConfChange& change) {
  return change.leaves_joint() ? 0 : kHeaderBytes + kChangeBytes * change.changes().size();
}

std::size_t encode(const ConfChange& change, std::span<std::byte> to) {
  const std::size_t bytes = encoded_bytes(change);
  RR_CHECK(to.size() >= bytes);
  if (bytes == 0) return 0;
  to[0] = static_cast<std::byte>(change.transition());
  to[1] = static_cast<std::byte>(change.changes().size());
  std::byte* at = to.data() + kHeaderBytes;
  for (const ConfChangeSingle single : change.changes()) {
    at[0] = static_cast<std::byte>(single.type);
    at[1] = std::byte{0};
    store_le<std::uint16_t>(at + 2, single.node.value);
    at += kChangeBytes;
  }
  return bytes;
}

std::optional<ConfChange> decode_conf_change(std::span<const std::byte> bytes) {
  if (bytes.empty()) return ConfChange{};
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto transition = std::to_integer<std::uint8_t>(bytes[0]);
  const auto count = std::to_integer<std::size_t>(bytes[1]);
  if (transition > static_cast<std::uint8_t>(ConfChangeTransition::kJointExplicit) ||
      count > ConfChange::kChangesMax || bytes.size() != kHeaderBytes + count * kChangeBytes) {
    return std::nullopt;
  }
  ConfChange change{static_cast<ConfChangeTransition>(transition)};
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* at = bytes.data() + kHeaderBytes + i * kChangeBytes;
    const auto type = std::to_integer<std::uint8_t>(at[0]);
    const NodeId node{load_le<std::uint16_t>(at + 2)};
    if (type > static_cast<std::uint8_t>(ConfChangeType::kAddLearner) || at[1] != std::byte{0} ||
        node.value > kNodesMax) {
      return std::nullopt;
    }
    RR_CHECK(change.add({static_cast<ConfChangeType>(type), node}));
  }
  // The change that leaves has an encoding of its own.
  if (change.leaves_joint()) return std::nullopt;
  return change;
}

}  // namespace ringroad::raft
