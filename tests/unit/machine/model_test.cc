// The machine beside the naive model: the same random commands, the same answers, the same state,
// whether or not the machine went through a snapshot on its way.
#include <gtest/gtest.h>

#include "dataplane/base/prng.h"
#include "tests/unit/machine/naive_model.h"

namespace ringroad::machine {
namespace {

constexpr Limits kSmall = {.keys_max = 40,
                           .registry_bytes_max = 4000,
                           .leases_max = 6,
                           .lease_keys_max = 5,
                           .history_events_max = 50,
                           .history_bytes_max = 8000,
                           .sessions_max = 4,
                           .session_window = 20,
                           .log_entries_max = 30,
                           .log_bytes_max = 4000};

// Commands over few keys, leases and sessions, so that they meet.
class Commands {
 public:
  explicit Commands(std::uint64_t seed) : prng_(seed) {}

  // Lives until the next call.
  Request next(std::uint64_t index, std::uint64_t revision) {
    key_ = key();
    end_ = key();
    // One call a statement: compilers differ in the order of arguments.
    const std::uint64_t size = prng_.below(prng_.below(4) == 0 ? 400 : 8);
    value_ = std::string(size, static_cast<char>('a' + prng_.below(3)));
    Request r = command(revision);
    if (prng_.below(2) == 0 || r.kind == Kind::kOpenSession || r.kind == Kind::kAdvanceClock) {
      if (r.kind == Kind::kGrantLease || r.kind == Kind::kOpenSession) recent_.push_back(index);
      return r;
    }
    if (prng_.below(20) == 0) {
      const Kind kind = prng_.below(3) == 0 ? Kind::kCloseSession : Kind::kKeepSession;
      return of_session(kind, an_id());
    }
    const std::uint64_t number = 1 + index / 16 + prng_.below(24);
    const std::uint64_t session = an_id();
    return numbered(r, session, number, prng_.below(4) == 0 ? number - prng_.below(number) - 1 : 0);
  }

 private:
  std::string key() {
    std::string k(1, static_cast<char>('a' + prng_.below(8)));
    for (std::uint64_t more = prng_.below(4); more > 0; --more) {
      k.push_back(prng_.below(6) == 0 ? '\xff' : static_cast<char>('0' + prng_.below(3)));
    }
    return k;
  }
  // Of something granted or opened lately, alive or not.
  std::uint64_t an_id() {
    if (recent_.empty()) return 1;
    const std::size_t span = std::min<std::size_t>(recent_.size(), 12);
    return recent_[recent_.size() - 1 - prng_.below(span)];
  }
  Request command(std::uint64_t revision) {
    switch (prng_.below(24)) {
      case 0:
        return grant(seconds(1 + static_cast<std::int64_t>(prng_.below(9))));
      case 1:
        return of_lease(Kind::kKeepLease, an_id());
      case 2:
        return of_lease(Kind::kRevokeLease, an_id());
      case 3:
        return open_session(seconds(1 + static_cast<std::int64_t>(prng_.below(9))));
      case 4:
      case 5:
        clock_ =
            clock_ + milliseconds(static_cast<std::int64_t>(prng_.below(2000))) - milliseconds(200);
        return clock_at(std::max(clock_, Nanos{0}));
      case 6:
        if (prng_.below(4) == 0) end_.clear();
        return erase_range(key_, end_, static_cast<std::uint32_t>(prng_.below(5)));
      case 7:
      case 8:
        return erase(key_);
      case 9:
        return put_if_absent(key_, value_);
      case 10:
        return put_if_value(key_, value_, "aa");
      case 11:
        return put_if_revision(key_, value_, revision - prng_.below(std::min(revision + 1, 9ul)));
      case 12:
        return erase_if_revision(key_, revision - prng_.below(std::min(revision + 1, 9ul)));
      case 13:
      case 14:
      case 15:
        return append(value_);
      default:
        return put(key_, value_, LeaseId{prng_.below(3) == 0 ? an_id() : 0});
    }
  }

