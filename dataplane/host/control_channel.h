// The dataplane's half of the channel to the control process. Made by the slow thread for one
// attachment; between its attach and detach commands the io lcore alone calls what stands under
// "the io lcore's". No call blocks or allocates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/host/descriptor.h"
#include "dataplane/host/shared_segment.h"

struct rte_ring;

namespace ringroad::host {

struct ControlSegment;

struct CapturedPacket {
  Nanos time;
  std::uint32_t length = 0;           // on the port
  std::uint32_t captured_length = 0;  // kept, from the front
  std::uint32_t direction = 0;        // kCaptureIn or kCaptureOut
  std::uint32_t reserved = 0;
};
static_assert(sizeof(CapturedPacket) == 24);

class ControlChannel {
 public:
  // An empty segment, mapped and populated. `ringer`: rung when control sleeps and there is news.
  // `started_config`: for control to read; may be empty.
  static absl::StatusOr<std::unique_ptr<ControlChannel>> create(
      Descriptor ringer, std::string_view started_config = {});

  int segment_descriptor() const { return segment_.descriptor(); }
  std::uint64_t segment_bytes() const { return segment_.bytes(); }

  // The slow thread's.
  void write_applications(const ApplicationsReport& report);

  // The io lcore's.
  [[nodiscard]] bool poll_command(ControlCommand& command);
  bool has_command() const;
  // False when control has not read the events before it.
  [[nodiscard]] bool post_event(const ControlEvent& event);
  std::uint32_t event_room() const;
  void write_report(const NodeReport& report);
  // Keeps the first captured_length bytes of it, or counts it as dropped.
  void capture(const CapturedPacket& packet, std::span<const std::byte> bytes);
  // Ends a pass: rings when there is news and control sleeps.
  void publish();
  // The io lcore is about to sleep; false when there is a command already.
  bool arm();
  void disarm();

 private:
  ControlChannel(SharedSegment segment, Descriptor ringer);
  ControlSegment& shared();
  const ControlSegment& shared() const;

  SharedSegment segment_;
  Descriptor ringer_;
  rte_ring* commands_ = nullptr;
  rte_ring* events_ = nullptr;
  bool has_news_ = false;
};

}  // namespace ringroad::host
