// How one client is served, from the first byte to the last.
//
// read() cuts what arrives into lines; each line is answered by a coroutine of its own, so that a
// ping that takes a second holds up nobody, and answers leave in the order in which they are known.
// write() alone writes, one line after the other. Neither waits for the other: they meet in
// output_, and wake each other by cancelling a timer that never expires (wait_for_call).
//
// A connection ends in one of four ways, and always through close(): the client has ended writing
// and got all its answers (finish), a write fails, a bound is overstepped (close_slow and the
// longest line), or the server stops or needs the room. The coroutines notice by is_closed_ and end
// at their next step; they hold the connection until then.
//
// What it does not do: know what the methods mean (methods.h), or who may connect (peer_check.h).
#include "control/rpc/connection.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "asio/buffer.hpp"
#include "asio/co_spawn.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "control/rethrow.h"
#include "dataplane/base/check.h"
#include "dataplane/config_fault.h"
#include "dataplane/did_you_mean.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;
using asio::use_awaitable;
using Clock = asio::steady_timer::clock_type;

constexpr std::size_t kReadBytes = 64 * 1024;

// Waits until somebody cancels the timer.
asio::awaitable<void> wait_for_call(asio::steady_timer& timer) {
  asio::error_code ignored;
  timer.expires_at(asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::redirect_error(use_awaitable, ignored));
}

}  // namespace

RpcServer::Connection::Connection(RpcServer& server, asio::local::stream_protocol::socket socket,
                                  uid_t user)
    : server_(server),
      user_(user),
      socket_(std::move(socket)),
      line_timer_(server.loop_),
      read_timer_(server.loop_),
      room_(server.loop_),
      news_(server.loop_),
      last_active_(++server.activity_) {}

void RpcServer::Connection::start() {
  asio::co_spawn(server_.loop_, read(shared_from_this()), rethrow);
  asio::co_spawn(server_.loop_, write(shared_from_this()), rethrow);
}

Seat RpcServer::Connection::seat() const {
  const bool is_busy = under_way_ > 0 || !output_.empty() || server_.handler_.serves(*this);
  return {.user = user_, .is_busy = is_busy, .last_active = last_active_};
}

void RpcServer::Connection::close() {
  if (is_closed_) return;
  is_closed_ = true;
  asio::error_code ignored;
  socket_.close(ignored);
  line_timer_.cancel();
  read_timer_.cancel();
  room_.cancel();
  news_.cancel();
  server_.handler_.on_hung_up(*this);
  server_.connections_.erase(shared_from_this());
}

void RpcServer::Connection::close_slow(const char* what) {
  if (is_closed_) return;
  ++server_.counts_.closed_slow;
  server_.log_.warning("closed a connection of the control socket", {{"reason", what}});
  close();
}

// Closes when all is said and done: nothing more comes, and nothing is under way or unwritten.
void RpcServer::Connection::finish() {
  if (is_read_ && under_way_ == 0 && output_.empty()) close();
}

void RpcServer::Connection::notify(const std::string& name, const Json& params) {
  send(print_notification(name, params));
}

void RpcServer::Connection::send(std::string line) {
  if (is_closed_) return;
  line.push_back('\n');
  if (waiting_bytes_ + line.size() > server_.options_.limits.waiting_bytes_max) {
    return close_slow("it does not read its answers");
  }
  waiting_bytes_ += line.size();
  output_.push_back(std::move(line));
  news_.cancel();
}

// The next whole line, if there is one.
bool RpcServer::Connection::take_line(std::string& line) {
  const std::size_t end = input_.find('\n', std::max(scanned_, taken_));
  if (end != std::string::npos) {
    line.assign(input_, taken_, end - taken_);
    taken_ = scanned_ = end + 1;
    line_watched_ = false;
    return true;
  }
  input_.erase(0, taken_);
  taken_ = 0;
  scanned_ = input_.size();
  return false;
}

// The clock runs from the first byte of a line that is not whole. The first request has no such
// time to begin: whoever connects has something to ask.
void RpcServer::Connection::watch_line() {
  if ((input_.empty() && has_asked_) || line_watched_) return;
  line_watched_ = true;
  line_timer_.expires_after(std::chrono::nanoseconds(server_.options_.limits.line_patience.count));
  line_timer_.async_wait([self = shared_from_this()](asio::error_code error) {
    if (!error && self->line_watched_ && self->line_timer_.expiry() <= Clock::now()) {
      self->close_slow(self->has_asked_ ? "its line did not end" : "it asked nothing in time");
    }
  });
}

