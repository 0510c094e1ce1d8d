// What a connection says, and what it is answered. Everything in here is input from outside:
// whoever says what no library says is hung up on. Runs on the slow path; it never waits for an
// application.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>

#include "dataplane/host/host_server_impl.h"
#include "dataplane/host/pair_layout.h"

namespace ringroad::host {
namespace {

// Requests read from one connection in one pass, so that a talkative one does not keep the others.
constexpr std::uint32_t kRequestBurst = 16;

std::string read_name(const char (&text)[kApplicationNameMax]) {
  return {text, ::strnlen(text, kApplicationNameMax)};
}

void write_name(const std::string& name, char (&text)[kApplicationNameMax]) {
  std::memcpy(text, name.data(), std::min(name.size(), kApplicationNameMax - 1));
}

// What the kernel calls a process (up to 15 bytes of its file's name), of which only what is
// harmless in a name is kept; "application" when that is nothing.
std::string command_of(pid_t process) {
  std::string command;
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::getline(file, command);
  std::erase_if(command, [](unsigned char c) {
    return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.';
  });
  return command.empty() ? "application" : command.substr(0, 15);
}

}  // namespace

std::uint32_t HostServer::Impl::read_requests(Client& client, Nanos now) {
  SocketMessage message;
  for (std::uint32_t work = 0; work < kRequestBurst; ++work) {
    if (client.state >= Client::State::kDetaching || client.is_hung_up) return work;
    const SocketResult result = receive_message(client.socket.get(), message);
    if (result == SocketResult::kAgain) return work;
    if (result == SocketResult::kClosed) {
      hang_up(client);
      return work + 1;
    }
    // A library has one request under way, and waits for its answer.
    const bool is_sane = result == SocketResult::kDone && message.descriptor_count == 0 &&
                         !client.is_busy && handle(client, message, now);
    if (is_sane) continue;
    ++statistics.malformed;
    hang_up(client);
    return work + 1;
  }
  return kRequestBurst;
}

bool HostServer::Impl::handle(Client& client, SocketMessage& message, Nanos now) {
  switch (client.state) {
    case Client::State::kGreeting:
      if (const auto* hello = message.as<Hello>()) return on_hello(client, *hello, now);
      if (const auto* hello = message.as<ControlHello>()) return on_control_hello(client, *hello);
      return false;
    case Client::State::kMapping:
      return message.as<Mapped>() != nullptr && on_mapped(client);
    case Client::State::kLive:
      break;
    default:
      return false;
  }
  if (client.is_control()) return false;  // it has its ring
  if (const auto* bind = message.as<Bind>()) {
    return on_bind(client, bind->type, bind->mode, HostCommandKind::kBind);
  }
  if (const auto* unbind = message.as<Unbind>()) {
    return on_bind(client, unbind->type, unbind->mode, HostCommandKind::kUnbind);
  }
  if (const auto* open = message.as<Open>()) return on_open(client, *open);
  if (const auto* close = message.as<Close>()) {
    std::erase_if(channels, [&](const LocalChannel& channel) {
      return channel.id == close->channel && (channel.a == &client || channel.b == &client);
    });
    return true;
  }
  if (message.as<Count>() != nullptr) {
    auto counted = make_message<Counted>();
    counted.counts = client.endpoint->counts();
    return send_message(client.socket.get(), counted) == SocketResult::kDone;
  }
  return false;
}

void HostServer::Impl::answer(Client& client, Reply reply) {
  auto message = make_message<Answer>();
  message.reply = reply;
  // The socket holds many answers and the library reads each before it asks again: one that does
  // not fit belongs to a program that does not listen.
  if (!client.is_hung_up && send_message(client.socket.get(), message) != SocketResult::kDone) {
    hang_up(client);
  }
}

bool HostServer::Impl::is_name_taken(const std::string& name) const {
  return std::ranges::any_of(clients, [&](const auto& other) {
    return other->state != Client::State::kGone && other->name == name;
  });
}

// For a program that gave none: its command, or that with a number. Others may have taken any name
// of this form, but no more names than there are clients.
std::string HostServer::Impl::free_name(const Client& client) const {
  const std::string command = command_of(client.process);
  std::string name = command;
  for (std::size_t number = 2; is_name_taken(name); ++number) {
    name = command + "-" + std::to_string(number);
  }
  return name;
}

Reply HostServer::Impl::admit(Client& client, const Hello& hello) {
  if (hello.protocol_version != kProtocolVersion || hello.layout_version != kLayoutVersion) {
    return Reply::kVersion;
  }
  std::uint16_t index = 0;
  while (index < config.limits.applications_max && indices.test(index)) ++index;
  if (index == config.limits.applications_max) return Reply::kTooMany;
  std::string name = read_name(hello.name);
  if (name.empty()) name = free_name(client);
  if (is_name_taken(name)) return Reply::kNameTaken;
  client.index = index;
  client.name = std::move(name);
  client.flags = hello.flags;
  indices.set(index);
  return make_channel(client) ? Reply::kDone : Reply::kNoMemory;
}

bool HostServer::Impl::make_channel(Client& client) {
  const LimitsConfig& limits = config.limits;
  client.geometry = channel_geometry(limits.application_arena_bytes, limits.message_bytes_max);
  auto segment = SharedSegment::create("ringroad-application", client.geometry.segment_bytes);
  if (!segment.ok() || !segment->map().ok()) return false;
  client.segment = std::move(*segment);
  client.application = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  return client.application.valid();
}

bool HostServer::Impl::on_hello(Client& client, const Hello& hello, Nanos now) {
  if ((hello.flags & ~kHelloFlagsKnown) != 0) return false;
  const Reply admitted = admit(client, hello);
  BellPair bell;
  if (admitted != Reply::kDone || !make_bell(bell)) {
    ++statistics.refused;
    answer(client, admitted == Reply::kDone ? Reply::kNoMemory : admitted);
    hang_up(client);
    return true;
  }
  client.bell = std::move(bell.ringer);
  auto offer = make_message<Offer>();
  offer.node_id = config.self.value;
  offer.application_id = static_cast<std::uint16_t>(client.index + 1);
  offer.bind_address = config.bind_address.value;
  offer.bind_port = config.bind_port;
  offer.peer_count = static_cast<std::uint16_t>(config.peers.size());
  std::ranges::transform(config.peers, offer.peers, [](NodeId peer) { return peer.value; });
  offer.message_bytes_max = config.limits.message_bytes_max;
  offer.quota_percent = config.limits.application_quota_percent;
  client.never_rings = never_sleeps.load(std::memory_order_relaxed);
  offer.never_sleeps = client.never_rings ? 1 : 0;
  offer.geometry = client.geometry;
  const int descriptors[] = {client.segment.descriptor(), client.application.get(),
                             bell.listener.get()};
  client.state = Client::State::kMapping;
  client.deadline = now + seconds(2);
  return send_message(client.socket.get(), offer, descriptors) == SocketResult::kDone;
}

// The control process: ours, or root's, and one at a time. Its channel is made afresh each time,
// and is live when its offer arrives: it is trusted with the memory.
bool HostServer::Impl::on_control_hello(Client& client, const ControlHello& hello) {
  if (client.user != 0 && client.user != ::geteuid()) return false;
  const bool is_same_build =
      hello.version == kControlVersion && hello.report_bytes == sizeof(NodeReport);
  Reply refusal = !is_same_build       ? Reply::kVersion
                  : control != nullptr ? Reply::kTaken
                                       : Reply::kDone;
  BellPair bell;
  epoll_event ring{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (refusal == Reply::kDone) {
    client.application = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    const bool has_bells =
        client.application.valid() && make_bell(bell) &&
        ::epoll_ctl(wake.get(), EPOLL_CTL_ADD, client.application.get(), &ring) == 0;
    auto channel = has_bells ? ControlChannel::create(std::move(bell.ringer), config.started_config)
                             : absl::ResourceExhaustedError("bells");
    if (channel.ok()) {
      client.control = std::move(*channel);
    } else {
      refusal = Reply::kNoMemory;
    }
  }
  if (refusal != Reply::kDone) {
    ++statistics.refused;
    answer(client, refusal);
    hang_up(client);
    return true;
  }
  auto offer = make_message<ControlOffer>();
  offer.version = kControlVersion;
  offer.node_id = config.self.value;
  offer.process_id = static_cast<std::uint32_t>(::getpid());
  offer.segment_bytes = client.control->segment_bytes();
  const int descriptors[] = {client.control->segment_descriptor(), client.application.get(),
                             bell.listener.get()};
  if (send_message(client.socket.get(), offer, descriptors) != SocketResult::kDone) return false;
  client.index = Client::kControlIndex;
  client.state = Client::State::kAttaching;
  control = &client;
  applications_time = Nanos{};
  give_command(client, HostCommandKind::kAttachControl);
  return true;
}

// The application has its mapping, so nobody else gets a writable one. The pages come after the
// seal: no hole can be punched into them any more.
bool HostServer::Impl::on_mapped(Client& client) {
  epoll_event ring{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  const bool is_ready =
      client.segment.close_to_writers().ok() && client.segment.populate().ok() &&
      ::epoll_ctl(wake.get(), EPOLL_CTL_ADD, client.application.get(), &ring) == 0;
  if (!is_ready) {
    ++statistics.refused;
    answer(client, Reply::kNoMemory);
    hang_up(client);
    return true;
  }
  const ApplicationConfig application{.index = client.index,
                                      .self = config.self,
                                      .peers = config.peers,
                                      .message_bytes_max = config.limits.message_bytes_max,
                                      .quota_percent = config.limits.application_quota_percent,
                                      .never_rings = client.never_rings,
                                      .bell = client.bell.get(),
                                      .notice = done_bell.get()};
  client.endpoint =
      std::make_unique<Application>(application, client.geometry, std::move(client.segment));
  client.state = Client::State::kAttaching;
  give_command(client, HostCommandKind::kAttach);
  return true;
}

// Each application's share of the node's table, so that none can keep the others from binding.
std::size_t HostServer::Impl::bindings_max() const {
  static_assert(Bindings::kTypesMax / kApplicationsMax >= 16, "promised by dist_net_bind()");
  return Bindings::kTypesMax / std::max<std::size_t>(1, config.limits.applications_max);
}

bool HostServer::Impl::on_bind(Client& client, std::uint32_t type, std::uint32_t mode,
                               HostCommandKind kind) {
  if (mode > static_cast<std::uint32_t>(BindMode::kCatchAll)) return false;
  const Binding asked{MessageType{type}, static_cast<BindMode>(mode)};
  const bool takes_one = kind == HostCommandKind::kBind && asked.mode != BindMode::kCatchAll &&
                         std::ranges::find(client.bindings, asked) == client.bindings.end();
  if (takes_one && client.bindings.size() >= bindings_max()) {
    answer(client, Reply::kTooMany);
    return true;
  }
  give_command(client, kind, asked.type, asked.mode);
  return true;
}

std::size_t HostServer::Impl::channel_count(const Client& client) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      channels, [&](const auto& channel) { return channel.a == &client || channel.b == &client; }));
}

