// One end of a local channel against an other end that writes what it likes into the segment:
// nothing is read outside the arena, no block is given out twice, and the channel disconnects or
// goes on as if nothing had been written.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/base/prng.h"
#include "dataplane/client/local_channel.h"
#include "dataplane/host/socket.h"

namespace ringroad::host::test {
namespace {

using client::LocalChannel;

constexpr std::uint32_t kArenaBytes = 64 * 1024;
constexpr std::uint32_t kMost = ~std::uint32_t{0};

constexpr std::uint32_t lap_of(std::uint32_t index) { return index / kPairRing + 1; }

// Memory that somebody has: pieces that may not overlap.
class Held {
 public:
  bool take(const void* data, std::size_t bytes) {
    const auto* begin = static_cast<const std::byte*>(data);
    const auto after = pieces_.lower_bound(begin);
    if (after != pieces_.end() && after->first < begin + bytes) return false;
    if (after != pieces_.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second > begin) return false;
    }
    pieces_.emplace(begin, bytes);
    return true;
  }
  void give(const void* data) { pieces_.erase(static_cast<const std::byte*>(data)); }

 private:
  std::map<const std::byte*, std::size_t> pieces_;
};

struct Ends {
  bool by_reference, is_opener;
};

// Our end is a LocalChannel and what a program holds of it; the other end is the segment itself.
struct Pair {
  explicit Pair(Ends which) : ends(which) {
    BellPair bells;
    EXPECT_TRUE(make_bell(bells));
    Descriptor segment{::memfd_create("local", MFD_CLOEXEC)};
    EXPECT_EQ(::ftruncate(segment.get(), kBytes), 0);
    data = static_cast<std::byte*>(
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment.get(), 0));
    EXPECT_NE(data, MAP_FAILED);
    auto* control = reinterpret_cast<PairControl*>(data);
    in = &control->directions[ends.is_opener ? 1 : 0];
    out = &control->directions[ends.is_opener ? 0 : 1];
    in_arena = data + kPairArenaOffset + (ends.is_opener ? kArenaBytes : 0);
    Prng random{7};
    std::generate_n(in_arena, kArenaBytes, [&] { return static_cast<std::byte>(random.next()); });
    bell = std::move(bells.ringer);
    channel = LocalChannel::map({.id = 1,
                                 .from = "other",
                                 .by_reference = ends.by_reference,
                                 .arena_bytes = kArenaBytes,
                                 .segment = std::move(segment),
                                 .bell = std::move(bells.listener)},
                                ends.is_opener);
    // Where our end has mapped what it sends, and so what it receives.
    dist_net_claim_t claim;
    EXPECT_EQ(channel->claim(1, &claim, 1), 1);
    out_mapped = static_cast<std::byte*>(claim.data) - claim.reserved[0];
    in_mapped = ends.is_opener ? out_mapped + kArenaBytes : out_mapped - kArenaBytes;
    EXPECT_EQ(channel->abandon(claim), DIST_NET_SUCCESS);
  }
  ~Pair() { ::munmap(data, kBytes); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // --- The other end ---

  void put(std::uint32_t index, std::uint32_t offset, std::uint32_t length, std::uint32_t lap) {
    PairDescriptor& descriptor = in->descriptors[index % kPairRing];
    descriptor.where.store(pair_word(offset, length));
    descriptor.what.store(pair_word(index, lap));
  }
  void put(std::uint32_t index, std::uint32_t offset, std::uint32_t length) {
    put(index, offset, length, lap_of(index));
  }
  void put_early(std::uint32_t place, std::uint32_t index, std::uint32_t lap) {
    out->early[place % kPairRing].what.store(pair_word(index, lap));
    give_back(index);
  }
  void put_released(std::uint32_t index) {
    out->released.store(index);
    if (index > sent.size()) return;
    for (; back < index; ++back) give_back(back);
  }
  // Our end may use the block of this message again.
  void give_back(std::uint32_t index) {
    if (index < sent.size()) in_flight.give(std::exchange(sent[index], nullptr));
  }

  // --- Our end ---

  // Claims one; the error when there is none.
  std::int32_t claim(std::size_t size) {
    dist_net_claim_t claim;
    const std::int32_t got = channel->claim(size, &claim, 1);
    if (got != 1) return got;
    const auto* at = static_cast<const std::byte*>(claim.data);
    EXPECT_TRUE(at >= out_mapped && at + size <= out_mapped + kArenaBytes);
    EXPECT_TRUE(claimed.take(at, claim.reserved[1])) << "claimed twice";
    EXPECT_TRUE(in_flight.take(at, claim.reserved[1])) << "claimed while sent and not returned";
    in_flight.give(at);
    std::memset(claim.data, 0x55, size);
    claims.push_back(claim);
    return got;
  }
  bool commit() {
    const std::uint32_t type = 0;
    dist_net_claim_t claim = claims.back();
    if (channel->commit(&claim, &type, 1, false) != 1) return false;
    claimed.give(claims.back().data);
    EXPECT_TRUE(in_flight.take(claims.back().data, claims.back().reserved[1]));
    sent.push_back(claims.back().data);
    claims.pop_back();
    return true;
  }
  void abandon() {
    claimed.give(claims.back().data);
    EXPECT_EQ(channel->abandon(claims.back()), DIST_NET_SUCCESS);
    claims.pop_back();
  }
  void send(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(claim(64), 1);
      ASSERT_TRUE(commit());
    }
  }
  // Claims all there is, so that what came back is looked at, and gives it up; why no more.
  std::int32_t exhaust() {
    std::int32_t got = 0;
    while ((got = claim(64)) == 1 && !::testing::Test::HasFailure()) {
    }
    while (!claims.empty()) abandon();
    return got;
  }

