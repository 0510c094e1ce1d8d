// Sleeping and being woken: a packet published while its consumer goes to sleep always rings.
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "dataplane/base/prng.h"
#include "memif_pair.h"

namespace ringroad::memif {
namespace {

Nanos monotonic_now() {
  return Nanos{std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1)};
}

bool is_readable(int fd, int timeout_ms) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

TEST(Doorbell, ArmSaysWhenPacketsAreThereAlready) {
  Pair pair;
  ASSERT_TRUE(send_one(*pair.slave, pattern(64, 1)));
  EXPECT_FALSE(pair.master->arm());
  Bytes received;
  EXPECT_TRUE(receive_one(*pair.master, &received));
  EXPECT_TRUE(pair.master->arm());
  EXPECT_FALSE(is_readable(pair.master->wait_descriptor(), 0));
}

TEST(Doorbell, RingsOnlyWhenAskedTo) {
  Pair pair;
  for (Interface* sleeper : {pair.master.get(), pair.slave.get()}) {
    Interface& other = sleeper == pair.master.get() ? *pair.slave : *pair.master;
    Bytes received;
    ASSERT_TRUE(send_one(other, pattern(64, 1)));
    EXPECT_FALSE(is_readable(sleeper->wait_descriptor(), 0)) << "a poller is not disturbed";
    ASSERT_TRUE(receive_one(*sleeper, &received));
    ASSERT_TRUE(sleeper->arm());
    ASSERT_TRUE(send_one(other, pattern(64, 2)));
    EXPECT_TRUE(is_readable(sleeper->wait_descriptor(), 0));
    sleeper->disarm();
    EXPECT_FALSE(is_readable(sleeper->wait_descriptor(), 0)) << "a bell is answered once";
    ASSERT_TRUE(receive_one(*sleeper, &received));
  }
}

TEST(Doorbell, WakesWhenThePeerLeavesOrComes) {
  Pair pair;
  ASSERT_TRUE(pair.master->arm());
  const Config again = pair.slave->config();
  pair.slave.reset();
  EXPECT_TRUE(is_readable(pair.master->wait_descriptor(), 0));
  pair.master->disarm();
  EXPECT_GT(pair.master->service(pair.now), 0u) << "though no time passed since the last look";
  EXPECT_FALSE(pair.master->is_connected());
  ASSERT_TRUE(pair.master->arm());
  EXPECT_FALSE(is_readable(pair.master->wait_descriptor(), 0));
  pair.slave = make_interface(again);
  pair.slave->service(pair.now);
  EXPECT_TRUE(is_readable(pair.master->wait_descriptor(), 0));
  EXPECT_TRUE(pair.connect());
}

// Bounces one packet until `rounds` have come back, sleeping between. Now and then it polls for a
// while before it arms, so that going to sleep meets publishing at every distance.
void bounce(Interface& interface, std::uint32_t rounds, bool serves, std::atomic<bool>* failed) {
  Prng random(serves ? 1 : 2);
  std::byte data[64]{};
  std::uint32_t count = 0;
  const auto send = [&] {
    std::memcpy(data, &count, sizeof count);
    const TransmitBuffer out{data, sizeof data};
    return interface.transmit({&out, 1}) == 1;
  };
  if (serves && !send()) failed->store(true);
  std::uint64_t polls = 0;
  while (count < rounds && !failed->load(std::memory_order_relaxed)) {
    ReceiveBuffer in{data, sizeof data, 0};
    if (interface.receive({&in, 1}) == 1) {
      std::uint32_t seen = 0;
      std::memcpy(&seen, data, sizeof seen);
      if (seen != count + (serves ? 1 : 0)) failed->store(true);
      ++count;
      if ((!serves || count < rounds) && !send()) failed->store(true);
      polls = random.below(400);
      continue;
    }
    if (polls > 0) {
      --polls;
      continue;
    }
    if (!interface.arm()) continue;
    if (!is_readable(interface.wait_descriptor(), 10'000)) failed->store(true);
    interface.disarm();
    interface.service(monotonic_now());
  }
}

TEST(Doorbell, NoWakeUpIsLostInAHundredThousandRounds) {
  Pair pair;
  constexpr std::uint32_t kRounds = 100'000;
  std::atomic<bool> failed{false};
  std::thread other([&] { bounce(*pair.slave, kRounds, false, &failed); });
  bounce(*pair.master, kRounds, true, &failed);
  other.join();
  EXPECT_FALSE(failed.load()) << "a sleeper was not woken within 10 s, or a packet was wrong";
  EXPECT_EQ(pair.master->statistics().packets_received, kRounds);
}

TEST(Doorbell, StreamBetweenTwoThreadsKeepsItsOrder) {
  Pair pair(/*log2_ring_size=*/8, /*buffer_bytes=*/256);
  constexpr std::uint32_t kPackets = 500'000;
  std::thread producer([&] {
    std::uint32_t sent = 0;
    while (sent < kPackets) {
      std::byte data[600]{};
      std::memcpy(data, &sent, sizeof sent);
      const TransmitBuffer out{data, sent % 50 == 0 ? 600u : 64u};
      if (pair.slave->transmit({&out, 1}) == 1) {
        ++sent;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint32_t expected = 0, wrong = 0;
  std::vector<std::byte> memory(32 * 1'024);
  while (expected < kPackets) {
    std::vector<ReceiveBuffer> buffers;
    for (std::size_t i = 0; i < 32; ++i) buffers.push_back({memory.data() + i * 1'024, 1'024, 0});
    const std::size_t count = pair.master->receive(buffers);
    if (count == 0) std::this_thread::yield();
    for (std::size_t i = 0; i < count; ++i, ++expected) {
      std::uint32_t seen = 0;
      std::memcpy(&seen, buffers[i].data, sizeof seen);
      wrong += seen != expected || buffers[i].length != (seen % 50 == 0 ? 600u : 64u);
    }
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace ringroad::memif
