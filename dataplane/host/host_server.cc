#include "dataplane/host/host_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dataplane/base/check.h"
#include "dataplane/host/host_server_impl.h"
#include "dataplane/host/listener.h"

namespace ringroad::host {
namespace {

// Connections that have not attached yet; more are hung up on at once.
constexpr std::size_t kStrangersMax = 16;
constexpr std::size_t kAcceptBurst = 32;
constexpr Nanos kApplicationsInterval = milliseconds(250);

}  // namespace

HostServerConfig host_server_config(const NodeConfig& config) {
  HostServerConfig host;
  host.socket = config.host.socket;
  host.group = config.host.group;
  host.self = config.local_node.node_id;
  for (const PeerConfig& peer : config.cluster_nodes) host.peers.push_back(peer.node_id);
  host.bind_address = config.local_node.bind_address;
  host.bind_port = config.local_node.bind_port;
  host.limits = config.limits;
  host.never_sleeps = config.cpu.idle == IdlePolicy::kPoll;
  return host;
}

absl::StatusOr<std::unique_ptr<HostServer>> HostServer::create(const HostServerConfig& config) {
  if (config.limits.applications_max > kApplicationsMax) {
    return absl::InvalidArgumentError("applications_max is over the limit");
  }
  auto impl = std::make_unique<Impl>(config);
  if (auto opened = impl->open(); !opened.ok()) return opened;
  return std::unique_ptr<HostServer>(new HostServer(std::move(impl)));
}

HostServer::HostServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HostServer::~HostServer() = default;

HostServer::Impl::~Impl() {
  for (const auto& client : clients) {
    if (client->endpoint != nullptr) client->endpoint->tell_verdict(Verdict::kStopped);
  }
  if (listener.valid()) ::unlink(config.socket.c_str());
}

absl::Status HostServer::Impl::open() {
  auto listening = listen_at(config.socket, config.group);
  if (!listening.ok()) return listening.status();
  listener = std::move(*listening);
  events = Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
  wake = Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
  command_bell = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  done_bell = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  spare = Descriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  // Edge-triggered and never read: whoever shares an eventfd can neither swallow the wake-up of
  // another nor make a reader block.
  epoll_event ring{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  const bool watched = events.valid() && wake.valid() && command_bell.valid() &&
                       done_bell.valid() && watch(listener.get(), &listener) &&
                       watch(done_bell.get(), &done_bell) &&
                       ::epoll_ctl(wake.get(), EPOLL_CTL_ADD, command_bell.get(), &ring) == 0;
  return watched ? absl::OkStatus() : absl::ErrnoToStatus(errno, "descriptors of the host channel");
}

bool HostServer::Impl::watch(int descriptor, void* what) {
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.ptr = what}};
  return ::epoll_ctl(events.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

// --- The io lcore's side -------------------------------------------------------------------------

bool HostServer::poll_command(HostCommand& command) { return impl_->commands.pop(command); }

void HostServer::complete(const HostCommand& command, BindResult result) {
  RR_CHECK(impl_->done.push({command, result}));
  ::eventfd_write(impl_->done_bell.get(), 1);
}

int HostServer::wake_descriptor() const { return impl_->wake.get(); }

void HostServer::clear_wake() {
  std::array<epoll_event, kApplicationsMax + 1> rung;
  while (::epoll_wait(impl_->wake.get(), rung.data(), static_cast<int>(rung.size()), 0) < 0 &&
         errno == EINTR) {
  }
}

// --- The slow thread's side ----------------------------------------------------------------------

int HostServer::wait_descriptor() const { return impl_->events.get(); }

std::uint32_t HostServer::service(Nanos now) {
  std::array<epoll_event, 64> ready;
  const int count =
      ::epoll_wait(impl_->events.get(), ready.data(), static_cast<int>(ready.size()), 0);
  std::uint32_t work = 0;
  for (int i = 0; i < count; ++i) {
    void* const what = ready[static_cast<std::size_t>(i)].data.ptr;
    if (what == &impl_->listener) {
      work += impl_->accept_all(now);
    } else if (what == &impl_->done_bell) {
      eventfd_t ignored;
      ::eventfd_read(impl_->done_bell.get(), &ignored);
    } else {
      work += impl_->read_requests(*static_cast<Client*>(what), now);
    }
  }
  work += impl_->finish_commands();
  work += impl_->reap_broken();
  work += impl_->expire(now);
  impl_->report_applications(now);
  impl_->sweep();
  return work;
}

Nanos HostServer::next_deadline() const {
  Nanos next = impl_->control == nullptr ? kNever : impl_->applications_time;
  for (const auto& client : impl_->clients) {
    if (client->state <= Client::State::kMapping) next = std::min(next, client->deadline);
  }
  return next;
}

std::size_t HostServer::attached_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(impl_->clients, [](const auto& client) {
    return client->state == Client::State::kLive && !client->is_control();
  }));
}

