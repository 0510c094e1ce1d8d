#include "control/rpc/peer_check.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace ringroad::control {
namespace {

constexpr std::size_t kEntryBytes = 64 * 1024;
constexpr int kGroupsMax = 65'536;  // Linux's own limit

// All groups of a user, by the system's databases.
bool is_member(const PeerIdentity& peer, gid_t group) {
  std::vector<char> buffer(kEntryBytes);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(peer.user, &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return false;
  }
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(entry.pw_name, peer.group, groups.data(), &count) < 0) {
    if (count <= static_cast<int>(groups.size()) || count > kGroupsMax) return false;
    groups.resize(static_cast<std::size_t>(count));
  }
  return std::find(groups.begin(), groups.begin() + count, group) != groups.begin() + count;
}

}  // namespace

std::optional<PeerIdentity> identify_peer(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0 ||
      length != sizeof credentials) {
    return std::nullopt;
  }
  return PeerIdentity{credentials.uid, credentials.gid};
}

bool is_owner(uid_t user) { return user == 0 || user == ::geteuid(); }

bool may_ask(const PeerIdentity& peer, std::optional<gid_t> group) {
  if (is_owner(peer.user)) return true;
  return group && (peer.group == *group || is_member(peer, *group));
}

}  // namespace ringroad::control
