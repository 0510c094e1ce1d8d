// A master that lies to our slave: a scripted one that speaks the protocol by hand and then breaks
// it. Whatever it does, our end counts it, refuses it, and connects to the next honest one.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <optional>

#include "drivers/memif/socket.h"
#include "memif_mapping.h"
#include "memif_pair.h"

namespace ringroad::memif {
namespace {

class HostileMaster : public testing::Test {
 protected:
  void SetUp() override {
    auto bound = listen_on(directory_ / "memif.sock");
    ASSERT_TRUE(bound.ok()) << bound.status();
    listener_ = *std::move(bound);
    Config config;
    config.socket_path = directory_ / "memif.sock";
    config.log2_ring_size = kLog2;
    config.buffer_bytes = kBufferBytes;
    slave_ = make_interface(config);
    greet();
  }
  void greet() {
    ASSERT_TRUE(step_until({slave_.get()}, &now_, [this] {
      peer_.reset(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return static_cast<bool>(peer_);
    }));
  }
  Incoming answer() {
    Incoming incoming;
    for (int turn = 0; turn < 3'000; ++turn) {
      now_ = now_ + milliseconds(1);
      slave_->service(now_);
      switch (receive_message(peer_.get(), &incoming)) {
        case Received::kMessage:
          return incoming;
        case Received::kNothing:
          continue;
        default:
          incoming.message.kind = MessageKind::kNone;
          return incoming;
      }
    }
    ADD_FAILURE() << "the slave said nothing";
    return incoming;
  }
  Incoming ask(const Message& message) {
    EXPECT_TRUE(send_message(peer_.get(), message));
    return answer();
  }
  static Message hello(std::uint16_t low = kProtocolVersion, std::uint16_t high = kProtocolVersion,
                       std::uint8_t log2 = kRingSizeLog2Max) {
    Message message = make_message(MessageKind::kHello);
    message.hello.version_min = low;
    message.hello.version_max = high;
    message.hello.ring_size_log2_max = log2;
    return message;
  }
  void become_connected() {
    ASSERT_EQ(ask(hello()).message.kind, MessageKind::kInit);
    const Message ack = make_message(MessageKind::kAck);
    const Incoming region = ask(ack);
    ASSERT_EQ(region.message.kind, MessageKind::kAddRegion);
    const int seals = ::fcntl(region.fd.get(), F_GET_SEALS);
    EXPECT_EQ(seals & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
    EXPECT_NE(::ftruncate(region.fd.get(), 0), 0) << "a master cannot truncate it either";
    const std::uint64_t bytes = region.message.add_region.size;  // packed
    memory_.emplace(region.fd.get(), bytes);
    ASSERT_EQ(ask(ack).message.kind, MessageKind::kAddRing);
    ASSERT_EQ(ask(ack).message.kind, MessageKind::kAddRing);
    ASSERT_EQ(ask(ack).message.kind, MessageKind::kConnect);
    ASSERT_TRUE(send_message(peer_.get(), make_message(MessageKind::kConnected)));
    ASSERT_TRUE(step_until({slave_.get()}, &now_, [this] { return slave_->is_connected(); }));
  }
  void expect_comes_back() {
    peer_.reset();
    greet();
    become_connected();
  }

  TemporaryDirectory directory_;
  BoundSocket listener_;
  Nanos now_{1};
  std::unique_ptr<Interface> slave_;
  FileDescriptor peer_;
  std::optional<Mapping> memory_;
};

TEST_F(HostileMaster, HonestScriptConnects) {
  become_connected();
  EXPECT_EQ(memory_->ring(kLayout.m2s_offset()).head, kSlots) << "buffers were offered";
}

TEST_F(HostileMaster, BadHellosAndStrangeMessagesAreRefused) {
  for (const Message& bad :
       {hello(0x0300, 0x0400), hello(0x0100, 0x0101), hello(kProtocolVersion, kProtocolVersion, 0),
        make_message(MessageKind::kAck), make_message(MessageKind::kConnected),
        make_message(MessageKind::kAddRegion), make_message(static_cast<MessageKind>(999))}) {
    EXPECT_EQ(ask(bad).message.kind, MessageKind::kDisconnect);
    expect_comes_back();
    peer_.reset();
    greet();
  }
  ASSERT_EQ(ask(hello()).message.kind, MessageKind::kInit);
  EXPECT_EQ(ask(hello()).message.kind, MessageKind::kDisconnect) << "HELLO twice";
}

TEST_F(HostileMaster, RewrittenDescriptorsMoveNoPointer) {
  become_connected();
  // The slave's own layout says where buffers lie; the master's words only carry flags and lengths.
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    memory_->slot(kLayout.m2s_offset(), i) = {0, 0xffff, 64, 0xfffffff0, 0};
    memory_->slot(kLayout.s2m_offset(), i) = {0, 0xffff, 0xffffffff, 0xfffffff0, 0};
  }
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).tail).store(2);
  Bytes received;
  EXPECT_TRUE(receive_one(*slave_, &received));
  EXPECT_TRUE(receive_one(*slave_, &received));
  EXPECT_TRUE(send_one(*slave_, pattern(600, 1)));
  const Descriptor& offered = memory_->slot(kLayout.m2s_offset(), 0);
  EXPECT_EQ(offered.region, 0) << "and what it rewrote is repaired";
  EXPECT_EQ(offered.offset, kLayout.m2s_buffers());
}

TEST_F(HostileMaster, LengthsBeyondABufferAreDroppedAndCounted) {
  become_connected();
  memory_->slot(kLayout.m2s_offset(), 0).length = kBufferBytes + 1;
  memory_->slot(kLayout.m2s_offset(), 1).length = 0xffffffff;
  memory_->slot(kLayout.m2s_offset(), 2).length = kBufferBytes;
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).tail).store(3);
  Bytes received;
  EXPECT_TRUE(receive_one(*slave_, &received));
  EXPECT_EQ(received.size(), kBufferBytes);
  EXPECT_EQ(slave_->statistics().received_malformed, 2u);
}

TEST_F(HostileMaster, IndicesThatJumpDisconnect) {
  become_connected();
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).tail).store(kSlots + 1);
  Bytes received;
  EXPECT_FALSE(receive_one(*slave_, &received));
  EXPECT_EQ(answer().message.kind, MessageKind::kDisconnect);
  expect_comes_back();
  std::atomic_ref(memory_->ring(kLayout.s2m_offset()).tail).store(5);  // took what was never sent
  std::vector<TransmitBuffer> burst(kSlots + 1, TransmitBuffer{received.data(), 1});
  EXPECT_EQ(slave_->transmit(burst), 0u);
  EXPECT_EQ(answer().message.kind, MessageKind::kDisconnect);
  EXPECT_EQ(slave_->statistics().protocol_errors, 2u);
  expect_comes_back();
}

}  // namespace
}  // namespace ringroad::memif
