// The log alone: what is known of which index, what a conflict replaces, and how long payloads
// live.
#include <gtest/gtest.h>

#include <string>

#include "consensus/core/log.h"

namespace ringroad::raft {
namespace {

std::vector<Entry> entries(std::uint64_t first, std::initializer_list<std::uint64_t> terms,
                           const std::string& payload) {
  std::vector<Entry> made;
  for (const std::uint64_t term : terms) {
    made.push_back({Term{term}, Index{first++}, reinterpret_cast<const std::byte*>(payload.data()),
                    static_cast<std::uint32_t>(payload.size()), EntryType::kNormal});
  }
  return made;
}

struct LogTest : testing::Test {
  LogTest() : log(~std::uint64_t{0}) {
    log.load({Term{1}, Index{10}}, entries(11, {1, 1, 2, 2, 4}, payload));
  }
  std::string payload = "payload";
  Log log;
};

TEST_F(LogTest, KnowsTheTermsOfWhatItHoldsAndOfTheEntryBefore) {
  EXPECT_EQ(log.term(Index{9}), std::nullopt);
  EXPECT_EQ(log.term(Index{10}), Term{1});
  EXPECT_EQ(log.term(Index{13}), Term{2});
  EXPECT_EQ(log.term(Index{15}), Term{4});
  EXPECT_EQ(log.term(Index{16}), std::nullopt);
}

TEST_F(LogTest, FindsWhereTwoLogsMayAgree) {
  EXPECT_EQ(log.find_conflict_by_term(Index{15}, Term{3}), (EntryId{Term{2}, Index{14}}));
  EXPECT_EQ(log.find_conflict_by_term(Index{13}, Term{1}), (EntryId{Term{1}, Index{12}}));
  EXPECT_EQ(log.find_conflict_by_term(Index{15}, Term{0}), (EntryId{Term{0}, Index{9}}))
      << "beyond what it remembers";
}

TEST_F(LogTest, ReplacesItsTailFromTheFirstConflictOnly) {
  log.commit_to(Index{12});
  EXPECT_EQ(log.maybe_append({Term{1}, Index{12}}, entries(13, {2, 3}, payload)), Index{14});
  EXPECT_EQ(log.last(), (EntryId{Term{3}, Index{14}}));
  EXPECT_EQ(log.stable(), Index{13}) << "what was replaced is to be written again";
  EXPECT_EQ(log.next_unstable().size(), 1u);
}

TEST_F(LogTest, KeepsWhatAnOldAppendRepeats) {
  EXPECT_EQ(log.maybe_append({Term{1}, Index{11}}, entries(12, {1}, payload)), Index{12});
  EXPECT_EQ(log.last_index(), Index{15});
  EXPECT_TRUE(log.next_unstable().empty());
}

TEST_F(LogTest, RefusesAnAppendThatDoesNotFollow) {
  EXPECT_EQ(log.maybe_append({Term{3}, Index{15}}, entries(16, {4}, payload)), std::nullopt);
  EXPECT_EQ(log.maybe_append({Term{4}, Index{17}}, entries(18, {4}, payload)), std::nullopt);
}

TEST_F(LogTest, ForgetsUpToACompactionAndKeepsItsTerm) {
  log.commit_to(Index{14});
  log.applied_to(Index{14}, 0);
  log.compact(Index{13});
  EXPECT_EQ(log.first_index(), Index{14});
  EXPECT_EQ(log.term(Index{13}), Term{2});
  EXPECT_EQ(log.entries(Index{14}, ~std::uint64_t{0}, 10).size(), 2u);
  EXPECT_EQ(log.bytes(), 2 * (payload.size() + kEntryOverheadBytes));
}

TEST_F(LogTest, BoundsWhatIsReadByBytesButGivesAtLeastOne) {
  const std::uint64_t each = payload.size() + kEntryOverheadBytes;
  EXPECT_EQ(log.entries(Index{11}, 0, 10).size(), 1u);
  EXPECT_EQ(log.entries(Index{11}, 3 * each, 10).size(), 3u);
  EXPECT_EQ(log.entries(Index{11}, ~std::uint64_t{0}, 2).size(), 2u);
}

TEST_F(LogTest, IgnoresAnAcknowledgementOfEntriesThatWereReplacedMeanwhile) {
  log.append(Term{5}, entries(0, {0}, payload));
  log.accept_unstable();
  (void)log.maybe_append({Term{4}, Index{15}}, entries(16, {6}, payload));
  log.stable_to({Term{5}, Index{16}});
  EXPECT_EQ(log.stable(), Index{15});
  log.stable_to({Term{6}, Index{16}});
  EXPECT_EQ(log.stable(), Index{16});
}

TEST_F(LogTest, HandsOutCommittedEntriesOnceAndNoMoreThanMayBeUnderWay) {
  const std::uint64_t each = payload.size() + kEntryOverheadBytes;
  Log bounded(2 * each);
  bounded.load({Term{1}, Index{10}}, entries(11, {1, 1, 1, 1}, payload));
  bounded.commit_to(Index{14});
  const auto first = bounded.next_committed(false);
  ASSERT_EQ(first.size(), 2u);
  bounded.accept_applying(Index{12}, stored_bytes(first), false);
  EXPECT_TRUE(bounded.next_committed(false).empty());
  bounded.applied_to(Index{12}, 2 * each);
  EXPECT_EQ(bounded.next_committed(false).size(), 2u);
}

TEST_F(LogTest, AppliesNothingThatIsNotDurableHereUnlessToldTo) {
  log.append(Term{5}, entries(0, {0}, payload));
  log.commit_to(Index{16});
  EXPECT_EQ(log.next_committed(false).back().index, Index{15});
  EXPECT_EQ(log.next_committed(true).back().index, Index{16});
}

TEST_F(LogTest, PayloadsOutliveTheLogsOwnInterestWhileReferenced) {
  const std::byte* data = log.range(Index{15}, 1)[0].data;
  log.arena().reference(data);
  (void)log.maybe_append({Term{2}, Index{14}}, entries(15, {5}, std::string(7, 'x')));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(data), 7), "payload");
  log.arena().release(data);
}

