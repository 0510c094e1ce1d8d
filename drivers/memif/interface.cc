// The control loop of one interface: finds a peer, lets a Session shake hands, gives it up when the
// peer goes. Everything a peer does takes effect in service(), which looks at its descriptors only
// so often, since it is called in every turn of a polling loop.
#include "drivers/memif/interface.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/base/check.h"
#include "drivers/memif/listener.h"
#include "drivers/memif/rings.h"
#include "drivers/memif/session.h"

namespace ringroad::memif {
namespace {

// How often service() asks the kernel when nothing woke it: seldom while packets flow, since a dead
// peer merely leaves its rings still; often while shaking hands. The call counts bound it when the
// caller's clock stands still.
constexpr Nanos kLookIntervalConnected = milliseconds(1);
constexpr Nanos kLookIntervalUnconnected = microseconds(20);
constexpr std::uint32_t kLookCallsConnected = 4'096;
constexpr std::uint32_t kLookCallsUnconnected = 64;

// Both ends of a handshake run on their owner's loop; a peer that takes longer is stuck.
constexpr Nanos kHandshakeMax = seconds(1);
constexpr int kMessagesPerService = 16;

constexpr std::uint32_t kBufferBytesMin = 64, kBufferBytesMax = 65'536;

enum class Source : std::uint64_t { kListener, kMailbox, kTimer, kSocket, kBell };

absl::Status check(const Config& config) {
  if (absl::Status status = check_socket_path(config.socket_path); !status.ok()) return status;
  const auto wrong = [&config](absl::string_view what, std::uint64_t value,
                               absl::string_view range) {
    return absl::InvalidArgumentError(absl::StrCat("memif socket \"", config.socket_path, "\" id ",
                                                   config.id, ": ", what, " is ", value, "; ",
                                                   range));
  };
  if (config.secret.size() > kSecretBytes) {
    return wrong("length of the secret", config.secret.size(), "at most 24 bytes");
  }
  if (config.log2_ring_size < 1 || config.log2_ring_size > kRingSizeLog2Max) {
    return wrong("log2_ring_size", config.log2_ring_size, "1 to 14 (2 to 16,384 slots)");
  }
  if (config.buffer_bytes < kBufferBytesMin || config.buffer_bytes > kBufferBytesMax) {
    return wrong("buffer_bytes", config.buffer_bytes, "64 to 65,536");
  }
  return absl::OkStatus();
}

}  // namespace

struct Interface::Impl {
  explicit Impl(const Config& c) : config(c) {}
  ~Impl();

  absl::Status open();
  absl::Status watch(int fd, Source source) const;
  bool is_time_to_look(Nanos now);
  std::uint32_t look(Nanos now);
  std::uint32_t read_letter(Nanos now);
  std::uint32_t read_socket(Nanos now);
  std::uint32_t maybe_connect(Nanos now);
  void begin(Session new_session, Nanos now);
  void on_connected();
  void drop(const absl::Status& why, bool tell_peer, Nanos now);
  void set_timer(Nanos delay) const;

  const Config config;
  Statistics statistics;
  std::string last_error;

  FileDescriptor epoll, timer;
  std::shared_ptr<Listener> listener;  // master
  std::shared_ptr<Mailbox> mailbox;    // master
  std::optional<Session> session;
  bool connected = false;  // session->is_connected(), one load away

  Nanos looked_at{-1};
  std::uint32_t calls_since_look = 0;
  bool slept = true;  // armed since: look at the descriptors at once
  bool timer_fired = false;
  Nanos handshake_deadline = kNever;
  Nanos connect_at{std::numeric_limits<std::int64_t>::min()};  // slave
};

// ---- making and ending ------------------------------------------------------------------------

absl::Status Interface::Impl::open() {
  epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (absl::Status status = watch(timer.get(), Source::kTimer); !status.ok()) return status;
  if (config.role == Role::kSlave) return absl::OkStatus();

  absl::StatusOr<std::shared_ptr<Listener>> opened = Listener::open(config.socket_path);
  if (!opened.ok()) return opened.status();
  listener = *std::move(opened);
  auto box = std::make_shared<Mailbox>(config.id);
  if (absl::Status status = listener->add(box); !status.ok()) return status;
  mailbox = std::move(box);
  if (absl::Status status = watch(mailbox->descriptor(), Source::kMailbox); !status.ok()) {
    return status;
  }
  return watch(listener->descriptor(), Source::kListener);
}

absl::Status Interface::Impl::watch(int fd, Source source) const {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = static_cast<std::uint64_t>(source);
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("memif socket \"", config.socket_path,
                                                   "\": epoll: ", std::strerror(errno),
                                                   "; raise the limit of open files"));
}

