// Everything that passes between a dataplane and its control process: fixed structs, and one
// version for all of them.
//
// Control attaches at the node's own socket (see protocol.h for the frame of its messages), is
// handed a segment made for this attachment, and from then on
//
//   posts commands        rte_ring of ControlCommand, control -> io lcore
//   reads events          rte_ring of ControlEvent, io lcore -> control
//   reads the counters    NodeReport and ApplicationsReport, written again and again in place
//   reads packets         CaptureRing, while a capture runs
//   reads, once           the configuration that the dataplane was started with
//
// Control is trusted, unlike applications: it is the same user's, and of the same build. Both sides
// still check kinds, nodes and lengths of what they are handed, and count what is wrong.
//
// A command is answered by exactly one event with its `request`, unless control went away. Either
// may be killed at any time; the other goes on, and a new attachment starts with an empty segment
// and a full report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/limits.h"
#include "dataplane/host/protocol.h"
#include "dataplane/node_report.h"

namespace ringroad::host {

inline constexpr std::uint32_t kControlVersion = 2;
inline constexpr std::size_t kControlPayloadMax = 1'024;
inline constexpr std::uint32_t kControlRing = 256;  // elements; a power of two, one stays unused

// Messages between nodes at priority 0 belong to the system and not to applications. These types
// are the control processes'; a node answers echo requests itself, control or no control.
inline constexpr std::uint32_t kSystemEchoRequest = 1;
inline constexpr std::uint32_t kSystemEchoReply = 2;
// 3 is consensus (Node::kConsensusMessage).
inline constexpr std::uint32_t kSystemControl = 16;  // control to control, and beyond

enum class ControlCommandKind : std::uint16_t {
  kNone = 0,
  kSend,          // node, type, payload: a message to that node's control; ends with its outcome
  kPing,          // node, payload: there and back through the link; the event has the time it took
  kResetLink,     // node: drop the session and say hello again
  kSetIdle,       // value: an IdlePolicy
  kSetDeadAfter,  // value: milliseconds
  kAddPeer,       // node, payload: PeerParameters
  kRemovePeer,    // node
  kStartCapture,  // payload: CaptureParameters
  kStopCapture,
  kCount,
};

struct PeerParameters {
  std::uint32_t address;  // host order
  std::uint16_t port;
  std::uint16_t reserved;
};

struct CaptureParameters {
  std::uint32_t snap_bytes;  // of each packet
  std::uint32_t directions;  // kCaptureIn | kCaptureOut
};
inline constexpr std::uint32_t kCaptureIn = 1;
inline constexpr std::uint32_t kCaptureOut = 2;

struct ControlCommand {
  ControlCommandKind kind;
  std::uint16_t node;
  std::uint32_t type;     // of kSend: kSystemControl or above
  std::uint64_t request;  // control's own name for it
  std::uint64_t value;
  std::uint32_t length;  // of the payload
  std::uint32_t reserved;
  std::byte payload[kControlPayloadMax];
};
static_assert(sizeof(ControlCommand) == 32 + kControlPayloadMax);
static_assert(std::is_trivially_copyable_v<ControlCommand>);

enum class ControlEventKind : std::uint16_t {
  kNone = 0,
  kResult,   // of the command named by `request`
  kMessage,  // from another node's control: node, type, payload
  kCount,
};

enum class ControlResult : std::uint16_t {
  kDone = 0,
  kMalformed,     // no such command, or its fields are out of range
  kNoSuchNode,    // no such peer is configured
  kNotConnected,  // its link is not up
  kBusy,          // too much under way: try again
  kNoReceiver,    // arrived; no control process over there
  kNotSent,       // the link went down before
  kUnknown,       // the link went down meanwhile: arrived, or not
  kNoRoom,        // memory for another peer was not set aside: takes a restart
  kExists,        // such a peer is configured already
  kCount,
};

struct ControlEvent {
  ControlEventKind kind;
  std::uint16_t node;
  std::uint32_t type;  // of kMessage
  std::uint64_t request;
  std::uint64_t value;  // of a kPing's result: nanoseconds there and back
  std::uint32_t length;
  ControlResult result;
  std::uint16_t reserved;
  std::byte payload[kControlPayloadMax];
};
static_assert(sizeof(ControlEvent) == 32 + kControlPayloadMax);
static_assert(std::is_trivially_copyable_v<ControlEvent>);

// The programs attached to the node. Written by the dataplane's slow thread.
struct ApplicationsReport {
  struct Row {
    std::uint32_t application_id;
    std::uint32_t process_id;
    std::uint32_t user_id;
    std::uint32_t binding_count;
    std::uint64_t attached;  // when: nanoseconds of the monotonic clock
    char name[kApplicationNameMax];
    ChannelCounts counts;
  };
  std::uint64_t count;
  // Of the channel as a whole, since the dataplane started.
  std::uint64_t connections, attached, detached, refused, malformed, late, broken, channels;
  Row rows[kApplicationsMax];
};
static_assert(std::is_trivially_copyable_v<ApplicationsReport>);

// ---- the conversation at the socket ----

struct ControlHello {
  static constexpr Kind kKind = Kind::kControlHello;
  Header header;
  std::uint32_t version;
  std::uint32_t report_bytes;  // sizeof(NodeReport): differs between builds that differ
};

struct ControlOffer {  // with the segment, the bell to ring and the bell to hear
  static constexpr Kind kKind = Kind::kControlOffer;
  Header header;
  std::uint32_t version;
  std::uint16_t node_id;
  std::uint16_t reserved;
  std::uint32_t process_id;  // of the dataplane
  std::uint32_t reserved_too;
  std::uint64_t segment_bytes;
};

}  // namespace ringroad::host
