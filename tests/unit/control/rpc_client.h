// A client of the control socket, for tests: sends bytes as they are, reads lines with a deadline.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "dataplane/host/descriptor.h"
#include "nlohmann/json.hpp"

namespace ringroad::control::test {

class TestClient {
 public:
  explicit TestClient(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = host::Descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    is_connected_ =
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool is_connected() const { return is_connected_; }
  int descriptor() const { return socket_.get(); }
  void hang_up() { socket_.reset(); }
  void end_writing() { ::shutdown(socket_.get(), SHUT_WR); }

  // False when the server has hung up.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next line; nothing when the server hung up or said nothing for ten seconds.
  std::optional<std::string> line() {
    while (true) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        std::string found = input_.substr(0, end);
        input_.erase(0, end + 1);
        return found;
      }
      if (!read_more()) return std::nullopt;
    }
  }

  // Everything up to the server's hanging up, which it does within ten seconds of silence.
  bool is_hung_up() {
    while (read_more()) {
    }
    return is_ended_;
  }

  nlohmann::json call(const std::string& method,
                      const nlohmann::json& params = nlohmann::json::object()) {
    const nlohmann::json request = {
        {"jsonrpc", "2.0"}, {"id", ++id_}, {"method", method}, {"params", params}};
    send(request.dump() + "\n");
    while (const auto text = line()) {
      nlohmann::json answer = nlohmann::json::parse(*text);
      if (answer.contains("id")) return answer;
      notifications.push_back(std::move(answer));
    }
    return nullptr;
  }

  std::vector<nlohmann::json> notifications;  // that came before an answer

 private:
  bool read_more() {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 10'000) <= 0) return false;
    char chunk[64 * 1024];
    const ssize_t got = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (got <= 0) {
      is_ended_ = true;
      return false;
    }
    input_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }

  host::Descriptor socket_;
  bool is_connected_ = false, is_ended_ = false;
  std::string input_;
  int id_ = 0;
};

}  // namespace ringroad::control::test
