#include "tests/sim/history/history.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/history/brute_force.h"
#include "tests/sim/history/linearizability.h"

namespace ringroad::sim {
namespace {

using Kind = Invocation::Kind;

// One operation as a line of a picture: what, the answer, from when, to when.
struct Row {
  Invocation invocation;
  std::uint64_t result = 0;
  std::int64_t from = 0, to = 0;

  Row on(std::uint32_t key) const {
    Row other = *this;
    other.invocation.key = key;
    return other;
  }
};
constexpr std::int64_t kUnknown = -1, kRefused = -2;
constexpr bool kSwapped = true, kNotSwapped = false;

Row get(std::uint64_t result, std::int64_t from, std::int64_t to) {
  return {{.kind = Kind::kGet}, result, from, to};
}
Row put(std::uint64_t value, std::int64_t from, std::int64_t to) {
  return {{.kind = Kind::kPut, .argument = value}, 0, from, to};
}
Row erase(std::int64_t from, std::int64_t to) { return {{.kind = Kind::kDelete}, 0, from, to}; }
Row cas(std::uint64_t expected, std::uint64_t value, bool swapped, std::int64_t from,
        std::int64_t to) {
  return {{.kind = Kind::kCompareAndSwap, .argument = value, .expected = expected},
          swapped ? std::uint64_t{1} : std::uint64_t{0},
          from,
          to};
}

// Client i + 1 has row i. No two rows begin or end at the same time.
History history_of(const std::vector<Row>& rows) {
  struct Moment {
    std::int64_t at;
    std::size_t row;
    bool ends;
    auto operator<=>(const Moment&) const = default;
  };
  std::vector<Moment> moments;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    moments.push_back({rows[i].from, i, false});
    moments.push_back({rows[i].to < 0 ? rows[i].from : rows[i].to, i, true});
  }
  std::sort(moments.begin(), moments.end());
  History history;
  std::vector<OperationId> ids(rows.size());
  for (const auto& [at, row, ends] : moments) {
    if (!ends) {
      Invocation invocation = rows[row].invocation;
      invocation.client = static_cast<std::uint32_t>(row + 1);
      ids[row] = history.invoke(invocation, Nanos{at});
    } else if (rows[row].to == kUnknown) {
      history.forget(ids[row], Nanos{at});
    } else if (rows[row].to == kRefused) {
      history.refuse(ids[row], Nanos{at});
    } else {
      history.complete(ids[row], rows[row].result, Nanos{at});
    }
  }
  return history;
}

void expect_right(const std::vector<Row>& rows) {
  const History history = history_of(rows);
  EXPECT_TRUE(BruteForce(history.operations()).is_linearizable());
  const auto violation = check(history);
  EXPECT_FALSE(violation) << violation->account;
}

// `shown`: how many operations the account is down to.
void expect_wrong(const std::vector<Row>& rows, std::size_t shown) {
  const History history = history_of(rows);
  EXPECT_FALSE(BruteForce(history.operations()).is_linearizable());
  const auto violation = check(history);
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->kind, Violation::Kind::kNotLinearizable);
  EXPECT_EQ(violation->operations.size(), shown) << violation->account;
  EXPECT_FALSE(BruteForce(violation->operations).is_linearizable()) << violation->account;
}

TEST(RightHistory, NothingHappened) { EXPECT_FALSE(check(History{})); }

TEST(RightHistory, OneAfterAnother) {
  expect_right({get(0, 10, 20), put(1, 30, 40), get(1, 50, 60), erase(70, 80), get(0, 90, 99)});
}

TEST(RightHistory, ConcurrentWritesInTheOrderOfTheirInvocation) {
  expect_right({put(1, 10, 50), put(2, 20, 40), get(2, 60, 70)});
}

TEST(RightHistory, ConcurrentWritesAgainstTheOrderOfTheirInvocation) {
  expect_right({put(1, 10, 50), put(2, 20, 40), get(1, 60, 70)});
}

TEST(RightHistory, AReadThatOverlapsAWriteSeesEitherValue) {
  expect_right({put(1, 10, 20), put(2, 30, 60), get(1, 40, 50), get(2, 70, 80)});
  expect_right({put(1, 10, 20), put(2, 30, 60), get(2, 40, 50), get(2, 70, 80)});
}

TEST(RightHistory, AnUnknownPutTakesEffectLate) {
  expect_right({put(1, 10, 20), put(2, 30, kUnknown), get(1, 40, 50), put(3, 60, 70),
                get(3, 80, 90), get(2, 100, 110)});
}

