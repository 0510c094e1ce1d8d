#include "tools/ringroad/rpc_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/exit_code.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::size_t kNotificationsBytesMax = kAnswerBytesMax;
constexpr std::size_t kReadBytes = 64 * 1024;

// strerror, as the end of a sentence.
std::string reason_of(int error) {
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

absl::Status connect_error(const std::string& socket, int error) {
  const std::string text = cat("no control process answers at ", socket, ": ",
                               error == ENOENT ? "no such socket" : reason_of(error));
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        cat(socket,
            ": permission denied; mend: join the group that /control/group of the node's "
            "configuration names, or ask as the user that runs the node"));
  }
  return absl::UnavailableError(text);
}

absl::Status interrupted() { return absl::CancelledError("interrupted"); }

absl::Status too_late(const std::string& socket, std::string_view what) {
  return absl::DeadlineExceededError(cat("the control process at ", socket, " ", what,
                                         " in time; mend: give it longer with --timeout SECONDS"));
}

absl::Status hung_up(const std::string& socket) {
  return absl::UnavailableError(cat("the control process at ", socket, " hung up"));
}

absl::Status nonsense(const std::string& socket, std::string_view what) {
  return absl::InternalError(
      cat(socket, ": ", what, ": what answers there is no control process of Ringroad"));
}

// Connects, waiting while the listener's queue is full.
int connect_in_time(int descriptor, const sockaddr_un& address, Deadline deadline,
                    Interrupts& interrupts) {
  for (;;) {
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return 0;
    }
    if (errno != EAGAIN && errno != EINTR) return errno;
    const auto wake = interrupts.wait(-1, 0, std::min(deadline, deadline_in(0.02)));
    if (wake == Interrupts::Wake::kStopped) return ECANCELED;
    if (Clock::now() >= deadline) return ETIMEDOUT;
  }
}

}  // namespace

absl::StatusOr<RpcClient> RpcClient::connect(const std::string& socket, double timeout_seconds,
                                             Interrupts& interrupts) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(cat("\"", printable(socket),
                                          "\" is not a socket's path (1 to ",
                                          sizeof address.sun_path - 1, " bytes)"));
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  host::Descriptor descriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!descriptor.valid()) return connect_error(socket, errno);
  const int error =
      connect_in_time(descriptor.get(), address, deadline_in(timeout_seconds), interrupts);
  if (error == ECANCELED) return interrupted();
  if (error == ETIMEDOUT) return too_late(socket, "did not take the connection");
  if (error != 0) return connect_error(socket, error);
  return RpcClient{socket, std::move(descriptor), interrupts};
}

bool RpcClient::has_hung_up() const {
  char byte = 0;
  const ssize_t n = recv(descriptor_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

absl::Status RpcClient::send(const std::string& line, Deadline deadline) {
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::send(descriptor_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      const auto wake = interrupts_->wait(descriptor_.get(), POLLOUT, deadline);
      if (wake == Interrupts::Wake::kStopped) return interrupted();
      if (wake == Interrupts::Wake::kTimedOut) return too_late(socket_, "did not take the request");
    } else if (errno == EPIPE || errno == ECONNRESET) {
      // What it said before it hung up, say that it is full, is read all the same.
      return absl::OkStatus();
    } else if (errno != EINTR) {
      return connect_error(socket_, errno);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RpcClient::read_line(Deadline deadline) {
  for (;;) {
    const std::size_t newline = received_.find('\n', searched_);
    if (newline != std::string::npos) {
      std::string line = received_.substr(0, newline);
      received_.erase(0, newline + 1);
      searched_ = 0;
      line_bytes_ = line.size();
      return line;
    }
    searched_ = received_.size();
    if (received_.size() > kAnswerBytesMax) {
      return nonsense(socket_,
                      absl::StrFormat("a line of more than %d MiB", kAnswerBytesMax / 1024 / 1024));
    }
    const auto wake = interrupts_->wait(descriptor_.get(), POLLIN, deadline);
    if (wake == Interrupts::Wake::kStopped) return interrupted();
    if (wake == Interrupts::Wake::kTimedOut) return too_late(socket_, "did not answer");
    received_.resize(searched_ + kReadBytes);
    const ssize_t n = recv(descriptor_.get(), received_.data() + searched_, kReadBytes, 0);
    const int error = errno;
    received_.resize(searched_ + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0 || (n < 0 && error == ECONNRESET)) return hung_up(socket_);
    if (n < 0 && error != EINTR && error != EAGAIN) return connect_error(socket_, error);
  }
}

absl::StatusOr<json> RpcClient::read_object(Deadline deadline) {
  auto line = read_line(deadline);
  if (!line.ok()) return line.status();
  json object = json::parse(*line, nullptr, false);
  if (!object.is_object() || text_of(object, "jsonrpc") != "2.0") {
    return nonsense(socket_, cat("\"", printable(line->substr(0, 40)), "\" is not JSON-RPC 2.0"));
  }
  return object;
}

absl::Status RpcClient::keep(json notification, std::size_t bytes) {
  notification_bytes_ += bytes;
  if (notification_bytes_ > kNotificationsBytesMax) {
    return nonsense(socket_, "more notifications than can be kept");
  }
  notifications_.push_back(std::move(notification));
  return absl::OkStatus();
}

absl::StatusOr<json> RpcClient::call(const std::string& method, const json& params,
                                     double timeout_seconds) {
  const Deadline deadline = deadline_in(timeout_seconds);
  const std::uint64_t id = next_id_++;
  const json request = {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  const std::string line = request.dump(-1, ' ', false, json::error_handler_t::replace);
  if (auto status = send(line + "\n", deadline); !status.ok()) return status;
  for (;;) {
    auto answer = read_object(deadline);
    if (!answer.ok()) return answer.status();
    if (answer->contains("method")) {
      if (auto status = keep(*std::move(answer), line_bytes_); !status.ok()) return status;
      continue;
    }
    const json& error = child_of(*answer, "error");
    const json& answered = child_of(*answer, "id");
    // A server that refuses before it has read a request knows no id.
    if (answered != id && !(answered.is_null() && error.is_object())) {
      return nonsense(socket_, cat("an answer to question ", answered.dump().substr(0, 20),
                                   " where ", id, " was asked"));
    }
    if (error.is_object()) return status_of_rpc_error(error);
    if (!answer->contains("result")) return nonsense(socket_, "neither a result nor an error");
    return std::move((*answer)["result"]);
  }
}

absl::StatusOr<json> RpcClient::next_notification(Deadline deadline) {
  if (!notifications_.empty()) {
    json first = std::move(notifications_.front());
    notifications_.pop_front();
    if (notifications_.empty()) notification_bytes_ = 0;
    return first;
  }
  auto object = read_object(deadline);
  if (object.ok() && !object->contains("method")) {
    return nonsense(socket_, "an answer that nobody asked for");
  }
  return object;
}

}  // namespace ringroad::cli
