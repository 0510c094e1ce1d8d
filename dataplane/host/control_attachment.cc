#include "dataplane/host/control_attachment.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/host/control_segment.h"
#include "dataplane/host/socket.h"

namespace ringroad::host {
namespace {

// Of the largest packet a port can carry.
constexpr std::size_t kPacketBytesMax = 64 * 1024;

constexpr const char* kOtherBuild =
    "the dataplane is of another build than this control process; mend: restart both";

}  // namespace

absl::StatusOr<std::unique_ptr<ControlAttachment>> ControlAttachment::connect(
    const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError("a socket's path has 1 to 107 bytes");
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  auto attachment = std::unique_ptr<ControlAttachment>(new ControlAttachment());
  attachment->socket_ =
      Descriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!attachment->socket_.valid() ||
      ::connect(attachment->socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address) != 0) {
    return absl::UnavailableError(
        absl::StrCat(socket, ": ", std::strerror(errno), " (is ringroad-dataplane running?)"));
  }
  auto hello = make_message<ControlHello>();
  hello.version = kControlVersion;
  hello.report_bytes = sizeof(NodeReport);
  if (send_message(attachment->socket(), hello) != SocketResult::kDone) {
    return absl::UnavailableError(absl::StrCat(socket, ": the dataplane hung up"));
  }
  attachment->packet_ = std::make_unique<std::byte[]>(kPacketBytesMax);
  return attachment;
}

ControlAttachment::Greeting ControlAttachment::greet() {
  SocketMessage message;
  switch (receive_message(socket(), message)) {
    case SocketResult::kAgain:
      return Greeting::kPending;
    case SocketResult::kClosed:
      refusal_ = "the dataplane hung up";
      return Greeting::kTurnedAway;
    case SocketResult::kMalformed:
      refusal_ = kOtherBuild;
      return Greeting::kTurnedAway;
    case SocketResult::kDone:
      break;
  }
  if (const auto* answer = message.as<Answer>()) {
    refusal_ =
        answer->reply == Reply::kTaken ? "another control process is attached to this dataplane"
        : answer->reply == Reply::kNoMemory ? "the dataplane has no memory for the control channel"
                                            : kOtherBuild;
    return Greeting::kTurnedAway;
  }
  const auto* offer = message.as<ControlOffer>();
  struct stat status{};
  const bool is_ours = offer != nullptr && message.descriptor_count == 3 &&
                       offer->version == kControlVersion &&
                       offer->segment_bytes == control_segment_bytes() &&
                       ::fstat(message.descriptors[0].get(), &status) == 0 &&
                       static_cast<std::uint64_t>(status.st_size) == offer->segment_bytes;
  if (!is_ours) {
    refusal_ = kOtherBuild;
    return Greeting::kTurnedAway;
  }
  auto segment = SharedSegment::adopt(std::move(message.descriptors[0]), offer->segment_bytes);
  if (auto mapped = segment.map(); !mapped.ok()) {
    refusal_ = std::string(mapped.message());
    return Greeting::kTurnedAway;
  }
  segment_ = std::move(segment);
  ringer_ = std::move(message.descriptors[1]);
  bell_ = std::move(message.descriptors[2]);
  commands_ = command_ring(segment_.data());
  events_ = event_ring(segment_.data());
  node_ = NodeId{offer->node_id};
  process_ = offer->process_id;
  return Greeting::kAttached;
}

bool ControlAttachment::is_alive() const {
  char byte;
  const ssize_t got = ::recv(socket(), &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

ControlSegment& ControlAttachment::shared() const {
  return *reinterpret_cast<ControlSegment*>(segment_.data());
}

bool ControlAttachment::post_command(const ControlCommand& command) {
  ControlCommand copy = command;  // the ring's interface takes no const
  if (rte_ring_sp_enqueue_elem(commands_, &copy, sizeof copy) != 0) return false;
  __sync_synchronize();  // the command comes before the look at the flag
  if (shared().dataplane_asleep.load(std::memory_order_relaxed) != 0) {
    ::eventfd_write(ringer_.get(), 1);
  }
  return true;
}

bool ControlAttachment::poll_event(ControlEvent& event) {
  return rte_ring_sc_dequeue_elem(events_, &event, sizeof event) == 0;
}

std::string ControlAttachment::started_config() const {
  const StartedConfig& started = shared().started_config;
  return {started.text, std::min(started.length, StartedConfig::kBytes)};
}

bool ControlAttachment::read_report(NodeReport& out) const {
  return shared().report.read(out) && out.link_count <= kNodesMax;
}

bool ControlAttachment::read_applications(ApplicationsReport& out) const {
  return shared().applications.read(out) && out.count <= kApplicationsMax;
}

bool ControlAttachment::poll_packet(CapturedPacket& packet, std::span<const std::byte>& bytes) {
  CaptureRing& ring = shared().capture;
  const std::uint64_t head = ring.head.load(std::memory_order_relaxed);
  const std::uint64_t filled = ring.tail.load(std::memory_order_acquire) - head;
  if (filled < sizeof packet || filled > CaptureRing::kBytes) return false;
  const auto take = [&](std::uint64_t at, std::byte* to, std::size_t count) {
    const std::size_t offset = at % CaptureRing::kBytes;
    const std::size_t first = std::min<std::size_t>(count, CaptureRing::kBytes - offset);
    std::memcpy(to, ring.bytes + offset, first);
    std::memcpy(to + first, ring.bytes, count - first);
  };
  take(head, reinterpret_cast<std::byte*>(&packet), sizeof packet);
  const std::size_t padded = (sizeof packet + packet.captured_length + 7) / 8 * 8;
  if (packet.captured_length > kPacketBytesMax || padded > filled) {
    ring.head.store(head + filled, std::memory_order_release);  // nothing in it can be believed
    return false;
  }
  take(head + sizeof packet, packet_.get(), packet.captured_length);
  ring.head.store(head + padded, std::memory_order_release);
  bytes = {packet_.get(), packet.captured_length};
  return true;
}

std::uint64_t ControlAttachment::packets_dropped() const {
  return shared().capture.dropped.load(std::memory_order_relaxed);
}

void ControlAttachment::hush() {
  shared().control_asleep.store(0, std::memory_order_relaxed);
  (void)hush_bell(bell());
}

bool ControlAttachment::is_idle_after_arming() {
  shared().control_asleep.store(1, std::memory_order_relaxed);
  __sync_synchronize();  // the flag comes before the look
  const CaptureRing& ring = shared().capture;
  return rte_ring_empty(events_) != 0 &&
         ring.tail.load(std::memory_order_acquire) == ring.head.load(std::memory_order_relaxed);
}

}  // namespace ringroad::host
