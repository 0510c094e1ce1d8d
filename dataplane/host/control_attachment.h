// Control's half of the channel to its dataplane. One thread's, for an event loop: nothing blocks.
//
//   auto attachment = ControlAttachment::connect(config.host.socket);   // or try again later
//   wait until attachment->socket() is readable, then
//   switch (attachment->greet()) { kPending: wait again; kAttached: go on; kTurnedAway: start over
//   } wait until attachment->bell() or attachment->socket() is readable; socket() readable now
//   means that the dataplane is gone: start over
//
//   attachment->hush();                       // before looking, so that no ring is missed
//   while (attachment->poll_event(event)) ...
//   attachment->is_idle_after_arming()        // false: look again before waiting
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/host/control_channel.h"
#include "dataplane/host/control_protocol.h"
#include "dataplane/host/descriptor.h"
#include "dataplane/host/shared_segment.h"

namespace ringroad::host {

class ControlAttachment {
 public:
  enum class Greeting : std::uint8_t { kPending, kAttached, kTurnedAway };

  // Connects and says hello. Unavailable when no dataplane listens there.
  static absl::StatusOr<std::unique_ptr<ControlAttachment>> connect(const std::string& socket);

  int socket() const { return socket_.get(); }
  int bell() const { return bell_.get(); }
  // Reads the dataplane's offer. Turned away: it hung up, another control process is attached, or
  // it is of another build; refusal() says which.
  Greeting greet();
  const std::string& refusal() const { return refusal_; }
  // False when the dataplane has hung up.
  bool is_alive() const;

  // From the offer.
  NodeId node() const { return node_; }
  std::uint32_t dataplane_process() const { return process_; }
  // The configuration that the dataplane was started with, as text; empty when it is not told.
  std::string started_config() const;

  // False when the ring is full: the io lcore is busy or stuck.
  [[nodiscard]] bool post_command(const ControlCommand& command);
  [[nodiscard]] bool poll_event(ControlEvent& event);
  // The latest counters. False when there are none yet.
  [[nodiscard]] bool read_report(NodeReport& out) const;
  [[nodiscard]] bool read_applications(ApplicationsReport& out) const;

  // The next captured packet, if there is one; its bytes live until the next call.
  [[nodiscard]] bool poll_packet(CapturedPacket& packet, std::span<const std::byte>& bytes);
  std::uint64_t packets_dropped() const;

  void hush();
  bool is_idle_after_arming();

 private:
  ControlAttachment() = default;
  ControlSegment& shared() const;

  Descriptor socket_, bell_, ringer_;
  SharedSegment segment_;
  rte_ring* commands_ = nullptr;
  rte_ring* events_ = nullptr;
  NodeId node_;
  std::uint32_t process_ = 0;
  std::string refusal_;
  std::unique_ptr<std::byte[]> packet_;
};

}  // namespace ringroad::host
