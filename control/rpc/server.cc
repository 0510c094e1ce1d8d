#include "control/rpc/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "control/rethrow.h"
#include "control/rpc/connection.h"
#include "control/rpc/seats.h"
#include "dataplane/host/listener.h"

namespace ringroad::control {

using Protocol = asio::local::stream_protocol;
using asio::use_awaitable;

RpcServer::RpcServer(asio::io_context& loop, Options options, const RpcInterface& interface,
                     RpcHandler& handler, Log& log)
    : loop_(loop),
      options_(std::move(options)),
      interface_(interface),
      handler_(handler),
      log_(log),
      acceptor_(loop),
      pause_(loop) {}

RpcServer::~RpcServer() = default;

absl::Status RpcServer::start() {
  std::string group = options_.group;
  if (!group.empty()) group_ = host::find_group(group);
  if (!group.empty() && !group_) {
    log_.warning("no such group: only our own user and root may use the control socket",
                 {{"group", group}, {"mend", absl::StrCat("sudo groupadd --system ", group)}});
    group.clear();
  }
  auto listener = host::listen_at(options_.socket, group, SOCK_STREAM);
  if (listener.status().code() == absl::StatusCode::kPermissionDenied && group_) {
    // The group exists, but we may not give it a file: then it cannot open the socket either.
    log_.warning("the control socket stays our own user's",
                 {{"group", group}, {"reason", std::string(listener.status().message())}});
    group_.reset();
    listener = host::listen_at(options_.socket, "", SOCK_STREAM);
  }
  if (!listener.ok()) return listener.status();
  const int descriptor = ::fcntl(listener->get(), F_DUPFD_CLOEXEC, 0);
  asio::error_code error;
  acceptor_.assign(Protocol(), descriptor, error);
  if (error) return absl::InternalError(error.message());
  asio::co_spawn(loop_, accept(), rethrow);
  return absl::OkStatus();
}

void RpcServer::stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  const bool was_listening = acceptor_.is_open();
  asio::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  if (was_listening) ::unlink(options_.socket.c_str());
  const auto connections = connections_;  // each takes itself off the list
  for (const auto& connection : connections) connection->close();
}

asio::awaitable<void> RpcServer::accept() {
  while (!is_stopped_) {
    Protocol::socket socket(loop_);
    asio::error_code error;
    co_await acceptor_.async_accept(socket, asio::redirect_error(use_awaitable, error));
    if (is_stopped_) break;
    if (!error) {
      welcome(std::move(socket));
      continue;
    }
    // Out of descriptors, or the client has left already: the others go on meanwhile.
    log_.warning("accept on the control socket", {{"reason", error.message()}});
    asio::error_code ignored;
    pause_.expires_after(std::chrono::milliseconds(100));
    co_await pause_.async_wait(asio::redirect_error(use_awaitable, ignored));
  }
}

void RpcServer::welcome(Protocol::socket socket) {
  const auto peer = identify_peer(socket.native_handle());
  if (!peer || !may_ask(*peer, group_)) {
    log_.warning("refused a user of the control socket", {{"user_id", peer ? peer->user : 0}});
    return refuse(socket, RpcError::denied(absl::StrCat(
                              "only root", group_ ? ", " : " and ", "the daemon's own user",
                              group_ ? absl::StrCat(" and the group \"", options_.group, "\"") : "",
                              " may use this socket")));
  }
  if (connections_.size() >= options_.limits.connections_max) make_room();
  auto connection = std::make_shared<Connection>(*this, std::move(socket), peer->user);
  connections_.insert(connection);
  ++counts_.connections;
  connection->start();
}

void RpcServer::make_room() {
  std::vector<Seat> seats;
  std::vector<std::shared_ptr<Connection>> holders;
  for (const auto& connection : connections_) {
    seats.push_back(connection->seat());
    holders.push_back(connection);
  }
  const std::size_t displaced = choose_displaced(seats);
  ++counts_.displaced;
  log_.info("all connections of the control socket are taken: one makes room",
            {{"user_id", seats[displaced].user}, {"busy", seats[displaced].is_busy}});
  holders[displaced]->close();
}

// One line that fits an empty socket's buffer, if the client is still there.
void RpcServer::refuse(Protocol::socket& socket, const RpcError& error) {
  ++counts_.refused;
  const std::string line = print_line(make_response(nullptr, error)) + "\n";
  [[maybe_unused]] const ssize_t ignored =
      ::send(socket.native_handle(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace ringroad::control
