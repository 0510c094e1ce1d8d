// The generator's words: heading, a line a second, the final table, JSON. Pure text from a Summary.
#pragma once

#include <string>

#include "tools/ringroad-gen/summary.h"

namespace ringroad::gen {

inline constexpr int kJsonSchemaVersion = 1;

std::string heading(const RunFacts& facts);  // who, what, medium, machine, column titles
std::string progress_line(std::uint64_t second, const Summary& interval);
std::string final_table(const Summary& total, const RunFacts& facts);

// One object, one line. Keys: schema_version, mode, size_bytes, duration_s, sent, received, lost,
// duplicated, reordered, corrupted, msgs_per_s, goodput_bits_per_s, cpu_share, latency_ns {p50,
// p90, p95, p99, p999, max; null when nothing was measured}, limit, environment.
std::string to_json(const Summary& total, const RunFacts& facts);

}  // namespace ringroad::gen
