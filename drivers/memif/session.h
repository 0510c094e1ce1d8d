// One connection between a master and a slave, from HELLO to the end: its socket, its memory, its
// rings. The handshake is lock-step, as DPDK's is:
//
//   master  HELLO                                 ACK          ACK     ACK     CONNECTED
//   slave         INIT (id, secret), ADD_REGION (memfd), ADD_RING x2 (eventfd), CONNECT
//
// A master's session begins when its listener has read INIT. Every error is final: the owner sends
// the reason and drops the session, which unmaps the memory; hence only between bursts.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "drivers/memif/interface.h"
#include "drivers/memif/region.h"
#include "drivers/memif/rings.h"
#include "drivers/memif/socket.h"

namespace ringroad::memif {

class Session {
 public:
  static Session as_slave(const Config& config, FileDescriptor socket);
  static Session as_master(const Config& config, FileDescriptor socket);

  // Master only. Says what is wrong with the slave's INIT, or answers it.
  absl::Status accept(const Init& init);

  // Takes one message of the peer's. Aborted: the peer disconnected; InvalidArgument: it broke the
  // protocol; anything else: this end cannot go on.
  absl::Status on_message(Incoming incoming);

  void disconnect(absl::string_view reason);

  bool is_connected() const { return connected_; }
  int socket() const { return socket_.get(); }
  const std::string& peer_name() const { return peer_name_; }
  Rings& rings() { return rings_; }
  // The bell the peer rings for us, and the one we ring for it; valid once connected.
  int inbound_bell() const { return inbound_bell_.get(); }
  int outbound_bell() const { return outbound_bell_.get(); }

 private:
  struct Outgoing {
    Message message;
    int fd;
  };

  Session(const Config& config, FileDescriptor socket)
      : config_(config), socket_(std::move(socket)) {}

  absl::Status on_hello(const Hello& hello);
  absl::Status on_ack();
  absl::Status on_add_region(const AddRegion& add, FileDescriptor fd);
  absl::Status on_add_ring(const AddRing& add, FileDescriptor fd);
  absl::Status on_connect(const Connect& connect);
  absl::Status on_connected(const Connect& connected);
  absl::Status build_memory(std::uint8_t ring_size_log2);
  void queue_handshake(std::uint8_t ring_size_log2);
  absl::Status send(const Message& message, int fd = -1);

  Config config_;
  FileDescriptor socket_;
  std::string peer_name_;
  bool greeted_ = false;  // slave: HELLO was read
  bool connected_ = false;
  std::deque<Outgoing> outgoing_;  // slave: one leaves for every ACK
  std::vector<Region> regions_;
  std::optional<AddRing> s2m_, m2s_;  // master: as announced
  FileDescriptor inbound_bell_, outbound_bell_;
  Rings rings_;
};

}  // namespace ringroad::memif
