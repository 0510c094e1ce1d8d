// What the switch needs of a port, so that it runs over memif and, in tests, over plain memory.
// Called by the fabric's loop alone; no call blocks. Frames are whole Ethernet frames without FCS,
// copied in and out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/base/ids.h"
#include "drivers/memif/interface.h"

namespace ringroad::fabric {

class Port {
 public:
  virtual ~Port() = default;

  // Applies peers that came or went. Returns how much it did.
  virtual std::uint32_t service(Nanos now) = 0;
  [[nodiscard]] virtual bool is_connected() const = 0;
  [[nodiscard]] virtual std::string peer_name() const = 0;
  // Fills from the front; returns how many.
  [[nodiscard]] virtual std::size_t receive(std::span<memif::ReceiveBuffer> frames) = 0;
  // Takes from the front; returns how many.
  [[nodiscard]] virtual std::size_t transmit(std::span<const memif::TransmitBuffer> frames) = 0;

  // Frames that never reached the switch: longer than its buffers, or malformed in the ring.
  struct Refused {
    std::uint64_t too_long = 0, malformed = 0;
  };
  [[nodiscard]] virtual Refused refused() const = 0;

  // A descriptor to wait on; arm() asks for wake-ups and is false when frames are there already.
  [[nodiscard]] virtual int wait_descriptor() const = 0;
  [[nodiscard]] virtual bool arm() = 0;
  virtual void disarm() = 0;
};

}  // namespace ringroad::fabric
