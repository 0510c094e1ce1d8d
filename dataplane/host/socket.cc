#include "dataplane/host/socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace ringroad::host {

SocketResult send_bytes(int socket, std::span<const std::byte> bytes,
                        std::span<const int> descriptors) {
  iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  while (true) {
    if (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return SocketResult::kDone;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == ENOBUFS ? SocketResult::kAgain : SocketResult::kClosed;
  }
}

Kind SocketMessage::kind() const {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.kind;
}

namespace {

// Takes every descriptor that came, even those nobody asked for, so that none stays open.
bool take_descriptors(msghdr& header, SocketMessage& message) {
  bool fits = (header.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      Descriptor descriptor{fd};
      if (message.descriptor_count == kDescriptorsMax) {
        fits = false;
      } else {
        message.descriptors[message.descriptor_count++] = std::move(descriptor);
      }
    }
  }
  return fits;
}

}  // namespace

SocketResult receive_message(int socket, SocketMessage& message) {
  message.size = 0;
  message.descriptor_count = 0;
  for (Descriptor& descriptor : message.descriptors) descriptor.reset();
  iovec vector{message.bytes.data(), message.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? SocketResult::kAgain : SocketResult::kClosed;
  if (size == 0) return SocketResult::kClosed;
  const bool fits = take_descriptors(header, message);
  message.size = static_cast<std::size_t>(size);
  if (!fits || (header.msg_flags & MSG_TRUNC) != 0 || message.size < sizeof(Header)) {
    return SocketResult::kMalformed;
  }
  Header said;
  std::memcpy(&said, message.bytes.data(), sizeof said);
  return said.bytes == message.size ? SocketResult::kDone : SocketResult::kMalformed;
}

bool make_bell(BellPair& bell) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return false;
  }
  bell.ringer = Descriptor{ends[0]};
  bell.listener = Descriptor{ends[1]};
  return true;
}

void ring_bell(int ringer) {
  // A full socket already reads as rung, and a closed one has nobody to wake.
  const char one = 1;
  [[maybe_unused]] const ssize_t ignored =
      ::send(ringer, &one, sizeof one, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool hush_bell(int listener) {
  char heard[8];
  while (true) {
    const ssize_t got = ::recv(listener, heard, sizeof heard, MSG_DONTWAIT);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    return got < 0 && errno == EAGAIN;
  }
}

}  // namespace ringroad::host
