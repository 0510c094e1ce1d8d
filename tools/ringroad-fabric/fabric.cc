#include "tools/ringroad-fabric/fabric.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "dataplane/base/check.h"

namespace ringroad::fabric {
namespace {

constexpr std::size_t kEthernetHeaderBytes = 14;
constexpr Nanos kRetryIntervalMin = microseconds(20);
constexpr Nanos kRetryIntervalMax = milliseconds(5);

// A buffer is in hand, to receive into or just received into (kBurst), is a corrupted copy on its
// way to a queue (1), or is held by an entry of the schedule or of a port's queue, each of which
// holds one. Several entries may share one buffer, never the reverse.
std::size_t pool_size(std::size_t ports, const Limits& limits) {
  return Fabric::kBurst + 1 + limits.delayed_frames + ports * limits.queued_frames;
}

MacAddress mac_at(const std::byte* p) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), p, mac.bytes.size());
  return mac;
}

template <typename Function>
void for_each_port(PortSet set, Function function) {
  for (; set != 0; set &= set - 1) {
    function(port_at(static_cast<std::size_t>(std::countr_zero(set))));
  }
}

}  // namespace

Fabric::Fabric(std::vector<std::unique_ptr<Port>> ports, const Limits& limits, std::uint64_t seed)
    : limits_(limits),
      pool_(pool_size(ports.size(), limits), limits.buffer_bytes),
      schedule_(limits.delayed_frames),
      faults_(ports.size(), seed) {
  RR_CHECK(!ports.empty() && ports.size() <= kPortsMax);
  RR_CHECK(limits.buffer_bytes >= limits.frame_bytes_max);
  ports_.reserve(ports.size());
  for (auto& port : ports) {
    ports_.push_back({std::move(port), OutputQueue(limits.queued_frames), {}});
  }
  for (std::size_t i = 0; i < kBurst; ++i) {
    hand_[i] = pool_.take();
    receive_buffers_[i] = {pool_.data(hand_[i]), pool_.buffer_bytes(), 0};
  }
}

std::uint32_t Fabric::poll(Nanos now) {
  std::uint32_t work = release_due(now);
  if (waiting_ != 0) work += flush_queues(now);
  for_each_port(connected_, [&](PortId id) { work += receive_from(id, now); });
  return work;
}

std::uint32_t Fabric::service(Nanos now) {
  std::uint32_t work = 0;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    work += ports_[i].port->service(now);
    apply_connection(port_at(i));
  }
  capture_.flush();
  return work;
}

// A port whose peer left forgets what waited for it and which stations were behind it.
void Fabric::apply_connection(PortId id) {
  PortState& s = state(id);
  const bool was_connected = (connected_ & set_of(id)) != 0;
  if (s.port->is_connected() == was_connected) return;
  connected_ ^= set_of(id);
  if (!was_connected) {
    ++s.counts.connects;
    return;
  }
  ++s.counts.disconnects;
  table_.forget(id);
  for (; !s.queue.is_empty(); s.queue.pop(1)) {
    drop(id, Drop::kNotConnected);
    pool_.release(s.queue.at(0));
  }
  waiting_ &= ~set_of(id);
}

Nanos Fabric::next_deadline() const {
  return std::min(schedule_.next_departure(), waiting_ != 0 ? retry_at_ : kNever);
}

bool Fabric::arm() {
  for (PortState& s : ports_) {
    if (s.port->arm()) continue;
    disarm();
    return false;
  }
  return true;
}

void Fabric::disarm() {
  for (PortState& s : ports_) s.port->disarm();
}

std::uint32_t Fabric::release_due(Nanos now) {
  std::uint32_t released = 0;
  while (schedule_.next_departure() <= now) {
    const Schedule::Entry entry = schedule_.pop();
    enqueue(entry.to, entry.buffer);
    // A burst at a time, so that a crowd of due frames does not overflow the queues.
    if (++released % kBurst == 0) flush_queues(now);
  }
  if (released != 0) flush_queues(now);
  return released;
}

std::uint32_t Fabric::receive_from(PortId id, Nanos now) {
  PortState& s = state(id);
  const std::size_t count = s.port->receive(receive_buffers_);
  if (count == 0) return 0;
  for (std::size_t i = 0; i < count; ++i) {
    const BufferId buffer = hand_[i];
    pool_.set_length(buffer, receive_buffers_[i].length);
    ++s.counts.frames_received;
    s.counts.bytes_received += receive_buffers_[i].length;
    place(id, buffer, now);
    pool_.release(buffer);
  }
  flush_queues(now);
  for (std::size_t i = 0; i < count; ++i) {
    hand_[i] = pool_.take();
    receive_buffers_[i].data = pool_.data(hand_[i]);
  }
  return static_cast<std::uint32_t>(count);
}

