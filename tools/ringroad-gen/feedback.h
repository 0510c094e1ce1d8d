// What a receiving generator tells the sending one, so that the sender's table shows both ends.
// Pure: encodes to and decodes from bytes; whatever arrives is checked before it is believed.
//
//   finish  sender -> receiver   {magic, kind 1, run, 32 x messages sent by stream index}
//   report  receiver -> sender   {magic, kind 2, final, run, clock, counters, bucket counts}
//
// A report carries totals since the run began, so one that is lost or overtaken does no harm.
// Types: data travels as T, finish as T + 1, reports and pongs as T + 2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/histogram.h"
#include "tools/ringroad-gen/counters.h"
#include "tools/ringroad-gen/stamp.h"

namespace ringroad::gen {

struct Finish {
  std::uint32_t run = 0;
  std::array<std::uint64_t, kStreamsPerRun> sent{};
};
inline constexpr std::size_t kFinishBytes = 12 + 8 * kStreamsPerRun;

struct Report {
  std::uint32_t run = 0;
  bool is_final = false;       // answers a finish
  bool has_latency = false;    // the bucket counts had room
  std::uint64_t clock_id = 0;  // equal ids: the same clock, so one-way times mean something
  ReceiveCounters counters;
};
inline constexpr std::size_t kReportBytesMax = 64 * 1024;

// Returns the bytes written; `out` holds at least kFinishBytes.
std::size_t encode_finish(const Finish& finish, std::span<std::byte> out);
[[nodiscard]] bool decode_finish(std::span<const std::byte> in, Finish& finish);

// Leaves the latency out when it does not fit; 0 when not even the counters do.
std::size_t encode_report(const Report& report, const Histogram& latency, std::span<std::byte> out);
// Replaces `latency` by the reported one.
[[nodiscard]] bool decode_report(std::span<const std::byte> in, Report& report, Histogram& latency);

}  // namespace ringroad::gen