  // Receives one, and holds it: it must be what is in the segment.
  std::int32_t receive() {
    dist_net_message_t message;
    const std::int32_t got = channel->receive(&message, 1);
    if (got != 1) return got;
    const PairDescriptor& descriptor = in->descriptors[head % kPairRing];
    const std::uint64_t where = descriptor.where.load(), what = descriptor.what.load();
    EXPECT_EQ(high_of(what), lap_of(head)) << "not sent";
    const std::uint64_t end = std::uint64_t{low_of(where)} + high_of(where);
    EXPECT_LE(end, kArenaBytes) << "not in the arena";
    EXPECT_EQ(message.size, high_of(where));
    EXPECT_EQ(message.type, low_of(what));
    if (end <= kArenaBytes) {
      EXPECT_EQ(std::memcmp(message.payload, in_arena + low_of(where), high_of(where)), 0);
      if (ends.by_reference) {
        EXPECT_EQ(message.payload, in_mapped + low_of(where));
      }
    }
    if (!ends.by_reference) {
      const auto bytes = BlockAllocator::block_bytes(static_cast<std::uint32_t>(message.size));
      EXPECT_TRUE(copied.take(message.payload, bytes)) << "copied over a message that is held";
    }
    messages.push_back(message);
    ++head;
    return got;
  }
  void release(std::size_t i) {
    copied.give(messages[i].payload);
    channel->release(&messages[i], 1);
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
  }

  static constexpr std::uint64_t kBytes = pair_segment_bytes(kArenaBytes);
  Ends ends;
  std::byte *data, *in_arena;
  PairDirection *in, *out;
  Descriptor bell;
  std::unique_ptr<LocalChannel> channel;
  std::byte *out_mapped = nullptr, *in_mapped = nullptr;
  std::vector<dist_net_claim_t> claims;
  std::vector<void*> sent;  // by index; null when it came back
  std::vector<dist_net_message_t> messages;
  std::uint32_t head = 0, back = 0;  // received; all before came back
  Held claimed, in_flight, copied;
};

class LocalHostile : public ::testing::TestWithParam<Ends> {};

struct Place {
  std::uint32_t offset, length;
};

TEST_P(LocalHostile, ADescriptorThatLeavesTheArenaDisconnectsAfterWhatCameBefore) {
  for (const Place place :
       {Place{kArenaBytes, 1}, Place{kArenaBytes + 1, 0}, Place{0, kArenaBytes + 1},
        Place{kArenaBytes - 1, 2}, Place{kArenaBytes / 2, kArenaBytes / 2 + 1}, Place{kMost, 1},
        Place{1, kMost}, Place{kMost, kMost}, Place{64, kMost - 63}}) {
    Pair pair{GetParam()};
    pair.put(0, 64, 100);
    pair.put(1, place.offset, place.length);
    EXPECT_EQ(pair.receive(), 1);
    EXPECT_EQ(pair.receive(), DIST_NET_DISCONNECTED) << place.offset << "+" << place.length;
    EXPECT_EQ(pair.claim(1), DIST_NET_DISCONNECTED);
    EXPECT_TRUE(pair.channel->is_ready());  // a waiting program learns of it
  }
}

