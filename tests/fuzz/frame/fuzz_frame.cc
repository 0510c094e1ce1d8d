// Fuzzes a link's receiving side: frames, sessions, reassembly, acknowledgements and outcomes.
//
// The input is a list of frames, each `length:u16` and its bytes, fed to a link that is up with a
// session both sides know. A frame of more than a header has its addresses, sessions, length and
// checksum put right first when its first byte is even, so that the search gets past them; an odd
// first byte leaves it as it is. After each frame the link is polled, so that what it made of it is
// sent. What must hold: no invariant breaks, no frame is released twice or kept beyond the limit,
// nothing is delivered twice.
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "dataplane/core/frame_codec.h"
#include "dataplane/core/link.h"
#include "dataplane/kernels/crc32c.h"

namespace ringroad {
namespace {

constexpr std::uint32_t kPeerSession = 0x1234;
constexpr std::uint32_t kHeldMax = 24;

void require(bool condition) {
  if (!condition) std::abort();
}

class Target final : public LinkSink {
 public:
  Target() {
    LinkConfig config;
    config.self = NodeId{1};
    config.peer = NodeId{2};
    config.message_bytes_max = 4'000;
    config.window_messages = 16;
    config.queue_messages_max = 16;
    config.flight_frames_max = 16;
    config.held_frames_max = kHeldMax;
    link_ = std::make_unique<Link>(config, *this, Prng{1}, now_);
    out_.resize(config.frame_bytes_max);
    connect();
  }
  ~Target() {
    link_.reset();
    require(held_.empty());
  }

  DeliverResult on_message(const InboundMessage& message) override {
    std::size_t total = 0;
    std::byte sum{};
    for (const auto piece : message.pieces) {
      total += piece.size();
      for (const std::byte byte : piece) sum ^= byte;
    }
    require(total == message.length);
    sum_ ^= sum;
    if (message.type.value % 8 == 1) return DeliverResult::kNoReceiver;
    if (message.type.value % 8 == 2 && is_busy_) return DeliverResult::kBusy;
    return DeliverResult::kDelivered;
  }
  std::size_t on_messages(const InboundBurst& burst) override {
    std::size_t taken = 0;
    const std::uint32_t kind = burst.type.value % 8;
    if (kind == 1 || (kind == 2 && is_busy_)) return 0;
    for (const auto& payload : burst.payloads) {
      if (kind == 3 && taken == 2) break;
      require(on_message({burst.from,
                          burst.type,
                          burst.priority,
                          static_cast<std::uint32_t>(payload.size()),
                          {&payload, 1}}) == DeliverResult::kDelivered);
      ++taken;
    }
    return taken;
  }
  void on_outcome(const OutboundMessage& message, Outcome) override {
    require(message.token < 16 && is_open_[message.token]);
    is_open_[message.token] = false;
  }
  void release_frame(std::uintptr_t handle) override { require(held_.erase(handle) == 1); }
  void on_link_state(NodeId, LinkState) override {}
  std::uint32_t crc32c(std::span<const std::byte> bytes) override {
    return ringroad::crc32c(bytes);
  }

  void feed(std::span<const std::uint8_t> raw) {
    const auto as_bytes = std::as_bytes(raw);
    auto frame = std::make_unique<std::vector<std::byte>>(as_bytes.begin(), as_bytes.end());
    if (raw.size() >= kFrameBytesMin && raw[0] % 2 == 0) put_right(*frame);
    const std::span<const std::byte> bytes(*frame);
    const auto handle = ++last_handle_;
    held_[handle] = std::move(frame);
    FrameError error{};
    if (link_->on_frame({bytes, handle}, now_, error) == FrameDisposition::kDone) {
      require(held_.erase(handle) == 1);
    } else {
      require(error == FrameError::kNone);
    }
    require(held_.size() <= kHeldMax);
    now_ = now_ + microseconds(300);
    link_->on_time(now_);
    is_busy_ = !is_busy_;
    if (link_->has_stalled()) link_->redeliver(now_);
    poll();
    offer();
  }

 private:
  void put_right(std::vector<std::byte>& frame) {
    auto header = load_record<FrameHeader>(frame.data());
    header.version = kFrameVersion;
    header.kind =
        static_cast<std::uint8_t>(header.kind % 8 == 1 ? FrameKind::kHello : FrameKind::kData);
    header.lane = header.key_epoch = 0;
    header.reserved = 0;
    header.source_node = 2;
    header.destination_node = 1;
    header.frame_bytes = static_cast<std::uint32_t>(frame.size());
    if (header.source_session % 2 == 0) header.source_session = kPeerSession;
    if (header.destination_session % 4 != 0) header.destination_session = own_session_;
    store_record(frame.data(), header);
    const std::size_t covered = frame.size() - kFrameTrailerBytes;
    store_record(frame.data() + covered, ringroad::crc32c(std::span(frame).first(covered)));
  }

  void connect() {
    poll();
    std::vector<std::byte> hello(kFrameBytesMin);
    FrameHeader header{};
    header.kind = static_cast<std::uint8_t>(FrameKind::kHello);
    header.source_node = 2;
    header.destination_node = 1;
    header.source_session = kPeerSession;
    header.destination_session = own_session_;
    HelloRecord record;
    record.message_bytes_max = 4'000;
    record.message_fragments_max = 8;
    record.frame_bytes_max = 9'000;
    FrameDraft draft(hello.data(), kFrameHeaderBytes + 1'000);
    draft.add(record);
    draft.finish(header);
    const std::size_t covered = hello.size() - kFrameTrailerBytes;
    store_record(hello.data() + covered, ringroad::crc32c(std::span(hello).first(covered)));
    FrameError error{};
    link_->on_frame({hello, 0}, now_, error);
    require(link_->state() == LinkState::kUp);
    poll();
  }

  void poll() {
    for (int i = 0; i < 100; ++i) {
      const std::size_t size = link_->poll_frame(now_, out_);
      if (size == 0) return;
      require(size <= out_.size());
      own_session_ = load_record<FrameHeader>(out_.data()).source_session;
    }
    std::abort();  // frames without end
  }

  void offer() {
    for (std::uint64_t token = 0; token < 16; ++token) {
      if (is_open_[token]) continue;
      OutboundMessage message{};
      message.priority = Priority{static_cast<std::uint8_t>(token % 3)};
      message.length = static_cast<std::uint32_t>(token % 4 == 0 ? 3'000 : token * 10);
      message.payload = payload_;
      message.token = token;
      is_open_[token] = true;
      if (link_->offer(message) != SendResult::kAccepted) is_open_[token] = false;
      return;
    }
  }

  Nanos now_ = seconds(1);
  std::unique_ptr<Link> link_;
  std::vector<std::byte> out_;
  std::uint32_t own_session_ = 0;
  std::map<std::uintptr_t, std::unique_ptr<std::vector<std::byte>>> held_;
  std::uintptr_t last_handle_ = 0;
  bool is_open_[16] = {};
  bool is_busy_ = false;
  std::byte sum_{};
  std::byte payload_[4'000] = {};
};

}  // namespace
}  // namespace ringroad

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringroad::Target target;
  std::span<const std::uint8_t> input(data, size);
  while (input.size() >= 2) {
    const std::size_t length = input[0] | static_cast<std::size_t>(input[1]) << 8;
    input = input.subspan(2);
    const auto frame = input.first(std::min(length, input.size()));
    target.feed(frame);
    input = input.subspan(frame.size());
  }
  return 0;
}
