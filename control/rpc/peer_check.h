// Who may ask and tell: root, the user that control runs as, and members of one group, whether it
// is their primary one or among their others. The kernel says who stands at a socket's other end.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace ringroad::control {

struct PeerIdentity {
  uid_t user = 0;
  gid_t group = 0;
};

// Nothing when the kernel does not say.
std::optional<PeerIdentity> identify_peer(int socket);

// Root, or the user that we run as.
bool is_owner(uid_t user);

bool may_ask(const PeerIdentity& peer, std::optional<gid_t> group);

}  // namespace ringroad::control
