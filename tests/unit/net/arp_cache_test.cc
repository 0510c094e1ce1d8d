// The ARP cache against a clock that the test moves: when it asks, what it believes, and what a
// flood costs it.
#include "dataplane/net/arp_cache.h"

#include <gtest/gtest.h>

#include "dataplane/base/prng.h"
#include "tests/unit/net/packets.h"

namespace ringroad {
namespace {

using Answer = ArpCache::Answer;
using Claim = ArpCache::Claim;
using test::kPeerAddress;
using test::kPeerMac;

const MacAddress kOtherMac{{0x02, 0, 0, 0, 0, 9}};
constexpr Nanos kStart = seconds(1000);

// A cache that knows kPeerAddress because it asked and was answered at kStart.
ArpCache resolved_cache() {
  ArpCache cache;
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart).answer, Answer::kResolving);
  EXPECT_TRUE(cache.poll_request());
  EXPECT_TRUE(cache.learn(Claim::kReply, kPeerAddress, kPeerMac, kStart));
  return cache;
}

// Runs the cache's timers up to `until`, and lists the requests with the time of each.
struct SentRequest {
  Nanos at;
  MacAddress to;
};
std::vector<SentRequest> run(ArpCache& cache, Nanos from, Nanos until) {
  std::vector<SentRequest> sent;
  Nanos now = from;
  while (true) {
    cache.on_time(now);
    while (const auto request = cache.poll_request()) sent.push_back({now, request->to});
    if (cache.next_deadline() > until) return sent;
    now = std::max(now, cache.next_deadline());
  }
}

TEST(ArpCache, AsksAtOnceAndServesTheAnswer) {
  ArpCache cache;
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart).answer, Answer::kResolving);
  EXPECT_TRUE(cache.has_request());
  const auto request = cache.poll_request();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->target, kPeerAddress);
  EXPECT_EQ(request->to, kMacBroadcast);
  EXPECT_FALSE(cache.has_request());

  EXPECT_TRUE(cache.learn(Claim::kReply, kPeerAddress, kPeerMac, kStart + milliseconds(1)));
  const auto resolution = cache.resolve(kPeerAddress, kStart + milliseconds(1));
  EXPECT_EQ(resolution.answer, Answer::kReady);
  EXPECT_EQ(resolution.mac, kPeerMac);
  EXPECT_GT(resolution.fresh_until, kStart + milliseconds(1));
  EXPECT_FALSE(cache.has_request()) << "an answered entry asks no more";
}