TEST(RightHistory, AnUnknownPutNeverTakesEffect) {
  expect_right({put(1, 10, 20), put(2, 30, kUnknown), get(1, 40, 50), get(1, 60, 70)});
}

TEST(RightHistory, ARefusedPutIsNotSeen) {
  expect_right({put(1, 10, 20), put(2, 30, kRefused), get(1, 40, 50)});
}

TEST(RightHistory, AChainOfSwaps) {
  expect_right({cas(0, 1, kSwapped, 10, 20), cas(1, 2, kSwapped, 30, 40),
                cas(1, 3, kNotSwapped, 50, 60), cas(2, 3, kSwapped, 70, 80), get(3, 90, 99)});
}

TEST(RightHistory, ConcurrentSwapsFindTheirOrder) {
  expect_right({cas(2, 3, kSwapped, 10, 50), cas(1, 2, kSwapped, 20, 60),
                cas(0, 1, kSwapped, 30, 70), get(3, 80, 90)});
}

TEST(RightHistory, ASwapFailsOnAnUnknownPutThatNobodyRead) {
  expect_right({put(1, 10, 20), put(2, 30, kUnknown), cas(1, 3, kNotSwapped, 40, 50)});
}

TEST(RightHistory, AnUnknownSwapOnAnUnknownPut) {
  expect_right(
      {put(1, 10, kUnknown), cas(1, 2, kSwapped, 20, kUnknown), get(0, 30, 40), get(2, 50, 60)});
}

TEST(RightHistory, UnknownDeletesServeOneReadEach) {
  expect_right({erase(10, kUnknown), erase(11, kUnknown), put(1, 20, 30), get(0, 40, 50),
                put(2, 60, 70), get(0, 80, 90)});
}

TEST(RightHistory, ASwapOfAValueByItselfIsARead) {
  expect_right({put(1, 10, 20), cas(1, 1, kSwapped, 30, 40), get(1, 50, 60),
                cas(2, 2, kSwapped, 70, kUnknown), cas(2, 2, kNotSwapped, 80, 90)});
}

TEST(RightHistory, KeysAreRegistersOfTheirOwn) {
  expect_right({put(1, 10, 20).on(1), put(2, 30, 40).on(2), get(1, 50, 60).on(1),
                get(2, 70, 80).on(2), get(0, 90, 99).on(3)});
}

TEST(RightHistory, WhatNoCallEndedMayHaveTakenEffectOrNot) {
  for (const std::uint64_t seen : {0, 1}) {
    History history;
    (void)history.invoke({.client = 1, .kind = Kind::kPut, .argument = 1}, Nanos{10});
    const OperationId read = history.invoke({.client = 2}, Nanos{20});
    history.complete(read, seen, Nanos{30});
    EXPECT_FALSE(check(history)) << seen;
  }
}

TEST(WrongHistory, AStaleRead) {
  expect_wrong({put(1, 10, 20), put(2, 30, 40), get(1, 50, 60)}, 3);
}

TEST(WrongHistory, AnAcknowledgedWriteIsLost) { expect_wrong({put(1, 10, 20), get(0, 30, 40)}, 2); }

TEST(WrongHistory, AnUpdateIsLostBetweenTwoSwaps) {
  expect_wrong({put(1, 10, 20), cas(1, 2, kSwapped, 30, 60), cas(1, 3, kSwapped, 40, 50)}, 3);
}

TEST(WrongHistory, TwoClientsCreateTheSameKey) {
  expect_wrong({cas(0, 1, kSwapped, 10, 30), cas(0, 2, kSwapped, 20, 40)}, 2);
}

TEST(WrongHistory, AValueThatNobodyWrote) {
  expect_wrong({put(1, 10, 20), get(7, 30, 40), get(1, 50, 60)}, 1);
}

TEST(WrongHistory, AValueOfAnotherKey) {
  expect_wrong({put(1, 10, 20).on(1), get(1, 30, 40).on(2)}, 1);
}

TEST(WrongHistory, AValueBeforeItIsWritten) {
  expect_wrong({get(1, 10, 20), put(1, 30, 40), get(1, 50, 60)}, 1);
}

TEST(WrongHistory, AnUnknownValueBeforeItIsWritten) {
  expect_wrong({get(1, 10, 20), put(1, 30, kUnknown), get(1, 50, 60)}, 1);
}

