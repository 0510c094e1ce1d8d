// The control side's plumbing: descriptors that close themselves, memif socket addresses, and one
// control message with at most one descriptor beside it. Nothing here blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "drivers/memif/protocol.h"

namespace ringroad::memif {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }
  void reset(int fd = -1);
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A listening socket and, for a path, the directory entry it owns.
struct BoundSocket {
  FileDescriptor fd;
  std::uint64_t device = 0, inode = 0;  // 0: abstract
};

// Takes over a socket file whose owner is gone. Errors name the path and the mend.
absl::StatusOr<BoundSocket> listen_on(const std::string& path);
// Removes the directory entry if it is still the one we made.
void unlink_if_ours(const std::string& path, const BoundSocket& socket);
// Not available: nobody listens (yet). Anything else is a fault of the path.
absl::StatusOr<FileDescriptor> connect_to(const std::string& path);
absl::Status check_socket_path(const std::string& path);

enum class Received : std::uint8_t { kMessage, kNothing, kClosed, kInvalid };

struct Incoming {
  Message message{};
  FileDescriptor fd;
};

// kInvalid: not a whole message, or more than one descriptor came with it; all are closed.
Received receive_message(int socket, Incoming* out);
// False when the peer is gone or does not read.
bool send_message(int socket, const Message& message, int fd = -1);

Message make_message(MessageKind kind);
Message make_disconnect(absl::string_view reason);

// Text of a fixed field: up to the first NUL, unprintable bytes replaced.
template <std::size_t N>
std::string field_text(const std::array<char, N>& field);
template <std::size_t N>
void set_field(std::array<char, N>* field, absl::string_view text);

std::string printable(absl::string_view raw);

template <std::size_t N>
std::string field_text(const std::array<char, N>& field) {
  absl::string_view raw(field.data(), N);
  return printable(raw.substr(0, raw.find('\0')));
}
template <std::size_t N>
void set_field(std::array<char, N>* field, absl::string_view text) {
  field->fill('\0');
  text.copy(field->data(), N);
}

}  // namespace ringroad::memif