TEST_P(LocalHostile, ADescriptorUpToTheEndOfTheArenaIsAMessage) {
  Pair pair{GetParam()};
  std::uint32_t index = 0;
  for (const Place place : {Place{kArenaBytes, 0}, Place{kArenaBytes - 1, 1}, Place{1, 1},
                            Place{0, kArenaBytes}, Place{0, 0}}) {
    pair.put(index++, place.offset, place.length);
    ASSERT_EQ(pair.receive(), 1) << place.offset << "+" << place.length;
    pair.release(0);
  }
  EXPECT_EQ(pair.in->released.load(), index);
}

TEST_P(LocalHostile, ADescriptorOfAnotherLapIsNoMessage) {
  Pair pair{GetParam()};
  for (std::uint32_t index = 0; index < 2 * kPairRing + 3; ++index) {
    const std::uint32_t lap = lap_of(index);
    for (const std::uint32_t other : {0U, lap - 1, lap + 1, lap + kPairRing, ~lap, kMost}) {
      pair.put(index, kMost, kMost, other);  // would disconnect
      ASSERT_EQ(pair.receive(), 0) << index << " in lap " << other;
    }
    pair.put(index, 0, 64);
    ASSERT_EQ(pair.receive(), 1) << index;
    pair.release(0);
  }
}

TEST_P(LocalHostile, ASenderThatSendsMoreThanTheRingWaitsUntilSomethingIsReleased) {
  if (!GetParam().by_reference) GTEST_SKIP() << "copies are released at once";
  Pair pair{GetParam()};
  for (std::uint32_t index = 0; index < kPairRing; ++index) {
    pair.put(index, 0, 64);
    ASSERT_EQ(pair.receive(), 1);
  }
  pair.put(kPairRing, 0, 64);
  EXPECT_EQ(pair.receive(), 0);
  EXPECT_FALSE(pair.channel->is_ready()) << "a waiter would spin";
  pair.release(1);  // early: the oldest is still held
  EXPECT_EQ(pair.receive(), 0);
  EXPECT_EQ(pair.in->early[0].what.load(), pair_word(1, 1));
  pair.release(0);
  EXPECT_EQ(pair.in->released.load(), 2U);
  EXPECT_TRUE(pair.channel->is_ready());
  EXPECT_EQ(pair.receive(), 1);
}

TEST_P(LocalHostile, AReleasedIndexThatCannotBeDisconnects) {
  constexpr std::uint32_t kSent = 5;
  for (const std::uint32_t released :
       {0U, 1U, kSent + 1, kSent + kPairRing, kPairRing, std::uint32_t{1} << 31, kMost}) {
    Pair pair{GetParam()};
    pair.send(kSent);
    pair.put_released(2);
    ASSERT_EQ(pair.exhaust(), DIST_NET_WOULD_BLOCK);
    pair.put_released(released);
    EXPECT_EQ(pair.exhaust(), DIST_NET_DISCONNECTED) << released;
    pair.put_released(kSent);  // too late
    EXPECT_EQ(pair.exhaust(), DIST_NET_DISCONNECTED) << released;
    EXPECT_EQ(pair.receive(), DIST_NET_DISCONNECTED) << released;
  }
}

TEST_P(LocalHostile, AnEarlyReturnThatCannotBeDisconnects) {
  constexpr std::uint32_t kSent = 5;
  // Released, returned early before, never sent, and of the same place in the ring.
  for (const std::uint32_t index : {0U, 1U, 3U, kSent, kPairRing - 1, kPairRing + 2,
                                    kPairRing + kSent, std::uint32_t{1} << 31, kMost}) {
    Pair pair{GetParam()};
    pair.send(kSent);
    pair.put_released(2);
    pair.put_early(0, 3, 1);
    ASSERT_EQ(pair.exhaust(), DIST_NET_WOULD_BLOCK);
    pair.put_early(1, index, 1);
    EXPECT_EQ(pair.exhaust(), DIST_NET_DISCONNECTED) << index;
    EXPECT_EQ(pair.receive(), DIST_NET_DISCONNECTED) << index;
  }
}