Interface::Impl::~Impl() {
  if (session.has_value()) session->disconnect("interface closed");
  if (mailbox != nullptr) listener->remove(mailbox.get());
}

// ---- service ----------------------------------------------------------------------------------

bool Interface::Impl::is_time_to_look(Nanos now) {
  const bool broken = connected && session->rings().is_broken();
  const Nanos interval = connected ? kLookIntervalConnected : kLookIntervalUnconnected;
  const std::uint32_t calls = connected ? kLookCallsConnected : kLookCallsUnconnected;
  ++calls_since_look;
  if (!slept && !broken && calls_since_look < calls && now >= looked_at &&
      now - looked_at < interval) {
    return false;
  }
  slept = false;
  calls_since_look = 0;
  looked_at = now;
  return true;
}

std::uint32_t Interface::Impl::look(Nanos now) {
  std::array<epoll_event, 8> events;
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  std::uint32_t work = 0;
  bool readable = false;
  for (int i = 0; i < count; ++i) {
    switch (static_cast<Source>(events[static_cast<std::size_t>(i)].data.u64)) {
      case Source::kListener:
        work += listener->service();
        break;
      case Source::kTimer: {
        std::uint64_t expirations = 0;
        timer_fired |= ::read(timer.get(), &expirations, sizeof expirations) > 0;
        break;
      }
      case Source::kSocket:
        readable = true;
        break;
      case Source::kMailbox:
      case Source::kBell:
        break;
    }
  }
  if (connected && session->rings().is_broken()) {
    drop(absl::InvalidArgumentError("Ring index out of range"), true, now);
    ++work;
  } else if (readable) {
    work += read_socket(now);
  }
  if (mailbox != nullptr) work += read_letter(now);
  if (session.has_value() && !connected && (now >= handshake_deadline || timer_fired)) {
    drop(absl::DeadlineExceededError("the peer did not finish its handshake"), true, now);
    ++work;
  }
  if (config.role == Role::kSlave && !session.has_value()) work += maybe_connect(now);
  timer_fired = false;
  return work;
}

// A connection that a slave opened and the listener left for us. One that comes while another is
// up is refused; if the old peer has died, read_socket() has just dropped it.
std::uint32_t Interface::Impl::read_letter(Nanos now) {
  std::optional<Mailbox::Letter> letter = mailbox->take();
  if (!letter.has_value()) return 0;
  if (session.has_value()) read_socket(now);
  Session newcomer = Session::as_master(config, std::move(letter->socket));
  if (session.has_value()) {
    newcomer.disconnect("Already connected");
    return 1;
  }
  if (absl::Status status = newcomer.accept(letter->init); !status.ok()) {
    last_error = std::string(status.message());
    ++statistics.protocol_errors;
    newcomer.disconnect(status.message());
    return 1;
  }
  begin(std::move(newcomer), now);
  return 1;
}

std::uint32_t Interface::Impl::read_socket(Nanos now) {
  std::uint32_t work = 0;
  for (int i = 0; i < kMessagesPerService && session.has_value(); ++i) {
    Incoming incoming;
    switch (receive_message(session->socket(), &incoming)) {
      case Received::kNothing:
        return work;
      case Received::kClosed:
        drop(absl::AbortedError("the peer closed its socket"), false, now);
        return work + 1;
      case Received::kInvalid:
        drop(absl::InvalidArgumentError("Invalid message size"), true, now);
        return work + 1;
      case Received::kMessage:
        break;
    }
    ++work;
    if (absl::Status status = session->on_message(std::move(incoming)); !status.ok()) {
      drop(status, true, now);
    } else if (session->is_connected() && !connected) {
      on_connected();
    }
  }
  return work;
}

std::uint32_t Interface::Impl::maybe_connect(Nanos now) {
  if (now < connect_at && !timer_fired) return 0;
  connect_at = now + config.reconnect_interval;
  absl::StatusOr<FileDescriptor> socket = connect_to(config.socket_path);
  if (!socket.ok()) {
    last_error = std::string(socket.status().message());
    set_timer(config.reconnect_interval);
    return 0;
  }
  begin(Session::as_slave(config, *std::move(socket)), now);
  return 1;
}