bool HostServer::has_control() const {
  return impl_->control != nullptr && impl_->control->state == Client::State::kLive;
}

void HostServer::set_peers(std::vector<NodeId> peers) { impl_->config.peers = std::move(peers); }

void HostServer::wake_io() { ::eventfd_write(impl_->command_bell.get(), 1); }

void HostServer::set_never_sleeps(bool never_sleeps) {
  impl_->never_sleeps.store(never_sleeps, std::memory_order_relaxed);
}

const HostStatistics& HostServer::statistics() const { return impl_->statistics; }

std::uint32_t HostServer::Impl::accept_all(Nanos now) {
  std::uint32_t work = 0;
  for (; work < kAcceptBurst; ++work) {
    Descriptor socket{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket.valid()) {
      if ((errno == EMFILE || errno == ENFILE) && shed_connection()) continue;
      break;
    }
    ++statistics.connections;
    const auto strangers = std::ranges::count_if(
        clients, [](const auto& client) { return client->state <= Client::State::kMapping; });
    if (static_cast<std::size_t>(strangers) >= kStrangersMax) {
      ++statistics.refused;
      continue;
    }
    auto client = std::make_unique<Client>();
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) continue;
    client->process = peer.pid;
    client->user = peer.uid;
    client->attached = now;
    client->group = peer.gid;
    client->socket = std::move(socket);
    client->deadline = now + seconds(2);
    if (watch(client->socket.get(), client.get())) clients.push_back(std::move(client));
  }
  return work;
}

// Out of descriptors: a connection that cannot be accepted would keep the listener readable for
// ever. Gives up the spare descriptor to accept it and hang up.
bool HostServer::Impl::shed_connection() {
  if (!spare.valid()) return false;
  spare.reset();
  Descriptor{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)}.reset();
  spare = Descriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  ++statistics.refused;
  return true;
}

void HostServer::Impl::give_command(Client& client, HostCommandKind kind, MessageType type,
                                    BindMode mode) {
  RR_CHECK(!client.is_busy);
  client.is_busy = true;
  RR_CHECK(
      commands.push({kind, client.index, client.endpoint.get(), type, mode, client.control.get()}));
  ::eventfd_write(command_bell.get(), 1);
}

void HostServer::Impl::remember(Client& client, const HostCommand& bind) {
  const Binding bound{bind.type, bind.mode};
  const bool is_new = std::ranges::find(client.bindings, bound) == client.bindings.end();
  if (is_new && bound.mode != BindMode::kCatchAll) client.bindings.push_back(bound);
}

std::uint32_t HostServer::Impl::finish_commands() {
  std::uint32_t work = 0;
  for (Done finished; done.pop(finished); ++work) {
    const auto found = std::ranges::find_if(clients, [&](const auto& client) {
      return client->index == finished.command.index && client->is_busy;
    });
    RR_CHECK(found != clients.end());
    Client& client = **found;
    client.is_busy = false;
    switch (finished.command.kind) {
      case HostCommandKind::kAttach:
        client.state = Client::State::kLive;
        ++statistics.attached;
        answer(client, Reply::kDone);
        break;
      case HostCommandKind::kBind:
        if (finished.result == BindResult::kBound) remember(client, finished.command);
        answer(client, finished.result == BindResult::kBound   ? Reply::kDone
                       : finished.result == BindResult::kTaken ? Reply::kTaken
                                                               : Reply::kTooMany);
        break;
      case HostCommandKind::kUnbind:
        std::erase(client.bindings, Binding{finished.command.type, finished.command.mode});
        answer(client, Reply::kDone);
        break;
      case HostCommandKind::kDetach:
        ++statistics.detached;
        forget(client);
        break;
      case HostCommandKind::kAttachControl:
        client.state = Client::State::kLive;
        break;
      case HostCommandKind::kDetachControl:
        forget(client);
        break;
    }
    if (client.is_hung_up && client.state == Client::State::kLive) hang_up(client);
  }
  return work;
}

