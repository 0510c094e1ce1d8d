// Raft as a state machine. Whatever happens to a node enters as a message or as the time; whatever
// is to be done leaves as one batch, a Ready. Between the two there is no input and no output: no
// clock, disk, socket, thread, log line or randomness of its own, so that the consensus lcore, the
// simulator, the scenario runner and the fuzzers drive the very same object.
//
// Owned by one loop; nothing here is thread-safe. The driver's duties are listed in
// consensus/README.md; in short, and in this order for each Ready:
//   1. `messages` to other nodes may leave at once.
//   2. `hard_state`, `entries`, `chunks` and `snapshot` go to the disk, together and in order.
//   3. Only when they are durable, `responses` leave: those to other nodes over the wire, those to
//      this node through step().
//   4. `committed` is applied, in order; a change of membership by apply_conf_change().
//      When it is applied, `applied` goes through step().
//   5. `reads` are answered when the machine has applied up to their index.
// With `async_storage_writes` the next Ready may be taken before the writes of the last are done;
// without, advance() says that all five are done, and takes the node's own responses upon itself.
//
// Files: raft.cc (time, roles), step.cc (3.3: terms; dispatch), election.cc (3.4, 4.2.3, 9.6:
// votes), replication.cc (3.5, 3.6: append and commit), snapshots.cc (5), reads.cc (6.4),
// membership.cc (4, 3.10), ready.cc. Numbers are the thesis's: D. Ongaro, Consensus: Bridging
// Theory and Practice, 2014.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "consensus/core/config.h"
#include "consensus/core/configuration.h"
#include "consensus/core/log.h"
#include "consensus/core/message.h"
#include "consensus/core/ready.h"
#include "consensus/core/tracker.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"

namespace ringroad::raft {

// Everything a person asks of a node.
struct Status {
  NodeId id;
  HardState hard_state;
  SoftState soft_state;
  Index applied, first, last, stable;
  NodeId transfer_to;
  bool zone_rule_degraded = false;
  // Takes no part in elections before it has this entry again; 0: it does.
  Index awaited;
  // Until when this leader may answer reads by its lease; 0 without one.
  Nanos lease_until;
  const Tracker* tracker = nullptr;
};

// Proposals that are not taken, by reason.
enum class StepResult : std::uint8_t {
  kOk,
  kNoLeader,          // proposal or read dropped
  kNotMember,         // the leader is no longer part of the configuration
  kTransferring,      // a leadership transfer is under way
  kUncommittedBound,  // the leader holds too much that is not applied yet
  kNotForwarded,      // this node does not forward proposals
  kReadsFull,
  kUnknownPeer,  // a response of a node that is no peer
  kMalformed,    // no such message travels, or its parts contradict each other
  kLostLog,      // the leader knows of entries that this node stored and no longer has
};
inline constexpr std::size_t kStepResults = 10;
std::string_view name_of(StepResult result);

class Raft {
 public:
  // Invariant: config.validate() is ok. Throws std::invalid_argument when what was restored
  // contradicts itself. `now` is the time at construction.
  Raft(const Config& config, const Restored& restored, Prng prng, Nanos now);
  ~Raft();
  Raft(const Raft&) = delete;
  Raft& operator=(const Raft&) = delete;

  // The time; never goes back. Fires what is due, each timer at most once.
  void tick(Nanos now);
  // When tick() has something to do.
  Nanos next_deadline() const;

  // A message from another node, checked by the driver for `from`, or a local report.
  [[nodiscard]] StepResult step(const Message& message);

  [[nodiscard]] StepResult propose(std::span<const Entry> entries);
  [[nodiscard]] StepResult propose_conf_change(const ConfChange& change, EntryType type);
  // A linearizable read: Ready::reads names `context` when it is safe. A context is never used
  // twice, not even after a restart: an answer to the first may still be on its way.
  [[nodiscard]] StepResult read_index(std::uint64_t context);
  void campaign();
  void transfer_leader(NodeId to);
  // kNoNode: the best one, by priority and how far it is. kNoNode again when there is none.
  NodeId best_successor() const;
  void report_unreachable(NodeId peer);
  void report_snapshot(NodeId peer, bool sent);
  void forget_leader();
  // An operator's word on a lost zone; holds until the node is restarted.
  void set_zone_loss(ZoneLossPolicy policy);

