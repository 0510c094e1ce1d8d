// What Raft promises, checked over the whole cluster while it runs, by someone who sees all of it:
// every log, every disk, every message. Each check is incremental: it looks only at what the last
// event changed, so that thousands of seeds stay fast.
//
//   election safety       at most one leader a term; a node votes once a term, restarts or not
//   log matching          an entry's (term, index) names one payload and one predecessor
//   leader completeness   a leader has every entry committed in an earlier term
//   state machine safety  one entry at each index is committed, applied, and leads to one state
//   commit                never goes back, nor below what a disk held at a restart; a leader
//                         commits by counting only entries of its own term
//   membership            a leader begins no change before the last one is applied (4.1)
//   leases                nobody leads a later term while a leader holds one (6.4.1)
//   zones                 what is committed is on disks in two zones, where the voters stand in
//   two,
//                         unless the leader says that it has degraded the rule, as it may
//   pre-vote              nobody campaigns without having asked first, but on its leader's word
//   durability            what a vote or an answer to an append claims is on its sender's disk;
//                         what is committed is on the disks of a quorum; no disk is found
//                         damaged that nobody damaged
//
// Thesis 3.2 (figure 3.2), 3.6.2, 3.8, 4.3. The first one broken is kept, as one line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "consensus/core/raft.h"
#include "tests/sim/raft/disk.h"
#include "tests/sim/raft/scheduler.h"
#include "tests/sim/raft/tally.h"

namespace ringroad::raft::sim {

class Invariants {
 public:
  // All outlive this.
  Invariants(const Scheduler& scheduler, const Config& config, Tally& tally)
      : scheduler_(scheduler), config_(config), tally_(tally) {}

  void fail(NodeId node, const std::string& what);
  const std::string& failure() const { return failure_; }

  // The node's Raft after anything happened to it.
  void observe(NodeId node, const Raft& raft);
  void on_start(NodeId node, const Raft& raft);
  // The leader may answer reads by its lease now.
  void on_lease(NodeId node, Term term);
  // What is handed to the log writer: every entry that enters a log passes here.
  void on_entries(NodeId node, std::span<const Entry> entries, const Raft& raft);
  // Whether no other node had applied it before.
  bool on_apply(NodeId node, const Entry& entry, std::uint64_t digest);
  void on_machine_loaded(NodeId node, Index index, std::uint64_t digest);
  void on_send(NodeId node, const Message& message);
  void on_receive(NodeId node, const Message& message);
  // The node's disk surely holds more.
  void on_durable(NodeId node, const Disk& disk);

  Index committed() const { return Index{committed_.size()}; }
  std::uint64_t elections() const { return elections_; }
  Term last_led() const { return last_led_; }

 private:
  struct Named {  // an entry, by index and term
    Term before;
    std::uint64_t hash = 0;
  };
  struct Committed {
    Term term;
    Term when;  // the term of the node that was first seen to have it
  };
  // What of a node's disk would be found after a crash that loses all it may.
  struct DurableLog {
    std::uint64_t inode = 0;
    std::uint64_t parsed_bytes = 0;
    HardState hard_state;
    EntryId base;
    std::vector<Term> terms;  // of the entries behind base
    EntryId snapshot;

    Index last() const { return Index{base.index.value + terms.size()}; }
    bool contains(EntryId id) const;
  };
  struct Seen {
    Role role = Role::kFollower;
    Term term;
    Index commit;
    bool may_campaign = false;  // its leader asked it to
  };

  void on_leader(NodeId node, const Raft& raft);
  void on_change(NodeId node, const Entry& entry, const Raft& raft);
  void on_commit(NodeId node, const Raft& raft, Index before);
  void check_quorum_has(NodeId node, const Raft& raft, EntryId id);
  void check_zones(NodeId node, const Raft& raft, EntryId id, NodeSet voters, NodeSet holders);
  void on_vote(NodeId node, const Message& message);
  bool check_applied(NodeId node, Index index, std::uint64_t digest);

  const Scheduler& scheduler_;
  const Config& config_;
  Tally& tally_;
  std::string failure_;
  std::array<Seen, kNodesMax + 1> seen_{};
  std::array<DurableLog, kNodesMax + 1> durable_{};
  std::unordered_map<std::uint64_t, Named> entries_;   // never walked
  std::unordered_map<std::uint64_t, NodeId> votes_;    // by term and voter; never walked
  std::unordered_map<std::uint64_t, NodeId> leaders_;  // by term; never walked
  std::vector<Committed> committed_;                   // by index - 1
  std::vector<std::uint64_t> digests_;                 // by index - 1; 0: not applied by anyone
  std::uint64_t elections_ = 0;
  Term last_led_;  // the latest term that had a leader
};

std::string to_string(EntryId id);
// In how many zones they stand.
std::uint32_t zones_of(const Config& config, NodeSet nodes);
std::string_view name_of(Role role);

}  // namespace ringroad::raft::sim
