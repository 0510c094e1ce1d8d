// A slave that lies to our master: a scripted one that speaks the protocol by hand and then breaks
// it. Whatever it does, our end counts it, refuses it, and serves the next honest peer.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <optional>

#include "dataplane/base/prng.h"
#include "drivers/memif/socket.h"
#include "memif_mapping.h"
#include "memif_pair.h"

namespace ringroad::memif {
namespace {

FileDescriptor sealed_memfd(std::uint64_t bytes, int seals) {
  FileDescriptor fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

class HostileSlave : public testing::Test {
 protected:
  void SetUp() override {
    Config config;
    config.role = Role::kMaster;
    config.socket_path = directory_ / "memif.sock";
    master_ = make_interface(config);
    dial();
  }

  void dial() {
    auto socket = connect_to(directory_ / "memif.sock");
    ASSERT_TRUE(socket.ok()) << socket.status();
    peer_ = *std::move(socket);
    EXPECT_EQ(answer().kind, MessageKind::kHello);
  }

  // Steps the master until it says something to us; kNone when it hung up without a word.
  Message answer() {
    Incoming incoming;
    for (int turn = 0; turn < 3'000; ++turn) {
      now_ = now_ + milliseconds(1);
      master_->service(now_);
      switch (receive_message(peer_.get(), &incoming)) {
        case Received::kMessage:
          return incoming.message;
        case Received::kNothing:
          continue;
        default:
          return make_message(MessageKind::kNone);
      }
    }
    ADD_FAILURE() << "the master said nothing";
    return make_message(MessageKind::kNone);
  }
  MessageKind ask(const Message& message, int fd = -1) {
    EXPECT_TRUE(send_message(peer_.get(), message, fd));
    return answer().kind;
  }

  static Message init(std::uint32_t id = 0) {
    Message message = make_message(MessageKind::kInit);
    message.init.version = kProtocolVersion;
    message.init.id = id;
    return message;
  }
  static Message region(std::uint64_t bytes, std::uint16_t index = 0) {
    Message message = make_message(MessageKind::kAddRegion);
    message.add_region = {.index = index, .size = bytes};
    return message;
  }
  static Message ring(bool s2m, std::uint32_t offset, std::uint8_t log2 = kLog2,
                      std::uint16_t in_region = 0, std::uint16_t index = 0) {
    Message message = make_message(MessageKind::kAddRing);
    message.add_ring = {.flags = s2m ? kAddRingSlaveToMaster : std::uint16_t{0},
                        .index = index,
                        .region = in_region,
                        .offset = offset,
                        .ring_size_log2 = log2,
                        .private_header_size = 0};
    return message;
  }
  static FileDescriptor bell() { return FileDescriptor(::eventfd(0, EFD_NONBLOCK)); }

  void introduce() { ASSERT_EQ(ask(init()), MessageKind::kAck); }
  void give_region() {
    memory_fd_ = sealed_memfd(kLayout.region_bytes(), F_SEAL_SHRINK);
    memory_.emplace(memory_fd_.get(), kLayout.region_bytes());
    memory_->ring(kLayout.s2m_offset()).cookie = kRingCookie;
    memory_->ring(kLayout.m2s_offset()).cookie = kRingCookie;
    ASSERT_EQ(ask(region(kLayout.region_bytes()), memory_fd_.get()), MessageKind::kAck);
  }
  void become_connected() {
    introduce();
    give_region();
    ASSERT_EQ(ask(ring(true, kLayout.s2m_offset()), bell().get()), MessageKind::kAck);
    ASSERT_EQ(ask(ring(false, kLayout.m2s_offset()), bell().get()), MessageKind::kAck);
    ASSERT_EQ(ask(make_message(MessageKind::kConnect)), MessageKind::kConnected);
    ASSERT_TRUE(master_->is_connected());
  }
  Descriptor good(std::uint32_t index) const {
    return {0, 0, 64, kLayout.s2m_buffers() + index * kLayout.stride(), 0};
  }
  void publish(const std::vector<Descriptor>& descriptors) {
    RingHeader& s2m = memory_->ring(kLayout.s2m_offset());
    for (const Descriptor& d : descriptors) {
      memory_->slot(kLayout.s2m_offset(), s2m.head % kSlots) = d;
      std::atomic_ref(s2m.head).fetch_add(1);
    }
  }
  std::size_t received_now() {
    Bytes data(64 * 2'048);
    std::vector<ReceiveBuffer> buffers;
    for (std::size_t i = 0; i < 64; ++i) buffers.push_back({data.data() + i * 2'048, 2'048, 0});
    return master_->receive(buffers);
  }
  // The master is free again and serves an honest slave.
  void expect_recovery() {
    Config config = master_->config();
    config.role = Role::kSlave;
    auto slave = make_interface(config);
    EXPECT_TRUE(step_until({master_.get(), slave.get()}, &now_, [&] {
      return master_->is_connected() && slave->is_connected();
    })) << slave->last_error();
    Bytes received;
    EXPECT_TRUE(send_one(*slave, pattern(99, 1)));
    EXPECT_TRUE(receive_one(*master_, &received));
    EXPECT_EQ(received, pattern(99, 1));
  }
  void expect_refused(const Message& message, int fd = -1) {
    EXPECT_EQ(ask(message, fd), MessageKind::kDisconnect);
    peer_.reset();
    expect_recovery();
  }

  TemporaryDirectory directory_;
  Nanos now_{1};
  std::unique_ptr<Interface> master_;
  FileDescriptor peer_;
  FileDescriptor memory_fd_;
  std::optional<Mapping> memory_;
};

TEST_F(HostileSlave, HonestScriptConnects) {
  become_connected();
  publish({good(0), good(1)});
  EXPECT_EQ(received_now(), 2u);
  peer_.reset();
  expect_recovery();
}

TEST_F(HostileSlave, WrongVersionModeAndKindAreRefused) {
  Message message = init();
  message.init.version = 0x0300;
  expect_refused(message);
  dial();
  message = init();
  message.init.mode = 1;
  expect_refused(message);
  dial();
  expect_refused(make_message(MessageKind::kConnect));
  dial();
  introduce();
  expect_refused(make_message(static_cast<MessageKind>(77)));
  dial();
  introduce();
  expect_refused(make_message(MessageKind::kHello));
}

TEST_F(HostileSlave, ShortAndLongMessagesAreRefused) {
  for (const std::size_t size : {1u, 127u, 129u, 4'096u}) {
    if (!peer_) dial();
    introduce();
    const Bytes junk = pattern(size, 1);
    ASSERT_GT(::send(peer_.get(), junk.data(), size, 0), 0);
    EXPECT_EQ(answer().kind, MessageKind::kDisconnect) << size;
    peer_.reset();
    expect_recovery();
  }
}

TEST_F(HostileSlave, UnsealedRegionIsRefused) {
  introduce();
  const FileDescriptor fd = sealed_memfd(kLayout.region_bytes(), 0);
  expect_refused(region(kLayout.region_bytes()), fd.get());
}

TEST_F(HostileSlave, RegionThatIsNoMemfdIsRefused) {
  introduce();
  const FileDescriptor fd(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  expect_refused(region(4'096), fd.get());
}

TEST_F(HostileSlave, RegionSmallerThanAnnouncedIsRefused) {
  introduce();
  const FileDescriptor fd = sealed_memfd(4'096, F_SEAL_SHRINK);
  expect_refused(region(8'192), fd.get());
}

TEST_F(HostileSlave, SealedRegionCannotBeTruncatedUnderUs) {
  become_connected();
  EXPECT_NE(::ftruncate(memory_fd_.get(), 0), 0);
  // Punched pages read as zeros: the cookie and descriptors vanish, nothing faults.
  ASSERT_EQ(::fallocate(memory_fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                        static_cast<off_t>(kLayout.region_bytes())),
            0);
  publish({good(0)});
  EXPECT_EQ(received_now(), 1u);
}

TEST_F(HostileSlave, OddRegionsAreRefused) {
  introduce();
  expect_refused(region(4'096));  // no descriptor
  dial();
  introduce();
  FileDescriptor fd = sealed_memfd(4'096, F_SEAL_SHRINK);
  expect_refused(region(4'096, /*index=*/1), fd.get());
  dial();
  introduce();
  expect_refused(region(0), fd.get());
  dial();
  introduce();
  expect_refused(region(~std::uint64_t{0}), fd.get());
}

TEST_F(HostileSlave, TooManyRegionsAreRefused) {
  introduce();
  const FileDescriptor fd = sealed_memfd(4'096, F_SEAL_SHRINK);
  for (std::uint16_t i = 0; i < kRegionsMax; ++i) {
    ASSERT_EQ(ask(region(4'096, i), fd.get()), MessageKind::kAck);
  }
  expect_refused(region(4'096, kRegionsMax), fd.get());
}

TEST_F(HostileSlave, OddRingsAreRefused) {
  const auto with_rings = [this](const Message& s2m, const Message& m2s) {
    if (!peer_) dial();
    introduce();
    give_region();
    ASSERT_EQ(ask(s2m, bell().get()), MessageKind::kAck);
    ASSERT_EQ(ask(m2s, bell().get()), MessageKind::kAck);
    expect_refused(make_message(MessageKind::kConnect));
  };
  const Message s2m = ring(true, kLayout.s2m_offset());
  const Message m2s = ring(false, kLayout.m2s_offset());
  with_rings(ring(true, 0xfffffff8), m2s);                      // outside
  with_rings(s2m, ring(false, kLayout.m2s_offset() + 4));       // misaligned
  with_rings(s2m, ring(false, kLayout.m2s_buffers()));          // no cookie
  with_rings(s2m, ring(false, kLayout.m2s_offset(), 0));        // no slots
  with_rings(s2m, ring(false, kLayout.m2s_offset(), 14));       // runs off the end
  with_rings(s2m, ring(false, kLayout.m2s_offset(), 200));      // absurd
  with_rings(ring(true, kLayout.s2m_offset(), kLog2, 1), m2s);  // region unknown
  dial();
  introduce();
  expect_refused(make_message(MessageKind::kConnect));  // no rings at all
  dial();
  introduce();
  expect_refused(ring(true, 0));  // no bell
  dial();
  introduce();
  expect_refused(ring(true, 0, kLog2, 0, /*index=*/1), bell().get());
  dial();
  introduce();
  ASSERT_EQ(ask(s2m, bell().get()), MessageKind::kAck);
  expect_refused(s2m, bell().get());  // twice
}

TEST_F(HostileSlave, BellThatIsNoEventfdIsRefused) {
  introduce();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const FileDescriptor reader(ends[0]), writer(ends[1]);
  expect_refused(ring(true, 0), writer.get());
}

TEST_F(HostileSlave, DescriptorsOutOfBoundsAreDroppedAndCounted) {
  become_connected();
  const auto size = static_cast<std::uint32_t>(kLayout.region_bytes());
  publish({
      {0, 0, 64, size - 63, 0},   // one byte too far
      {0, 0, 0xffffffff, 0, 0},   // length alone
      {0, 0, 64, 0xffffffff, 0},  // offset alone
      {0, 1, 64, 0, 0},           // region unknown
      {0, 0xffff, 64, 0, 0},      // region beyond the table
      good(5),
      {0, 0, 64, size - 64, 0},  // the last bytes are fine
  });
  EXPECT_EQ(received_now(), 2u);
  EXPECT_EQ(master_->statistics().received_malformed, 5u);
  EXPECT_TRUE(master_->is_connected());
  publish({good(0)});
  EXPECT_EQ(received_now(), 1u);
}

TEST_F(HostileSlave, BrokenChainsAreDroppedAndCounted) {
  become_connected();
  Descriptor continued = good(0), outside = good(1);
  continued.flags = kDescriptorNext;
  outside.offset = 0xffffff00;
  publish({continued, outside, good(2)});
  EXPECT_EQ(received_now(), 1u);
  publish({continued, continued});  // without an end
  EXPECT_EQ(received_now(), 0u);
  EXPECT_EQ(master_->statistics().received_malformed, 2u);
  Descriptor huge = good(0);
  huge.flags = kDescriptorNext;
  huge.length = static_cast<std::uint32_t>(kLayout.region_bytes());
  huge.offset = 0;
  publish({huge, huge, huge, good(3), good(4)});  // longer than any buffer
  EXPECT_EQ(received_now(), 1u);
  EXPECT_EQ(master_->statistics().received_too_long, 1u);
}

TEST_F(HostileSlave, TakenChainsLeaveNoFlagBehind) {
  become_connected();
  Descriptor continued = good(0);
  continued.flags = kDescriptorNext;
  publish({continued, good(1)});
  EXPECT_EQ(received_now(), 1u);
  EXPECT_EQ(memory_->slot(kLayout.s2m_offset(), 0).flags, 0) << "DPDK's slave would reuse it";
}

TEST_F(HostileSlave, IndexThatJumpsDisconnects) {
  become_connected();
  std::atomic_ref(memory_->ring(kLayout.s2m_offset()).head).store(kSlots + 1);
  EXPECT_EQ(received_now(), 0u);
  EXPECT_TRUE(master_->is_connected()) << "applied in service() only";
  EXPECT_FALSE(master_->arm()) << "do not sleep on a broken ring";
  EXPECT_EQ(answer().kind, MessageKind::kDisconnect);
  EXPECT_FALSE(master_->is_connected());
  EXPECT_EQ(master_->statistics().protocol_errors, 1u);
  expect_recovery();
}

TEST_F(HostileSlave, OfferIndexThatJumpsDisconnects) {
  become_connected();
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).head).store(kSlots + 1);
  EXPECT_FALSE(send_one(*master_, pattern(10, 1)));
  EXPECT_EQ(answer().kind, MessageKind::kDisconnect);
  expect_recovery();
}

TEST_F(HostileSlave, EmptyBufferOutOfBoundsDisconnects) {
  become_connected();
  memory_->slot(kLayout.m2s_offset(), 0) = {0, 0, 2'048, 0xfffff000, 0};
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).head).store(kSlots);
  EXPECT_FALSE(send_one(*master_, pattern(10, 1)));
  EXPECT_EQ(answer().kind, MessageKind::kDisconnect);
  expect_recovery();
}

TEST_F(HostileSlave, EmptyBuffersOfNoBytesCarryNothing) {
  become_connected();
  for (std::uint32_t i = 0; i < kSlots; ++i) memory_->slot(kLayout.m2s_offset(), i) = {};
  std::atomic_ref(memory_->ring(kLayout.m2s_offset()).head).store(kSlots);
  EXPECT_TRUE(send_one(*master_, pattern(10, 1))) << "dropped, not held forever";
  EXPECT_EQ(master_->statistics().send_too_long, 1u);
  EXPECT_TRUE(master_->is_connected());
}

TEST_F(HostileSlave, GarbageInMemoryNeverStopsUs) {
  become_connected();
  Prng random(7);
  const Bytes packet = pattern(300, 1);
  RingHeader& s2m = memory_->ring(kLayout.s2m_offset());
  RingHeader& m2s = memory_->ring(kLayout.m2s_offset());
  for (int round = 0; round < 20'000; ++round) {
    for (int i = 0; i < 8; ++i) {
      // Anything inbound; outbound anything that is not refused outright.
      const bool plausible = i % 4 != 0;
      const std::uint64_t words[2] = {random.next() & (plausible ? 0x7f'0000'0001 : ~0ull),
                                      plausible ? random.below(4'096) : random.next()};
      const auto slot = static_cast<std::uint32_t>(random.below(kSlots));
      std::memcpy(&memory_->slot(kLayout.s2m_offset(), slot), words, sizeof words);
      memory_->slot(kLayout.m2s_offset(), slot) = {
          static_cast<std::uint16_t>(random.next()), 0,
          static_cast<std::uint32_t>(random.below(300)),
          static_cast<std::uint32_t>(kLayout.s2m_buffers() + random.below(4'096)), 0};
    }
    s2m.cookie = m2s.cookie = 0;
    s2m.head = static_cast<std::uint16_t>(s2m.tail + random.below(kSlots + 1));
    received_now();
    m2s.head = static_cast<std::uint16_t>(m2s.tail + random.below(kSlots + 1));
    send_one(*master_, packet);
  }
  EXPECT_GT(master_->statistics().received_malformed, 1'000u);
  EXPECT_GT(master_->statistics().packets_received, 1'000u);
  EXPECT_GT(master_->statistics().packets_sent, 1'000u);
  master_->service(now_ = now_ + seconds(1));
  EXPECT_TRUE(master_->is_connected()) << "none of this broke the protocol";
  peer_.reset();
  expect_recovery();
}

TEST_F(HostileSlave, MessageAfterConnectingDisconnects) {
  become_connected();
  expect_refused(init());
}

TEST_F(HostileSlave, ClosingAtAnyStepFreesTheInterface) {
  for (int steps = 0; steps <= 4; ++steps) {
    if (!peer_) dial();
    if (steps >= 1) introduce();
    if (steps >= 2) give_region();
    if (steps >= 3) {
      ASSERT_EQ(ask(ring(true, kLayout.s2m_offset()), bell().get()), MessageKind::kAck);
    }
    if (steps >= 4) {
      ASSERT_EQ(ask(ring(false, kLayout.m2s_offset()), bell().get()), MessageKind::kAck);
    }
    peer_.reset();
    expect_recovery();
  }
}

TEST_F(HostileSlave, SilentHandshakeEndsByItsDeadline) {
  introduce();
  const Nanos began = now_;
  EXPECT_EQ(answer().kind, MessageKind::kDisconnect);
  EXPECT_LE(now_ - began, milliseconds(1'100));
  expect_recovery();
}

TEST_F(HostileSlave, CrowdOfSilentConnectionsKeepsNobodyOut) {
  std::vector<FileDescriptor> crowd;
  for (int i = 0; i < 300; ++i) {
    auto socket = connect_to(directory_ / "memif.sock");
    now_ = now_ + milliseconds(1);
    master_->service(now_);
    if (socket.ok()) crowd.push_back(*std::move(socket));
  }
  EXPECT_GT(crowd.size(), 200u);
  expect_recovery();
}

}  // namespace
}  // namespace ringroad::memif
