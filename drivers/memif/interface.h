// One end of a memif: shared-memory packet rings with another process, by the published memif
// protocol version 2.0 (libmemif's and DPDK's). No DPDK in it: the port adapter and the fabric both
// stand on this.
//
// Owned by one thread. The other end is hostile: its descriptors, ring indices and message fields
// are bounds-checked, packets are copied out before anyone looks at them, and its death or
// disconnection is applied only inside service(), between bursts, so that no copy ever meets an
// unmapped region. A region that the peer truncates is caught by refusing memfds that are not
// sealed against shrinking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"

namespace ringroad::memif {

enum class Role : std::uint8_t { kMaster, kSlave };

struct Config {
  Role role = Role::kSlave;
  std::string socket_path;                       // a path, or "@name" for the abstract namespace
  std::uint32_t id = 0;                          // the interface id both ends must share
  std::string name = "ringroad";                 // told to the peer
  std::string secret;                            // at most 24 bytes; empty for none
  std::uint16_t log2_ring_size = 10;             // slots a ring; the slave's choice counts
  std::uint32_t buffer_bytes = 2'048;            // up to 65,536; the slave's choice counts
  Nanos reconnect_interval = milliseconds(100);  // a slave whose master is away tries this often
};

struct Statistics {
  std::uint64_t packets_received = 0, packets_sent = 0;
  std::uint64_t bytes_received = 0, bytes_sent = 0;
  std::uint64_t received_too_long = 0, received_malformed = 0, send_ring_full = 0;
  std::uint64_t send_too_long = 0;  // dropped: would not fit the peer's whole empty ring
  std::uint64_t connects = 0, disconnects = 0, protocol_errors = 0;
};

// Copy in and copy out: `data` is the caller's memory, `length` what is or was copied.
struct ReceiveBuffer {
  std::byte* data = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t length = 0;
};
struct TransmitBuffer {
  const std::byte* data = nullptr;
  std::uint32_t length = 0;
};

// What a buffer of the outbound ring says of a packet to be built in it.
enum class Claim : std::uint8_t {
  kReady,
  kFull,      // the peer has not given one back yet
  kTooSmall,  // the peer's buffers are: transmit() spreads packets over several
};

class Listener;  // a master's socket, shared by all interfaces of this process on one path

class Interface {
 public:
  // A master binds (or shares) the listening socket now, taking over a stale one; a slave connects
  // in service(). Errors name the path and the mend.
  static absl::StatusOr<std::unique_ptr<Interface>> create(const Config& config);
  ~Interface();
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  // Connects, accepts, hands shakes, notices the peer's end. Non-blocking. Returns how much it did.
  std::uint32_t service(Nanos now);
  bool is_connected() const;
  std::string peer_name() const;
  // Why the last connection ended or did not come about; empty when it never failed.
  std::string last_error() const;

  // Whole packets, chained buffers joined. Returns how many were filled from the front.
  std::size_t receive(std::span<ReceiveBuffer> packets);
  // Returns how many from the front were put in the ring; rings the peer's bell if it asked for it.
  std::size_t transmit(std::span<const TransmitBuffer> packets);

  // The next outbound buffer, to build a packet of up to `bytes` in: shared memory, to be written
  // and not to be trusted when read back. commit() makes a packet of its first `length` bytes;
  // without it the next claim() finds the same buffer. publish() shows what was committed, and
  // rings the peer's bell if it asked for it; of the other calls only transmit(), which publishes
  // as well, may come before. While connected only.
  Claim claim(std::uint32_t bytes, std::span<std::byte>* room);
  void commit(std::uint32_t length);
  void publish();

  // An epoll descriptor: readable when service() or, once armed, receive() has something to do.
  int wait_descriptor() const;
  bool arm();  // false: packets are waiting already
  void disarm();

  const Config& config() const;
  const Statistics& statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  explicit Interface(std::unique_ptr<Impl> impl);
};

}  // namespace ringroad::memif
