// A node's part in consensus: drives a Raft as its README asks, and joins it to the log on the
// disk, to the replicated state, to the peers and to whoever makes requests. An object with a
// poll(now), so that the consensus lcore, an embedded cluster and the simulator run the same.
//
//   requests ──> queue ──> propose ─┐                ┌─> messages ──> Outbox
//   peers' messages ──> step ───────┼──> Raft ──> Ready ─> LogChannel ──> responses, when durable
//   time ──────────────> tick ──────┘                └─> committed ──> Machine ──> answers
//
// Owned by one thread, which makes all calls; it never blocks. The writing end of its channel
// (LogService) belongs to whoever writes the logs of the process.
//
// Invariants:
// - nothing that a Ready calls a response leaves before its job is done with kOk;
// - a Ready is taken only while there is a job free to store it, so nothing waits unbounded;
// - each request is answered once: what it came to, or why that is not known;
// - after a write that failed, nothing is sent, stored or answered any more but kStopped.
//
// Files: replica.cc (start, inputs, time), replica_ready.cc (the batch), replica_snapshots.cc,
// replica_requests.cc (what clients ask).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "consensus/core/codec.h"
#include "consensus/core/raft.h"
#include "consensus/log/log_channel.h"
#include "consensus/log/log_writer.h"
#include "consensus/log/recovery.h"
#include "consensus/machine/machine.h"
#include "consensus/machine/snapshot.h"
#include "consensus/replica/request_table.h"
#include "dataplane/base/histogram.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/prng.h"

namespace ringroad::consensus {

namespace durable = raft::durable;

// The way to the peers. Losing, repeating and reordering messages is safe.
class Outbox {
 public:
  // What the message points to lives during the call only.
  virtual void send(const raft::Message& message) = 0;
  // Whether messages have a chance to arrive.
  virtual bool is_connected(NodeId peer) const = 0;

 protected:
  ~Outbox() = default;
};

struct ReplicaConfig {
  raft::Config raft;  // async_storage_writes is set by the replica
  machine::Limits limits;
  // A snapshot is made, and the log shortened to it, after so many entries.
  std::uint64_t compaction_entries = 10'000;
  // Of those, so many stay for followers that are a little behind.
  std::uint64_t kept_entries = 5'000;
  // One proposal carries at most this many requests and bytes.
  std::uint32_t batch_requests_max = 256;
  std::uint32_t batch_bytes_max = 256 * 1024;
  // How often the leader tells the cluster the time, while there is something to expire.
  Nanos clock_interval = milliseconds(100);
  RequestLimits requests;
};

struct ReplicaStatistics {
  std::uint64_t elections_won = 0;
  std::uint64_t proposals_sent = 0;  // requests proposed or forwarded, again counted again
  std::uint64_t entries_applied = 0;
  std::uint64_t reads_answered = 0;
  std::uint64_t batches_stored = 0, entries_stored = 0;
  std::uint64_t snapshots_made = 0, snapshots_installed = 0, snapshot_chunks_sent = 0;
  std::uint64_t snapshots_refused = 0;  // received, and not what they should be
  Nanos snapshot_time;                  // from the first piece until it was durable, added up
  LatencyHistogram log_write;           // from handing a batch over until it was durable
  std::array<std::uint64_t, kRequestOutcomes> answers{};
  std::array<std::uint64_t, raft::kDecodeResults> undecodable{};  // messages, by reason
  std::array<std::uint64_t, raft::kStepResults> refused{};        // messages, by reason
  std::uint64_t misaddressed = 0;  // not from the peer it says, or not for this node
};

// What a person wants to know of it.
struct ReplicaStatus {
  raft::Status raft;
  std::string stopped;  // why; empty while it takes part
  bool wants_room = false;
  Index snapshot;
  std::uint64_t snapshot_bytes = 0;
  Index machine_applied;
  std::uint64_t requests_waiting = 0;
};

class Replica {
 public:
  // How many Readys may be on their way to the disk.
  static constexpr std::size_t kJobs = 64;

  // From a folder that was formatted and recovered; kFailedPrecondition says why this node can't
  // take part from it. `channel` has no job under way, and a LogService of the log that was opened
  // on the same recovery serves it. All but the config outlive the replica.
  static absl::StatusOr<std::unique_ptr<Replica>> start(
      const ReplicaConfig& config, durable::FileSystem& files, const durable::Recovered& recovered,
      durable::LogChannel& channel, Outbox& outbox, RequestSink& requests, Prng prng, Nanos now);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // The time, before what came in until then is handed over: a message is looked at as of a moment
  // after it was received, never before it was sent (leases count on it).
  void tick(Nanos now);
  // A message of a peer, as bytes; `from` is who really sent it.
  void on_message(NodeId from, std::span<const std::byte> bytes);
  // Messages to that peer are being lost.
  void on_unreachable(NodeId peer);

  // A request, encoded (machine/request.h), copied. The sink is told its answer, possibly before
  // this returns. False when there is no room for it, and then it is not.
  [[nodiscard]] bool submit(const ClientRequest& request, Nanos now);

  // Changes of membership and leadership; kOk means that it is under way, not that it is done.
  raft::StepResult propose_conf_change(const raft::ConfChange& change);
  void transfer_leader(NodeId to);
  void set_zone_loss(raft::ZoneLossPolicy policy) { raft_->set_zone_loss(policy); }

