// A node as its driver would run it: a Raft core, its storage, its machine and the requests of its
// clients. What raft.h asks of a driver is done here and nowhere else, in the two ways it allows:
// waiting for the disk at each Ready, or going on while writes are under way.
//
// A node outlives its crashes: what is lost then is the core, the machine and all that waits; what
// stays is the disk. Whoever owns it (world.h) decides when it starts, stops and is paused.
//
// Invariant: nothing that a Ready calls a response leaves before the storage said so.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "consensus/core/codec.h"
#include "consensus/core/raft.h"
#include "tests/sim/raft/clock.h"
#include "tests/sim/raft/disk.h"
#include "tests/sim/raft/invariants.h"
#include "tests/sim/raft/machine.h"
#include "tests/sim/raft/network.h"
#include "tests/sim/raft/scenario.h"
#include "tests/sim/raft/storage.h"
#include "tests/sim/raft/timeline.h"

namespace ringroad::raft::sim {

// A client's request as it reaches a node; `operation` names it in the answer.
struct Request {
  std::uint64_t operation = 0;
  Command command;  // kGet: a read of `key`
};
struct Reply {
  std::uint32_t client = 0;
  std::uint64_t operation = 0;
  bool is_done = false;  // else: not done here, ask again
  std::uint64_t result = 0;
};

// What a node stands in; all of it outlives the node.
struct Surroundings {
  const Scenario& scenario;
  Scheduler& scheduler;
  Invariants& invariants;
  Timeline& timeline;
  Network& network;
  std::function<void(const Reply&)> reply;
  std::function<void(NodeId)> on_stopped;  // by its disk: it has to be started again
  std::function<void(NodeId)> on_damaged;
};

class Node {
 public:
  enum class State : std::uint8_t {
    kOff,
    kStarting,
    kRunning,
    kFailed,   // its disk refused; silent until started again
    kDamaged,  // what it had promised is not on its disk; silent for good
  };

  // `first_members`: of the cluster, whether or not it is one of them.
  Node(NodeId id, Surroundings surroundings, const ConfState& first_members, Prng prng);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start();
  // With `crash` the power goes, else only the process.
  void stop(const std::optional<CrashFaults>& crash);
  void pause(Nanos until);

  void receive(NodeId from, std::span<const std::byte> message);
  void request(const Request& request);
  void peer_unreachable(NodeId peer, bool was_snapshot);
  // The version of the messages it writes and reads from its next start on, as after an upgrade.
  void install(MessageVersion version) { version_ = version; }
  MessageVersion version() const { return version_; }
  // For whoever wants to bother it: what `action` does to the core is followed up like any input.
  void act(const std::function<void(Raft&)>& action);

  NodeId id() const { return id_; }
  State state() const { return state_; }
  bool is_running() const { return state_ == State::kRunning; }
  // Invariant: running.
  const Raft& raft() const { return *raft_; }
  const Machine& machine() const { return machine_; }
  const ConfState& conf() const { return conf_; }
  // That leaders sent it, in all its lives.
  std::uint64_t snapshots_installed() const { return snapshots_installed_; }
  Disk& disk() { return disk_; }
  Storage& storage() { return storage_; }

 private:
  struct HeldSnapshot {
    Snapshot what;
    Bytes machine;
  };
  // Copied from a Ready, until applied.
  struct ApplyBatch {
    std::vector<Entry> entries;
    Bytes payloads;
    std::optional<Message> applied;
  };
  struct Waiting {
    std::uint64_t sequence = 0;
    std::uint64_t operation = 0;
  };

  // Start.
  void run();
  // Inputs.
  void handle(NodeId from, std::span<const std::byte> message);
  void handle(const Request& request);
  bool must_wait() const;
  void input(std::function<void()> action);
  // Of the node's own machine or disk: never dropped.
  void own_input(std::function<void()> action);
  void when_awake(std::function<void()> action);
  void drain_inputs();
  void tick();
  void follow_up();
  void schedule_wake();
  // A Ready, in the order of raft.h.
  void take(const Ready& ready);
  void send(const Message& message);
  void store(const Ready& ready, Storage::Done done);
  void finish_waiting(const Ready& ready);
  void take_responses(const Ready& ready);
  void respond(std::span<const Message> responses);
  void queue_apply(const Ready& ready);
  void apply_next();
  void apply(const ApplyBatch& batch);
  void apply_conf_change(const Entry& entry);
  void load_snapshot(const Snapshot& snapshot, std::span<const std::byte> machine);
  void maybe_compact();
  // Clients.
  void answer_write(const Command& command);
  void answer_reads();
  void observe();
  void step(const Message& message);

  NodeId id_;
  Surroundings around_;
  Prng prng_;
  Clock clock_;
  Disk disk_;
  Storage storage_;
  State state_ = State::kOff;
  MessageVersion version_ = MessageVersion::kCurrent;
  std::uint32_t incarnation_ = 0;

  std::unique_ptr<Raft> raft_;
  Machine machine_;
  ConfState conf_;
  std::deque<HeldSnapshot> snapshots_;  // the last few: transfers of them may be under way
  Bytes arriving_;
  bool is_saving_ = false;
  std::uint64_t snapshots_installed_ = 0;

  bool waits_for_disk_ = false;  // with synchronous writes: for the Ready taken last
  bool is_following_up_ = false;
  Nanos paused_until_{};
  std::deque<std::function<void()>> inputs_;
  Nanos wake_at_ = kNever;
  std::deque<ApplyBatch> applying_;
  bool is_applying_ = false;

  std::array<Waiting, kClientsMax> writes_{};
  struct Read {
    std::uint64_t context = 0;
    Request request;
    std::optional<Index> index;
  };
  std::vector<Read> reads_;
  std::uint64_t last_context_ = 0;
  std::vector<Entry> decoded_;
};

std::string_view name_of(Node::State state);

}  // namespace ringroad::raft::sim
