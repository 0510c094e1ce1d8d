// What is said over the node's Unix socket (SOCK_SEQPACKET, so that each message arrives whole):
// fixed structs, one a message, each beginning with a Header. Descriptors travel by SCM_RIGHTS.
//
//   application              dataplane
//   Hello               ->
//                       <-   Offer + memfd, its bell to ring, its bell to hear
//   Mapped              ->                           (only now is the arena sealed and live)
//                       <-   Answer
//   Bind, Unbind, Open, Count -> (one at a time)
//                       <-   Answer, Opened + segment and bell, or Counted
//                       <-   Incoming + segment, bell (unasked: another application opened)
//   Close               ->                           (of a local channel; not answered)
//
// Either side hanging up ends it all. The dataplane closes the connection of whoever sends anything
// else, or answers too late.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/base/limits.h"
#include "dataplane/host/layout.h"

namespace ringroad::host {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kApplicationNameMax = 32;  // with its final 0
inline constexpr std::size_t kSocketMessageMax = 1'024;
inline constexpr std::size_t kLocalChannelsMax = 16;  // an application

enum class Kind : std::uint32_t {
  kHello = 1,
  kOffer,
  kMapped,
  kAnswer,
  kBind,
  kUnbind,
  kOpen,
  kOpened,
  kIncoming,
  kClose,
  kCount,
  kCounted,
  kControlHello,  // of the control process: control_protocol.h
  kControlOffer,
};

struct Header {
  Kind kind;
  std::uint32_t bytes;  // of the whole message
};

inline constexpr std::uint32_t kHelloAcceptsLocal = 1;  // others on this node may open channels
inline constexpr std::uint32_t kHelloByReference = 2;   // and share memory with us, in our group
inline constexpr std::uint32_t kHelloFlagsKnown = kHelloAcceptsLocal | kHelloByReference;

struct Hello {
  static constexpr Kind kKind = Kind::kHello;
  Header header;
  std::uint32_t protocol_version;
  std::uint32_t layout_version;
  std::uint32_t flags;
  char name[kApplicationNameMax];
};

struct Offer {
  static constexpr Kind kKind = Kind::kOffer;
  Header header;
  std::uint16_t node_id;
  std::uint16_t application_id;
  std::uint32_t bind_address;  // host order
  std::uint16_t bind_port;
  std::uint16_t peer_count;
  std::uint32_t message_bytes_max;
  std::uint32_t quota_percent;
  std::uint32_t never_sleeps;  // no need to look at dataplane_asleep
  std::uint16_t peers[kNodesMax];
  ChannelGeometry geometry;
};

struct Mapped {
  static constexpr Kind kKind = Kind::kMapped;
  Header header;
};

enum class Reply : std::uint32_t {
  kDone = 0,
  kVersion,        // of protocol or layout: library and dataplane are of different releases
  kTooMany,        // applications, bindings or channels
  kNoMemory,       // for the arenas
  kTaken,          // somebody else is bound to that type
  kNoSuchProgram,  // nobody of that name accepts local channels
  kNameTaken,
  kUnwilling,  // the other side does not answer
};

struct Answer {
  static constexpr Kind kKind = Kind::kAnswer;
  Header header;
  Reply reply;
};

struct Bind {
  static constexpr Kind kKind = Kind::kBind;
  Header header;
  std::uint32_t type;
  std::uint32_t mode;  // a BindMode
};

struct Unbind {
  static constexpr Kind kKind = Kind::kUnbind;
  Header header;
  std::uint32_t type;
  std::uint32_t mode;
};

struct Open {
  static constexpr Kind kKind = Kind::kOpen;
  Header header;
  char name[kApplicationNameMax];
};

struct Opened {
  static constexpr Kind kKind = Kind::kOpened;
  Header header;
  std::uint32_t channel;  // names it in Close
  std::uint32_t by_reference;
  std::uint32_t arena_bytes;  // each direction; pair_layout.h has the rest
};

struct Incoming {
  static constexpr Kind kKind = Kind::kIncoming;
  Header header;
  std::uint32_t channel;  // names it in Close
  std::uint32_t by_reference;
  std::uint32_t arena_bytes;
  char from[kApplicationNameMax];
};

struct Close {
  static constexpr Kind kKind = Kind::kClose;
  Header header;
  std::uint32_t channel;
};

struct Count {
  static constexpr Kind kKind = Kind::kCount;
  Header header;
};

// What the dataplane counted of this application since it attached.
struct ChannelCounts {
  std::uint64_t messages_taken;     // from the transmit ring
  std::uint64_t bytes_taken;        //
  std::uint64_t messages_refused;   // completed as kRefused + reason
  std::uint64_t messages_waited;    // the node's queue was full: kept until there was room
  std::uint64_t messages_received;  // put into the receive ring
  std::uint64_t bytes_received;     //
  std::uint64_t receive_busy;       // deliveries put off: slots or arena full
  std::uint64_t outcomes[5];        // by Outcome
  std::uint64_t violations;         // descriptors and indices no library writes
  std::uint64_t bells;              // wake-ups sent
};

struct Counted {
  static constexpr Kind kKind = Kind::kCounted;
  Header header;
  ChannelCounts counts;
};

static_assert(sizeof(Offer) <= kSocketMessageMax);

template <typename Message>
constexpr Message make_message() {
  static_assert(std::is_trivially_copyable_v<Message>);
  Message message{};
  message.header = {Message::kKind, sizeof(Message)};
  return message;
}

}  // namespace ringroad::host
