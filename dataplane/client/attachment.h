// One attachment to the dataplane: its socket, the mapped segment and the bells. Knows how to
// attach and how to ask; the rings are TransmitHalf's and ReceiveHalf's.
//
// request() may be called by any thread (a mutex: these are slow). Mapped until destroyed.
#pragma once

#include <deque>
#include <mutex>
#include <string>

#include "dataplane/client/dist_net.h"
#include "dataplane/host/descriptor.h"
#include "dataplane/host/layout.h"
#include "dataplane/host/protocol.h"
#include "dataplane/host/socket.h"

namespace ringroad::client {

// A local channel somebody opened to us: its segment and our end of its bell.
struct IncomingChannel {
  std::uint32_t id = 0;
  std::string from;
  bool by_reference = false;
  std::uint32_t arena_bytes = 0;
  host::Descriptor segment, bell;
};

class Attachment {
 public:
  Attachment() = default;
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  ~Attachment();

  // Connects and attaches; fills everything below. Waits at most some seconds.
  dist_net_error_t attach(const std::string& socket, const std::string& name, std::uint32_t flags);

  // Sends a request and waits for its answer (Answer, Opened or Counted) in `reply`.
  template <typename Message>
  dist_net_error_t request(const Message& message, host::SocketMessage& reply) {
    const std::scoped_lock lock{mutex_};
    if (host::send_message(socket_.get(), message) != host::SocketResult::kDone) return lost();
    return receive_reply(reply);
  }
  // As request(), for what is answered by an Answer only.
  template <typename Message>
  dist_net_error_t ask(const Message& message) {
    host::SocketMessage reply;
    const dist_net_error_t error = request(message, reply);
    return error != DIST_NET_SUCCESS ? error : read_answer(reply);
  }
  // Says something that has no answer.
  void close_channel(std::uint32_t id);

  // Takes in what came unasked. False when the dataplane has hung up.
  bool listen();
  bool take_incoming(IncomingChannel& incoming);
  bool has_incoming();

  // The segment.
  host::ChannelControl& control() const { return *reinterpret_cast<host::ChannelControl*>(data_); }
  template <typename T>
  T* at(std::uint32_t offset) const {
    return reinterpret_cast<T*>(data_ + offset);
  }
  const host::Offer& offer() const { return offer_; }
  int socket() const { return socket_.get(); }
  int bell() const { return bell_.get(); }
  // Wakes the dataplane if it sleeps and wants to be woken for any of `reasons`. What was published
  // before is seen by it, or it is rung.
  bool wake_dataplane(std::uint32_t reasons);

  static dist_net_error_t read_answer(const host::SocketMessage& reply);

 private:
  dist_net_error_t lost();
  dist_net_error_t receive_reply(host::SocketMessage& reply);
  dist_net_error_t wait_for_message(host::SocketMessage& message);
  dist_net_error_t map(host::SocketMessage& message);
  bool take_unasked(host::SocketMessage& message);

  std::mutex mutex_;
  host::Descriptor socket_, dataplane_bell_, bell_;
  std::byte* data_ = nullptr;
  host::Offer offer_{};
  std::deque<IncomingChannel> incoming_;
  bool is_closed_ = false;
};

}  // namespace ringroad::client
