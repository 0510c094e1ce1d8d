#include "environment.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arguments.h"
#include "consensus/core/conf_change.h"

namespace ringroad::scenarios {
namespace {

using raft::Raft;

// A world that does not come to rest within so many rounds never does.
constexpr int kRoundsMax = 10'000;

// With leases, a node that was started just now waits an election timeout before it votes, since it
// may have promised a leader not to. The nodes of a scenario have been up for that long.
void pass_start(Node& node) {
  if (node.config.read_mode != raft::ReadMode::kLease) return;
  const std::int64_t ticks = node.config.election_timeout.count / kTick.count;
  const auto drawn =
      static_cast<std::int64_t>(Prng{node.id().value}.below(static_cast<std::uint64_t>(ticks)));
  // The time that passes is not to count as silence of a leader.
  node.raft->set_election_timeout(node.config.election_timeout * 2 + kTick * drawn);
  node.now = node.now + node.config.election_timeout;
  node.raft->tick(node.now);
}

// The core sends what it knows to be applied only.
void offer_snapshot(Node& node) {
  std::size_t known = node.offered;
  while (known < node.history.size() &&
         node.history[known].snapshot.index <= node.raft->log().applied()) {
    ++known;
  }
  if (known == node.offered) return;
  node.offered = known;
  node.raft->snapshot_made(node.history[known - 1].snapshot);
}

// Those a node sends itself are never lost.
bool is_local(const raft::Message& m) {
  return m.from == m.to || m.type == raft::MessageType::kStorageAppendResponse ||
         m.type == raft::MessageType::kStorageApplyResponse;
}

absl::Status step(Node& node, const HeldMessage& held) {
  raft::Message message = held.message;
  const std::vector<raft::Entry> entries = views(held.entries);
  // A report of what was applied holds its entries for printing only.
  if (message.type != raft::MessageType::kStorageApplyResponse) message.entries = entries;
  // What a snapshot holds does not matter here.
  const std::vector<std::byte> chunk(message.chunk_bytes);
  message.chunk = chunk.data();
  const absl::Status status = status_of(node.raft->step(message));
  offer_snapshot(node);
  return status;
}

}  // namespace

absl::Status status_of(raft::StepResult result) {
  switch (result) {
    case raft::StepResult::kOk:
      return absl::OkStatus();
    case raft::StepResult::kNoLeader:
    case raft::StepResult::kNotMember:
    case raft::StepResult::kTransferring:
    case raft::StepResult::kUncommittedBound:
    case raft::StepResult::kNotForwarded:
    case raft::StepResult::kReadsFull:
      return absl::UnavailableError("raft proposal dropped");
    case raft::StepResult::kUnknownPeer:
      return absl::NotFoundError("raft: cannot step as peer not found");
    case raft::StepResult::kLostLog:
      return absl::DataLossError("raft: a follower has lost part of its log");
    case raft::StepResult::kMalformed:
      return absl::InvalidArgumentError("raft: malformed message");
  }
  return absl::UnknownError(std::string(raft::name_of(result)));
}

Node& Environment::node(NodeId id) {
  if (id.value < 1 || id.value > nodes_.size()) {
    throw BadCommand(absl::StrCat("there is no node ", id.value, " yet"));
  }
  return *nodes_[id.value - 1u];
}

absl::Status Environment::add_nodes(std::size_t count, const NodeTemplate& as) {
  if (nodes_.size() + count > kNodesMax) throw BadCommand("there can be 64 nodes");
  Machine machine = as.machine;
  raft::Snapshot& snapshot = machine.snapshot;
  if (as.bootstraps()) {
    if (snapshot.index.value <= 1) {
      return absl::InvalidArgumentError("index must be specified as > 1 due to bootstrap");
    }
    snapshot.term = raft::Term{1};
    snapshot.size_bytes = as.snapshot_bytes;
  }
  for (; count > 0; --count) {
    auto node = std::make_unique<Node>();
    node->config = as.config;
    node->config.id = NodeId{static_cast<std::uint16_t>(nodes_.size() + 1)};
    node->history = {machine};
    node->snapshot_bytes = as.snapshot_bytes;
    if (auto status = node->config.validate(); !status.ok()) return status;
    if (as.bootstraps()) {
      if (auto status = node->storage.apply_snapshot(snapshot); !status.ok()) return status;
    }
    restart(*node);
    pass_start(*node);
    nodes_.push_back(std::move(node));
  }
  return absl::OkStatus();
}

void Environment::restart(Node& node) {
  node.append_work.clear();
  node.apply_work.clear();
  std::erase_if(queue_, [&node](const HeldMessage& held) {
    return is_local(held.message) && held.message.to == node.id();
  });
  // The machine holds what it applied, so the disk's entries up to there are not needed.
  const raft::Snapshot machine = node.machine().snapshot;
  if (machine.index > node.storage.base().index && !node.storage.compact(machine.index).ok()) {
    node.storage.apply_snapshot(machine).IgnoreError();
  }
  node.history.erase(node.history.begin(), node.history.end() - 1);
  node.offered = 1;
  raft::Restored restored{.hard_state = node.storage.hard_state(),
                          .snapshot = machine,
                          .entries = {},
                          .applied = machine.index};
  restored.hard_state.commit = std::max(restored.hard_state.commit, machine.index);
  const std::vector<raft::Entry> entries = views(node.storage.entries());
  restored.entries = entries;
  node.raft.reset();
  node.raft = std::make_unique<Raft>(node.config, restored, Prng{node.id().value}, node.now);
}

void Environment::tick(Node& node, std::uint64_t ticks) {
  for (; ticks > 0; --ticks) {
    node.now = node.now + kTick;
    node.raft->tick(node.now);
  }
}

absl::Status Environment::process_ready(Node& node) {
  const bool is_async = node.config.async_storage_writes;
  HeldReady ready;
  if (node.raft->has_ready()) ready = hold(node.raft->ready());

  std::vector<std::string> shown;
  for (const HeldMessage& m : ready.messages) shown.push_back(describe(m));
  if (!is_async) {
    for (const HeldMessage& m : ready.responses) {
      if (m.message.to != node.id()) shown.push_back(describe(m));
    }
    output_.write(describe(ready, shown));
    const absl::Status stored = store(node, ready.hard_state, ready.entries, ready.snapshot);
    if (!stored.ok()) return stored;
    apply(node, ready.committed);
    std::ranges::move(ready.messages, std::back_inserter(queue_));
    for (HeldMessage& m : ready.responses) {
      if (m.message.to != node.id()) queue_.push_back(std::move(m));
    }
    node.raft->advance();
    offer_snapshot(node);
    return absl::OkStatus();
  }

  if (ready.has_append()) {
    node.append_work.push_back(
        {node.id(), ready.hard_state, ready.entries, ready.snapshot, std::move(ready.responses)});
    shown.push_back(describe(node.append_work.back(), true));
  }
  if (ready.applied) {
    node.apply_work.push_back({node.id(), ready.committed, *std::move(ready.applied)});
    shown.push_back(describe(node.apply_work.back(), true));
  }
  output_.write(describe(ready, shown));
  std::ranges::move(ready.messages, std::back_inserter(queue_));
  return absl::OkStatus();
}

absl::Status Environment::process_append_thread(Node& node) {
  if (node.append_work.empty()) {
    output_.write("no append work to perform");
    return absl::OkStatus();
  }
  AppendWork work = std::move(node.append_work.front());
  node.append_work.pop_front();
  output_.line(absl::StrCat("Processing:\n", describe(work, false)));
  const absl::Status stored = store(node, work.hard_state, work.entries, work.snapshot);
  if (!stored.ok()) return stored;
  output_.line("Responses:");
  for (HeldMessage& m : work.responses) {
    output_.line(describe(m));
    queue_.push_back(std::move(m));
  }
  return absl::OkStatus();
}

absl::Status Environment::process_apply_thread(Node& node) {
  if (node.apply_work.empty()) {
    output_.write("no apply work to perform");
    return absl::OkStatus();
  }
  ApplyWork work = std::move(node.apply_work.front());
  node.apply_work.pop_front();
  output_.line(absl::StrCat("Processing:\n", describe(work, false)));
  apply(node, work.entries);
  output_.line(absl::StrCat("Responses:\n", describe(work.response)));
  queue_.push_back(std::move(work.response));
  return absl::OkStatus();
}

absl::Status Environment::store(Node& node, const std::optional<raft::HardState>& hard_state,
                                std::span<const HeldEntry> entries,
                                const std::optional<raft::Snapshot>& snapshot) {
  if (hard_state) node.storage.set_hard_state(*hard_state);
  if (snapshot) {
    if (auto status = node.storage.apply_snapshot(*snapshot); !status.ok()) return status;
    // Its core has it already.
    node.history.push_back({*snapshot, content_of(snapshot->last())});
    node.offered = node.history.size();
  }
  return node.storage.append(entries);
}

// Messages name snapshots only; what they hold is found where they were made.
std::string Environment::content_of(raft::EntryId id) const {
  for (const auto& node : nodes_) {
    for (const Machine& machine : node->history) {
      if (machine.snapshot.last() == id) return machine.content;
    }
  }
  return {};
}

void Environment::apply(Node& node, std::span<const HeldEntry> entries) {
  for (const HeldEntry& entry : entries) {
    Machine machine = node.machine();
    raft::Snapshot& after = machine.snapshot;
    after.index = entry.index;
    after.term = entry.term;
    after.size_bytes = node.snapshot_bytes;
    if (entry.view().is_conf_change()) {
      const auto change = raft::decode_conf_change(entry.view().payload());
      if (!change)
        throw BadCommand(absl::StrCat("a malformed change is committed: ", describe(entry)));
      if (const auto conf = node.raft->apply_conf_change(*change); conf.ok()) {
        after.conf = *conf;
      } else {
        output_.line(conf.status().message());
      }
    } else {
      machine.content += entry.data;
    }
    node.history.push_back(std::move(machine));
  }
}

std::size_t Environment::deliver(NodeId to, std::optional<raft::MessageType> type, bool drop) {
  std::vector<HeldMessage> taken, rest;
  for (HeldMessage& held : queue_) {
    const raft::Message& m = held.message;
    const bool is_meant = m.to == to && (!type || m.type == *type) && !(drop && is_local(m));
    (is_meant ? taken : rest).push_back(std::move(held));
  }
  queue_ = std::move(rest);
  for (const HeldMessage& held : taken) {
    output_.line(absl::StrCat(drop ? "dropped: " : "", describe(held)));
    if (drop) continue;
    if (const absl::Status status = step(node(to), held); !status.ok()) {
      output_.line(status.message());
    }
  }
  return taken.size();
}

absl::Status Environment::stabilize(std::span<const NodeId> ids) {
  std::vector<Node*> nodes;
  for (const NodeId id : ids) nodes.push_back(&node(id));
  if (ids.empty()) {
    for (const auto& each : nodes_) nodes.push_back(each.get());
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    bool busy = false;
    const absl::Status status = stabilize_once(nodes, busy);
    if (!status.ok() || !busy) return status;
  }
  throw BadCommand(absl::StrCat("not stable after ", kRoundsMax, " rounds"));
}

absl::Status Environment::stabilize_once(std::span<Node* const> nodes, bool& busy) {
  const auto section = [this, &busy](const Node& node, absl::string_view doing) {
    output_.line(absl::StrCat("> ", node.id().value, " ", doing));
    busy = true;
  };
  for (Node* node : nodes) {
    if (!node->raft->has_ready()) continue;
    section(*node, "handling Ready");
    const auto status = output_.indented([this, node] { return process_ready(*node); });
    if (!status.ok()) return status;
  }
  for (const Node* node : nodes) {
    if (std::ranges::none_of(queue_, [node](const auto& m) { return m.message.to == node->id(); }))
      continue;
    section(*node, "receiving messages");
    output_.indented([this, node] { return deliver(node->id(), std::nullopt, false); });
  }
  for (Node* node : nodes) {
    if (node->append_work.empty()) continue;
    section(*node, "processing append thread");
    while (!node->append_work.empty()) {
      const auto status = output_.indented([this, node] { return process_append_thread(*node); });
      if (!status.ok()) return status;
    }
  }
  for (Node* node : nodes) {
    if (node->apply_work.empty()) continue;
    section(*node, "processing apply thread");
    while (!node->apply_work.empty()) {
      output_.indented([this, node] { return process_apply_thread(*node); }).IgnoreError();
    }
  }
  return absl::OkStatus();
}

absl::Status Environment::send_snapshot(Node& from, NodeId to) {
  HeldMessage held;
  held.message.type = raft::MessageType::kSnapshot;
  held.message.from = from.id();
  held.message.to = to;
  held.message.term = from.raft->term();
  held.message.snapshot = from.machine().snapshot;
  output_.write(describe(held));
  queue_.push_back(std::move(held));
  return absl::OkStatus();
}

absl::Status Environment::compact(Node& node, raft::Index up_to) {
  if (up_to > node.raft->log().applied()) {
    return absl::FailedPreconditionError(absl::StrCat("cannot compact up to ", up_to.value,
                                                      ": only ", node.raft->log().applied().value,
                                                      " is applied"));
  }
  if (auto status = node.storage.compact(up_to); !status.ok()) return status;
  node.raft->compact(up_to);
  print_log(node);
  return absl::OkStatus();
}

void Environment::print_log(Node& node) {
  const Storage& storage = node.storage;
  if (storage.entries().empty()) {
    output_.write(absl::StrCat("log is empty: first index=", storage.first_index().value,
                               ", last index=", storage.last_index().value));
  } else {
    output_.write(describe(storage.entries()));
  }
}

void Environment::print_status(Node& node) {
  if (node.raft->role() == raft::Role::kLeader) output_.write(node.raft->tracker().describe());
}

void Environment::print_machine(Node& node) {
  const Machine& machine = node.machine();
  output_.line(absl::StrCat("Index:", machine.snapshot.index.value,
                            " Term:", machine.snapshot.term.value, " ", quoted(machine.content)));
}

void Environment::print_states() {
  for (const auto& node : nodes_) {
    const Raft& raft = *node->raft;
    const bool votes = raft.tracker().configuration().all_voters().contains(node->id());
    output_.line(absl::StrCat(node->id().value, ": ", role_name(raft.role()),
                              votes ? " (Voter)" : " (Non-Voter)", " Term:", raft.term().value,
                              " Lead:", raft.leader().value));
  }
}

}  // namespace ringroad::scenarios
