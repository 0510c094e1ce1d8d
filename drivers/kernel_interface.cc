#include "drivers/kernel_interface.h"

#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ringroad {
namespace {

// Runs one interface request; returns 0 or the error.
int request(unsigned long code, const std::string& name, ifreq* argument) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  name.copy(argument->ifr_name, IFNAMSIZ - 1);
  const int error = ::ioctl(fd, code, argument) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

}  // namespace

bool is_interface_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), allowed);
}

bool interface_exists(const std::string& name) { return ::if_nametoindex(name.c_str()) != 0; }

std::string interface_names() {
  std::string names;
  struct if_nameindex* all = ::if_nameindex();
  if (all == nullptr) return names;
  for (struct if_nameindex* one = all; one->if_index != 0; ++one) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", one->if_name);
  }
  ::if_freenameindex(all);
  return names;
}

bool is_interface_running(const std::string& name) {
  ifreq argument{};
  if (request(SIOCGIFFLAGS, name, &argument) != 0) return false;
  return (argument.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

absl::Status set_interface_mtu(const std::string& name, std::uint32_t mtu) {
  ifreq argument{};
  if (request(SIOCGIFMTU, name, &argument) == 0 && argument.ifr_mtu == static_cast<int>(mtu)) {
    return absl::OkStatus();
  }
  argument = {};
  argument.ifr_mtu = static_cast<int>(mtu);
  const int error = request(SIOCSIFMTU, name, &argument);
  if (error == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("interface \"", name, "\": mtu ", mtu, " refused: ", std::strerror(error),
                   error == EPERM ? "; run as root or with CAP_NET_ADMIN"
                                  : "; choose an mtu that the interface takes (ip -d link show)"));
}

bool has_capability(unsigned bit) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, data) != 0) return ::geteuid() == 0;
  return (data[bit / 32].effective >> (bit % 32) & 1) != 0;
}

}  // namespace ringroad
