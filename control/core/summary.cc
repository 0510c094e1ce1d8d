#include "control/core/summary.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/limits.h"

namespace ringroad::control {
namespace {

constexpr std::uint32_t kMagic = 0x53435252;  // "RRCS"
constexpr std::uint16_t kVersion = 1;
// No node sends as much: what is beyond it is nonsense, and would not fit a column.
constexpr std::uint64_t kMilliRateMax = 1'000'000'000'000'000;

std::uint64_t to_milli(double rate) {
  return static_cast<std::uint64_t>(std::clamp(rate * 1'000, 0.0, double{kMilliRateMax}));
}

}  // namespace

std::array<std::byte, kSummaryBytes> encode(const Summary& summary) {
  std::array<std::byte, kSummaryBytes> bytes{};
  std::byte* at = bytes.data();
  store_le<std::uint32_t>(at, kMagic);
  store_le<std::uint16_t>(at + 4, kVersion);
  store_le<std::uint16_t>(at + 6, kSummaryBytes);
  store_le<std::uint16_t>(at + 8, summary.node.value);
  store_le<std::uint16_t>(at + 10, summary.problems);
  store_le<std::uint32_t>(at + 12, summary.applications);
  store_le<std::uint64_t>(at + 16, summary.links_up);
  store_le<std::uint64_t>(at + 24, summary.links_waiting);
  store_le<std::uint32_t>(at + 32, summary.links_configured);
  store_le<std::uint32_t>(at + 36, summary.drops_per_second);
  store_le<std::uint64_t>(at + 40, to_milli(summary.messages_sent_per_second));
  store_le<std::uint64_t>(at + 48, to_milli(summary.messages_received_per_second));
  const std::int64_t p99 = summary.round_trip_p99.value_or(Nanos{}).count;
  store_le<std::uint64_t>(at + 56, static_cast<std::uint64_t>(std::max<std::int64_t>(0, p99)));
  store_le<std::uint64_t>(at + 64, static_cast<std::uint64_t>(summary.uptime.count / 1'000'000));
  store_le<std::uint64_t>(at + 72, summary.config_version);
  return bytes;
}

std::optional<Summary> decode_summary(NodeId from, std::span<const std::byte> bytes) {
  if (bytes.size() != kSummaryBytes) return std::nullopt;
  const std::byte* at = bytes.data();
  Summary summary;
  summary.node = NodeId{load_le<std::uint16_t>(at + 8)};
  if (load_le<std::uint32_t>(at) != kMagic || load_le<std::uint16_t>(at + 4) != kVersion ||
      load_le<std::uint16_t>(at + 6) != kSummaryBytes || summary.node != from || from.value < 1 ||
      from.value > kNodesMax) {
    return std::nullopt;
  }
  summary.problems = load_le<std::uint16_t>(at + 10) & kProblemsKnown;
  summary.applications = load_le<std::uint32_t>(at + 12);
  // Nobody has a link to himself.
  summary.links_up = load_le<std::uint64_t>(at + 16) & ~node_bit(from);
  summary.links_waiting = load_le<std::uint64_t>(at + 24) & ~node_bit(from);
  summary.links_configured = load_le<std::uint32_t>(at + 32);
  summary.drops_per_second = load_le<std::uint32_t>(at + 36);
  const auto sent = load_le<std::uint64_t>(at + 40);
  const auto received = load_le<std::uint64_t>(at + 48);
  const auto p99 = load_le<std::uint64_t>(at + 56);
  const auto uptime_ms = load_le<std::uint64_t>(at + 64);
  constexpr std::uint64_t kMillisMax = std::uint64_t{1} << 42;  // more than a century
  if (summary.applications > kApplicationsMax || summary.links_configured >= kNodesMax ||
      sent > kMilliRateMax || received > kMilliRateMax || p99 > kMillisMax ||
      uptime_ms > kMillisMax) {
    return std::nullopt;
  }
  summary.messages_sent_per_second = static_cast<double>(sent) / 1'000;
  summary.messages_received_per_second = static_cast<double>(received) / 1'000;
  if (p99 > 0) summary.round_trip_p99 = Nanos{static_cast<std::int64_t>(p99)};
  summary.uptime = milliseconds(static_cast<std::int64_t>(uptime_ms));
  summary.config_version = load_le<std::uint64_t>(at + 72);
  return summary;
}

}  // namespace ringroad::control
