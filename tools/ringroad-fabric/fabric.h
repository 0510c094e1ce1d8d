// The switch: frames in from any port, to the port that owns their destination or to all others,
// through the faults asked for.
//
// One object, one owner: the loop that calls poll(now). It never blocks (but for a capture's
// writes), allocates nothing after construction and reads no clock. Invariants: every frame that
// came in was sent, dropped and counted by reason, or is held (delayed or in an output queue);
// buffers never run out, because a buffer is either in hand for receiving, or held by an entry of a
// bounded structure (see pool_size in fabric.cc).
//
// A poll: release the delayed frames that are due; for each port receive a burst, place every frame
// (learn, look up, judge, queue), and flush the queues it touched, so that without faults a frame
// is copied in and at once copied out of a buffer that is still in the cache.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tools/ringroad-fabric/capture.h"
#include "tools/ringroad-fabric/faults.h"
#include "tools/ringroad-fabric/output_queue.h"
#include "tools/ringroad-fabric/packet_pool.h"
#include "tools/ringroad-fabric/port.h"
#include "tools/ringroad-fabric/schedule.h"
#include "tools/ringroad-fabric/switch_table.h"
#include "tools/ringroad-fabric/types.h"

namespace ringroad::fabric {

struct Limits {
  std::uint32_t frame_bytes_max = 9'022;  // MTU 9000, Ethernet header, two VLAN tags
  std::uint32_t buffer_bytes = 9'088;     // at least frame_bytes_max
  std::size_t delayed_frames = 16'384;    // under way, all pairs together
  std::size_t queued_frames = 512;        // waiting for one port's ring; a power of two
};

struct PortCounts {
  std::uint64_t frames_received = 0, bytes_received = 0;
  std::uint64_t frames_sent = 0, bytes_sent = 0;
  std::uint64_t frames_flooded = 0;  // of those received: destination unknown or a group
  std::uint64_t connects = 0, disconnects = 0;
  DropCounts drops{};
};

class Fabric {
 public:
  static constexpr std::size_t kBurst = 64;

  Fabric(std::vector<std::unique_ptr<Port>> ports, const Limits& limits, std::uint64_t seed);

  // One turn; returns how much was done, 0 when there was nothing to do.
  std::uint32_t poll(Nanos now);
  // Connections and the capture's buffered frames: now and then, and before sleeping.
  std::uint32_t service(Nanos now);
  // When poll must be called though no descriptor is readable.
  [[nodiscard]] Nanos next_deadline() const;
  // Asks all ports for wake-ups; false, with nothing armed, when one has frames already.
  [[nodiscard]] bool arm();
  void disarm();

  [[nodiscard]] std::size_t ports() const { return ports_.size(); }
  [[nodiscard]] const Port& port(PortId id) const { return *ports_[index_of(id)].port; }
  [[nodiscard]] const PortCounts& counts(PortId id) const { return ports_[index_of(id)].counts; }
  [[nodiscard]] std::size_t queued(PortId id) const { return ports_[index_of(id)].queue.size(); }
  [[nodiscard]] std::size_t delayed() const { return schedule_.size(); }
  // Buffers that hold a frame, delayed or queued; a frame for several ports counts once.
  [[nodiscard]] std::size_t buffers_held() const {
    return pool_.count() - pool_.free_count() - kBurst;
  }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  Faults& faults() { return faults_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] const SwitchTable& table() const { return table_; }
  Capture& capture() { return capture_; }
  [[nodiscard]] const Capture& capture() const { return capture_; }

 private:
  struct PortState {
    std::unique_ptr<Port> port;
    OutputQueue queue;
    PortCounts counts;
  };
  [[nodiscard]] PortState& state(PortId id) { return ports_[index_of(id)]; }

  std::uint32_t release_due(Nanos now);
  std::uint32_t receive_from(PortId id, Nanos now);
  void place(PortId from, BufferId buffer, Nanos now);
  void send_toward(PortId from, PortId to, BufferId buffer, Nanos now);
  void send_judged(PortId from, PortId to, BufferId buffer, Nanos now);
  void schedule(Nanos departure, PortId to, BufferId buffer);
  void enqueue(PortId to, BufferId buffer);
  std::uint32_t flush_queues(Nanos now);
  std::size_t flush(PortId to, Nanos now);
  void drop(PortId port, Drop reason) { ++state(port).counts.drops[static_cast<size_t>(reason)]; }
  void apply_connection(PortId id);

  Limits limits_;
  std::vector<PortState> ports_;
  PacketPool pool_;
  Schedule schedule_;
  SwitchTable table_;
  Faults faults_;
  Capture capture_;

  PortSet connected_ = 0;              // as of the last service()
  PortSet waiting_ = 0;                // ports whose queue is not empty
  std::array<BufferId, kBurst> hand_;  // taken from the pool, ready to receive into
  std::array<memif::ReceiveBuffer, kBurst> receive_buffers_;

  // A full ring gives no signal when it has room again: look, less and less often while nothing
  // moves.
  Nanos retry_at_ = kNever;
  Nanos retry_interval_;
};

}  // namespace ringroad::fabric
