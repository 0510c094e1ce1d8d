// How messages are cut into frames, and how many frames a receiver must be able to keep for them.
// Pure arithmetic, used by links and by the check of configurations, so that both say the same.
//
// A message that fits a frame of its own goes whole; a longer one goes as fragments of
// fragment_bytes(), one a frame. A link that may keep `held_frames_max` frames has an eighth of
// them, held_frames_share(), for the message that each priority must deliver next: only a message
// of no more fragments can surely be completed, and a longer one is refused when it is offered.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/base/limits.h"
#include "dataplane/core/frame.h"

namespace ringroad {

// Room left beside a fragment for an acknowledgement of two ranges, a window and an outcome.
inline constexpr std::uint32_t kControlReserveBytes = 4 * kRecordSlotBytes;

// The longest message that goes as one record. `frame_bytes_max` is at least kFrameBytesMaxLeast,
// here and below.
constexpr std::uint32_t whole_bytes_max(std::uint32_t frame_bytes_max) {
  return frame_bytes_max -
         static_cast<std::uint32_t>(kFrameHeaderBytes + kFrameTrailerBytes + kRecordSlotBytes);
}

// The payload of every fragment but a message's last: one slot more than a whole message, and room
// for control; a multiple of 8 keeps the copies of later fragments aligned as the payload is.
constexpr std::uint32_t fragment_bytes(std::uint32_t frame_bytes_max) {
  constexpr auto kBeside = static_cast<std::uint32_t>(kRecordSlotBytes) + kControlReserveBytes;
  return (whole_bytes_max(frame_bytes_max) - kBeside) / 8 * 8;
}

// The frames that a message takes.
constexpr std::uint32_t fragments_of(std::uint32_t message_bytes, std::uint32_t frame_bytes_max) {
  if (message_bytes <= whole_bytes_max(frame_bytes_max)) return 1;
  const std::uint32_t each = fragment_bytes(frame_bytes_max);
  return (message_bytes + each - 1) / each;
}

// The frames that each priority can have to itself, of so many. One is as good as none: a message
// of one frame waits for no other.
constexpr std::uint32_t held_frames_share(std::uint32_t held_frames_max) {
  const std::uint32_t share = held_frames_max / static_cast<std::uint32_t>(kPriorities);
  return share < 2 ? 0 : share;
}

// The longest message that a receiver can surely complete whose priorities have `share` frames
// each.
constexpr std::uint64_t completable_bytes_max(std::uint32_t share, std::uint32_t frame_bytes_max) {
  return std::max<std::uint64_t>(whole_bytes_max(frame_bytes_max),
                                 std::uint64_t{share} * fragment_bytes(frame_bytes_max));
}

// The least held_frames_max with which messages of `message_bytes_max` are never refused.
constexpr std::uint64_t held_frames_needed(std::uint32_t message_bytes_max,
                                           std::uint32_t frame_bytes_max) {
  const std::uint64_t fragments = fragments_of(message_bytes_max, frame_bytes_max);
  return fragments < 2 ? 0 : fragments * kPriorities;
}

}  // namespace ringroad