  // Called for each committed change, in log order, as it is applied. The configuration that holds
  // from now on; an invalid change is refused alike by every node and leaves things as they are,
  // and so does one that a snapshot, taken in meanwhile, has in it.
  absl::StatusOr<ConfState> apply_conf_change(Index index, const ConfChange& change);
  // The driver has a snapshot that can be sent to others. One that is older than what a leader has
  // sent meanwhile is of no use, and ignored.
  void snapshot_made(const Snapshot& snapshot);
  // The pieces stored so far turned out to be damaged: ask for them again.
  void forget_chunks();
  // Whether a node that has lost entries has all of them again: durable here, and committed.
  bool has_awaited() const {
    return awaited_ != Index{} && log_.committed() >= awaited_ && log_.stable() >= awaited_;
  }
  // It votes and campaigns from now on.
  void readmit() { awaited_ = {}; }
  // Nobody needs entries up to `index` from this node's memory any more; at most applied.
  void compact(Index index);

  bool has_ready() const;
  // Hands it out: what it holds is not handed out again.
  const Ready& ready();
  // Without async_storage_writes: the last Ready is done.
  void advance();

  Status status() const;
  Term term() const { return term_; }
  Role role() const { return role_; }
  NodeId leader() const { return leader_; }
  const Log& log() const { return log_; }
  const Tracker& tracker() const { return tracker_; }
  PayloadArena& arena() { return log_.arena(); }

  // Tests only: the next election of this node comes after exactly this long.
  void set_election_timeout(Nanos timeout) { randomized_timeout_ = timeout; }

 private:
  enum class Campaign : std::uint8_t { kPreElection, kElection, kTransfer };
  // A kAppend keeps the place of its entries in the log until it is handed out.
  struct Outgoing {
    Message message;
    Index first;
    std::uint64_t count = 0;
    bool is_forwarded = false;  // its entries are copies, in forwarded_
  };
  struct PendingRead {
    NodeId from;
    std::uint64_t context = 0;
    Index index;
    std::uint64_t round = 0;
  };

  // raft.cc
  void send(Message message);
  void reset(Term term);
  void draw_election_timeout();
  void become_follower(Term term, NodeId leader);
  void become_candidate();
  void become_pre_candidate();
  void become_leader();
  void tick_leader();
  Term next_term() const { return Term{term_.value + 1}; }

  // step.cc
  bool step_term(const Message& m);
  void follow_term(const Message& m);
  StepResult step_leader(const Message& m);
  StepResult step_candidate(const Message& m);
  StepResult step_follower(const Message& m);
  bool is_well_formed(const Message& m) const;
  StepResult dispatch(const Message& m);
  StepResult on_leader_message(const Message& m);

  // election.cc
  void hup(Campaign kind);
  void campaign(Campaign kind);
  void on_vote_request(const Message& m);
  void on_vote_response(const Message& m);
  void learn_commit(const Message& m);
  bool is_promotable() const;
  bool tells_by_campaign(NodeId leader) const;
  bool has_unapplied_conf_change() const;
  bool is_bound_to_leader(const Message& m) const;
  void on_check_quorum();

  // replication.cc
  StepResult on_proposal(const Message& m);
  StepResult forward_proposal(const Message& m);
  bool append_own(std::span<const Entry> entries);
  StepResult on_append(const Message& m);
  void on_append_response(const Message& m, Progress& progress);
  StepResult on_heartbeat(const Message& m);
  void on_heartbeat_response(const Message& m, Progress& progress);
  void note_known_commit(const Message& m);
  void broadcast_append();
  void broadcast_heartbeat();
  bool send_append(NodeId to, bool even_empty);
  void send_heartbeat(NodeId to);
  bool maybe_commit();
  void observe_zones();
  bool is_zone_rule_degraded() const;
  NodeSet zones_lost_in(NodeSet voters) const;

  // snapshots.cc
  bool send_snapshot(NodeId to);
  void send_chunk(NodeId to);
  void maybe_send_chunk_again(NodeId to, const Progress& progress);
  void on_snapshot(const Message& m);
  void on_snapshot_response(const Message& m, Progress& progress);
  void on_snapshot_status(const Message& m, Progress& progress);
  bool needs_snapshot(const Snapshot& snapshot);
  bool take_chunk(const Message& m, bool is_last);
  bool restore(const Snapshot& snapshot);
  void on_snapshot_stable(Index index);

