// The words of the configuration file for the enumerations of config.h, for reading and printing:
// each table holds every value of its enumeration once, and the schema lists the same words.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "dataplane/base/check.h"
#include "dataplane/config.h"

namespace ringroad {

template <typename Enum>
struct ConfigWord {
  Enum value;
  std::string_view word;
};

inline constexpr std::array kPortKindWords = {
    ConfigWord<PortKind>{PortKind::kMemif, "memif"},
    ConfigWord<PortKind>{PortKind::kTap, "tap"},
    ConfigWord<PortKind>{PortKind::kAfPacket, "af_packet"},
    ConfigWord<PortKind>{PortKind::kNull, "null"},
    ConfigWord<PortKind>{PortKind::kRing, "ring"},
};
inline constexpr std::array kMemoryModeWords = {
    ConfigWord<MemoryMode>{MemoryMode::kAuto, "auto"},
    ConfigWord<MemoryMode>{MemoryMode::kHuge, "huge"},
    ConfigWord<MemoryMode>{MemoryMode::kNone, "none"},
};
inline constexpr std::array kIdlePolicyWords = {
    ConfigWord<IdlePolicy>{IdlePolicy::kAdaptive, "adaptive"},
    ConfigWord<IdlePolicy>{IdlePolicy::kPoll, "poll"},
};

inline constexpr std::array kLogLevelWords = {
    ConfigWord<LogLevel>{LogLevel::kTrace, "trace"},
    ConfigWord<LogLevel>{LogLevel::kDebug, "debug"},
    ConfigWord<LogLevel>{LogLevel::kInfo, "info"},
    ConfigWord<LogLevel>{LogLevel::kWarning, "warning"},
    ConfigWord<LogLevel>{LogLevel::kError, "error"},
};
inline constexpr std::array kLogFormatWords = {
    ConfigWord<LogFormat>{LogFormat::kLogfmt, "logfmt"},
    ConfigWord<LogFormat>{LogFormat::kJson, "json"},
};

template <typename Words, typename Enum>
std::string word_of(const Words& words, Enum value) {
  for (const auto& entry : words) {
    if (entry.value == value) return std::string(entry.word);
  }
  RR_CHECK(false);  // every value has a word
}

// `word` passed the schema, which lists the same words.
template <typename Words>
auto value_of(const Words& words, std::string_view word) {
  for (const auto& entry : words) {
    if (entry.word == word) return entry.value;
  }
  RR_CHECK(false);
}

}  // namespace ringroad
