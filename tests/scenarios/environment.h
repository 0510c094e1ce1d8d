// The world of an interaction scenario: nodes with a Raft core each, the disk and the machine of
// each, and the messages between them. Nothing happens by itself: every step is a command of the
// scenario, and what was done is printed as etcd's tests print it (output.h, describe.h).
//
// - Messages travel in one queue, in the order they were sent (network.h); a delivery takes those
// to
//   one node.
// - Time is each node's own and moves by ticks of a millisecond.
// - A node without async storage writes stores, applies and advances within process_ready(). With
//   them it queues work for its append thread and its apply thread, which are run by commands.
// - The machine strings together what is applied (machine.h). Once an entry is reported applied,
// the
//   machine as it was then can be sent as a snapshot.
// - The disk holds the hard state, the log, and the machine as of the log's beginning: a restart
//   begins with that and applies the log again, as far as it is known to be committed.
// - A node that is down is told nothing, and its clock stands still. One whose disk is full goes
// down
//   with the first write (a write that failed is never answered).
//
// Everything is deterministic, the election timeouts too: node n draws from Prng{n}.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "consensus/core/codec.h"
#include "consensus/core/raft.h"
#include "describe.h"
#include "held.h"
#include "machine.h"
#include "network.h"
#include "output.h"
#include "storage.h"

namespace ringroad::scenarios {

inline constexpr Nanos kTick = milliseconds(1);

// How add-nodes makes nodes.
struct NodeTemplate {
  raft::Config config;      // but for the id
  raft::Snapshot snapshot;  // of all of them; its term is 1
  std::string content;      // of that snapshot
  // Without a size they travel as one message, whatever they hold.
  bool snapshots_have_size = false;
  std::uint64_t snapshot_bytes_min = 0;
  // Only what offer_snapshot() offers can be sent; otherwise whatever has been applied.
  bool snapshots_by_hand = false;
  raft::MessageVersion message_version = raft::MessageVersion::kCurrent;
  bool bootstraps() const {
    return !snapshot.empty() || !content.empty() || snapshot.conf != raft::ConfState{};
  }
};

// The machine as it was at one index.
struct SavedMachine {
  raft::Snapshot snapshot;
  std::string bytes;
};

struct Node {
  raft::Config config;
  bool snapshots_have_size = false;
  std::uint64_t snapshot_bytes_min = 0;
  bool snapshots_by_hand = false;
  raft::MessageVersion message_version = raft::MessageVersion::kCurrent;
  std::unique_ptr<raft::Raft> raft;
  Nanos now;
  Storage storage;
  Machine machine;
  // The machine as the log began, and after each entry applied since: what can be sent. Never
  // empty; and how many of them the core knows of.
  std::vector<SavedMachine> history;
  std::size_t offered = 1;
  // A snapshot's bytes on their way in, as far as they are here.
  std::string arriving;
  std::deque<AppendWork> append_work;
  std::deque<ApplyWork> apply_work;
  bool is_down = false;
  bool disk_is_full = false;

  NodeId id() const { return config.id; }
  // As it was then; as it is, if it was never there.
  const SavedMachine& saved(raft::Index index) const;
  // As it is now.
  SavedMachine save(raft::Snapshot at) const;
};

class Environment {
 public:
  Output& output() { return output_; }
  Network& network() { return network_; }

  // Consecutive ids, from 1 on.
  absl::Status add_nodes(std::size_t count, const NodeTemplate& as);
  std::size_t node_count() const { return nodes_.size(); }
  // Throws BadCommand for a node that is not there, or that is down.
  Node& node(NodeId id);
  // The same, but also one that is down.
  Node& node_or_its_remains(NodeId id);

  void tick(Node& node, std::uint64_t ticks);
  absl::Status process_ready(Node& node);
  absl::Status process_append_thread(Node& node);
  absl::Status process_apply_thread(Node& node);
  // Returns how many messages were taken out of the queue.
  std::size_t deliver(NodeId to, std::optional<raft::MessageType> type, bool drop);
  // All of it, again and again, until nothing is left to do; all nodes if `ids` is empty.
  absl::Status stabilize(std::span<const NodeId> ids);
  absl::Status send_snapshot(Node& from, NodeId to);
  // The machine as far as it is applied can be sent from now on.
  static void offer_snapshot(Node& node);
  absl::Status compact(Node& node, raft::Index up_to);
  // Everything but the disk is gone. Of the oldest write under way, the disk has the first `torn`
  // entries.
  absl::Status crash(Node& node, std::size_t torn);
  // A crash, unless it is down already, and a start with what the disk has. Refuses a damaged disk.
  absl::Status restart(Node& node);

  void print_log(Node& node);
  void print_machine(Node& node);
  void print_status(Node& node);
  void print_states();

 private:
  // Answers whether it is durable; if not, the node is down.
  absl::StatusOr<bool> store(Node& node, const AppendWork& work);
  void send(const Node& from, HeldMessage message);
  absl::Status step(Node& node, const HeldMessage& held);
  void apply(Node& node, std::span<const HeldEntry> entries);
  absl::Status stabilize_once(std::span<Node* const> nodes, bool& busy);

  Output output_;
  std::vector<std::unique_ptr<Node>> nodes_;
  Network network_;
};

// What etcd's Raft calls the error; OK for kOk.
absl::Status status_of(raft::StepResult result);

}  // namespace ringroad::scenarios
