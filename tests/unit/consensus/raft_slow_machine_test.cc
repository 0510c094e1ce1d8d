// A node whose machine is slow: what is committed and not applied yet still counts, for the bound
// on proposals (ours) and for who may campaign (thesis 3.10, 4.1).
#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "tests/unit/consensus/core_cluster.h"

namespace ringroad::raft::test {
namespace {

// Node 1 of `voters`, whose disk is fast. Its machine applies when told to.
class SlowMachine {
 public:
  explicit SlowMachine(NodeSet voters, std::uint64_t uncommitted_bytes_max = kNoLimit)
      : node_(config(uncommitted_bytes_max), {.snapshot = {.conf = {.voters = voters}}}, Prng{1},
              now_) {}

  Raft& node() { return node_; }
  StepResult propose(const std::string& text) {
    const Entry entry = text_entry(text);
    const StepResult result = node_.propose({&entry, 1});
    settle();
    return result;
  }
  void step(const Message& message) {
    (void)node_.step(message);
    settle();
  }
  void apply_all() {
    while (!to_apply_.empty()) {
      const Message applied = to_apply_.front();
      to_apply_.pop_front();
      step(applied);
    }
  }
  void pass(Nanos span) {
    now_ = now_ + span;
    node_.tick(now_);
    settle();
  }
  bool asked_for_votes() const { return asked_for_votes_; }

 private:
  static Config config(std::uint64_t uncommitted_bytes_max) {
    Config config;
    config.id = id(1);
    config.async_storage_writes = true;
    config.uncommitted_bytes_max = uncommitted_bytes_max;
    return config;
  }

  void settle() {
    while (node_.has_ready()) {
      const Ready& ready = node_.ready();
      for (const Message& m : ready.messages) {
        asked_for_votes_ |= m.type == MessageType::kVote && m.is_transfer;
      }
      if (ready.applied) to_apply_.push_back(*ready.applied);
      std::vector<Message> own;
      for (const Message& m : ready.responses) {
        if (m.to == id(1)) own.push_back(m);
      }
      for (const Message& m : own) (void)node_.step(m);
    }
  }

  Nanos now_ = seconds(1);
  Raft node_;
  std::deque<Message> to_apply_;
  bool asked_for_votes_ = false;
};

TEST(SlowMachines, FillTheUncommittedBoundWithWhatIsCommittedToo) {
  SlowMachine alone(NodeSet{id(1)}, 10);
  alone.node().campaign();
  alone.propose("");
  ASSERT_EQ(alone.node().role(), Role::kLeader);
  ASSERT_EQ(alone.propose("0123456789"), StepResult::kOk);
  ASSERT_EQ(alone.node().log().committed(), alone.node().log().last_index());
  EXPECT_EQ(alone.propose("x"), StepResult::kUncommittedBound);
  alone.apply_all();
  EXPECT_EQ(alone.propose("x"), StepResult::kOk);
}

// The leader, node 2, asks for it while a change is committed and not applied.
struct LateSuccessor : testing::Test {
  LateSuccessor() : machine(NodeSet{id(1), id(2), id(3)}) {
    std::array<std::byte, ConfChange::kBytesMax> bytes;
    const Entry change{.term = Term{1},
                       .index = Index{1},
                       .data = bytes.data(),
                       .size_bytes = static_cast<std::uint32_t>(
                           encode(ConfChange{{ConfChangeType::kAddNode, id(4)}}, bytes)),
                       .type = EntryType::kConfChangeV2};
    machine.step(of_leader({.type = MessageType::kAppend, .entries = {&change, 1}}));
    machine.step(of_leader({.type = MessageType::kHeartbeat, .commit = Index{1}}));
    machine.step(of_leader({.type = MessageType::kTimeoutNow}));
  }
  static Message of_leader(Message m, Term term = Term{1}) {
    m.from = id(2);
    m.to = id(1);
    m.term = term;
    return m;
  }
  // As a leader does that goes on, having given the transfer up.
  void goes_on_for_an_election_timeout(Term term) {
    for (int i = 0; i < 4; ++i) {
      machine.pass(milliseconds(50));
      machine.step(of_leader({.type = MessageType::kHeartbeat, .commit = Index{1}}, term));
    }
  }
  SlowMachine machine;
};

TEST_F(LateSuccessor, CampaignsOnceTheChangeIsAppliedThoughItsLeaderGoesOn) {
  ASSERT_FALSE(machine.asked_for_votes());
  goes_on_for_an_election_timeout(Term{1});
  EXPECT_FALSE(machine.asked_for_votes());
  machine.apply_all();
  EXPECT_TRUE(machine.asked_for_votes());
}

TEST_F(LateSuccessor, ForgetsTheRequestWithItsTerm) {
  goes_on_for_an_election_timeout(Term{2});
  machine.apply_all();
  EXPECT_FALSE(machine.asked_for_votes());
  EXPECT_EQ(machine.node().role(), Role::kFollower);
}

}  // namespace
}  // namespace ringroad::raft::test