TEST(ArpCache, AsksThreeTimesThenIsUnreachableForASecondThenAsksAnew) {
  ArpCache cache;
  (void)cache.resolve(kPeerAddress, kStart);
  const auto sent = run(cache, kStart, kStart + milliseconds(1'399));
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].at, kStart);
  EXPECT_EQ(sent[1].at, kStart + milliseconds(100));
  EXPECT_EQ(sent[2].at, kStart + milliseconds(400));
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart + milliseconds(1'399)).answer, Answer::kResolving);

  cache.on_time(kStart + milliseconds(1'400));
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart + milliseconds(1'500)).answer, Answer::kUnreachable);
  EXPECT_FALSE(cache.has_request());
  cache.on_time(kStart + milliseconds(2'400));
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart + milliseconds(2'400)).answer, Answer::kResolving);
  EXPECT_TRUE(cache.has_request());
}

TEST(ArpCache, ARequestFromAnUnreachablePeerMakesItReachableAtOnce) {
  ArpCache cache;
  (void)cache.resolve(kPeerAddress, kStart);
  run(cache, kStart, kStart + milliseconds(1'400));
  const Nanos later = kStart + milliseconds(1'450);
  ASSERT_EQ(cache.resolve(kPeerAddress, later).answer, Answer::kUnreachable);
  EXPECT_TRUE(cache.learn(Claim::kRequest, kPeerAddress, kPeerMac, later));
  EXPECT_EQ(cache.resolve(kPeerAddress, later).answer, Answer::kReady);
}

TEST(ArpCache, ConfirmsAUsedEntryByUnicastThenBroadcastAndServesItMeanwhile) {
  ArpCache cache = resolved_cache();
  const std::uint32_t generation = cache.generation();
  ASSERT_EQ(cache.resolve(kPeerAddress, kStart + seconds(44)).answer, Answer::kReady);
  const Nanos begin = kStart + seconds(45);
  const auto sent = run(cache, kStart + seconds(44), begin + milliseconds(2'799));
  ASSERT_EQ(sent.size(), 6u);
  EXPECT_EQ(sent[0].at, begin);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sent[i].to, kPeerMac) << i;
  for (int i = 3; i < 6; ++i) EXPECT_EQ(sent[i].to, kMacBroadcast) << i;
  EXPECT_EQ(cache.resolve(kPeerAddress, begin + milliseconds(2'799)).answer, Answer::kReady);
  EXPECT_EQ(cache.generation(), generation);

  cache.on_time(begin + milliseconds(2'800));
  EXPECT_EQ(cache.resolve(kPeerAddress, begin + milliseconds(2'800)).answer, Answer::kUnreachable);
  EXPECT_NE(cache.generation(), generation) << "answers handed out before must be dropped";
}

TEST(ArpCache, AnAnsweredConfirmationKeepsTheEntryWithoutDisturbance) {
  ArpCache cache = resolved_cache();
  const std::uint32_t generation = cache.generation();
  Nanos now = kStart;
  for (int i = 0; i < 300; ++i) {  // five minutes of use, a peer that answers
    now = now + seconds(1);
    cache.on_time(now);
    ASSERT_EQ(cache.resolve(kPeerAddress, now).answer, Answer::kReady) << i;
    while (cache.poll_request()) {
      EXPECT_TRUE(cache.learn(Claim::kReply, kPeerAddress, kPeerMac, now));
    }
  }
  EXPECT_EQ(cache.generation(), generation);
}

TEST(ArpCache, ForgetsAnEntryNobodyUsedAfterAMinute) {
  ArpCache cache;
  EXPECT_TRUE(cache.learn(Claim::kRequest, kPeerAddress, kPeerMac, kStart));
  EXPECT_TRUE(run(cache, kStart, kStart + milliseconds(59'999)).empty()) << "not worth a request";
  EXPECT_EQ(cache.size(), 1u);
  run(cache, kStart + seconds(59), kStart + seconds(60));
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.next_deadline(), kNever);
}

TEST(ArpCache, BelievesOnlyRepliesItAskedFor) {
  ArpCache cache;
  EXPECT_FALSE(cache.learn(Claim::kReply, kPeerAddress, kPeerMac, kStart));
  EXPECT_EQ(cache.size(), 0u);
  cache = resolved_cache();
  EXPECT_FALSE(cache.learn(Claim::kReply, kPeerAddress, kOtherMac, kStart + seconds(1)));
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart + seconds(1)).mac, kPeerMac);
}

TEST(ArpCache, GratuitousClaimsUpdateEntriesAndNeverMakeOne) {
  ArpCache cache;
  EXPECT_FALSE(cache.learn(Claim::kGratuitous, kPeerAddress, kPeerMac, kStart));
  EXPECT_EQ(cache.size(), 0u);
  cache = resolved_cache();
  const std::uint32_t generation = cache.generation();
  EXPECT_TRUE(cache.learn(Claim::kGratuitous, kPeerAddress, kOtherMac, kStart + seconds(1)));
  EXPECT_EQ(cache.resolve(kPeerAddress, kStart + seconds(1)).mac, kOtherMac);
  EXPECT_NE(cache.generation(), generation);
}

TEST(ArpCache, AFloodOfRequestsEvictsNoEntryInUse) {
  ArpCache cache;
  constexpr std::uint32_t kInUse = 100;
  for (std::uint32_t i = 0; i < kInUse; ++i) {
    (void)cache.resolve(Ipv4Address{0x0a000100 + i}, kStart);
    ASSERT_TRUE(cache.learn(Claim::kReply, Ipv4Address{0x0a000100 + i}, kPeerMac, kStart));
  }
  const std::uint32_t generation = cache.generation();
  Prng prng(3);
  for (int i = 0; i < 20'000; ++i) {
    const Ipv4Address invented{0x0b000000 + static_cast<std::uint32_t>(prng.below(1u << 24))};
    cache.learn(Claim::kRequest, invented, kOtherMac, kStart + microseconds(i));
  }
  EXPECT_EQ(cache.size(), ArpCache::kEntries);
  for (std::uint32_t i = 0; i < kInUse; ++i) {
    const auto resolution = cache.resolve(Ipv4Address{0x0a000100 + i}, kStart + seconds(1));
    ASSERT_EQ(resolution.answer, Answer::kReady) << i;
    EXPECT_EQ(resolution.mac, kPeerMac);
  }
  EXPECT_EQ(cache.generation(), generation) << "the flood must not slow those in use";
  // And a new neighbour of ours still finds room.
  EXPECT_EQ(cache.resolve(Ipv4Address{0x0a0000fe}, kStart + seconds(1)).answer, Answer::kResolving);
}

TEST(ArpCache, SaysSoWhenEveryEntryIsInUse) {
  ArpCache cache;
  for (std::uint32_t i = 0; i < ArpCache::kEntries; ++i) {
    ASSERT_EQ(cache.resolve(Ipv4Address{0x0a000000 + i}, kStart).answer, Answer::kResolving);
  }
  EXPECT_EQ(cache.resolve(Ipv4Address{0x0b000000}, kStart).answer, Answer::kFull);
  EXPECT_FALSE(cache.learn(Claim::kRequest, Ipv4Address{0x0b000001}, kPeerMac, kStart));
}

}  // namespace
}  // namespace ringroad
