// Packets of the port, handed to the one client that asked for them: filtered (packet_filter.h),
// stamped with the wall clock, bounded in number and time. One capture at a time; it ends with the
// connection that started it.
//
// A client that reads too slowly loses packets, which are counted, and nobody waits for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "control/dataplane_channel.h"
#include "control/packet_filter.h"
#include "control/rpc/server.h"

namespace ringroad::control {

// How long the dataplane may take to answer what a client waits for: less than the CLI's own five
// seconds, so that the client hears why.
inline constexpr Nanos kAnswerPatience = seconds(2);

struct CaptureRequest {
  PacketFilter filter;
  std::uint64_t packets_max = 1'000;
  Nanos time_max = seconds(60);
  std::uint32_t snap_bytes = 65'535;
  std::uint32_t directions = host::kCaptureIn | host::kCaptureOut;
};

class Capture {
 public:
  // Both outlive it.
  Capture(asio::io_context& loop, DataplaneChannel& channel);
  ~Capture();

  // Its result, or why not: conflict, unreachable, timed out.
  asio::awaitable<RpcResult> start(CaptureRequest request, std::shared_ptr<RpcClient> client);
  // Whether the capture under way is `client`'s.
  bool serves(const RpcClient& client) const;
  // False when `client` has none; capture.end follows.
  bool stop(const RpcClient& client);

  void on_packet(const host::CapturedPacket& packet, std::span<const std::byte> bytes);
  void on_detached();
  void on_hung_up(const RpcClient& client);

 private:
  struct Running;

  // `request` outlives the answer.
  asio::awaitable<DataplaneChannel::Outcome> ask_to_start(const CaptureRequest& request);
  void tell_to_stop();
  void end(const char* reason);

  asio::io_context& loop_;
  DataplaneChannel& channel_;
  std::shared_ptr<Running> running_;
};

}  // namespace ringroad::control