TEST(WrongHistory, AValueIsSeenAndThenUnseen) {
  expect_wrong({put(1, 10, 20), put(2, 30, 80), get(2, 40, 50), get(1, 60, 70)}, 4);
}

TEST(WrongHistory, AnUnknownPutIsSeenAndThenUndone) {
  expect_wrong({put(1, 10, 20), put(2, 30, kUnknown), get(2, 40, 50), get(1, 60, 70)}, 4);
}

TEST(WrongHistory, AnUnknownPutTakesEffectTwice) {
  expect_wrong({put(1, 10, 20), put(2, 30, kUnknown), get(2, 40, 50), put(3, 60, 70),
                get(3, 80, 90), get(2, 100, 110)},
               4);
}

TEST(WrongHistory, ARefusedPutIsSeen) {
  expect_wrong({put(1, 10, 20), put(2, 30, kRefused), get(2, 40, 50)}, 1);
}

TEST(WrongHistory, ReadersDisagreeOnTheOrderOfConcurrentWrites) {
  expect_wrong({put(1, 10, 90), put(2, 11, 91), get(1, 20, 30), get(2, 40, 50), get(1, 60, 70)}, 5);
}

TEST(WrongHistory, ADeletedValueIsReadAgain) {
  expect_wrong({put(1, 10, 20), erase(30, 40), get(0, 50, 60), get(1, 70, 80)}, 3);
}

TEST(WrongHistory, AbsentWithoutADelete) {
  expect_wrong({put(1, 10, 20), put(2, 30, 40), get(2, 50, 60), get(0, 70, 80)}, 2);
}

TEST(WrongHistory, OneUnknownDeleteServesTwoReads) {
  expect_wrong(
      {erase(10, kUnknown), put(1, 20, 30), get(0, 40, 50), put(2, 60, 70), get(0, 80, 90)}, 5);
}

TEST(WrongHistory, ASwapSucceedsOnAnOverwrittenValue) {
  expect_wrong({put(1, 10, 20), put(2, 30, 40), cas(1, 3, kSwapped, 50, 60)}, 3);
}

TEST(WrongHistory, ASwapFailsThoughNobodyElseWrote) {
  expect_wrong({put(1, 10, 20), cas(1, 2, kNotSwapped, 30, 40), get(1, 50, 60)}, 2);
}

TEST(WrongHistory, ASwapFailsOnAValueThatWasOverwritten) {
  expect_wrong({put(5, 10, 20), put(6, 21, 22), put(1, 23, 24), cas(1, 2, kNotSwapped, 30, 40)}, 2);
}

TEST(WrongHistory, ADeleteIsUndoneAndDoneAgain) {
  expect_wrong({erase(10, 20), put(1, 30, 40), get(1, 50, 60), get(0, 70, 80)}, 2);
}

TEST(WrongHistory, ASwapIsAppliedTwice) {
  expect_wrong(
      {put(1, 10, 20), cas(1, 2, kSwapped, 30, 40), cas(2, 1, kSwapped, 50, 60), get(2, 70, 80)},
      3);
}

TEST(WrongHistory, AnUnknownSwapIsAppliedTwice) {
  expect_wrong({put(1, 10, 20), cas(1, 2, kSwapped, 30, kUnknown), get(2, 40, 50), put(1, 60, 70),
                get(1, 80, 90), get(2, 100, 110)},
               5);
}

TEST(WrongHistory, AnUnknownSwapTakesEffectWithoutWhatItExpected) {
  expect_wrong({put(1, 10, 20), cas(5, 6, kSwapped, 30, kUnknown), get(6, 40, 50)}, 2);
}

TEST(WrongHistory, ASwapFailsOnAnUnknownPutThatCameLater) {
  expect_wrong({put(1, 10, 20), cas(1, 3, kNotSwapped, 30, 40), put(2, 50, kUnknown)}, 2);
}

TEST(Order, OfCallsHoldsAtOneTime) {
  History history;
  const OperationId write =
      history.invoke({.client = 1, .kind = Kind::kPut, .argument = 1}, Nanos{10});
  history.complete(write, 0, Nanos{20});
  const OperationId read = history.invoke({.client = 2}, Nanos{20});
  history.complete(read, 0, Nanos{20});
  EXPECT_TRUE(check(history));
}

