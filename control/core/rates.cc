#include "control/core/rates.h"

#include <algorithm>

namespace ringroad::control {

double rate_between(std::uint64_t before, std::uint64_t after, Nanos elapsed) {
  if (after < before || elapsed.count <= 0) return 0;
  return static_cast<double>(after - before) * 1e9 / static_cast<double>(elapsed.count);
}

double share_between(std::uint64_t before_ns, std::uint64_t after_ns, Nanos elapsed) {
  return std::min(1.0, rate_between(before_ns, after_ns, elapsed) / 1e9);
}

TrafficRates& TrafficRates::operator+=(const TrafficRates& other) {
  messages_sent += other.messages_sent;
  messages_received += other.messages_received;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  return *this;
}

TrafficRates rates_between(const TrafficCounts& before, const TrafficCounts& after, Nanos elapsed) {
  return {
      .messages_sent = rate_between(before.messages_sent, after.messages_sent, elapsed),
      .messages_received = rate_between(before.messages_received, after.messages_received, elapsed),
      .bytes_sent = rate_between(before.bytes_sent, after.bytes_sent, elapsed),
      .bytes_received = rate_between(before.bytes_received, after.bytes_received, elapsed)};
}

void HistogramWindow::tick(const LatencyHistogram& total) {
  const LatencyHistogram& latest = kept_[(next_ + kTicks - 1) % kTicks];
  if (total.count() < latest.count()) kept_.fill(LatencyHistogram{});
  kept_[next_] = total;
  next_ = (next_ + 1) % kTicks;
}

LatencyHistogram HistogramWindow::recent(const LatencyHistogram& total) const {
  const LatencyHistogram& oldest = kept_[next_];
  return total.count() < oldest.count() ? LatencyHistogram{} : total.since(oldest);
}

}  // namespace ringroad::control
