#include "drivers/memif/session.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ringroad::memif {
namespace {

absl::Status protocol_error(absl::string_view what) { return absl::InvalidArgumentError(what); }

// A bell that is a pipe or a file could block or kill us; an eventfd without waiting cannot, as
// long as the peer does not clear O_NONBLOCK on the shared description and saturate the counter.
bool make_bell(int fd) {
  std::array<char, 64> target{};
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size() - 1);
  if (size <= 0 || absl::string_view(target.data()) != "anon_inode:[eventfd]") return false;
  return ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

// Compares all bytes whatever the first difference.
bool same_secret(const std::array<char, kSecretBytes>& a, const std::array<char, kSecretBytes>& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < kSecretBytes; ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

}  // namespace

Session Session::as_slave(const Config& config, FileDescriptor socket) {
  return Session(config, std::move(socket));
}

Session Session::as_master(const Config& config, FileDescriptor socket) {
  return Session(config, std::move(socket));
}

absl::Status Session::on_message(Incoming incoming) {
  const Message message = incoming.message;
  if (message.kind == MessageKind::kDisconnect) {
    return absl::AbortedError(
        absl::StrCat("the peer disconnected: ", field_text(message.disconnect.reason)));
  }
  if (connected_) return protocol_error("Unexpected message");
  const bool slave = config_.role == Role::kSlave;
  switch (message.kind) {
    case MessageKind::kHello:
      if (slave) return on_hello(message.hello);
      break;
    case MessageKind::kAck:
      if (slave) return on_ack();
      break;
    case MessageKind::kConnected:
      if (slave) return on_connected(message.connect);
      break;
    case MessageKind::kAddRegion:
      if (!slave) return on_add_region(message.add_region, std::move(incoming.fd));
      break;
    case MessageKind::kAddRing:
      if (!slave) return on_add_ring(message.add_ring, std::move(incoming.fd));
      break;
    case MessageKind::kConnect:
      if (!slave) return on_connect(message.connect);
      break;
    default:
      return protocol_error("Unknown message type");
  }
  return protocol_error("Unexpected message");
}

void Session::disconnect(absl::string_view reason) {
  send_message(socket_.get(), make_disconnect(reason));
}

absl::Status Session::send(const Message& message, int fd) {
  if (send_message(socket_.get(), message, fd)) return absl::OkStatus();
  return absl::AbortedError("the peer is gone or does not read its socket");
}

// ---- slave ------------------------------------------------------------------------------------

absl::Status Session::on_hello(const Hello& hello) {
  if (greeted_) return protocol_error("Unexpected message");
  greeted_ = true;
  if (hello.version_min > kProtocolVersion || hello.version_max < kProtocolVersion) {
    return protocol_error("Incompatible memif version");
  }
  peer_name_ = field_text(hello.name);
  const auto ring_size_log2 = static_cast<std::uint8_t>(
      std::min<unsigned>({hello.ring_size_log2_max, config_.log2_ring_size, kRingSizeLog2Max}));
  if (ring_size_log2 == 0) return protocol_error("Ring size too small");
  if (absl::Status status = build_memory(ring_size_log2); !status.ok()) return status;
  queue_handshake(ring_size_log2);
  return on_ack();
}

absl::Status Session::build_memory(std::uint8_t ring_size_log2) {
  const SlaveLayout layout{ring_size_log2, config_.buffer_bytes};
  absl::StatusOr<Region> region = Region::create(layout.region_bytes());
  if (!region.ok()) return region.status();
  regions_.push_back(*std::move(region));
  rings_.attach_as_slave(regions_.front(), layout);
  outbound_bell_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  inbound_bell_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!outbound_bell_ || !inbound_bell_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("eventfd: ", std::strerror(errno), "; raise the limit of open files"));
  }
  return absl::OkStatus();
}