  Prng prng_;
  Nanos clock_;
  std::string key_, end_, value_;
  std::vector<std::uint64_t> recent_;
};

void expect_same_keys(const Driven& driven, const NaiveModel& model) {
  const Told all = driven.ask(range("", ""));
  ASSERT_EQ(all.keys.size(), model.keys.size());
  std::size_t i = 0;
  for (const auto& [key, expected] : model.keys) {
    const KeyItem& item = all.keys[i++];
    ASSERT_EQ(text_of(item.key), key);
    ASSERT_EQ(text_of(item.value), expected.value);
    ASSERT_EQ(item.created.value, expected.created);
    ASSERT_EQ(item.modified.value, expected.modified);
    ASSERT_EQ(item.version, expected.version);
    ASSERT_EQ(item.lease.value, expected.lease);
  }
}

void expect_same_events(const Driven& driven, const NaiveModel& model) {
  const Revision compacted = driven.machine().state().registry.history().compacted();
  std::vector<NaiveModel::Happened> expected;
  for (const auto& h : model.history) {
    if (h.revision > compacted.value) expected.push_back(h);
  }
  Next from{compacted.value + 1};
  std::size_t at = 0;
  for (bool more = true; more;) {
    const Told t = driven.ask(watch_range("", "", from, 7));
    ASSERT_EQ(t.answer.status, Status::kOk);
    for (const EventItem& event : t.events) {
      ASSERT_LT(at, expected.size());
      ASSERT_EQ(event.type, expected[at].type);
      ASSERT_EQ(event.key.modified.value, expected[at].revision);
      ASSERT_EQ(text_of(event.key.key), expected[at].key);
      ASSERT_EQ(text_of(event.key.value), expected[at].value);
      ++at;
    }
    from = t.next;
    more = t.answer.more;
  }
  ASSERT_EQ(at, expected.size());
  ASSERT_EQ(from.number, model.revision + 1);
}

void expect_same_log(const Driven& driven, const NaiveModel& model) {
  const std::uint64_t compacted = driven.machine().state().log.compacted().value;
  const Told t = driven.ask(read_log(compacted + 1));
  ASSERT_EQ(compacted + t.entries.size(), model.log.size());
  for (const LogItem& entry : t.entries) {
    ASSERT_EQ(text_of(entry.payload), model.log[entry.position.value - 1]);
  }
}

void expect_same(const Driven& driven, const NaiveModel& model) {
  expect_same_keys(driven, model);
  expect_same_events(driven, model);
  expect_same_log(driven, model);
  const State& state = driven.machine().state();
  ASSERT_EQ(state.registry.leases().size(), model.leases.size());
  for (const auto& [id, lease] : model.leases) {
    const Told t = driven.ask(of_lease(Kind::kLeaseLeft, id));
    ASSERT_EQ(t.answer.status, Status::kOk);
    ASSERT_EQ(static_cast<std::int64_t>(t.answer.value),
              lease.ends < 0 ? lease.time_to_live : lease.ends - model.clock);
  }
  ASSERT_EQ(state.sessions.map().size(), model.clients.size());
}

TEST(ModelTest, AnswersAndStateAreWhatTheNaiveModelSays) {
  std::map<Status, int> seen;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Driven driven(kSmall);
    NaiveModel model(kSmall);
    Commands commands(seed);
    for (std::uint64_t index = 1; index <= 2000; ++index) {
      const Request request = commands.next(index, model.revision);
      const Answer expected = model.apply(request);
      const Answer answer = driven.apply(request);
      ASSERT_EQ(answer, expected) << "seed " << seed << ", entry " << index << ", kind "
                                  << static_cast<int>(request.kind) << ": "
                                  << name_of(answer.status) << " in place of "
                                  << name_of(expected.status);
      ++seen[answer.status];
      if (index % 200 == 0) {
        ASSERT_NO_FATAL_FAILURE(expect_same(driven, model)) << index;
      }
      if (index % 500 == 0) {
        auto state = restored(snapshot_of(driven.machine(), 100), 77);
        ASSERT_NE(state, nullptr) << "seed " << seed << ", entry " << index;
        const std::uint64_t hash = driven.hash();
        driven = Driven(std::move(state));
        ASSERT_EQ(driven.hash(), hash);
      }
    }
  }
  for (const Status status :
       {Status::kOk, Status::kNotFound, Status::kCompareFailed, Status::kLeaseUnknown,
        Status::kSessionUnknown, Status::kAlreadyAnswered, Status::kTooFarAhead, Status::kNoRoom}) {
    EXPECT_GT(seen[status], 20) << name_of(status) << " hardly ever came about";
  }
}

// What the state hashes to after fixed commands: any compiler, any machine.
TEST(ModelTest, HashesAlikeWithEveryCompiler) {
  Driven driven(kSmall);
  Commands commands(7);
  for (std::uint64_t index = 1; index <= 1000; ++index) {
    driven.apply(commands.next(index, driven.machine().revision().value));
  }
  EXPECT_EQ(driven.hash(), 18126082200119722798u);
}

TEST(ModelTest, ASnapshotThatIsWrittenWhileTheStateGoesOnHoldsTheMomentItBeganAt) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Driven driven(kSmall), other(kSmall);
    Commands commands(seed);
    const auto run = [&](std::uint64_t count, bool is_for_both) {
      for (; count > 0; --count) {
        const std::uint64_t index = driven.machine().applied().value + 1;
        const auto bytes = encoded(commands.next(index, driven.machine().revision().value));
        const Answer answer = driven.apply(bytes);
        if (is_for_both) {
          ASSERT_EQ(other.apply(bytes), answer);
        }
      }
    };
    run(400, true);
    std::vector<std::byte> stream;
    {
      SnapshotWriter writer(driven.machine().state());
      std::vector<std::byte> piece(64);
      while (!writer.is_done()) {
        const auto count = static_cast<std::ptrdiff_t>(writer.write(piece));
        stream.insert(stream.end(), piece.begin(), piece.begin() + count);
        run(3, false);
      }
      ASSERT_EQ(writer.index(), other.machine().applied());
    }
    ASSERT_GT(driven.machine().applied(), other.machine().applied());
    auto state = restored(stream);
    ASSERT_NE(state, nullptr) << "seed " << seed;
    EXPECT_EQ(hash_of(*state), other.hash()) << "seed " << seed;
    ASSERT_EQ(snapshot_of(other.machine()), stream) << "seed " << seed;
    // And nothing is left behind of the first when the next one is written.
    auto again = restored(snapshot_of(driven.machine()));
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(hash_of(*again), driven.hash());
  }
}

}  // namespace
}  // namespace ringroad::machine
