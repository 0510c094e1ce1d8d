#include "drivers/memif/listener.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/str_cat.h"

namespace ringroad::memif {
namespace {

// Peers that connect and say nothing can hold no more than this many descriptors: the oldest goes.
constexpr std::size_t kPendingMax = 64;

struct Table {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Listener>> listeners;
};

Table& table() {
  static Table instance;
  return instance;
}

bool watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Mailbox::Mailbox(std::uint32_t id) : id_(id), event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

bool Mailbox::put(Letter& letter) {
  const std::lock_guard lock(mutex_);
  if (letter_.has_value()) return false;
  letter_ = std::move(letter);
  ::eventfd_write(event_.get(), 1);
  return true;
}

std::optional<Mailbox::Letter> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  ::eventfd_read(event_.get(), &count);
  return std::exchange(letter_, std::nullopt);
}

absl::StatusOr<std::shared_ptr<Listener>> Listener::open(const std::string& path) {
  const std::lock_guard lock(table().mutex);
  if (const auto found = table().listeners.find(path); found != table().listeners.end()) {
    if (std::shared_ptr<Listener> listener = found->second.lock()) return listener;
  }
  absl::StatusOr<BoundSocket> socket = listen_on(path);
  if (!socket.ok()) return socket.status();
  std::shared_ptr<Listener> listener(new Listener(path, *std::move(socket)));
  if (!listener->epoll_ || !watch(listener->epoll_.get(), listener->socket_.fd.get())) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "memif socket \"", path, "\": cannot be watched; raise the limit of open files"));
  }
  table().listeners[path] = listener;
  return listener;
}

Listener::Listener(std::string path, BoundSocket socket)
    : path_(std::move(path)), socket_(std::move(socket)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Listener::~Listener() { unlink_if_ours(path_, socket_); }

absl::Status Listener::add(std::shared_ptr<Mailbox> mailbox) {
  const std::lock_guard lock(mutex_);
  for (const auto& other : mailboxes_) {
    if (other->id() == mailbox->id()) {
      return absl::AlreadyExistsError(
          absl::StrCat("memif socket \"", path_, "\": interface id ", mailbox->id(),
                       " is taken by another port of this process; give each port its own id"));
    }
  }
  mailboxes_.push_back(std::move(mailbox));
  return absl::OkStatus();
}

void Listener::remove(const Mailbox* mailbox) {
  const std::lock_guard lock(mutex_);
  std::erase_if(mailboxes_, [mailbox](const auto& other) { return other.get() == mailbox; });
}

std::uint32_t Listener::service() {
  const std::lock_guard lock(mutex_);
  std::array<epoll_event, 16> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  std::uint32_t work = 0;
  for (int i = 0; i < count; ++i) {
    const int fd = events[static_cast<std::size_t>(i)].data.fd;
    if (fd == socket_.fd.get()) {
      while (greet(FileDescriptor(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)))) {
        ++work;
      }
      continue;
    }
    const auto peer = std::find_if(pending_.begin(), pending_.end(),
                                   [fd](const FileDescriptor& p) { return p.get() == fd; });
    if (peer == pending_.end()) continue;  // evicted by a newer one in this very loop
    read_init(static_cast<std::size_t>(peer - pending_.begin()));
    ++work;
  }
  return work;
}

bool Listener::greet(FileDescriptor peer) {
  if (!peer) return false;
  Message hello = make_message(MessageKind::kHello);
  set_field(&hello.hello.name, "ringroad");
  hello.hello.version_min = hello.hello.version_max = kProtocolVersion;
  hello.hello.region_index_max = kRegionsMax - 1;
  hello.hello.m2s_ring_index_max = hello.hello.s2m_ring_index_max = 0;
  hello.hello.ring_size_log2_max = kRingSizeLog2Max;
  if (!send_message(peer.get(), hello) || !watch(epoll_.get(), peer.get())) return true;
  if (pending_.size() == kPendingMax) pending_.erase(pending_.begin());
  pending_.push_back(std::move(peer));
  return true;
}

void Listener::read_init(std::size_t pending) {
  Incoming incoming;
  const Received received = receive_message(pending_[pending].get(), &incoming);
  if (received == Received::kNothing) return;
  FileDescriptor peer = std::move(pending_[pending]);
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pending));
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, peer.get(), nullptr);
  if (received == Received::kClosed) return;
  if (received == Received::kInvalid) {
    send_message(peer.get(), make_disconnect("Invalid message size"));
  } else if (incoming.message.kind != MessageKind::kInit) {
    send_message(peer.get(), make_disconnect("Unexpected message"));
  } else {
    hand_over(std::move(peer), incoming.message);
  }
}

void Listener::hand_over(FileDescriptor peer, const Message& message) {
  const Init init = message.init;
  const std::uint32_t id = init.id;
  const auto mailbox = std::find_if(mailboxes_.begin(), mailboxes_.end(),
                                    [id](const auto& m) { return m->id() == id; });
  if (mailbox == mailboxes_.end()) {
    send_message(peer.get(), make_disconnect("ID not found"));
    return;
  }
  // A letter still in the box belongs to a connection that came first; the slave tries again.
  Mailbox::Letter letter{std::move(peer), init};
  if (!(*mailbox)->put(letter)) {
    send_message(letter.socket.get(), make_disconnect("Already connected"));
  }
}

}  // namespace ringroad::memif
