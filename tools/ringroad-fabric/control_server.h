// The control socket: a Unix stream socket, a line in, a line out, several clients at once.
//
// Owned by the fabric's loop and never blocking it. Bounds: kClientsMax clients, kLineBytesMax
// bytes a line (a longer one is answered with an error and the client dropped), one unread answer a
// client: until it is read no further line of that client is looked at, and a client that leaves it
// unread for kPatience is dropped.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"

namespace ringroad::fabric {

class ControlServer {
 public:
  static constexpr std::size_t kClientsMax = 16;
  static constexpr std::size_t kLineBytesMax = 1'024;
  static constexpr Nanos kPatience = seconds(2);

  using Handler = std::function<std::string(std::string_view line, Nanos now)>;

  // Binds `path`, for this user only; a stale socket there is taken over, a living one is an error.
  static absl::StatusOr<std::unique_ptr<ControlServer>> create(const std::string& path);
  ~ControlServer();  // removes the socket
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Serves whoever is ready; returns how many events it met.
  std::uint32_t service(Nanos now, const Handler& handler);
  // An epoll descriptor: readable when service() has something to do.
  [[nodiscard]] int wait_descriptor() const { return epoll_; }
  [[nodiscard]] Nanos next_deadline() const;

 private:
  struct Client {
    int descriptor = -1;
    std::string input;    // at most kLineBytesMax + 1
    std::string output;   // what is not yet sent
    bool ending = false;  // closed once `output` is sent
    Nanos patience_until = kNever;
  };

  ControlServer(std::string path, int listener, int epoll)
      : path_(std::move(path)), listener_(listener), epoll_(epoll) {}
  void accept_clients();
  void read_from(Client& client);
  void answer_lines(Client& client, Nanos now, const Handler& handler);
  bool write_to(Client& client, Nanos now);  // false: the client is gone
  void watch(Client& client, int operation);
  void drop(std::size_t index);

  std::string path_;
  int listener_;
  int epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace ringroad::fabric
