// The world of an interaction scenario: nodes with a Raft core each, the disk and the machine of
// each, and the messages between them. Nothing happens by itself: every step is a command of the
// scenario, and what was done is printed as etcd's tests print it (output.h, describe.h).
//
// - Messages travel in one queue, in the order they were sent; a delivery takes those to one node.
// - Time is each node's own and moves by ticks of a millisecond.
// - A node without async storage writes stores, applies and advances within process_ready(). With
//   them it queues work for its append thread and its apply thread, which are run by commands.
// - The machine only concatenates what is applied. Once an entry is reported applied, the machine
// as
//   it was then can be sent as a snapshot.
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
#include "consensus/core/raft.h"
#include "describe.h"
#include "held.h"
#include "output.h"
#include "storage.h"

namespace ringroad::scenarios {

inline constexpr Nanos kTick = milliseconds(1);

// The machine after an entry was applied, as it can be sent.
struct Machine {
  raft::Snapshot snapshot;
  std::string content;
};

// How add-nodes makes nodes.
struct NodeTemplate {
  raft::Config config;  // but for the id
  Machine machine;      // of all of them; its term is 1
  // What every snapshot that they make counts as.
  std::uint64_t snapshot_bytes = 0;
  bool bootstraps() const {
    return !machine.snapshot.empty() || !machine.content.empty() ||
           machine.snapshot.conf != raft::ConfState{};
  }
};

struct Node {
  raft::Config config;
  std::unique_ptr<raft::Raft> raft;
  Nanos now;
  Storage storage;
  // After each entry applied. Never empty; and how many of them the core knows of.
  std::vector<Machine> history;
  std::size_t offered = 1;
  std::uint64_t snapshot_bytes = 0;
  std::deque<AppendWork> append_work;
  std::deque<ApplyWork> apply_work;

  NodeId id() const { return config.id; }
  const Machine& machine() const { return history.back(); }
};

class Environment {
 public:
  Output& output() { return output_; }

  // Consecutive ids, from 1 on.
  absl::Status add_nodes(std::size_t count, const NodeTemplate& as);
  // Throws BadCommand for a node that is not there.
  Node& node(NodeId id);

  void tick(Node& node, std::uint64_t ticks);
  absl::Status process_ready(Node& node);
  absl::Status process_append_thread(Node& node);
  absl::Status process_apply_thread(Node& node);
  // Returns how many messages were taken out of the queue.
  std::size_t deliver(NodeId to, std::optional<raft::MessageType> type, bool drop);
  // All of it, again and again, until nothing is left to do; all nodes if `ids` is empty.
  absl::Status stabilize(std::span<const NodeId> ids);
  absl::Status send_snapshot(Node& from, NodeId to);
  absl::Status compact(Node& node, raft::Index up_to);
  // The node forgets all but its disk and its machine.
  void restart(Node& node);

  void print_log(Node& node);
  void print_status(Node& node);
  void print_states();
  void print_machine(Node& node);

 private:
  absl::Status store(Node& node, const std::optional<raft::HardState>& hard_state,
                     std::span<const HeldEntry> entries,
                     const std::optional<raft::Snapshot>& snapshot);
  void apply(Node& node, std::span<const HeldEntry> entries);
  std::string content_of(raft::EntryId id) const;
  absl::Status stabilize_once(std::span<Node* const> nodes, bool& busy);

  Output output_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<HeldMessage> queue_;
};

// What etcd's Raft calls the error; OK for kOk.
absl::Status status_of(raft::StepResult result);

}  // namespace ringroad::scenarios
