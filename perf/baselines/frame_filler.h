// Messages back to back in frames of one size, each closed by ISA-L's CRC32C of all before it: the
// bare work of a batcher, with no header, record or window. A message that does not fit goes on in
// the next frame.
#pragma once

#include <isa-l/crc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ringroad::baseline {

inline std::uint32_t frame_checksum(const unsigned char* frame, std::size_t bytes) {
  // ISA-L takes the bytes as mutable and does not change them.
  return crc32_iscsi(const_cast<unsigned char*>(frame), static_cast<int>(bytes), ~0U);
}

class FrameFiller {
 public:
  // `frames` buffers are used in turn.
  FrameFiller(std::size_t frame_bytes, std::size_t frames)
      : frame_bytes_(frame_bytes), payload_max_(frame_bytes - 4), frames_(frames * frame_bytes) {}

  // Copies a message in; `on_frame(const unsigned char*)` is called for each frame that is full.
  template <typename OnFrame>
  void add(const unsigned char* bytes, std::size_t count, OnFrame&& on_frame) {
    while (count > 0) {
      unsigned char* frame = frames_.data() + frame_ * frame_bytes_;
      const std::size_t part = std::min(count, payload_max_ - used_);
      std::memcpy(frame + used_, bytes, part);
      bytes += part;
      count -= part;
      used_ += part;
      if (used_ < payload_max_) continue;
      const std::uint32_t checksum = frame_checksum(frame, payload_max_);
      std::memcpy(frame + payload_max_, &checksum, sizeof checksum);
      used_ = 0;
      frame_ = (frame_ + 1) * frame_bytes_ == frames_.size() ? 0 : frame_ + 1;
      on_frame(frame);
    }
  }

 private:
  std::size_t frame_bytes_, payload_max_, used_ = 0, frame_ = 0;
  std::vector<unsigned char> frames_;
};

}  // namespace ringroad::baseline
