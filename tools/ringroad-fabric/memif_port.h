// A switch port over one memif interface.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tools/ringroad-fabric/port.h"

namespace ringroad::fabric {

class MemifPort final : public Port {
 public:
  explicit MemifPort(std::unique_ptr<memif::Interface> interface)
      : interface_(std::move(interface)) {}

  std::uint32_t service(Nanos now) override { return interface_->service(now); }
  bool is_connected() const override { return interface_->is_connected(); }
  std::string peer_name() const override { return interface_->peer_name(); }
  std::size_t receive(std::span<memif::ReceiveBuffer> frames) override {
    return interface_->receive(frames);
  }
  std::size_t transmit(std::span<const memif::TransmitBuffer> frames) override {
    return interface_->transmit(frames);
  }
  Refused refused() const override {
    const memif::Statistics& s = interface_->statistics();
    return {s.received_too_long, s.received_malformed};
  }
  int wait_descriptor() const override { return interface_->wait_descriptor(); }
  bool arm() override { return interface_->arm(); }
  void disarm() override { interface_->disarm(); }

 private:
  std::unique_ptr<memif::Interface> interface_;
};

}  // namespace ringroad::fabric
