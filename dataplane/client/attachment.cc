#include "dataplane/client/attachment.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/client/error.h"

namespace ringroad::client {
namespace {

// How long the dataplane may take for one answer. It may be populating tens of megabytes.
constexpr int kAnswerMilliseconds = 5'000;

}  // namespace

Attachment::~Attachment() {
  if (data_ != nullptr) ::munmap(data_, offer_.geometry.segment_bytes);
}

dist_net_error_t Attachment::lost() {
  is_closed_ = true;
  return fail(DIST_NET_DISCONNECTED, "the dataplane hung up");
}

dist_net_error_t Attachment::attach(const std::string& socket, const std::string& name,
                                    std::uint32_t flags) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path || name.size() >= host::kApplicationNameMax) {
    return fail(DIST_NET_INVALID_ARGUMENT, "a socket's path has up to 107 bytes, a name up to 31");
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  socket_ = host::Descriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  if (!socket_.valid() ||
      ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(DIST_NET_UNAVAILABLE,
                socket + ": " + std::strerror(errno) + " (is ringroad-dataplane running?)");
  }
  auto hello = host::make_message<host::Hello>();
  hello.protocol_version = host::kProtocolVersion;
  hello.layout_version = host::kLayoutVersion;
  hello.flags = flags;
  std::memcpy(hello.name, name.data(), name.size());
  if (host::send_message(socket_.get(), hello) != host::SocketResult::kDone) return lost();
  host::SocketMessage message;
  dist_net_error_t error = wait_for_message(message);
  if (error != DIST_NET_SUCCESS) return error;
  if (message.kind() == host::Kind::kAnswer) {
    error = read_answer(message);
    return error == DIST_NET_SUCCESS ? lost() : error;
  }
  error = map(message);
  return error == DIST_NET_SUCCESS ? ask(host::make_message<host::Mapped>()) : error;
}

dist_net_error_t Attachment::map(host::SocketMessage& message) {
  const auto* offer = message.as<host::Offer>();
  if (offer == nullptr || message.descriptor_count != 3) {
    return fail(DIST_NET_VERSION, "the dataplane made an offer this library cannot read");
  }
  offer_ = *offer;
  struct stat status{};
  const bool has_size = ::fstat(message.descriptors[0].get(), &status) == 0 &&
                        static_cast<std::uint64_t>(status.st_size) == offer_.geometry.segment_bytes;
  void* at = has_size ? ::mmap(nullptr, offer_.geometry.segment_bytes, PROT_READ | PROT_WRITE,
                               MAP_SHARED, message.descriptors[0].get(), 0)
                      : MAP_FAILED;
  if (at == MAP_FAILED) return fail(DIST_NET_NO_MEMORY, "the shared memory cannot be mapped");
  data_ = static_cast<std::byte*>(at);
  dataplane_bell_ = std::move(message.descriptors[1]);
  bell_ = std::move(message.descriptors[2]);
  return DIST_NET_SUCCESS;
}

dist_net_error_t Attachment::wait_for_message(host::SocketMessage& message) {
  while (true) {
    const host::SocketResult result = host::receive_message(socket_.get(), message);
    if (result == host::SocketResult::kDone) return DIST_NET_SUCCESS;
    if (result != host::SocketResult::kAgain) return lost();
    pollfd waiting{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kAnswerMilliseconds);
    if (ready == 0) return fail(DIST_NET_TIMEOUT, "the dataplane does not answer");
    if (ready < 0 && errno != EINTR) return lost();
  }
}

dist_net_error_t Attachment::receive_reply(host::SocketMessage& reply) {
  while (true) {
    const dist_net_error_t error = wait_for_message(reply);
    if (error != DIST_NET_SUCCESS || !take_unasked(reply)) return error;
  }
}

bool Attachment::take_unasked(host::SocketMessage& message) {
  const auto* incoming = message.as<host::Incoming>();
  if (incoming == nullptr || message.descriptor_count != 2) return false;
  incoming_.push_back(
      {incoming->channel,
       std::string{incoming->from, ::strnlen(incoming->from, host::kApplicationNameMax)},
       incoming->by_reference != 0, incoming->arena_bytes, std::move(message.descriptors[0]),
       std::move(message.descriptors[1])});
  return true;
}

bool Attachment::listen() {
  const std::scoped_lock lock{mutex_};
  host::SocketMessage message;
  while (!is_closed_) {
    const host::SocketResult result = host::receive_message(socket_.get(), message);
    if (result == host::SocketResult::kAgain) break;
    // Nothing else comes unasked from a dataplane of this release.
    if (result != host::SocketResult::kDone || !take_unasked(message)) is_closed_ = true;
  }
  return !is_closed_;
}

bool Attachment::has_incoming() {
  const std::scoped_lock lock{mutex_};
  return !incoming_.empty();
}

bool Attachment::take_incoming(IncomingChannel& incoming) {
  const std::scoped_lock lock{mutex_};
  if (incoming_.empty()) return false;
  incoming = std::move(incoming_.front());
  incoming_.pop_front();
  return true;
}

void Attachment::close_channel(std::uint32_t id) {
  const std::scoped_lock lock{mutex_};
  auto close = host::make_message<host::Close>();
  close.channel = id;
  // Should the dataplane be gone, so is its count of our channels.
  [[maybe_unused]] const auto result = host::send_message(socket_.get(), close);
}

bool Attachment::wake_dataplane(std::uint32_t reasons) {
  if (offer_.never_sleeps != 0) return false;
  // Pairs with the dataplane's fence between setting its flag and looking at the rings again.
  host::full_fence();
  std::atomic<std::uint32_t>& asleep = control().dataplane_asleep.value;
  if ((asleep.load(std::memory_order_relaxed) & reasons) == 0) return false;
  // Rung once a sleep, however many are sending.
  if ((asleep.exchange(0, std::memory_order_relaxed) & reasons) == 0) return false;
  ::eventfd_write(dataplane_bell_.get(), 1);
  return true;
}

dist_net_error_t Attachment::read_answer(const host::SocketMessage& reply) {
  const auto* answer = reply.as<host::Answer>();
  if (answer == nullptr) return fail(DIST_NET_VERSION, "the dataplane gave another answer");
  switch (answer->reply) {
    case host::Reply::kDone:
      return DIST_NET_SUCCESS;
    case host::Reply::kVersion:
      return fail(DIST_NET_VERSION, "library and dataplane are of different releases");
    case host::Reply::kTooMany:
      return fail(DIST_NET_LIMIT_REACHED, "this program, or its node, has all it may have");
    case host::Reply::kNoMemory:
      return fail(DIST_NET_NO_MEMORY, "the dataplane has no memory for it");
    case host::Reply::kTaken:
      return fail(DIST_NET_TYPE_TAKEN);
    case host::Reply::kNoSuchProgram:
      return fail(DIST_NET_NO_SUCH_PROGRAM);
    case host::Reply::kNameTaken:
      return fail(DIST_NET_NAME_TAKEN);
    case host::Reply::kUnwilling:
      return fail(DIST_NET_WOULD_BLOCK, "the other program has not accepted earlier channels");
  }
  return fail(DIST_NET_VERSION, "the dataplane gave an unknown answer");
}

}  // namespace ringroad::client
