// JSON-RPC 2.0 on a Unix stream socket, a JSON object a line.
//
// Everything a client can do is bounded: who may connect, how many do, how long a line is and how
// long it may take to arrive, how many requests are under way, how much waits to be read and for
// how long. Whoever goes beyond is told, where that is possible, hung up on and counted; the others
// notice nothing. Once it has asked something a client may be silent for as long as it likes; but
// when all connections are taken and another comes, one has to go (seats.h), so that the other gets
// in: clients that find themselves hung up on between two requests connect again. One event loop's;
// the counts may be read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/local/stream_protocol.hpp"
#include "asio/steady_timer.hpp"
#include "control/log.h"
#include "control/rpc/interface.h"
#include "control/rpc/message.h"
#include "control/rpc/peer_check.h"
#include "dataplane/base/ids.h"

namespace ringroad::control {

// Whoever asks, as methods see it.
class RpcClient {
 public:
  virtual void notify(const std::string& name, const nlohmann::json& params) = 0;
  // Bytes of answers and notifications that it has not taken yet.
  virtual std::size_t waiting_bytes() const = 0;
  // Root, or the user that we run as, and not only a member of the group.
  virtual bool is_owner() const = 0;

 protected:
  ~RpcClient() = default;
};

class RpcHandler {
 public:
  // A known method; its parameters passed the schema, with `defaults` not filled in. By value:
  // a coroutine's arguments outlive its caller's.
  virtual asio::awaitable<RpcResult> call(std::string method, nlohmann::json params,
                                          std::shared_ptr<RpcClient> client) = 0;
  // Whether something that it started goes on.
  virtual bool serves(const RpcClient& client) const = 0;
  // It says nothing more; what was started for it ends.
  virtual void on_hung_up(const RpcClient& client) = 0;

 protected:
  ~RpcHandler() = default;
};

struct RpcLimits {
  std::size_t connections_max = 64;
  std::size_t waiting_bytes_max = 4 * 1024 * 1024;
  Nanos line_patience = seconds(10);  // from a line's first byte, or for the first request from
                                      // the connection's begin, to its last byte
  Nanos read_patience = seconds(10);  // without any byte taken by the client
};

struct RpcCounts {
  std::atomic<std::uint64_t> requests{0}, errors{0};
  std::atomic<std::uint64_t> connections{0};  // accepted
  std::atomic<std::uint64_t> refused{0};      // not allowed
  std::atomic<std::uint64_t> displaced{0};    // made room for another
  std::atomic<std::uint64_t> closed_slow{0}, closed_too_long{0};
};

class RpcServer {
 public:
  struct Options {
    std::string socket;
    std::string group;  // may be empty
    RpcLimits limits;
  };
  // All of them outlive the server, and it whatever it spawned.
  RpcServer(asio::io_context& loop, Options options, const RpcInterface& interface,
            RpcHandler& handler, Log& log);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Binds, listens and serves. Without the group, or the right to hand the socket to it, one
  // warning is logged and only our own user and root may connect.
  absl::Status start();
  // Hangs up on all and removes the socket.
  void stop();

  const RpcCounts& counts() const { return counts_; }

 private:
  class Connection;

  asio::awaitable<void> accept();
  void welcome(asio::local::stream_protocol::socket socket);
  void make_room();
  void refuse(asio::local::stream_protocol::socket& socket, const RpcError& error);

  asio::io_context& loop_;
  Options options_;
  const RpcInterface& interface_;
  RpcHandler& handler_;
  Log& log_;
  std::optional<gid_t> group_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::uint64_t activity_ = 0;  // counts connections and requests
  RpcCounts counts_;
  bool is_stopped_ = false;
};

}  // namespace ringroad::control