TEST(Order, OfTheRecordIsTheCallersDuty) {
  History history;
  const OperationId id = history.invoke({.client = 1}, Nanos{10});
  EXPECT_DEATH(history.complete(id, 0, Nanos{9}), "invariant broken");
  history.forget(id, Nanos{20});
  EXPECT_DEATH(history.complete(id, 0, Nanos{30}), "invariant broken");
  EXPECT_DEATH(history.refuse(OperationId{1}, Nanos{30}), "invariant broken");
}

TEST(Account, ShowsTheContradictionAndNothingElse) {
  std::vector<Row> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(put(1'000 + i, 1 + 10 * i, 8 + 10 * i).on(3));
  rows.push_back(put(7, 2'000, 2'300).on(3));
  rows.push_back(cas(7, 8, kSwapped, 2'400, 2'600).on(3));
  rows.push_back(put(9, 2'500, kUnknown).on(3));
  rows.push_back(get(7, 2'700, 2'800).on(3));
  for (int i = 0; i < 100; ++i) rows.push_back(get(8, 3'001 + 10 * i, 3'008 + 10 * i).on(3));
  const auto violation = check(history_of(rows));
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->key, 3u);
  EXPECT_EQ(violation->account,
            "key 3: no order explains the answers of 3 operations\n"
            "  client 101  put 7                2000..2300  |==|\n"
            "  client 102  cas ? to 8: swapped  2400..2600        |==|\n"
            "  client 104  get -> 7             2700..2800              |==|\n");
}

TEST(Account, MarksWhatIsUnknown) {
  const auto violation =
      check(history_of({put(1, 10, 20), put(2, 30, kUnknown), get(2, 40, 50), get(1, 60, 70)}));
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->account,
            "key 0: no order explains the answers of 4 operations\n"
            "  client 1  put 1           10..20  |==|\n"
            "  client 2  put 2: unknown  30..?         |==============?\n"
            "  client 3  get -> 2        40..50           |==|\n"
            "  client 4  get -> 1        60..70                 |==|\n");
}

TEST(Account, DoesNotExplainWhereAChainOfSwapsBegan) {
  std::vector<Row> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(cas(i, i + 1, kSwapped, 1 + 10 * i, 8 + 10 * i));
  rows.push_back(get(98, 2'000, 2'001));
  const auto violation = check(history_of(rows));
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->operations.size(), 3u) << violation->account;
}

TEST(Account, BlamesNobodyWhoReadWhatWasWrittenLater) {
  const auto violation =
      check(history_of({put(1, 10, 20), get(2, 15, 100), get(0, 30, 40), put(2, 50, 60)}));
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->account,
            "key 0: no order explains the answers of 2 operations\n"
            "  client 1  put 1          10..20  |==|\n"
            "  client 3  get -> absent  30..40        |==|\n");
}

// Unknown swaps between few values, of which no order explains the last read: every subset counts.
std::vector<Row> hard_rows() {
  std::vector<Row> rows;
  for (int i = 0; i < 24; ++i) rows.push_back(cas(i % 5, (i * 3 + 1) % 5, kSwapped, i, kUnknown));
  for (int i = 0; i < 12; ++i) rows.push_back(get(i % 5, 100 + 10 * i, 105 + 10 * i));
  rows.push_back(get(77, 1'000, 1'001));
  return rows;
}

TEST(Budget, WhenItRunsOutTheHistoryIsUndecidedNotRight) {
  const History history = history_of(hard_rows());
  const auto violation = check(history, {.steps_max_per_key = 10});
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->kind, Violation::Kind::kUndecided);
  EXPECT_EQ(violation->account, "key 0: undecided after 10 steps over 37 operations\n");
}

TEST(Budget, OfUndecidedKeysTheLowestIsNamed) {
  std::vector<Row> rows = hard_rows();
  for (const Row& row : hard_rows()) rows.push_back(row.on(1));
  const auto violation = check(history_of(rows), {.steps_max_per_key = 10});
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->kind, Violation::Kind::kUndecided);
  EXPECT_EQ(violation->key, 0u);
}

TEST(Budget, AViolationOfALaterKeyComesBeforeAnUndecidedOne) {
  std::vector<Row> rows = hard_rows();
  rows.push_back(put(1, 2'000, 2'001).on(9));
  rows.push_back(get(0, 2'002, 2'003).on(9));
  const auto violation = check(history_of(rows), {.steps_max_per_key = 10});
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->kind, Violation::Kind::kNotLinearizable);
  EXPECT_EQ(violation->key, 9u);
}

}  // namespace
}  // namespace ringroad::sim