TEST_P(LocalHostile, AnEarlyReturnTwiceInOneLookDisconnects) {
  Pair pair{GetParam()};
  pair.send(3);
  pair.put_early(0, 1, 1);
  pair.put_early(1, 1, 1);
  EXPECT_EQ(pair.exhaust(), DIST_NET_DISCONNECTED);
}

TEST_P(LocalHostile, AnEarlyReturnOfAnotherLapIsNone) {
  Pair pair{GetParam()};
  pair.send(5);
  for (const std::uint32_t lap : {0U, 2U, 3U, kPairRing, kMost}) {
    pair.out->early[0].what.store(pair_word(1, lap));
    pair.out->early[1].what.store(pair_word(kMost, 1));  // not its turn
    ASSERT_EQ(pair.exhaust(), DIST_NET_WOULD_BLOCK) << lap;
    EXPECT_EQ(dist_net_error_details().used, 5U);
  }
}

TEST_P(LocalHostile, ABlockReturnedEarlyAndReleasedLaterComesBackOnce) {
  Pair pair{GetParam()};
  pair.send(5);
  for (std::uint32_t place = 0; place < 3; ++place) pair.put_early(place, 3 - place, 1);
  ASSERT_EQ(pair.exhaust(), DIST_NET_WOULD_BLOCK);
  pair.put_released(5);
  ASSERT_EQ(pair.exhaust(), DIST_NET_WOULD_BLOCK);
  for (std::uint32_t i = 0; i < kArenaBytes / 64; ++i) ASSERT_EQ(pair.claim(64), 1) << i;
  EXPECT_EQ(pair.claim(64), DIST_NET_WOULD_BLOCK);
}

// A walk of both ends; the other one follows the protocol, but for some of its steps.
struct Walk {
  Walk(Ends ends, std::uint64_t seed, std::uint32_t garbage)
      : pair(ends), random(seed), garbage_ppm(garbage) {}

  std::uint32_t below(std::uint64_t bound) {
    return static_cast<std::uint32_t>(random.below(bound));
  }
  std::uint32_t sent() const { return static_cast<std::uint32_t>(pair.sent.size()); }

  void step_other_end() {
    if (random.chance_ppm(garbage_ppm)) return write_garbage();
    switch (below(4)) {
      case 0:
      case 1: {
        if (tail - pair.in->released.load() >= kPairRing) return;
        const std::uint32_t length = below(1'000);
        pair.put(tail++, below(kArenaBytes - length), length);
        return;
      }
      case 2:
        released = std::min(sent(), released + below(4));
        return pair.put_released(released);
      default: {
        const std::uint32_t index = released + below(8);
        if (index >= sent() || pair.sent[index] == nullptr) return;
        return pair.put_early(early_tail, index, lap_of(early_tail)), void(++early_tail);
      }
    }
  }
  // A number that might be, or any at all.
  std::uint32_t any(std::uint32_t likely) {
    switch (below(4)) {
      case 0:
        return static_cast<std::uint32_t>(random.next());
      case 1:
        return below(2 * kPairRing);
      default:
        return likely + below(5) - 2;
    }
  }
  void write_garbage() {
    switch (below(5)) {
      case 0:
        return pair.put(any(pair.head), any(kArenaBytes), below(64), lap_of(any(pair.head)));
      case 1:
        return pair.put(any(pair.head), any(0), any(kArenaBytes), lap_of(any(pair.head)));
      case 2:
        return pair.put_released(any(released));
      case 3:
        return pair.put_early(any(early_tail), any(released), lap_of(any(early_tail)));
      default:
        (below(2) == 0 ? pair.in->receiver_sleep : pair.out->sender_sleep).store(any(1));
        (below(2) == 0 ? pair.out->receiver_sleep : pair.in->sender_sleep).store(any(1));
    }
  }

  void step_our_end() {
    switch (below(8)) {
      case 0:
      case 1:
        return note(pair.claim(below(kArenaBytes / 64)));
      case 2:
      case 3:
        if (!pair.claims.empty()) pair.commit();
        return;
      case 4:
        if (!pair.claims.empty()) pair.abandon();
        return;
      case 5:
        return note(pair.receive());
      case 6:
        if (!pair.messages.empty()) pair.release(below(pair.messages.size()));
        return;
      default:
        if (below(64) == 0) pair.exhaust();
        pair.channel->arm();
        pair.channel->is_ready();
        pair.channel->disarm();
    }
  }
  void note(std::int32_t result) {
    if (result == DIST_NET_DISCONNECTED) is_disconnected = true;
    if (result < 0) {
      EXPECT_TRUE(result == DIST_NET_DISCONNECTED || result == DIST_NET_WOULD_BLOCK) << result;
    }
  }

  void run(std::uint32_t steps) {
    for (std::uint32_t i = 0; i < steps; ++i) {
      step_other_end();
      step_our_end();
      if (is_disconnected) {
        ASSERT_EQ(pair.claim(1), DIST_NET_DISCONNECTED);
      }
      if (::testing::Test::HasFailure()) return;
    }
  }

  Pair pair;
  Prng random;
  std::uint32_t garbage_ppm;
  std::uint32_t tail = 0, released = 0, early_tail = 0;
  bool is_disconnected = false;
};

TEST_P(LocalHostile, AnHonestOtherEndIsNeverDisconnected) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    Walk walk{GetParam(), seed, 0};
    walk.run(8'000);
    EXPECT_FALSE(walk.is_disconnected) << "seed " << seed;
    EXPECT_GT(walk.sent(), kPairRing) << "seed " << seed;
    EXPECT_GT(walk.pair.head, 500U) << "seed " << seed;
  }
}