// A segment for exactly these two. The dataplane neither maps it nor keeps it: it lives as long as
// either of them holds it, and the bell between them tells each when the other is gone.
bool HostServer::Impl::on_open(Client& client, const Open& open) {
  const std::string name = read_name(open.name);
  const auto found = std::ranges::find_if(clients, [&](const auto& other) {
    return other.get() != &client && other->state == Client::State::kLive && !other->is_hung_up &&
           other->name == name && (other->flags & kHelloAcceptsLocal) != 0;
  });
  if (found == clients.end()) {
    answer(client, Reply::kNoSuchProgram);
    return true;
  }
  Client& other = **found;
  if (channel_count(client) >= kLocalChannelsMax || channel_count(other) >= kLocalChannelsMax) {
    answer(client, Reply::kTooMany);
    return true;
  }
  auto segment = SharedSegment::create("ringroad-local", pair_segment_bytes(kPairArenaBytes));
  BellPair bell;
  if (!segment.ok() || !segment->close_to_seals().ok() || !make_bell(bell)) {
    answer(client, Reply::kNoMemory);
    return true;
  }
  const bool is_same_group = client.user == other.user || client.group == other.group;
  const bool by_reference = is_same_group && (client.flags & other.flags & kHelloByReference) != 0;
  auto incoming = make_message<Incoming>();
  incoming.channel = ++last_channel;
  incoming.by_reference = by_reference ? 1 : 0;
  incoming.arena_bytes = kPairArenaBytes;
  write_name(client.name, incoming.from);
  const int theirs[] = {segment->descriptor(), bell.listener.get()};
  if (send_message(other.socket.get(), incoming, theirs) != SocketResult::kDone) {
    answer(client, Reply::kUnwilling);
    return true;
  }
  auto opened = make_message<Opened>();
  opened.channel = incoming.channel;
  opened.by_reference = incoming.by_reference;
  opened.arena_bytes = kPairArenaBytes;
  const int ours[] = {segment->descriptor(), bell.ringer.get()};
  channels.push_back({incoming.channel, &client, &other});
  ++statistics.channels;
  return send_message(client.socket.get(), opened, ours) == SocketResult::kDone;
}

}  // namespace ringroad::host
