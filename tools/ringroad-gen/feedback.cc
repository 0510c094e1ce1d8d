#include "tools/ringroad-gen/feedback.h"

#include "dataplane/base/byte_order.h"

namespace ringroad::gen {
namespace {

constexpr std::uint32_t kMagic = 0x4e45'4752;  // "RGEN"
constexpr std::uint8_t kFinish = 1;
constexpr std::uint8_t kReport = 2;

// Fixed part of a report: magic, kind, final, has-latency, zero, run, clock, six counters.
constexpr std::size_t kReportFixedBytes = 12 + 8 + 6 * 8;
// A bucket: index u16, count u64.
constexpr std::size_t kBucketBytes = 10;

// The counters in the order they travel.
template <typename Counters, typename Visit>
void for_each_counter(Counters& c, Visit visit) {
  for (auto* field :
       {&c.received, &c.received_bytes, &c.lost, &c.duplicated, &c.reordered, &c.corrupted}) {
    visit(*field);
  }
}

void write_head(std::byte* out, std::uint8_t kind, bool is_final, bool has_latency,
                std::uint32_t run) {
  store_le(out, kMagic);
  out[4] = std::byte{kind};
  out[5] = std::byte{is_final};
  out[6] = std::byte{has_latency};
  out[7] = std::byte{0};
  store_le(out + 8, run);
}

bool head_is(std::span<const std::byte> in, std::uint8_t kind) {
  return load_le<std::uint32_t>(in.data()) == kMagic && in[4] == std::byte{kind};
}

}  // namespace

std::size_t encode_finish(const Finish& finish, std::span<std::byte> out) {
  if (out.size() < kFinishBytes) return 0;
  write_head(out.data(), kFinish, false, false, finish.run);
  for (std::size_t i = 0; i < kStreamsPerRun; ++i) {
    store_le(out.data() + 12 + 8 * i, finish.sent[i]);
  }
  return kFinishBytes;
}

bool decode_finish(std::span<const std::byte> in, Finish& finish) {
  if (in.size() != kFinishBytes || !head_is(in, kFinish)) return false;
  finish.run = load_le<std::uint32_t>(in.data() + 8);
  for (std::size_t i = 0; i < kStreamsPerRun; ++i) {
    finish.sent[i] = load_le<std::uint64_t>(in.data() + 12 + 8 * i);
  }
  return true;
}

std::size_t encode_report(const Report& report, const Histogram& latency,
                          std::span<std::byte> out) {
  if (out.size() < kReportFixedBytes) return 0;
  std::size_t at = kReportFixedBytes;
  bool has_latency = true;
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const std::uint64_t count = latency.bucket_count(bucket);
    if (count == 0) continue;
    if (out.size() - at < kBucketBytes) {
      has_latency = false;
      at = kReportFixedBytes;
      break;
    }
    store_le(out.data() + at, static_cast<std::uint16_t>(bucket));
    store_le(out.data() + at + 2, count);
    at += kBucketBytes;
  }
  write_head(out.data(), kReport, report.is_final, has_latency, report.run);
  store_le(out.data() + 12, report.clock_id);
  std::byte* field = out.data() + 20;
  for_each_counter(report.counters, [&field](const std::uint64_t& value) {
    store_le(field, value);
    field += 8;
  });
  return at;
}

bool decode_report(std::span<const std::byte> in, Report& report, Histogram& latency) {
  if (in.size() < kReportFixedBytes || (in.size() - kReportFixedBytes) % kBucketBytes != 0 ||
      !head_is(in, kReport)) {
    return false;
  }
  for (std::size_t at = kReportFixedBytes; at < in.size(); at += kBucketBytes) {
    if (load_le<std::uint16_t>(in.data() + at) >= Histogram::kBuckets) return false;
  }
  report.is_final = in[5] != std::byte{0};
  report.has_latency = in[6] != std::byte{0};
  report.run = load_le<std::uint32_t>(in.data() + 8);
  report.clock_id = load_le<std::uint64_t>(in.data() + 12);
  const std::byte* field = in.data() + 20;
  for_each_counter(report.counters, [&field](std::uint64_t& value) {
    value = load_le<std::uint64_t>(field);
    field += 8;
  });
  latency.clear();
  for (std::size_t at = kReportFixedBytes; at < in.size(); at += kBucketBytes) {
    latency.record_bucket(load_le<std::uint16_t>(in.data() + at),
                          load_le<std::uint64_t>(in.data() + at + 2));
  }
  return true;
}

}  // namespace ringroad::gen
