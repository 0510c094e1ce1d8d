#include "tools/ringroad-fabric/control_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-fabric/unix_socket.h"

namespace ringroad::fabric {

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::create(const std::string& path) {
  auto listener = listen_at(path);
  if (!listener.ok()) return listener.status();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, *listener, &event) != 0) {
    const int error = errno;
    close(*listener);
    if (epoll >= 0) close(epoll);
    return absl::ErrnoToStatus(error, "control socket: epoll");
  }
  return std::unique_ptr<ControlServer>(new ControlServer(path, *listener, epoll));
}

ControlServer::~ControlServer() {
  while (!clients_.empty()) drop(clients_.size() - 1);
  close(listener_);
  close(epoll_);
  unlink(path_.c_str());
}

std::uint32_t ControlServer::service(Nanos now, const Handler& handler) {
  std::array<epoll_event, kClientsMax + 1> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  bool anyone_waits = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      anyone_waits = true;
    } else if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
      read_from(*static_cast<Client*>(event.data.ptr));
    }
  }
  for (std::size_t i = clients_.size(); i-- > 0;) {
    Client& client = *clients_[i];
    answer_lines(client, now, handler);
    if (!write_to(client, now) || (client.ending && client.output.empty()) ||
        now >= client.patience_until) {
      drop(i);
    }
  }
  // Last, so that no event above speaks of a client that is younger than it.
  if (anyone_waits) accept_clients();
  return count > 0 ? static_cast<std::uint32_t>(count) : 0;
}

Nanos ControlServer::next_deadline() const {
  Nanos earliest = kNever;
  for (const auto& client : clients_) earliest = std::min(earliest, client->patience_until);
  return earliest;
}

void ControlServer::accept_clients() {
  for (;;) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    if (clients_.size() == kClientsMax) {
      const std::string refusal =
          cat("{\"error\":\"", kClientsMax, " clients are connected already\",\"ok\":false}\n");
      (void)send(descriptor, refusal.data(), refusal.size(), MSG_NOSIGNAL);
      close(descriptor);
      continue;
    }
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->descriptor = descriptor;
    watch(*clients_.back(), EPOLL_CTL_ADD);
  }
}

void ControlServer::read_from(Client& client) {
  // One byte more than a line may have, so that too long a line shows.
  while (client.input.size() <= kLineBytesMax && !client.ending) {
    std::array<char, kLineBytesMax + 1> bytes;
    const std::size_t room = kLineBytesMax + 1 - client.input.size();
    const ssize_t n = recv(client.descriptor, bytes.data(), room, 0);
    if (n > 0) {
      client.input.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      client.ending = true;
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void ControlServer::answer_lines(Client& client, Nanos now, const Handler& handler) {
  while (client.output.empty()) {
    const std::size_t end = client.input.find('\n');
    if (end == std::string::npos) {
      if (client.input.size() <= kLineBytesMax) return;
      client.output =
          cat("{\"error\":\"a line has at most ", kLineBytesMax, " bytes\",\"ok\":false}\n");
      client.input.clear();
      client.ending = true;
      return;
    }
    client.output = handler(std::string_view(client.input).substr(0, end), now) + "\n";
    client.input.erase(0, end + 1);
    if (!write_to(client, now)) return;
  }
}

bool ControlServer::write_to(Client& client, Nanos now) {
  if (client.output.empty()) return true;
  while (!client.output.empty()) {
    const ssize_t n =
        send(client.descriptor, client.output.data(), client.output.size(), MSG_NOSIGNAL);
    if (n > 0) {
      client.output.erase(0, static_cast<std::size_t>(n));
      // Progress renews patience.
      client.patience_until = kNever;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      client.output.clear();
      client.ending = true;
      return false;
    }
  }
  if (client.output.empty()) {
    client.patience_until = kNever;
  } else if (client.patience_until == kNever) {
    client.patience_until = now + kPatience;
  }
  watch(client, EPOLL_CTL_MOD);
  return true;
}

// While an answer waits the client is not read from: it pays for its own slowness.
void ControlServer::watch(Client& client, int operation) {
  const bool is_writing = !client.output.empty();
  epoll_event event{.events = is_writing ? EPOLLOUT : EPOLLIN, .data = {.ptr = &client}};
  (void)epoll_ctl(epoll_, operation, client.descriptor, &event);
}

void ControlServer::drop(std::size_t index) {
  close(clients_[index]->descriptor);
  clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace ringroad::fabric
