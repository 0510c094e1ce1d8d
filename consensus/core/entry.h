// One position of the replicated log, as it is passed around: two numbers, a kind, and bytes that
// belong to someone else. Whoever hands an Entry out says how long its data lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "consensus/core/ids.h"

namespace ringroad::raft {

enum class EntryType : std::uint8_t {
  kNormal = 0,
  // A single change of the membership that is simple by itself.
  kConfChange = 1,
  // Any change; without data it leaves a joint configuration.
  kConfChangeV2 = 2,
};

struct Entry {
  Term term;
  Index index;
  const std::byte* data = nullptr;
  std::uint32_t size_bytes = 0;
  EntryType type = EntryType::kNormal;

  std::span<const std::byte> payload() const { return {data, size_bytes}; }
  bool is_conf_change() const { return type != EntryType::kNormal; }
};

// Names an entry for good: in Raft two entries with the same index and term are the same entry, and
// so is all that stands before them (thesis 3.5, the Log Matching Property).
struct EntryId {
  Term term;
  Index index;
  constexpr bool operator==(const EntryId&) const = default;
};

// What an entry takes in a message or in the log, besides its payload.
inline constexpr std::uint64_t kEntryOverheadBytes = 24;

constexpr std::uint64_t stored_bytes(const Entry& e) { return kEntryOverheadBytes + e.size_bytes; }

inline std::uint64_t payload_bytes(std::span<const Entry> entries) {
  std::uint64_t sum = 0;
  for (const Entry& e : entries) sum += e.size_bytes;
  return sum;
}

inline std::uint64_t stored_bytes(std::span<const Entry> entries) {
  return payload_bytes(entries) + kEntryOverheadBytes * entries.size();
}

}  // namespace ringroad::raft