void Interface::Impl::begin(Session new_session, Nanos now) {
  session.emplace(std::move(new_session));
  handshake_deadline = now + kHandshakeMax;
  timer_fired = false;
  set_timer(kHandshakeMax);
  if (absl::Status status = watch(session->socket(), Source::kSocket); !status.ok()) {
    drop(status, true, now);
  }
}

void Interface::Impl::on_connected() {
  connected = true;
  handshake_deadline = kNever;
  set_timer(Nanos{0});
  ++statistics.connects;
  last_error.clear();
  // Without it we could be fed but never woken: not worth a connection.
  if (absl::Status status = watch(session->inbound_bell(), Source::kBell); !status.ok()) {
    drop(status, true, looked_at);
  }
}

void Interface::Impl::drop(const absl::Status& why, bool tell_peer, Nanos now) {
  if (tell_peer && !absl::IsAborted(why)) session->disconnect(why.message());
  last_error = std::string(why.message());
  statistics.disconnects += connected;
  statistics.protocol_errors += absl::IsInvalidArgument(why);
  // By hand: the peer may hold a bell open, and then closing ours would not end the watch.
  ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, session->socket(), nullptr);
  if (connected) ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, session->inbound_bell(), nullptr);
  connected = false;
  session.reset();  // closes its descriptors and unmaps its regions
  handshake_deadline = kNever;
  if (config.role == Role::kSlave) {
    set_timer(std::max(Nanos{1}, std::min(connect_at - now, config.reconnect_interval)));
  }
}

// Wakes a sleeping owner; 0 disarms.
void Interface::Impl::set_timer(Nanos delay) const {
  itimerspec spec{};
  spec.it_value.tv_sec = delay.count / seconds(1).count;
  spec.it_value.tv_nsec = delay.count % seconds(1).count;
  RR_CHECK(::timerfd_settime(timer.get(), 0, &spec, nullptr) == 0);
}

// ---- the interface ----------------------------------------------------------------------------

Interface::Interface(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Interface::~Interface() = default;

absl::StatusOr<std::unique_ptr<Interface>> Interface::create(const Config& config) {
  if (absl::Status status = check(config); !status.ok()) return status;
  auto impl = std::make_unique<Impl>(config);
  if (absl::Status status = impl->open(); !status.ok()) return status;
  return std::unique_ptr<Interface>(new Interface(std::move(impl)));
}

std::uint32_t Interface::service(Nanos now) {
  return impl_->is_time_to_look(now) ? impl_->look(now) : 0;
}

bool Interface::is_connected() const { return impl_->connected; }

std::string Interface::peer_name() const {
  return impl_->session.has_value() ? impl_->session->peer_name() : std::string();
}

std::string Interface::last_error() const { return impl_->last_error; }

std::size_t Interface::receive(std::span<ReceiveBuffer> packets) {
  if (!impl_->connected) return 0;
  return impl_->session->rings().receive(packets, &impl_->statistics);
}

std::size_t Interface::transmit(std::span<const TransmitBuffer> packets) {
  if (!impl_->connected) return 0;
  const std::size_t sent = impl_->session->rings().transmit(packets, &impl_->statistics);
  if (sent != 0) publish();
  return sent;
}

Claim Interface::claim(std::uint32_t bytes, std::span<std::byte>* room) {
  return impl_->session->rings().claim(bytes, room, &impl_->statistics);
}

void Interface::commit(std::uint32_t length) {
  impl_->session->rings().commit(length, &impl_->statistics);
}

void Interface::publish() {
  if (!impl_->connected || !impl_->session->rings().publish()) [[likely]]
    return;
  // Fails only when the bell has been ringing all the while.
  [[maybe_unused]] const int rung = ::eventfd_write(impl_->session->outbound_bell(), 1);
}

int Interface::wait_descriptor() const { return impl_->epoll.get(); }

bool Interface::arm() {
  impl_->slept = true;
  return !impl_->connected || impl_->session->rings().arm();
}

void Interface::disarm() {
  if (!impl_->connected) return;
  impl_->session->rings().disarm();
  eventfd_t count = 0;
  [[maybe_unused]] const int drained = ::eventfd_read(impl_->session->inbound_bell(), &count);
}

const Config& Interface::config() const { return impl_->config; }
const Statistics& Interface::statistics() const { return impl_->statistics; }

}  // namespace ringroad::memif