std::uint32_t HostServer::Impl::expire(Nanos now) {
  std::uint32_t work = 0;
  for (const auto& client : clients) {
    if (client->state > Client::State::kMapping || client->deadline > now) continue;
    ++statistics.late;
    ++work;
    hang_up(*client);
  }
  return work;
}

std::uint32_t HostServer::Impl::reap_broken() {
  std::uint32_t work = 0;
  for (const auto& client : clients) {
    const bool is_broken = client->state == Client::State::kLive && client->endpoint != nullptr &&
                           client->endpoint->is_broken();
    if (!is_broken || client->is_hung_up) continue;
    ++statistics.broken;
    ++work;
    hang_up(*client);
  }
  return work;
}

// Who is attached, for the control process: a few times a second, while it is there.
void HostServer::Impl::report_applications(Nanos now) {
  if (control == nullptr || control->state != Client::State::kLive || now < applications_time) {
    return;
  }
  applications_time = now + kApplicationsInterval;
  ApplicationsReport& report = *applications;
  report = {};
  report.connections = statistics.connections;
  report.attached = statistics.attached;
  report.detached = statistics.detached;
  report.refused = statistics.refused;
  report.malformed = statistics.malformed;
  report.late = statistics.late;
  report.broken = statistics.broken;
  report.channels = statistics.channels;
  for (const auto& client : clients) {
    if (client->state != Client::State::kLive || client->is_control()) continue;
    ApplicationsReport::Row& row = report.rows[report.count++];
    row.application_id = client->index + 1u;
    row.process_id = static_cast<std::uint32_t>(client->process);
    row.user_id = client->user;
    row.binding_count = static_cast<std::uint32_t>(client->bindings.size());
    row.attached = static_cast<std::uint64_t>(client->attached.count);
    client->name.copy(row.name, sizeof row.name - 1);
    row.counts = client->endpoint->counts();
  }
  control->control->write_applications(report);
}

// The connection is over, whoever ended it. An attached application goes by way of the io lcore;
// one whose command is under way, when that is done.
void HostServer::Impl::hang_up(Client& client) {
  if (!client.is_hung_up) {
    client.is_hung_up = true;
    ::epoll_ctl(events.get(), EPOLL_CTL_DEL, client.socket.get(), nullptr);
    ::shutdown(client.socket.get(), SHUT_RDWR);
  }
  if (client.is_busy || client.state >= Client::State::kDetaching) return;
  if (client.state == Client::State::kLive) {
    client.state = Client::State::kDetaching;
    give_command(client,
                 client.is_control() ? HostCommandKind::kDetachControl : HostCommandKind::kDetach);
  } else {
    forget(client);
  }
}

void HostServer::Impl::forget(Client& client) {
  client.state = Client::State::kGone;
  // The application still holds its end: the registration would outlive our descriptor.
  if (client.application.valid()) {
    ::epoll_ctl(wake.get(), EPOLL_CTL_DEL, client.application.get(), nullptr);
  }
  std::erase_if(channels, [&](const LocalChannel& channel) {
    return channel.a == &client || channel.b == &client;
  });
  if (client.is_control()) {
    control = nullptr;
  } else if (client.index != Client::kNoIndex) {
    indices.reset(client.index);
  }
}

void HostServer::Impl::sweep() {
  std::erase_if(clients, [](const auto& client) { return client->state == Client::State::kGone; });
}

}  // namespace ringroad::host
