#include "tools/ringroad-fabric/capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tools/ringroad-fabric/text.h"

namespace ringroad::fabric {
namespace {

// The file format of libpcap (pcap-savefile(5)), in the writer's byte order.
struct FileHeader {
  std::uint32_t magic = 0xa1b23c4d;  // nanosecond timestamps
  std::uint16_t version_major = 2;
  std::uint16_t version_minor = 4;
  std::uint32_t reserved[2] = {};
  std::uint32_t snapshot_bytes = 0;
  std::uint32_t link_type = 1;  // LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct FrameHeader {
  std::uint32_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  std::uint32_t captured_bytes = 0;
  std::uint32_t frame_bytes = 0;
};
static_assert(sizeof(FrameHeader) == 16);

constexpr std::size_t kBufferBytes = 256 * 1024;

}  // namespace

std::string_view name_of(CaptureState state) {
  constexpr std::array<std::string_view, 5> kNames = {"off", "running", "stopped", "full",
                                                      "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

Capture::~Capture() { stop(); }

absl::Status Capture::start(const CaptureRequest& request, std::uint32_t frame_bytes_max,
                            Nanos wall_clock_offset) {
  stop();
  // Not blocking: a pipe without a reader is an error here, and a full one when written to.
  const int descriptor = open(
      request.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
  if (descriptor < 0) {
    const int error = errno;
    return absl::ErrnoToStatus(error, cat("cannot write the capture to ", request.path));
  }
  request_ = request;
  descriptor_ = descriptor;
  wall_clock_offset_ = wall_clock_offset;
  buffer_.resize(std::max(kBufferBytes, 2 * (sizeof(FrameHeader) + frame_bytes_max)));
  FileHeader header;
  header.snapshot_bytes = frame_bytes_max;
  std::memcpy(buffer_.data(), &header, sizeof header);
  buffered_ = bytes_ = sizeof header;
  frames_ = 0;
  failure_.clear();
  failure_untold_ = false;
  state_ = CaptureState::kRunning;
  if (!write_buffered()) return absl::UnavailableError(failure_);
  return absl::OkStatus();
}

void Capture::stop() {
  if (state_ != CaptureState::kRunning) return;
  if (write_buffered()) end(CaptureState::kStopped);
}

void Capture::flush() {
  if (state_ == CaptureState::kRunning && buffered_ != 0) (void)write_buffered();
}

void Capture::add(std::span<const std::byte> frame, Nanos now) {
  if (frames_ == request_.frames_max ||
      bytes_ + sizeof(FrameHeader) + frame.size() > request_.bytes_max) {
    if (write_buffered()) end(CaptureState::kFull);
    return;
  }
  const std::size_t needed = sizeof(FrameHeader) + frame.size();
  if (buffered_ + needed > buffer_.size() && !write_buffered()) return;
  const std::int64_t time = (now + wall_clock_offset_).count;
  FrameHeader header;
  header.seconds = static_cast<std::uint32_t>(time / 1'000'000'000);
  header.nanoseconds = static_cast<std::uint32_t>(time % 1'000'000'000);
  header.captured_bytes = header.frame_bytes = static_cast<std::uint32_t>(frame.size());
  std::memcpy(buffer_.data() + buffered_, &header, sizeof header);
  std::memcpy(buffer_.data() + buffered_ + sizeof header, frame.data(), frame.size());
  buffered_ += needed;
  bytes_ += needed;
  ++frames_;
}

bool Capture::write_buffered() {
  std::size_t written = 0;
  while (written < buffered_) {
    const ssize_t n = write(descriptor_, buffer_.data() + written, buffered_ - written);
    if (n > 0) {
      written += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    failure_ = cat("capture to ", request_.path,
                   " ended: ", n == 0 ? "nothing could be written" : std::strerror(errno));
    failure_untold_ = true;
    end(CaptureState::kFailed);
    return false;
  }
  buffered_ = 0;
  return true;
}

void Capture::end(CaptureState state) {
  close(descriptor_);
  descriptor_ = -1;
  buffered_ = 0;
  buffer_ = {};
  state_ = state;
}

}  // namespace ringroad::fabric
