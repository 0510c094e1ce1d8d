// The parts of HostServer, shared by host_server.cc (lifecycle, the io lcore's side, the event
// loop) and host_requests.cc (what a connection says and is answered). Not for anybody else.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/host/descriptor.h"
#include "dataplane/host/host_server.h"
#include "dataplane/host/socket.h"
#include "dataplane/host/spsc_queue.h"

namespace ringroad::host {

struct Binding {
  MessageType type;
  BindMode mode = BindMode::kExclusive;
  bool operator==(const Binding&) const = default;
};

// One connection: a program that is attaching, attached, or on its way out.
struct Client {
  enum class State : std::uint8_t {
    kGreeting,   // connected; its Hello is awaited
    kMapping,    // has the Offer; its Mapped is awaited
    kAttaching,  // the io lcore is taking it in
    kLive,
    kDetaching,  // the io lcore is letting it go
    kGone,       // to be destroyed at the end of this pass
  };
  static constexpr std::uint16_t kNoIndex = 0xffff;
  static constexpr std::uint16_t kControlIndex = 0xfffe;  // the control process, not an application

  State state = State::kGreeting;
  Descriptor socket;
  Nanos deadline{};  // of kGreeting and kMapping
  pid_t process = 0;
  Nanos attached;
  uid_t user = 0;
  gid_t group = 0;
  std::string name;
  std::uint32_t flags = 0;
  std::uint16_t index = kNoIndex;
  bool is_hung_up = false;
  bool never_rings = false;  // was told that it need not
  bool is_busy = false;      // a command of this client is with the io lcore
  // What the io lcore bound for it, the catch-all apart: mirrors its part of the node's Bindings.
  std::vector<Binding> bindings;

  ChannelGeometry geometry{};
  SharedSegment segment;   // until the Application has it
  Descriptor bell;         // our end: rung for the application
  Descriptor application;  // eventfd: rung by the application
  std::unique_ptr<Application> endpoint;
  std::unique_ptr<ControlChannel> control;  // instead of `endpoint`

  bool is_control() const { return index == kControlIndex; }
};

// Two clients that were given a segment of their own.
struct LocalChannel {
  std::uint32_t id = 0;
  const Client* a = nullptr;
  const Client* b = nullptr;
};

struct HostServer::Impl {
  struct Done {
    HostCommand command;
    BindResult result = BindResult::kBound;
  };
  // One command a client, and kApplicationsMax of them: neither queue ever fills.
  static constexpr std::size_t kQueue = 2 * kApplicationsMax;

  explicit Impl(const HostServerConfig& c) : config(c), never_sleeps(c.never_sleeps) {}
  ~Impl();

  HostServerConfig config;
  HostStatistics statistics;
  Descriptor listener, events, wake, command_bell, done_bell, spare;
  SpscQueue<HostCommand, kQueue> commands;
  SpscQueue<Done, kQueue> done;
  std::vector<std::unique_ptr<Client>> clients;
  std::bitset<kApplicationsMax> indices;
  std::vector<LocalChannel> channels;
  std::uint32_t last_channel = 0;
  std::atomic<bool> never_sleeps;
  Client* control = nullptr;  // the control process, from its hello until it is forgotten
  Nanos applications_time;    // when control is told of the applications next
  std::unique_ptr<ApplicationsReport> applications = std::make_unique<ApplicationsReport>();

  // host_server.cc
  absl::Status open();
  bool watch(int descriptor, void* what);
  std::uint32_t accept_all(Nanos now);
  bool shed_connection();
  std::uint32_t finish_commands();
  std::uint32_t expire(Nanos now);
  std::uint32_t reap_broken();
  void report_applications(Nanos now);
  void give_command(Client& client, HostCommandKind kind, MessageType type = {},
                    BindMode mode = BindMode::kExclusive);
  void remember(Client& client, const HostCommand& bind);
  void hang_up(Client& client);
  void forget(Client& client);
  void sweep();

  // host_requests.cc
  std::uint32_t read_requests(Client& client, Nanos now);
  bool handle(Client& client, SocketMessage& message, Nanos now);
  bool on_hello(Client& client, const Hello& hello, Nanos now);
  bool on_control_hello(Client& client, const ControlHello& hello);
  std::string free_name(const Client& client) const;
  bool is_name_taken(const std::string& name) const;
  Reply admit(Client& client, const Hello& hello);
  bool make_channel(Client& client);
  bool on_mapped(Client& client);
  std::size_t bindings_max() const;
  bool on_bind(Client& client, std::uint32_t type, std::uint32_t mode, HostCommandKind kind);
  std::size_t channel_count(const Client& client) const;
  bool on_open(Client& client, const Open& open);
  void answer(Client& client, Reply reply);
};

}  // namespace ringroad::host
