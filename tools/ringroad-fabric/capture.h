// Frames written to a pcap file (nanosecond timestamps, link type Ethernet), as tcpdump and
// Wireshark read them.
//
// A capture is bounded by frames and bytes and buffered in memory reserved while it runs. It never
// stops the switch: at the first write that fails (a full disk, a pipe nobody empties) the capture
// ends, keeps its reason, and frames pass on. Owned by the fabric's loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/base/ids.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

struct CaptureRequest {
  std::string path;
  // One port: what comes in from it and what goes out to it, after the faults. None: every frame
  // once, as it comes in, before the faults.
  std::optional<PortId> port;
  std::uint64_t frames_max = 1'000'000;
  std::uint64_t bytes_max = std::uint64_t{1} << 30;
};

enum class CaptureState : std::uint8_t { kOff, kRunning, kStopped, kFull, kFailed };
std::string_view name_of(CaptureState state);

class Capture {
 public:
  Capture() = default;
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // `wall_clock_offset` is what turns the loop's time into the time since 1970. The file is made or
  // emptied. Errors name the path. A running capture is stopped first.
  absl::Status start(const CaptureRequest& request, std::uint32_t frame_bytes_max,
                     Nanos wall_clock_offset);
  void stop();
  // Writes out what is buffered; for when the loop has nothing better to do.
  void flush();

  [[nodiscard]] bool wants_incoming(PortId port) const {
    return state_ == CaptureState::kRunning && (!request_.port || *request_.port == port);
  }
  [[nodiscard]] bool wants_outgoing(PortId port) const {
    return state_ == CaptureState::kRunning && request_.port == port;
  }
  void add(std::span<const std::byte> frame, Nanos now);

  [[nodiscard]] CaptureState state() const { return state_; }
  [[nodiscard]] const CaptureRequest& request() const { return request_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Why it failed; empty when it did not.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // The same, once: for telling it as soon as it happens.
  [[nodiscard]] std::optional<std::string> take_failure() {
    if (!failure_untold_) return std::nullopt;
    failure_untold_ = false;
    return failure_;
  }

 private:
  bool write_buffered();
  void end(CaptureState state);

  CaptureRequest request_;
  CaptureState state_ = CaptureState::kOff;
  int descriptor_ = -1;
  Nanos wall_clock_offset_;
  std::vector<std::byte> buffer_;
  std::size_t buffered_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t bytes_ = 0;  // of the file
  std::string failure_;
  bool failure_untold_ = false;
};

}  // namespace ringroad::fabric
