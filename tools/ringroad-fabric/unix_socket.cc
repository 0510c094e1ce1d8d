#include "tools/ringroad-fabric/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/ringroad-fabric/text.h"

namespace ringroad::fabric {
namespace {

constexpr int kBacklog = 16;

absl::StatusOr<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(cat("\"", path, "\" is not a socket path (1 to ",
                                          sizeof address.sun_path - 1,
                                          " bytes); choose a shorter directory"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<int> make_socket(int flags) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, "socket");
  return descriptor;
}

// 0 or an errno.
int try_connect(int descriptor, const sockaddr_un& address) {
  return connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
             ? 0
             : errno;
}

int try_bind(int descriptor, const sockaddr_un& address) {
  const mode_t mask = umask(0177);
  const int error =
      bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                         : errno;
  umask(mask);
  return error;
}

// Removes a socket on which nobody listens.
absl::Status remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return absl::AlreadyExistsError(cat(path, " is there and no socket; choose another path"));
  }
  const auto probe = make_socket(SOCK_NONBLOCK);
  if (!probe.ok()) return probe.status();
  const int error = try_connect(*probe, address);
  close(*probe);
  if (error != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        cat(path, " is in use by a running process; stop that one or choose another path"));
  }
  if (unlink(path.c_str()) != 0) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

absl::Status bind_and_listen(int descriptor, const std::string& path) {
  const auto address = address_of(path);
  if (!address.ok()) return address.status();
  int error = try_bind(descriptor, *address);
  if (error == EADDRINUSE) {
    if (absl::Status status = remove_stale(path, *address); !status.ok()) return status;
    error = try_bind(descriptor, *address);
  }
  if (error != 0) return absl::ErrnoToStatus(error, cat("cannot bind ", path));
  if (listen(descriptor, kBacklog) != 0) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> listen_at(const std::string& path) {
  const auto descriptor = make_socket(SOCK_NONBLOCK);
  if (!descriptor.ok()) return descriptor;
  if (absl::Status status = bind_and_listen(*descriptor, path); !status.ok()) {
    close(*descriptor);
    return status;
  }
  return descriptor;
}

absl::StatusOr<int> connect_to(const std::string& path) {
  const auto address = address_of(path);
  if (!address.ok()) return address.status();
  const auto descriptor = make_socket(0);
  if (!descriptor.ok()) return descriptor;
  if (const int error = try_connect(*descriptor, *address); error != 0) {
    close(*descriptor);
    return absl::ErrnoToStatus(
        error, cat("cannot connect to ", path, "; is a fabric running with this --control?"));
  }
  return descriptor;
}

}  // namespace ringroad::fabric