  // reads.cc
  StepResult on_read_index(const Message& m);
  StepResult forward_read(const Message& m);
  void begin_read(PendingRead read);
  void drop_reads();
  void start_read_round();
  void acknowledge_reads(NodeId from, std::uint64_t round);
  void answer_read(const PendingRead& read);
  void release_waiting_reads();
  bool has_committed_in_term() const;
  Nanos lease_until() const;

  // membership.cc
  void on_configuration();
  void maybe_leave();
  void on_transfer(const Message& m);
  void send_timeout_now(NodeId to);
  void on_applied(Index index, std::uint64_t stored, std::uint64_t payload);
  void maybe_leave_joint();
  void drop_stale_appends();

  // ready.cc
  void resolve_messages();
  Message storage_response() const;

  Config config_;
  Prng prng_;
  Log log_;
  Tracker tracker_;

  Term term_;
  NodeId vote_ = kNoNode;
  NodeId leader_ = kNoNode;
  Role role_ = Role::kFollower;
  NodeId transfer_to_ = kNoNode;
  // The leader asked this node to campaign before it had applied a committed change. It does so
  // once it has, in this term, even if that leader has given the transfer up meanwhile: that is an
  // election too many, which thesis 3.10 accepts of a successor that turns out to be slow. Such a
  // leader has no lease to lose: it has none in a term in which it asked anyone.
  bool campaigns_when_applied_ = false;
  // This leader is no voter any more, and steps down once a quorum knows of this commit index.
  Index leaves_at_;
  std::array<Index, kNodesMax + 1> known_commit_{};
  // When each was first sent a heartbeat with that commit index.
  std::array<Nanos, kNodesMax + 1> told_at_{};
  // No new change is proposed before this index is applied (thesis 4.1: one at a time).
  Index pending_conf_index_;
  std::uint64_t uncommitted_bytes_ = 0;

  Index awaited_;  // see Restored
  // Changes up to here are in the configuration, or were refused.
  Index configuration_index_;

  Nanos now_;
  Nanos election_since_;   // heard of a leader, campaigned, or checked its quorum
  Nanos heartbeat_since_;  // leader
  Nanos randomized_timeout_;
  // kLease: no vote against the leader, and no candidacy, before this time.
  Nanos promised_until_;

  // Reads: those that wait for the first commit of this term, and those whose round is under way.
  std::vector<PendingRead> waiting_reads_, pending_reads_;
  std::uint64_t read_round_ = 0;
  bool read_round_due_ = false;
  std::array<std::uint64_t, kNodesMax + 1> acked_round_{};
  // For leases: when the leader asked what the node has answered, by its own clock.
  std::array<Nanos, kNodesMax + 1> acked_sent_at_{};
  bool lease_forbidden_ = false;  // a successor was told to campaign in this term

  // Zones: when a node was last heard, for ZoneLossPolicy::kDegrade.
  std::array<Nanos, kNodesMax + 1> heard_at_{};

  // Snapshots: the one this node can send, what is on its way to each peer, and what comes in.
  Snapshot snapshot_;
  struct Transfer {
    Snapshot snapshot;
    std::uint64_t offset = 0;
    Nanos sent_at;
  };
  std::array<Transfer, kNodesMax + 1> transfers_{};
  struct Arrival {
    EntryId snapshot;
    NodeId from = kNoNode;
    Term term;
    std::uint64_t size_bytes = 0;
    std::uint64_t offset = 0;  // of the next byte
  };
  Arrival arrival_;

  // What the next Ready holds.
  std::vector<Outgoing> outgoing_;
  std::vector<Message> after_append_;
  std::vector<ReadState> read_states_;
  std::vector<SnapshotChunk> chunks_;
  std::vector<Entry> forwarded_;
  std::vector<Entry> proposed_;  // on_proposal's, when it replaces a change
  // What the last one handed out.
  Ready ready_;
  std::vector<Message> ready_messages_, ready_responses_, steps_on_advance_, advancing_;
  std::vector<ReadState> ready_reads_;
  std::vector<SnapshotChunk> ready_chunks_;
  std::vector<Entry> ready_forwarded_;
  Snapshot ready_snapshot_;
  HardState previous_hard_state_;
  SoftState previous_soft_state_;
};

}  // namespace ringroad::raft