// Learns where the frame came from and sends it on. The caller's reference stays the caller's.
void Fabric::place(PortId from, BufferId buffer, Nanos now) {
  const std::uint32_t length = pool_.length(buffer);
  if (length < kEthernetHeaderBytes) return drop(from, Drop::kRunt);
  if (length > limits_.frame_bytes_max) return drop(from, Drop::kTooLong);
  const std::byte* frame = pool_.data(buffer);
  if (capture_.wants_incoming(from)) [[unlikely]]
    capture_.add({frame, length}, now);
  const MacAddress destination = mac_at(frame);
  table_.learn(mac_at(frame + 6), from, now);
  if (const auto to = table_.find(destination, now)) {
    if (*to == from) return drop(from, Drop::kSamePort);
    return send_toward(from, *to, buffer, now);
  }
  ++state(from).counts.frames_flooded;
  for_each_port(connected_ & ~set_of(from), [&](PortId to) { send_toward(from, to, buffer, now); });
}

void Fabric::send_toward(PortId from, PortId to, BufferId buffer, Nanos now) {
  if (!faults_.is_clear(from, to)) return send_judged(from, to, buffer, now);
  pool_.share(buffer);
  enqueue(to, buffer);
}

void Fabric::send_judged(PortId from, PortId to, BufferId buffer, Nanos now) {
  const std::uint32_t length = pool_.length(buffer);
  const Verdict verdict = faults_.judge(from, to, length, now);
  if (verdict.drop) return drop(to, *verdict.drop);
  if (verdict.flip_bit) {
    // Others may share the frame: the damage is done to a copy.
    const BufferId damaged = pool_.take();
    std::memcpy(pool_.data(damaged), pool_.data(buffer), length);
    pool_.set_length(damaged, length);
    pool_.data(damaged)[*verdict.flip_bit / 8] ^= std::byte{1} << (*verdict.flip_bit % 8);
    buffer = damaged;
  } else {
    pool_.share(buffer);
  }
  if (verdict.duplicate) pool_.share(buffer);
  for (int copies = verdict.duplicate ? 2 : 1; copies > 0; --copies) {
    if (verdict.departure > now) {
      schedule(verdict.departure, to, buffer);
    } else {
      enqueue(to, buffer);
    }
  }
}

// Takes over one reference.
void Fabric::schedule(Nanos departure, PortId to, BufferId buffer) {
  if (schedule_.is_full()) {
    drop(to, Drop::kDelayFull);
    return pool_.release(buffer);
  }
  schedule_.add(departure, buffer, to);
}

// Takes over one reference.
void Fabric::enqueue(PortId to, BufferId buffer) {
  OutputQueue& queue = state(to).queue;
  const bool connected = (connected_ & set_of(to)) != 0;
  if (!connected || queue.is_full()) [[unlikely]] {
    drop(to, connected ? Drop::kOutputFull : Drop::kNotConnected);
    return pool_.release(buffer);
  }
  queue.push(buffer);
  waiting_ |= set_of(to);
}

std::uint32_t Fabric::flush_queues(Nanos now) {
  std::size_t sent = 0;
  for_each_port(waiting_, [&](PortId to) { sent += flush(to, now); });
  if (waiting_ != 0) {
    if (sent != 0 || retry_at_ == kNever) {
      retry_interval_ = kRetryIntervalMin;
      retry_at_ = now + retry_interval_;
    } else if (now >= retry_at_) {
      retry_interval_ = std::min(retry_interval_ * 2, kRetryIntervalMax);
      retry_at_ = now + retry_interval_;
    }
  } else {
    retry_at_ = kNever;
  }
  return static_cast<std::uint32_t>(sent);
}

// Sends what the port's ring takes.
std::size_t Fabric::flush(PortId to, Nanos now) {
  PortState& s = state(to);
  std::size_t total = 0;
  while (!s.queue.is_empty()) {
    std::array<memif::TransmitBuffer, kBurst> frames;
    const std::size_t offered = std::min(s.queue.size(), kBurst);
    for (std::size_t i = 0; i < offered; ++i) {
      const BufferId buffer = s.queue.at(i);
      frames[i] = {pool_.data(buffer), pool_.length(buffer)};
    }
    const std::size_t sent = s.port->transmit(std::span(frames).first(offered));
    for (std::size_t i = 0; i < sent; ++i) {
      if (capture_.wants_outgoing(to)) [[unlikely]] {
        capture_.add({frames[i].data, frames[i].length}, now);
      }
      s.counts.bytes_sent += frames[i].length;
      pool_.release(s.queue.at(i));
    }
    s.counts.frames_sent += sent;
    s.queue.pop(sent);
    total += sent;
    if (sent < offered) break;
  }
  if (s.queue.is_empty()) waiting_ &= ~set_of(to);
  return total;
}

}  // namespace ringroad::fabric