TEST_F(LogTest, PayloadsOfAChunkThatIsFullAreLeftAloneAsLongAsOneIsReferenced) {
  PayloadArena arena;
  const std::string most(200'000, 'm'), rest(60'000, 'r');
  const auto copy = [&arena](const std::string& text) {
    return arena.copy({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  };
  const std::byte* first = copy(most);
  const std::byte* second = copy(rest);
  arena.release(first);
  const std::byte* third = copy(most);  // needs another chunk
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(second), rest.size()), rest);
  arena.release(third);
  const std::byte* fourth = copy(most);
  EXPECT_EQ(fourth, third) << "an empty chunk begins anew";
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(second), rest.size()), rest);
  EXPECT_EQ(arena.allocations(), 2u);
  arena.release(second);
  arena.release(fourth);
}

TEST_F(LogTest, PayloadsOfAnySizeAreCopiedWhole) {
  for (const std::size_t size : {1u, 63u, 262'079u, 262'080u, 262'081u, 1'000'000u}) {
    const std::string big(size, 'b');
    const Index at = log.append(Term{5}, entries(0, {0, 0}, big));
    for (const Entry& e : log.range(Index{at.value - 1}, 2)) {
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(e.data), e.size_bytes), big);
    }
  }
}

TEST_F(LogTest, AllocatesNothingOnceItsWindowHasItsSize) {
  const std::string bytes(256 * 64, 'p');
  std::vector<Entry> batch;
  for (std::size_t i = 0; i < 64; ++i) {
    batch.push_back(
        {.data = reinterpret_cast<const std::byte*>(bytes.data()) + 256 * i, .size_bytes = 256});
  }
  std::uint64_t after_warm_up = 0;
  for (int round = 0; round < 1'000; ++round) {
    const Index last = log.append(Term{5}, batch);
    ASSERT_EQ(log.range(last, 1)[0].data[255], std::byte{'p'});
    log.commit_to(last);
    log.applied_to(last, 0);
    if (round % 4 == 3) log.compact(Index{last.value - 64});
    if (round == 100) after_warm_up = log.arena().allocations();
  }
  EXPECT_EQ(log.arena().allocations(), after_warm_up);
}

}  // namespace
}  // namespace ringroad::raft
