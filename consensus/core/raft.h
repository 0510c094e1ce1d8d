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
// Files: raft.cc (time, terms, dispatch), election.cc (4, 9.6: votes), replication.cc (3.5, 3.6:
// append and commit), snapshots.cc (5), reads.cc (6.4), membership.cc (4, 3.10), ready.cc. Numbers
// are the thesis's: D. Ongaro, Consensus: Bridging Theory and Practice, 2014.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "consensus/core/configuration.h"
#include "consensus/core/log.h"
#include "consensus/core/message.h"
#include "consensus/core/node_set.h"
#include "consensus/core/tracker.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"

namespace ringroad::raft {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
// Election priority counts no further below the highest than this.
inline constexpr int kPriorityLevelsMax = 4;

enum class Role : std::uint8_t { kFollower, kCandidate, kLeader, kPreCandidate };

// Where the answer to "is my leader still the leader" comes from (thesis 6.4, 6.4.1).
enum class ReadMode : std::uint8_t {
  kSafe,   // a round of heartbeats
  kLease,  // the clocks of a quorum, where they allow; else a round of heartbeats
};

// What the zone rule does when every voter outside one zone has been silent for an election
// timeout.
enum class ZoneLossPolicy : std::uint8_t {
  kWait,     // nothing commits until another zone is back or the membership is changed
  kDegrade,  // the plain quorum commits, and status() says so
};

struct Config {
  NodeId id = kNoNode;
  // A follower campaigns after [election_timeout, 2 election_timeout) without a leader, drawn anew
  // each time (thesis 3.4).
  Nanos election_timeout = milliseconds(150);
  Nanos heartbeat_interval = milliseconds(50);
  // The step in which timeouts are drawn.
  Nanos timeout_step = milliseconds(1);

  bool pre_vote = true;
  bool check_quorum = true;
  ReadMode read_mode = ReadMode::kSafe;
  // How much faster than ours any clock of the cluster may run, for leases.
  std::uint32_t clock_drift_ppm_max = 10'000;
  bool step_down_on_removal = true;
  // A leader that leaves asks the best successor to campaign at once.
  bool hand_over_on_removal = true;
  bool forward_proposals = true;
  bool validate_conf_changes = true;
  bool async_storage_writes = false;

  // One kAppend carries at most this many stored bytes and entries, but at least one entry.
  std::uint64_t append_bytes_max = 1 << 20;
  std::uint32_t append_entries_max = 256;
  std::uint32_t inflight_messages_max = 256;
  std::uint64_t inflight_bytes_max = kNoLimit;
  // Of payloads in the leader's log beyond its commit; one proposal is always taken when there are
  // none.
  std::uint64_t uncommitted_bytes_max = kNoLimit;
  std::uint64_t applying_bytes_max = kNoLimit;
  std::uint32_t snapshot_chunk_bytes_max = 256 * 1024;
  std::uint32_t pending_reads_max = 4096;

  // Zone and election priority by node. Of two equally good successors the one of higher priority
  // is asked; a node waits longer to campaign for every level it stands below the highest.
  std::array<Zone, kNodesMax + 1> zones{};
  ZoneLossPolicy zone_loss = ZoneLossPolicy::kWait;
  std::array<std::uint8_t, kNodesMax + 1> priorities{};