asio::awaitable<void> RpcServer::Connection::read(Self self) {
  std::string line;
  std::string chunk(kReadBytes, '\0');
  while (!is_closed_ && !is_read_) {
    if (take_line(line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      RpcLine parsed = parse_rpc_line(line);
      has_asked_ = true;
      last_active_ = ++server_.activity_;
      while (!is_closed_ && under_way_ + parsed.requests.size() > kRpcRequestsMax) {
        co_await wait_for_call(room_);
      }
      if (is_closed_) break;
      under_way_ += parsed.requests.size();
      RR_CHECK(under_way_ <= kRpcRequestsMax);
      asio::co_spawn(server_.loop_, answer(self, std::move(parsed)), rethrow);
      continue;
    }
    if (input_.size() > kRpcLineBytesMax) {
      ++server_.counts_.closed_too_long;
      ++server_.counts_.errors;
      const RpcError error = RpcError::invalid_request(
          absl::StrCat("a line of more than ", kRpcLineBytesMax, " bytes"));
      send(print_line(make_response(nullptr, error)));
      break;
    }
    watch_line();
    asio::error_code error;
    const std::size_t got = co_await socket_.async_read_some(
        asio::buffer(chunk), asio::redirect_error(use_awaitable, error));
    if (error) break;
    input_.append(chunk, 0, got);
  }
  is_read_ = true;
  line_watched_ = false;
  line_timer_.cancel();
  if (!is_closed_) server_.handler_.on_hung_up(*this);
  finish();
}

asio::awaitable<void> RpcServer::Connection::answer([[maybe_unused]] Self self, RpcLine line) {
  const std::size_t count = line.requests.size();
  Json answers = Json::array();
  for (RpcRequest& request : line.requests) {
    const std::optional<Json> id = request.id;
    ++server_.counts_.requests;
    const RpcResult result = co_await result_of(std::move(request));
    if (std::holds_alternative<RpcError>(result)) ++server_.counts_.errors;
    if (id) answers.push_back(make_response(*id, result));
  }
  if (line.is_batch && !answers.empty()) send(print_line(answers));
  if (!line.is_batch && !answers.empty()) send(print_line(answers[0]));
  under_way_ -= count;
  room_.cancel();
  finish();
}

asio::awaitable<RpcResult> RpcServer::Connection::result_of(RpcRequest request) {
  if (request.error) co_return *request.error;
  if (!server_.interface_.has_method(request.method)) {
    const auto near = did_you_mean(request.method, server_.interface_.methods());
    std::string text = absl::StrCat("no method is called ", ringroad::quoted(Json(request.method)));
    if (near) absl::StrAppend(&text, "; did you mean \"", *near, "\"?");
    co_return RpcError::no_such_method(text);
  }
  const std::string fault = server_.interface_.check_params(request.method, request.params);
  if (!fault.empty()) co_return RpcError::invalid_params(absl::StrCat("/params", fault));
  RpcResult result;
  try {
    result = co_await server_.handler_.call(std::move(request.method), std::move(request.params),
                                            shared_from_this());
  } catch (const std::exception& error) {
    server_.log_.error("a method failed", {{"reason", error.what()}});
    result = RpcError::internal(error.what());
  }
  co_return result;
}

asio::awaitable<void> RpcServer::Connection::write(Self self) {
  while (!is_closed_) {
    if (output_.empty()) {
      co_await wait_for_call(news_);
      continue;
    }
    read_timer_.expires_after(
        std::chrono::nanoseconds(server_.options_.limits.read_patience.count));
    read_timer_.async_wait([self](asio::error_code error) {
      if (!error && !self->output_.empty() && self->read_timer_.expiry() <= Clock::now()) {
        self->close_slow("it does not read its answers");
      }
    });
    asio::error_code error;
    const std::size_t written = co_await socket_.async_write_some(
        asio::buffer(output_.front()), asio::redirect_error(use_awaitable, error));
    read_timer_.cancel();
    if (error) {
      close();
      break;
    }
    waiting_bytes_ -= written;
    if (written == output_.front().size()) {
      output_.pop_front();
    } else {
      output_.front().erase(0, written);
    }
    finish();
  }
}

}  // namespace ringroad::control
