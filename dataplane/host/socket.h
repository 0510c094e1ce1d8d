// Messages of protocol.h over a SOCK_SEQPACKET socket, with the descriptors that ride along.
// Shared by the dataplane's slow path and the library; neither blocks in here.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "dataplane/host/descriptor.h"
#include "dataplane/host/protocol.h"

namespace ringroad::host {

inline constexpr std::size_t kDescriptorsMax = 4;

enum class SocketResult { kDone, kAgain, kClosed, kMalformed };

// Sends one message whole, never blocking and never raising SIGPIPE.
[[nodiscard]] SocketResult send_bytes(int socket, std::span<const std::byte> bytes,
                                      std::span<const int> descriptors);

template <typename Message>
[[nodiscard]] SocketResult send_message(int socket, const Message& message,
                                        std::span<const int> descriptors = {}) {
  return send_bytes(socket, std::as_bytes(std::span{&message, 1}), descriptors);
}

// One received message. Descriptors not moved out are closed with it.
struct SocketMessage {
  alignas(8) std::array<std::byte, kSocketMessageMax> bytes;
  std::size_t size = 0;
  std::array<Descriptor, kDescriptorsMax> descriptors;
  std::size_t descriptor_count = 0;

  Kind kind() const;
  // The message as what its kind says it is, or null when its size is not that.
  template <typename Message>
  const Message* as() const {
    return kind() == Message::kKind && size == sizeof(Message)
               ? reinterpret_cast<const Message*>(bytes.data())
               : nullptr;
  }
};

// Receives one message. kMalformed: too long, shorter than it says, or with too many descriptors.
[[nodiscard]] SocketResult receive_message(int socket, SocketMessage& message);

// A bell is one end of a socket pair: whoever holds the other end hears it as readable. Not an
// eventfd, because whoever shares an eventfd shares its O_NONBLOCK flag and its counter, and could
// make the ringer block; a socket takes both by call.
struct BellPair {
  Descriptor ringer;
  Descriptor listener;
};
[[nodiscard]] bool make_bell(BellPair& bell);
void ring_bell(int ringer);
// Forgets what was heard so far. False when the other end is gone.
bool hush_bell(int listener);

}  // namespace ringroad::host
