// The CLI's side of the control process's JSON-RPC 2.0: one JSON object a line over a Unix socket.
// Blocking, but never for longer than it was told, and never past ctrl-C. The other side is not
// trusted: an answer that is too long, no JSON, or to another question is an error, and the
// connection is then of no more use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/host/descriptor.h"
#include "nlohmann/json.hpp"
#include "tools/ringroad/interrupts.h"

namespace ringroad::cli {

inline constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;

// Errors: Unavailable (nobody there, or hung up), PermissionDenied, DeadlineExceeded (no answer in
// time), Cancelled (a signal), Internal (no JSON-RPC), and what the other side answers as
// status_of_rpc_error has it.
class RpcClient {
 public:
  static absl::StatusOr<RpcClient> connect(const std::string& socket, double timeout_seconds,
                                           Interrupts& interrupts);

  absl::StatusOr<nlohmann::json> call(const std::string& method, const nlohmann::json& params,
                                      double timeout_seconds);

  // {"method": ..., "params": ...}, those that came while waiting for answers first. After a
  // DeadlineExceeded or Cancelled the connection goes on.
  absl::StatusOr<nlohmann::json> next_notification(Deadline deadline);

  // Whether the other side is gone, as far as can be known without asking.
  bool has_hung_up() const;

 private:
  RpcClient(std::string socket, host::Descriptor descriptor, Interrupts& interrupts)
      : socket_(std::move(socket)), descriptor_(std::move(descriptor)), interrupts_(&interrupts) {}

  absl::Status send(const std::string& line, Deadline deadline);
  absl::StatusOr<std::string> read_line(Deadline deadline);
  absl::StatusOr<nlohmann::json> read_object(Deadline deadline);
  absl::Status keep(nlohmann::json notification, std::size_t bytes);

  std::string socket_;
  host::Descriptor descriptor_;
  Interrupts* interrupts_;
  std::string received_;        // not yet taken as lines
  std::size_t searched_ = 0;    // of received_: holds no newline
  std::size_t line_bytes_ = 0;  // of the last line
  std::uint64_t next_id_ = 1;
  std::deque<nlohmann::json> notifications_;
  std::size_t notification_bytes_ = 0;
};

}  // namespace ringroad::cli
