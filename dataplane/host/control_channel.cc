#include "dataplane/host/control_channel.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "dataplane/base/check.h"
#include "dataplane/host/control_segment.h"
#include "dataplane/host/socket.h"

namespace ringroad::host {

absl::StatusOr<std::unique_ptr<ControlChannel>> ControlChannel::create(
    Descriptor ringer, std::string_view started_config) {
  auto segment = SharedSegment::create("ringroad-control", control_segment_bytes());
  if (!segment.ok()) return segment.status();
  if (auto status = segment->map(); !status.ok()) return status;
  if (auto status = segment->populate(); !status.ok()) return status;
  auto channel =
      std::unique_ptr<ControlChannel>(new ControlChannel(std::move(*segment), std::move(ringer)));
  constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  if (rte_ring_init(channel->commands_, "commands", kControlRing, kFlags) != 0 ||
      rte_ring_init(channel->events_, "events", kControlRing, kFlags) != 0) {
    return absl::InternalError("rte_ring_init of the control channel");
  }
  StartedConfig& started = channel->shared().started_config;
  if (started_config.size() <= StartedConfig::kBytes) {
    started.length = static_cast<std::uint32_t>(started_config.size());
    std::ranges::copy(started_config, started.text);
  }
  return channel;
}

// A fresh memfd reads as zeros, which is what every part of the segment begins as.
ControlChannel::ControlChannel(SharedSegment segment, Descriptor ringer)
    : segment_(std::move(segment)),
      ringer_(std::move(ringer)),
      commands_(command_ring(segment_.data())),
      events_(event_ring(segment_.data())) {}

ControlSegment& ControlChannel::shared() {
  return *reinterpret_cast<ControlSegment*>(segment_.data());
}

void ControlChannel::write_applications(const ApplicationsReport& report) {
  const std::size_t rows = std::min<std::size_t>(report.count, kApplicationsMax);
  shared().applications.write(
      report, offsetof(ApplicationsReport, rows) + rows * sizeof(ApplicationsReport::Row));
}

bool ControlChannel::poll_command(ControlCommand& command) {
  return rte_ring_sc_dequeue_elem(commands_, &command, sizeof command) == 0;
}

bool ControlChannel::has_command() const { return rte_ring_empty(commands_) == 0; }

bool ControlChannel::post_event(const ControlEvent& event) {
  ControlEvent copy = event;  // the ring's interface takes no const
  if (rte_ring_sp_enqueue_elem(events_, &copy, sizeof copy) != 0) return false;
  has_news_ = true;
  return true;
}

std::uint32_t ControlChannel::event_room() const { return rte_ring_free_count(events_); }

void ControlChannel::write_report(const NodeReport& report) {
  const std::size_t links = std::min<std::size_t>(report.link_count, kNodesMax);
  shared().report.write(report, offsetof(NodeReport, links) + links * sizeof(NodeReport::LinkRow));
}

void ControlChannel::capture(const CapturedPacket& packet, std::span<const std::byte> bytes) {
  CaptureRing& ring = shared().capture;
  RR_CHECK(packet.captured_length <= bytes.size());
  const std::uint64_t tail = ring.tail.load(std::memory_order_relaxed);
  const std::size_t padded = (sizeof packet + packet.captured_length + 7) / 8 * 8;
  if (CaptureRing::kBytes - (tail - ring.head.load(std::memory_order_acquire)) < padded) {
    ring.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  // In at most two parts each: the ring may wrap anywhere.
  const auto put = [&](std::uint64_t at, const std::byte* from, std::size_t count) {
    const std::size_t offset = at % CaptureRing::kBytes;
    const std::size_t first = std::min<std::size_t>(count, CaptureRing::kBytes - offset);
    std::memcpy(ring.bytes + offset, from, first);
    std::memcpy(ring.bytes, from + first, count - first);
  };
  put(tail, reinterpret_cast<const std::byte*>(&packet), sizeof packet);
  put(tail + sizeof packet, bytes.data(), packet.captured_length);
  ring.tail.store(tail + padded, std::memory_order_release);
  has_news_ = true;
}

void ControlChannel::publish() {
  if (!has_news_) return;
  has_news_ = false;
  __sync_synchronize();  // what was posted comes before the look at the flag
  if (shared().control_asleep.load(std::memory_order_relaxed) == 0) return;
  shared().control_asleep.store(0, std::memory_order_relaxed);
  ring_bell(ringer_.get());
}

bool ControlChannel::arm() {
  shared().dataplane_asleep.store(1, std::memory_order_relaxed);
  __sync_synchronize();  // the flag comes before the look
  return !has_command();
}

void ControlChannel::disarm() { shared().dataplane_asleep.store(0, std::memory_order_relaxed); }

}  // namespace ringroad::host
