#include "tools/ringroad-gen/traffic_sink.h"

#include <algorithm>
#include <utility>

namespace ringroad::gen {
namespace {

// The first `size` bytes of a message, wherever it was cut.
const std::byte* head_bytes(const InboundMessage& message, std::span<std::byte> scratch) {
  if (!message.pieces.empty() && message.pieces[0].size() >= scratch.size()) [[likely]] {
    return message.pieces[0].data();
  }
  std::size_t have = 0;
  for (const auto piece : message.pieces) {
    const std::size_t part = std::min(piece.size(), scratch.size() - have);
    std::copy_n(piece.data(), part, scratch.data() + have);
    have += part;
  }
  return scratch.data();
}

// A place in the tables by node; whoever has no proper id shares one.
std::size_t node_index(NodeId node) { return node.value <= kNodesMax ? node.value : 0; }

}  // namespace

TrafficSink::TrafficSink(const SinkConfig& config)
    : config_(config), recorder_(config.clock), runs_(kRunsMax) {}

Verdict TrafficSink::on_message(const InboundMessage& message, Stamp& stamp) {
  if (config_.verify == Verify::kOff) {
    Unchecked& unchecked = unchecked_from_[node_index(message.from)];
    ++unchecked.messages;
    unchecked.bytes += message.length;
    return Verdict::kUnchecked;
  }
  if (!stamp_is_good(message, stamp)) [[unlikely]]
    return on_corrupt(message.from);
  if (config_.verify == Verify::kFull && stamp.head.has(kBodyFilled) &&
      !body_is_good(message, stamp)) {
    return on_corrupt(message.from);
  }

  Run& run = run_of(stamp.run, message.from);
  ++run.messages;
  untold_ = true;
  const bool measured = stamp.head.has(kMeasured);
  const Arrival arrival = run.streams[stamp.head.stream_index()].on_sequence(stamp.head.sequence());
  if (arrival == Arrival::kDuplicate) [[unlikely]] {
    run.measured.duplicated += measured;
    return Verdict::kDuplicate;
  }
  if (measured) {
    ++run.measured.received;
    run.measured.received_bytes += message.length;
    run.measured.reordered += arrival == Arrival::kReordered;
    recorder_.note(&run.latency, stamp.intended);
  }
  return Verdict::kGood;
}

void TrafficSink::on_finish(const InboundMessage& message) {
  std::byte bytes[kFinishBytes];
  Finish finish;
  if (message.length != sizeof bytes) return static_cast<void>(on_corrupt(message.from));
  message.copy_to(bytes);
  if (!decode_finish(bytes, finish)) return static_cast<void>(on_corrupt(message.from));
  Run& run = run_of(finish.run, message.from);
  if (config_.verify == Verify::kOff) {
    // The first to finish is told of all that came from its node.
    Unchecked& unchecked = unchecked_from_[node_index(message.from)];
    run.measured.received += std::exchange(unchecked.messages, 0);
    run.measured.received_bytes += std::exchange(unchecked.bytes, 0);
  } else {
    for (std::size_t i = 0; i < kStreamsPerRun; ++i) run.streams[i].on_total(finish.sent[i]);
  }
  run.finished = true;
  untold_ = true;
  next_check_ = Nanos{};
}

bool TrafficSink::stamp_is_good(const InboundMessage& message, Stamp& stamp) const {
  if (message.length < kStampBytes) return false;
  std::array<std::byte, kStampBytes> scratch;
  return read_stamp(head_bytes(message, scratch), message.length, config_.self, stamp) &&
         stamp.head.source() == message.from;
}

bool TrafficSink::body_is_good(const InboundMessage& message, const Stamp& stamp) const {
  std::size_t skip = kStampBytes;
  std::size_t offset = 0;
  for (const auto piece : message.pieces) {
    const std::size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    const auto body = piece.subspan(skipped);
    if (!body_matches(body, offset, stamp)) return false;
    offset += body.size();
  }
  return true;
}

Verdict TrafficSink::on_corrupt(NodeId from) {
  ++corrupted_;
  ++corrupted_from_[node_index(from)];
  return Verdict::kCorrupt;
}

TrafficSink::Run* TrafficSink::known_run(std::uint32_t id, NodeId source) {
  for (Run& run : runs_) {
    if (run.in_use && run.id == id && run.source == source) return &run;
  }
  return nullptr;
}

TrafficSink::Run& TrafficSink::find_run(std::uint32_t id, NodeId source) {
  if (Run* known = known_run(id, source)) {
    latest_ = static_cast<std::size_t>(known - runs_.data());
    return *known;
  }
  latest_ = oldest_;
  oldest_ = (oldest_ + 1) % runs_.size();
  Run& run = runs_[latest_];
  if (run.in_use) retire(run);
  run.in_use = true;
  next_check_ = Nanos{};
  run.id = id;
  run.source = source;
  run.corrupted_before = corrupted_from_[node_index(source)];
  return run;
}

void TrafficSink::retire(Run& run) {
  recorder_.settle_early();
  ReceiveCounters last = totals(run);
  last.corrupted = 0;  // counted apart
  retired_.add(last);
  retired_latency_.add(run.latency);
  run = Run{};
}

ReceiveCounters TrafficSink::totals(const Run& run) const {
  ReceiveCounters sum = run.measured;
  for (std::size_t i = 0; i < kStreamsPerRun; ++i) {
    if ((i & kMeasured) != 0) sum.lost += run.streams[i].missing();
  }
  sum.corrupted = corrupted_from_[node_index(run.source)] - run.corrupted_before;
  return sum;
}

TrafficSink::DueReport TrafficSink::poll_report(Nanos now, std::span<std::byte> out) {
  if (!untold_ || now < next_check_) return {};
  Nanos next = kNever;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    const bool has_news = run.in_use && run.messages != run.messages_told;
    if (!run.finished && !has_news) continue;
    if (!run.finished && now < run.report_due) {
      next = std::min(next, run.report_due);
      continue;
    }
    const Report report{.run = run.id,
                        .is_final = run.finished,
                        .clock_id = config_.clock_id,
                        .counters = totals(run)};
    return {run.source, encode_report(report, run.latency, out), i};
  }
  untold_ = next != kNever;
  next_check_ = untold_ ? next : Nanos{};  // the next arrival is news at once
  return {};
}

void TrafficSink::on_report_sent(const DueReport& report, Nanos now) {
  Run& run = runs_[report.record];
  run.messages_told = run.messages;
  run.finished = false;
  run.report_due = now + config_.report_interval;
}

ReceiveCounters TrafficSink::counters() const {
  ReceiveCounters sum = retired_;
  for (const Run& run : runs_) {
    if (run.in_use) sum.add(totals(run));
  }
  for (const Unchecked& unchecked : unchecked_from_) {
    sum.received += unchecked.messages;
    sum.received_bytes += unchecked.bytes;
  }
  sum.corrupted = corrupted_;
  return sum;
}

void TrafficSink::add_latency_to(Histogram& sum) const {
  sum.add(retired_latency_);
  for (const Run& run : runs_) {
    if (run.in_use) sum.add(run.latency);
  }
}

}  // namespace ringroad::gen
