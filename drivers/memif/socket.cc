#include "drivers/memif/socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ringroad::memif {
namespace {

constexpr int kBacklog = 64;

struct Address {
  sockaddr_un un{};
  socklen_t length = 0;
};

bool is_abstract(const std::string& path) { return path.starts_with('@'); }

// An abstract name is its bytes after the leading NUL, without padding: so does DPDK's
// socket-abstract=yes, and so the two meet.
Address address_of(const std::string& path) {
  Address address;
  address.un.sun_family = AF_UNIX;
  path.copy(address.un.sun_path, sizeof address.un.sun_path - 1);
  if (is_abstract(path)) address.un.sun_path[0] = '\0';
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                          (is_abstract(path) ? 0 : 1));
  return address;
}

const sockaddr* as_sockaddr(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.un);
}

absl::Status failed(absl::string_view what, const std::string& path, int error,
                    absl::string_view mend) {
  return absl::FailedPreconditionError(
      absl::StrCat("memif socket \"", path, "\": ", what, ": ", std::strerror(error), "; ", mend));
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

FileDescriptor new_socket() {
  return FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// The file is there: remove it if it is a socket that nobody listens on.
absl::Status remove_stale(const std::string& path, const Address& address) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return absl::OkStatus();  // gone meanwhile
  if (!S_ISSOCK(info.st_mode)) {
    return failed("is there and is no socket", path, EEXIST, "name another path or remove it");
  }
  const FileDescriptor probe = new_socket();
  if (!probe) return failed("cannot open a socket", path, errno, "raise the limit of open files");
  const int result = ::connect(probe.get(), as_sockaddr(address), address.length);
  if (result != 0 && errno == ENOENT) return absl::OkStatus();
  if (result != 0 && errno == ECONNREFUSED) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return failed("is left over and cannot be removed", path, errno, "remove it by hand");
  }
  return failed("is in use by another process", path, EADDRINUSE,
                absl::StrCat("stop that process (ss -xlp | grep ", path,
                             "), name another path, or take the slave's role here"));
}

}  // namespace

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

absl::Status check_socket_path(const std::string& path) {
  constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty() || path == "@") {
    return absl::InvalidArgumentError(
        "memif socket: the path is empty; give a path, or \"@name\" for an abstract socket");
  }
  if (path.size() > kPathBytesMax || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("memif socket \"", printable(path), "\": ", path.size(), " bytes; at most ",
                     kPathBytesMax, " and no NUL; name a shorter path"));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundSocket> listen_on(const std::string& path) {
  if (absl::Status status = check_socket_path(path); !status.ok()) return status;
  const Address address = address_of(path);
  BoundSocket bound;
  bound.fd = new_socket();
  if (!bound.fd) {
    return failed("cannot open a socket", path, errno, "raise the limit of open files");
  }
  // Two masters that find the same leftover take turns, so that neither removes the other's.
  FileDescriptor turn;
  if (!is_abstract(path)) {
    const std::string directory = directory_of(path);
    turn.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!turn) {
      return failed("cannot open its directory", path, errno,
                    absl::StrCat("mkdir -p ", directory, ", or run as a user who may write there"));
    }
    ::flock(turn.get(), LOCK_EX);
  }
  int result = ::bind(bound.fd.get(), as_sockaddr(address), address.length);
  if (result != 0 && errno == EADDRINUSE && !is_abstract(path)) {
    if (absl::Status status = remove_stale(path, address); !status.ok()) return status;
    result = ::bind(bound.fd.get(), as_sockaddr(address), address.length);
  }
  if (result != 0) {
    return failed(errno == EADDRINUSE ? "is in use by another process" : "cannot be bound", path,
                  errno, "stop that process, name another path, or check who may write there");
  }
  if (!is_abstract(path)) {
    struct stat info{};
    if (::chmod(path.c_str(), 0660) != 0 || ::lstat(path.c_str(), &info) != 0) {
      return failed("vanished while being bound", path, errno, "let one process own the path");
    }
    bound.device = info.st_dev;
    bound.inode = info.st_ino;
  }
  if (::listen(bound.fd.get(), kBacklog) != 0) {
    return failed("cannot listen", path, errno, "raise the limit of open files");
  }
  return bound;
}

void unlink_if_ours(const std::string& path, const BoundSocket& socket) {
  struct stat info{};
  if (socket.inode != 0 && ::lstat(path.c_str(), &info) == 0 && info.st_dev == socket.device &&
      info.st_ino == socket.inode) {
    ::unlink(path.c_str());
  }
}

absl::StatusOr<FileDescriptor> connect_to(const std::string& path) {
  const Address address = address_of(path);
  FileDescriptor fd = new_socket();
  if (!fd) return failed("cannot open a socket", path, errno, "raise the limit of open files");
  if (::connect(fd.get(), as_sockaddr(address), address.length) == 0) return fd;
  switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
    case EAGAIN:
      return absl::UnavailableError(
          absl::StrCat("memif socket \"", path, "\": no master listens there yet; start it"));
    case EACCES:
      return failed("may not be connected to", path, errno,
                    "run as the master's user, or as a member of its group");
    default:
      return failed("cannot be connected to", path, errno, "check that a memif master owns it");
  }
}

Received receive_message(int socket, Incoming* out) {
  constexpr std::size_t kDescriptorsMax = 4;
  iovec data{&out->message, sizeof out->message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::kNothing : Received::kClosed;
  }
  std::array<FileDescriptor, kDescriptorsMax> descriptors;
  std::size_t count = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len && count < kDescriptorsMax;
         at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, reinterpret_cast<const char*>(c) + at, sizeof fd);
      descriptors[count++].reset(fd);
    }
  }
  if (size == 0 && count == 0) return Received::kClosed;
  if (size != sizeof out->message || count > 1 ||
      (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Received::kInvalid;
  }
  out->fd = std::move(descriptors[0]);
  return Received::kMessage;
}

bool send_message(int socket, const Message& message, int fd) {
  iovec data{const_cast<Message*>(&message), sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_len = CMSG_LEN(sizeof(int));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  return ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(sizeof message);
}

Message make_message(MessageKind kind) {
  Message message;
  message.kind = kind;
  message.bytes.fill('\0');
  return message;
}

Message make_disconnect(absl::string_view reason) {
  Message message = make_message(MessageKind::kDisconnect);
  message.disconnect.code = 0;
  reason = reason.substr(0, sizeof message.disconnect.reason - 1);
  reason.copy(message.disconnect.reason.data(), reason.size());
  return message;
}

std::string printable(absl::string_view raw) {
  std::string text(raw);
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace ringroad::memif