TEST_P(LocalHostile, RandomGarbageHandsOutNothingTwiceAndReadsNothingOutside) {
  std::uint32_t disconnected = 0, walks = 0;
  for (const std::uint32_t garbage_ppm : {500U, 20'000U, 300'000U, 1'000'000U}) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed, ++walks) {
      Walk walk{GetParam(), seed, garbage_ppm};
      walk.run(1'000);
      disconnected += walk.is_disconnected ? 1 : 0;
      ASSERT_FALSE(HasFailure()) << "seed " << seed << ", garbage " << garbage_ppm;
    }
  }
  EXPECT_GE(disconnected, walks / 2);
}

TEST_P(LocalHostile, ASegmentFullOfRandomWordsDisconnectsOrGoesOn) {
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    Walk walk{GetParam(), seed, 0};
    Pair& pair = walk.pair;
    for (std::uint32_t round = 0; round < 4; ++round) {
      for (PairDirection* direction : {pair.in, pair.out}) {
        direction->released.store(walk.any(0));
        direction->receiver_sleep.store(walk.any(0));
        direction->sender_sleep.store(walk.any(0));
        for (PairDescriptor& descriptor : direction->descriptors) {
          descriptor.where.store(pair_word(walk.below(kArenaBytes), walk.below(kArenaBytes)));
          descriptor.what.store(pair_word(walk.any(0), walk.below(3)));
        }
        for (PairReturn& early : direction->early) {
          early.what.store(pair_word(walk.any(0), walk.below(3)));
        }
      }
      // All of it says that it came back.
      for (std::uint32_t index = 0; index < walk.sent(); ++index) pair.give_back(index);
      for (std::uint32_t i = 0; i < 100; ++i) {
        walk.step_our_end();
        for (std::uint32_t index = 0; index < walk.sent(); ++index) pair.give_back(index);
      }
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
  }
}

TEST_P(LocalHostile, AnOtherEndThatIsGoneIsNoticedByWhoPolls) {
  Pair pair{GetParam()};
  pair.bell.reset();
  pair.out->receiver_sleep.store(kPairAsleep);  // a bell nobody has
  pair.send(1);
  std::int32_t got = 0;
  for (std::uint32_t polls = 0; polls < 100'000 && got == 0; ++polls) got = pair.receive();
  EXPECT_EQ(got, DIST_NET_DISCONNECTED);
}

INSTANTIATE_TEST_SUITE_P(Ends, LocalHostile,
                         ::testing::Values(Ends{false, false}, Ends{false, true}, Ends{true, false},
                                           Ends{true, true}),
                         [](const auto& ends) {
                           return std::string{ends.param.by_reference ? "Reference" : "Copy"} +
                                  (ends.param.is_opener ? "Opener" : "Acceptor");
                         });

}  // namespace
}  // namespace ringroad::host::test