void Session::queue_handshake(std::uint8_t ring_size_log2) {
  const SlaveLayout layout{ring_size_log2, config_.buffer_bytes};
  Message init = make_message(MessageKind::kInit);
  init.init.version = kProtocolVersion;
  init.init.id = config_.id;
  init.init.mode = kModeEthernet;
  set_field(&init.init.secret, config_.secret);
  set_field(&init.init.name, "ringroad");
  outgoing_.push_back({init, -1});

  Message region = make_message(MessageKind::kAddRegion);
  region.add_region = {.index = 0, .size = regions_.front().size()};
  outgoing_.push_back({region, regions_.front().fd()});

  Message ring = make_message(MessageKind::kAddRing);
  ring.add_ring = {.flags = kAddRingSlaveToMaster,
                   .index = 0,
                   .region = 0,
                   .offset = layout.s2m_offset(),
                   .ring_size_log2 = ring_size_log2,
                   .private_header_size = 0};
  outgoing_.push_back({ring, outbound_bell_.get()});
  ring.add_ring.flags = 0;
  ring.add_ring.offset = layout.m2s_offset();
  outgoing_.push_back({ring, inbound_bell_.get()});

  Message connect = make_message(MessageKind::kConnect);
  set_field(&connect.connect.interface_name, config_.name);
  outgoing_.push_back({connect, -1});
}

absl::Status Session::on_ack() {
  if (outgoing_.empty()) return protocol_error("Unexpected message");
  const Outgoing next = outgoing_.front();
  outgoing_.pop_front();
  return send(next.message, next.fd);
}

absl::Status Session::on_connected(const Connect& connected) {
  if (!greeted_ || !outgoing_.empty()) return protocol_error("Unexpected message");
  const std::string name = field_text(connected.interface_name);
  if (!name.empty()) peer_name_ = name;
  rings_.offer_buffers();
  connected_ = true;
  return absl::OkStatus();
}

// ---- master -----------------------------------------------------------------------------------

absl::Status Session::accept(const Init& init) {
  if (init.version != kProtocolVersion) return protocol_error("Incompatible memif version");
  if (init.mode != kModeEthernet) return protocol_error("Only ethernet mode supported");
  if (!config_.secret.empty()) {
    std::array<char, kSecretBytes> wanted;
    set_field(&wanted, config_.secret);
    if (init.secret[0] == '\0') return absl::PermissionDeniedError("Secret required");
    if (!same_secret(wanted, init.secret)) {
      return absl::PermissionDeniedError("Incorrect secret");
    }
  }
  peer_name_ = field_text(init.name);
  return send(make_message(MessageKind::kAck));
}

absl::Status Session::on_add_region(const AddRegion& add, FileDescriptor fd) {
  if (!fd) return protocol_error("Missing region fd");
  if (add.index != regions_.size() || regions_.size() == kRegionsMax) {
    return protocol_error("Invalid region index");
  }
  absl::StatusOr<Region> region = Region::map(std::move(fd), add.size);
  if (!region.ok()) return region.status();
  regions_.push_back(*std::move(region));
  return send(make_message(MessageKind::kAck));
}

absl::Status Session::on_add_ring(const AddRing& add, FileDescriptor fd) {
  if (!fd) return protocol_error("Missing interrupt fd");
  if (!make_bell(fd.get())) return protocol_error("Interrupt fd is no eventfd");
  const bool inbound = (add.flags & kAddRingSlaveToMaster) != 0;
  std::optional<AddRing>& ring = inbound ? s2m_ : m2s_;
  if (add.index != 0 || ring.has_value()) return protocol_error("Invalid ring index");
  ring = add;
  (inbound ? inbound_bell_ : outbound_bell_) = std::move(fd);
  return send(make_message(MessageKind::kAck));
}

absl::Status Session::on_connect(const Connect& connect) {
  if (!s2m_.has_value() || !m2s_.has_value()) return protocol_error("Rings are missing");
  if (!rings_.attach_as_master(regions_, *s2m_, *m2s_)) return protocol_error("Wrong ring");
  const std::string name = field_text(connect.interface_name);
  if (!name.empty()) peer_name_ = name;
  connected_ = true;
  Message connected = make_message(MessageKind::kConnected);
  set_field(&connected.connect.interface_name, config_.name);
  return send(connected);
}

}  // namespace ringroad::memif
