// The slow path of the applications' channel: the node's Unix socket, attach and detach, and what
// applications ask for. Runs on one slow thread, which waits on wait_descriptor() and calls
// service(); never touches what the io lcore owns.
//
// The io lcore and this thread speak through two lock-free queues. poll_command(), complete(),
// wake_descriptor() and clear_wake() are the io lcore's; everything else is the slow thread's:
//
//   HostCommand command;
//   while (host.poll_command(command)) {
//     switch (command.kind) {
//       case kAttach: node.attach(command.index, *command.application); break;
//       case kBind:   result = node.bind(command.index, command.type, command.mode); break;
//       case kUnbind: node.unbind(command.index, command.type, command.mode); break;
//       case kDetach: node.detach(command.index); break;   // not touched from here on
//       case kAttachControl: control.attach(*command.control); break;
//       case kDetachControl: control.detach(); break;      // likewise
//     }
//     host.complete(command, result);
//   }
//
// Invariant: at most one command of an application is under way. Invariant: an Application is
// destroyed only after its kDetach was completed, or with the server, when the loop has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/config.h"
#include "dataplane/host/application.h"
#include "dataplane/host/control_channel.h"
#include "dataplane/node.h"

namespace ringroad::host {

enum class HostCommandKind : std::uint8_t {
  kAttach,
  kDetach,
  kBind,
  kUnbind,
  kAttachControl,
  kDetachControl,
};

struct HostCommand {
  HostCommandKind kind = HostCommandKind::kAttach;
  std::uint16_t index = 0;             // of the endpoint, below limits.applications_max
  Application* application = nullptr;  // with kAttach and kDetach
  MessageType type;                    // with kBind and kUnbind
  BindMode mode = BindMode::kExclusive;
  ControlChannel* control = nullptr;  // with kAttachControl and kDetachControl
};

struct HostServerConfig {
  std::string socket;  // a path; its directory is made when missing
  std::string group;   // may connect besides our own user; empty: nobody else
  NodeId self;
  std::vector<NodeId> peers;  // ascending, without self
  Ipv4Address bind_address;
  std::uint16_t bind_port = 0;
  LimitsConfig limits;
  bool never_sleeps = false;   // the io lcore polls always: applications need not ring
  std::string started_config;  // the node's whole configuration as text, for control
};

// `config.host.socket` is already filled in.
HostServerConfig host_server_config(const NodeConfig& config);

struct HostStatistics {
  std::uint64_t connections = 0, attached = 0, detached = 0;
  std::uint64_t refused = 0;    // told why: versions, names, too many
  std::uint64_t malformed = 0;  // said what no library says, and was hung up on
  std::uint64_t late = 0;       // did not finish attaching in time
  std::uint64_t broken = 0;     // detached for garbage in its rings
  std::uint64_t channels = 0;   // local channels opened
};

class HostServer final {
 public:
  // Listens. An unused socket left behind at the path is replaced; one in use is an error.
  static absl::StatusOr<std::unique_ptr<HostServer>> create(const HostServerConfig& config);
  // The io lcore no longer calls, and its node has let go of the applications.
  ~HostServer();

  int wait_descriptor() const;
  // Does what is to be done: connections, requests, answers, hang-ups, deadlines. Returns how much.
  std::uint32_t service(Nanos now);
  // When service() is next due unasked.
  Nanos next_deadline() const;

  [[nodiscard]] bool poll_command(HostCommand& command);
  void complete(const HostCommand& command, BindResult result = BindResult::kBound);
  // Readable when an application or this server rang. Not to be read: clear_wake() after waking.
  int wake_descriptor() const;
  void clear_wake();

  // The slow thread's: who will be told to applications that attach from now on.
  void set_peers(std::vector<NodeId> peers);
  // The io lcore may now sleep, or does no more: for applications that attach from now on. From
  // any thread.
  void set_never_sleeps(bool never_sleeps);

  // Rings the io lcore, as a command does.
  void wake_io();
  std::size_t attached_count() const;
  bool has_control() const;
  const HostStatistics& statistics() const;

 private:
  struct Impl;
  explicit HostServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad::host
