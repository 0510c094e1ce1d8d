// One client of the RPC server: two coroutines, one that reads lines and has them answered, one
// that writes. Kept alive by the coroutines and by the server's list.
//
// Invariant: at most kRpcRequestsMax requests are under way: a line waits until all that it asks
// for find room, and no other is read meanwhile. Those of a batch are answered one after the other.
// Invariant: at most RpcLimits::waiting_bytes_max bytes wait to be written.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "asio/awaitable.hpp"
#include "asio/local/stream_protocol.hpp"
#include "asio/steady_timer.hpp"
#include "control/rpc/seats.h"
#include "control/rpc/server.h"

namespace ringroad::control {

class RpcServer::Connection final : public RpcClient,
                                    public std::enable_shared_from_this<Connection> {
 public:
  Connection(RpcServer& server, asio::local::stream_protocol::socket socket, uid_t user);

  void start();
  // At once; what waits to be written is lost.
  void close();

  Seat seat() const;

  void notify(const std::string& name, const nlohmann::json& params) override;
  std::size_t waiting_bytes() const override { return waiting_bytes_; }
  bool is_owner() const override { return control::is_owner(user_); }

 private:
  using Self = std::shared_ptr<Connection>;

  asio::awaitable<void> read(Self self);
  asio::awaitable<void> write(Self self);
  asio::awaitable<void> answer(Self self, RpcLine line);
  asio::awaitable<RpcResult> result_of(RpcRequest request);
  bool take_line(std::string& line);
  void watch_line();
  void send(std::string line);
  void close_slow(const char* what);
  void finish();

  RpcServer& server_;
  const uid_t user_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer line_timer_, read_timer_;  // patience with a line; with a reader
  asio::steady_timer room_, news_;              // cancelled to wake who waits for a request's end,
                                                // or for something to write
  std::string input_;
  std::size_t taken_ = 0;    // of input_, from the front
  std::size_t scanned_ = 0;  // of input_, without a newline
  std::deque<std::string> output_;
  std::size_t waiting_bytes_ = 0;
  std::size_t under_way_ = 0;
  std::uint64_t last_active_;
  bool has_asked_ = false;  // a whole request, ever
  bool line_watched_ = false;
  bool is_read_ = false;  // nothing more comes
  bool is_closed_ = false;
};

}  // namespace ringroad::control