  // Does what there is to do; returns how much that was.
  std::uint32_t poll(Nanos now);
  // When poll() has something to do unasked.
  Nanos next_deadline() const;

  ReplicaStatus status() const;
  const ReplicaStatistics& statistics() const { return statistics_; }
  const raft::Raft& raft() const { return *raft_; }
  const machine::Machine& machine() const { return *machine_; }
  bool is_stopped() const { return !stopped_.empty(); }

 private:
  // A Ready on its way to the disk: what is to be done when it is there.
  struct Stored {
    Nanos since;  // when it was handed over
    bool is_batch = false;
    std::vector<raft::Message> responses;
    std::vector<raft::Entry> entries;       // whose payloads are referenced
    std::vector<const std::byte*> pieces;   // likewise
    std::unique_ptr<machine::State> state;  // of a snapshot that was received
    raft::Snapshot installed;
    raft::Snapshot made;           // a snapshot of our own
    std::vector<std::byte> bytes;  // of it, or of a chunk to be sent
    std::optional<raft::Message> chunk;
  };

  Replica(const ReplicaConfig& config, durable::LogChannel& channel, Outbox& outbox,
          RequestSink& requests);

  // replica.cc
  void step(const raft::Message& message);
  void stop(std::string why);
  void make_room();
  std::uint32_t maybe_readmit();

  // replica_ready.cc
  bool can_take_ready() const { return jobs_ < kJobs - 2; }
  void take_ready();
  durable::LogJob& claim(Stored*& stored);
  void store(const raft::Ready& ready);
  std::uint32_t finish_jobs();
  void finish(Stored& stored, const durable::LogJob& job);
  void release(Stored& stored);
  void apply(std::span<const raft::Entry> entries);
  void apply_conf_change(const raft::Entry& entry);
  void send(const raft::Message& message);

  // replica_snapshots.cc
  void read_chunk(const raft::Message& message);
  void finish_chunk(Stored& stored, bool is_read);
  bool check_arrival(const raft::Message& message);
  void take_chunks(const raft::Ready& ready, durable::LogJob& job, Stored& stored);
  std::uint32_t write_snapshot();
  void finish_snapshot(const raft::Snapshot& snapshot);

  // replica_requests.cc
  std::uint32_t propose_requests();
  std::uint32_t start_reads();
  void on_reads(std::span<const raft::ReadState> reads);
  std::uint32_t answer_reads();
  bool answer_query(RequestSlot slot);
  void answer_command(std::span<const std::byte> entry, const machine::Answer& result);
  std::uint32_t expire();
  void answer(RequestSlot slot, RequestOutcome outcome, const machine::Answer& answer,
              std::span<const std::byte> bytes = {});
  RequestOutcome why_not_done(const Request& request) const;
  bool hears_quorum() const;
  void propose_clock();
  void propose_again();

  ReplicaConfig config_;
  durable::LogChannel& channel_;
  Outbox& outbox_;
  RequestSink& sink_;
  Nanos now_;
  std::uint32_t life_ = 0;  // drawn at start: tells our own envelopes from those of earlier lives
  std::string stopped_;

  std::unique_ptr<raft::Raft> raft_;
  std::unique_ptr<machine::Machine> machine_;
  raft::ConfState conf_;
  std::optional<durable::AppliedConfiguration> conf_to_store_;
  std::optional<raft::HardState> hard_state_to_store_;
  std::vector<raft::Entry> decoded_;
  std::vector<raft::Entry> committing_;
  NodeId leader_ = kNoNode;
  Term leader_term_;
  bool is_giving_way_ = false;  // for want of room

  std::array<Stored, kJobs> stored_;
  std::uint64_t first_job_ = 0;  // of those under way
  std::size_t jobs_ = 0;

  // Snapshots: the latest that is durable, the one being made, the one that comes in.
  raft::Snapshot snapshot_;
  Index previous_snapshot_;
  std::unique_ptr<machine::SnapshotWriter> writing_;
  raft::Snapshot to_write_;
  std::uint64_t written_bytes_ = 0;
  bool is_saving_ = false;  // until it is durable
  Nanos saving_since_;
  struct Arrival {
    raft::EntryId id;
    std::uint64_t bytes = 0;
    std::unique_ptr<machine::SnapshotReader> reader;
    std::unique_ptr<machine::State> state;  // when it is whole
  };
  Arrival arrival_;
  bool is_installing_ = false;

  RequestTable requests_;
  std::deque<RequestSlot> to_propose_;
  std::vector<RequestSlot> to_read_;
  struct ReadGroup {
    std::uint64_t context = 0;
    Nanos asked_at;
    std::optional<Index> index;
    std::vector<RequestSlot> members;
  };
  std::deque<ReadGroup> reads_;
  std::vector<RequestSlot> parked_;  // watches that wait for something new
  std::uint64_t parked_at_ = 0;      // revision and log position when they were last looked at
  std::uint64_t last_context_ = 0;
  std::vector<std::byte> answer_buffer_;
  std::vector<raft::Entry> proposal_;

  // The leader's readings of the clock (machine/machine.h).
  Term clock_term_;
  Nanos clock_base_;
  Nanos clock_since_;
  Nanos clock_proposed_at_;
  std::vector<std::byte> clock_entry_;
  Nanos expired_at_;

  ReplicaStatistics statistics_;
};

}  // namespace ringroad::consensus
