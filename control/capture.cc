#include "control/capture.h"

#include <time.h>

#include <chrono>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "asio/post.hpp"
#include "dataplane/clock.h"

namespace ringroad::control {
namespace {

using Json = nlohmann::json;

constexpr int kEthernet = 1;  // libpcap's DLT_EN10MB
// What may wait for the client before its packets are dropped.
constexpr std::size_t kWaitingMax = 1024 * 1024;

// What to add to the monotonic clock for nanoseconds since 1970.
Nanos wall_clock_offset() {
  timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  return Nanos{wall.tv_sec * 1'000'000'000 + wall.tv_nsec} - monotonic_now();
}

}  // namespace

struct Capture::Running {
  explicit Running(asio::io_context& loop) : timer(loop) {}

  CaptureRequest request;
  std::shared_ptr<RpcClient> client;
  asio::steady_timer timer;
  bool is_live = false;  // the dataplane has said yes
  Nanos begun, offset;
  std::uint64_t packets = 0, filtered = 0, dropped = 0;
  std::uint64_t ring_dropped_before = 0;
};

Capture::Capture(asio::io_context& loop, DataplaneChannel& channel)
    : loop_(loop), channel_(channel) {}

Capture::~Capture() = default;

asio::awaitable<DataplaneChannel::Outcome> Capture::ask_to_start(const CaptureRequest& request) {
  host::ControlCommand command{};
  command.kind = host::ControlCommandKind::kStartCapture;
  const host::CaptureParameters parameters{.snap_bytes = request.snap_bytes,
                                           .directions = request.directions};
  std::memcpy(command.payload, &parameters, sizeof parameters);
  command.length = sizeof parameters;
  DataplaneChannel::Outcome outcome = co_await channel_.request(command, kAnswerPatience);
  if (outcome.answer == DataplaneChannel::Answer::kAnswered &&
      outcome.result == host::ControlResult::kExists) {
    // Left there by one of ours that is over, when there was no room to end it.
    tell_to_stop();
    outcome = co_await channel_.request(command, kAnswerPatience);
  }
  co_return outcome;
}

// Without a dataplane there is nothing to stop; should there be no room, the next start does it.
void Capture::tell_to_stop() {
  host::ControlCommand command{};
  command.kind = host::ControlCommandKind::kStopCapture;
  (void)channel_.post(command);
}

asio::awaitable<RpcResult> Capture::start(CaptureRequest request,
                                          std::shared_ptr<RpcClient> client) {
  if (running_ != nullptr) {
    co_return RpcError::conflict("a capture runs already, of this connection or another");
  }
  auto capture = std::make_shared<Running>(loop_);
  capture->request = std::move(request);
  capture->client = std::move(client);
  capture->begun = monotonic_now();
  capture->offset = wall_clock_offset();
  capture->ring_dropped_before = channel_.packets_dropped();
  running_ = capture;

  const DataplaneChannel::Outcome outcome = co_await ask_to_start(capture->request);
  if (outcome.answer != DataplaneChannel::Answer::kAnswered ||
      outcome.result != host::ControlResult::kDone) {
    if (running_ == capture) {
      running_.reset();
      tell_to_stop();  // it may start yet, late, and nobody would end it
    }
    if (outcome.answer == DataplaneChannel::Answer::kTimedOut) {
      co_return RpcError::timed_out("the dataplane does not answer: it is stopped, or stuck");
    }
    co_return RpcError::unreachable("the dataplane did not start the capture");
  }
  if (running_ != capture) {
    if (running_ == nullptr) tell_to_stop();
    co_return RpcError::unreachable("ended before it began");
  }
  capture->is_live = true;
  capture->timer.expires_after(std::chrono::nanoseconds(capture->request.time_max.count));
  capture->timer.async_wait([this, capture](asio::error_code error) {
    if (!error && running_ == capture) end("seconds");
  });
  co_return Json{{"schema_version", 1}, {"link_type", kEthernet}, {"port_name", "port0"}};
}

void Capture::on_packet(const host::CapturedPacket& packet, std::span<const std::byte> bytes) {
  // What lies in the ring from before belongs to a capture that is over.
  if (running_ == nullptr || !running_->is_live || packet.time < running_->begun) return;
  Running& capture = *running_;
  if ((packet.direction & capture.request.directions) == 0) return;
  const std::uint32_t length = std::max(packet.length, static_cast<std::uint32_t>(bytes.size()));
  if (!capture.request.filter.takes(length, bytes)) {
    ++capture.filtered;
    return;
  }
  if (capture.client->waiting_bytes() > kWaitingMax) {
    ++capture.dropped;
    return;
  }
  ++capture.packets;
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  capture.client->notify("capture.packet",
                         {{"time_nanoseconds", (packet.time + capture.offset).count},
                          {"direction", packet.direction == host::kCaptureIn ? "in" : "out"},
                          {"length", length},
                          {"bytes", absl::Base64Escape(text)}});
  if (running_ != nullptr && capture.packets >= capture.request.packets_max) end("packets");
}

bool Capture::serves(const RpcClient& client) const {
  return running_ != nullptr && running_->client.get() == &client;
}

bool Capture::stop(const RpcClient& client) {
  if (!serves(client)) return false;
  // After the answer.
  asio::post(loop_, [this, capture = running_] {
    if (running_ == capture) end("stopped");
  });
  return true;
}

void Capture::on_detached() {
  if (running_ != nullptr) end("dataplane gone");
}

void Capture::on_hung_up(const RpcClient& client) {
  if (serves(client)) end("stopped");
}

void Capture::end(const char* reason) {
  const std::shared_ptr<Running> capture = std::move(running_);
  running_.reset();
  capture->timer.cancel();
  tell_to_stop();
  const std::uint64_t ring_dropped = channel_.packets_dropped();
  const std::uint64_t lost =
      ring_dropped > capture->ring_dropped_before ? ring_dropped - capture->ring_dropped_before : 0;
  capture->client->notify("capture.end", {{"reason", reason},
                                          {"packets", capture->packets},
                                          {"filtered", capture->filtered},
                                          {"dropped", capture->dropped + lost}});
}

}  // namespace ringroad::control