  // What is wrong with it, naming the field and the value.
  absl::Status validate() const;
};

// Thesis 3.8: what must survive a restart. The commit index need not; it saves time.
struct HardState {
  Term term;
  NodeId vote = kNoNode;
  Index commit;
  bool operator==(const HardState&) const = default;
  bool empty() const { return *this == HardState{}; }
};

struct SoftState {
  NodeId leader = kNoNode;
  Role role = Role::kFollower;
  bool operator==(const SoftState&) const = default;
};

// What a node finds on its disk.
struct Restored {
  HardState hard_state;
  // The latest snapshot, or only a configuration (index 0) for a new cluster's first nodes.
  Snapshot snapshot;
  // They follow the snapshot directly; copied.
  std::span<const Entry> entries;
  // What the machine has applied, at least the snapshot's index.
  Index applied;
};

// Index 0: the read was dropped, since this node no longer leads; ask again.
struct ReadState {
  std::uint64_t context = 0;
  Index index;
};

// A piece of a snapshot on its way in. Pieces of one snapshot arrive in order, without a gap.
struct SnapshotChunk {
  EntryId snapshot;
  std::uint64_t offset = 0;
  std::span<const std::byte> bytes;
  bool is_first = false;  // forget the pieces of any other
  bool is_last = false;   // Ready::snapshot stands beside it
};

// All spans and pointers live until the next call that is not const. Payloads of entries live on
// while their chunk is referenced (Raft::arena()).
struct Ready {
  std::optional<SoftState> soft_state;  // when it changed
  std::optional<HardState> hard_state;  // when it changed
  std::span<const Entry> entries;
  std::span<const SnapshotChunk> chunks;
  const Snapshot* snapshot = nullptr;
  std::span<const Message> responses;
  std::span<const Entry> committed;
  std::optional<Message> applied;
  std::span<const Message> messages;
  std::span<const ReadState> reads;
  // Whether the write must reach the disk before anything is answered; a new commit index alone
  // need not.
  bool must_sync = false;
};

// Everything a person asks of a node.
struct Status {
  NodeId id;
  HardState hard_state;
  SoftState soft_state;
  Index applied, first, last, stable;
  NodeId transfer_to;
  bool zone_rule_degraded = false;
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
  kUncommittedBound,  // the leader's uncommitted log is full
  kNotForwarded,      // this node does not forward proposals
  kReadsFull,
  kUnknownPeer,  // a response of a node that is no peer
  kMalformed,    // no such message travels, or its parts contradict each other
  kLostLog,      // the leader knows of entries that this node stored and no longer has
};
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
  // A linearizable read: Ready::reads names `context` when it is safe.
  [[nodiscard]] StepResult read_index(std::uint64_t context);
  void campaign();
  void transfer_leader(NodeId to);
  // kNoNode: the best one, by priority and how far it is. kNoNode again when there is none.
  NodeId best_successor() const;
  void report_unreachable(NodeId peer);
  void report_snapshot(NodeId peer, bool sent);
  void forget_leader();

  // Called for each committed change, in log order, as it is applied. The configuration that holds
  // from now on; an invalid change is refused alike by every node and leaves things as they are.
  absl::StatusOr<ConfState> apply_conf_change(const ConfChange& change);
  // The driver has a snapshot that can be sent to others. Never older than the last one.
  void snapshot_made(const Snapshot& snapshot);
  // The pieces stored so far turned out to be damaged: ask for them again.
  void forget_chunks();
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
  bool step_term(const Message& m);
  StepResult step_leader(const Message& m);
  StepResult step_candidate(const Message& m);
  StepResult step_follower(const Message& m);
  bool is_well_formed(const Message& m) const;
  void tick_leader();
  StepResult dispatch(const Message& m);
  StepResult on_leader_message(const Message& m);
  Term next_term() const { return Term{term_.value + 1}; }

  // election.cc
  void hup(Campaign kind);
  void campaign(Campaign kind);
  void on_vote_request(const Message& m);
  void on_vote_response(const Message& m);
  bool is_promotable() const;
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
  void broadcast_append();
  void broadcast_heartbeat();
  bool send_append(NodeId to, bool even_empty);
  void send_heartbeat(NodeId to);
  bool maybe_commit();
  void observe_zones();

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
  void on_transfer(const Message& m);
  void send_timeout_now(NodeId to);
  void on_applied(Index index, std::uint64_t stored, std::uint64_t payload);
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
  // The leader asked this node to campaign before it had applied a committed change.
  bool campaigns_when_applied_ = false;
  // No new change is proposed before this index is applied (thesis 4.1: one at a time).
  Index pending_conf_index_;
  std::uint64_t uncommitted_bytes_ = 0;

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
  bool zone_rule_degraded_ = false;

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
