#include "dataplane/host/listener.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ringroad::host {
namespace {

// Removes what a killed process left behind, and nothing else.
absl::Status clear_path(const std::string& path, const sockaddr_un& address, int type) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there and is no socket"));
  }
  const Descriptor probe{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is in use by another program"));
  }
  if (::unlink(path.c_str()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("unlink ", path));
  return absl::OkStatus();
}

}  // namespace

std::optional<gid_t> find_group(const std::string& name) {
  std::vector<char> buffer(64 * 1024);  // a group may have many members
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return entry.gr_gid;
}

absl::StatusOr<Descriptor> listen_at(const std::string& path, const std::string& group, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\": a socket's path has 1 to ",
                                                   sizeof address.sun_path - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  std::error_code ignored;  // bind says what is wrong with the directory
  const auto directory = std::filesystem::path{path}.parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, ignored);
  if (auto cleared = clear_path(path, address, type); !cleared.ok()) return cleared;

  Descriptor listener{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!listener.valid()) return absl::ErrnoToStatus(errno, "socket");
  // The file is made with the socket's own mode, so that it is never open to others.
  ::fchmod(listener.get(), 0660);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("bind to ", path));
  }
  if (!group.empty()) {
    const auto gid = find_group(group);
    if (!gid) return absl::NotFoundError(absl::StrCat("no group is named \"", group, "\""));
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("give ", path, " to group ", group));
    }
  }
  if (::chmod(path.c_str(), 0660) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("chmod ", path));
  }
  if (::listen(listener.get(), 64) != 0) return absl::ErrnoToStatus(errno, "listen");
  return listener;
}

}  // namespace ringroad::host
