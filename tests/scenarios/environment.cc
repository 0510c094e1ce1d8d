// The world's events (environment.h): what each command does to nodes, disks and the network.
//
// A node's life is here in its order: restart() builds it from what its disk has, process_ready()
// and the two threads do a driver's duties (consensus/README.md), store_until() writes, as far as a
// crash lets it, and crash() takes the rest away. process_ready() prints before it acts, as the
// published files expect. Nodes speak to each other through the wire's codec, each in its version,
// so that what does not survive encoding is seen in every scenario.
#include "environment.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arguments.h"
#include "consensus/core/codec.h"
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

void take_pieces(Node& node, const AppendWork& work) {
  for (const HeldChunk& chunk : work.chunks) {
    if (chunk.is_first) node.arriving.clear();
    node.arriving += chunk.bytes;
  }
}

void offer_what_is_applied(Node& node) {
  if (!node.snapshots_by_hand) Environment::offer_snapshot(node);
}

// What one version writes and another reads of a message. A snapshot's bytes that are no chunk go
// beside it.
void pass_between(raft::MessageVersion writer, raft::MessageVersion reader, HeldMessage& held) {
  raft::Message sent = held.message;
  const std::vector<raft::Entry> sent_entries = views(held.entries);
  sent.entries = sent_entries;
  sent.chunk = reinterpret_cast<const std::byte*>(held.bytes.data());
  std::vector<std::byte> wire(raft::encoded_bytes(sent, writer));
  raft::encode(sent, wire, writer);
  raft::Message read;
  std::vector<raft::Entry> entries;
  const raft::DecodeResult result = raft::decode(wire, entries, read, reader);
  if (result != raft::DecodeResult::kOk) {
    throw BadCommand(
        absl::StrCat("the reader refuses a message: ", std::string(raft::name_of(result))));
  }
  std::string bytes = std::move(held.bytes);
  held = hold(read);
  held.bytes = std::move(bytes);
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

const SavedMachine& Node::saved(raft::Index index) const {
  const auto found = std::ranges::find_if(
      history, [index](const SavedMachine& s) { return s.snapshot.index == index; });
  return found == history.end() ? history.back() : *found;
}

SavedMachine Node::save(raft::Snapshot at) const {
  std::string bytes = machine.saved(snapshot_bytes_min);
  at.size_bytes = snapshots_have_size ? bytes.size() : 0;
  return {at, std::move(bytes)};
}

Node& Environment::node_or_its_remains(NodeId id) {
  if (id.value < 1 || id.value > nodes_.size()) {
    throw BadCommand(absl::StrCat("there is no node ", id.value, " yet"));
  }
  return *nodes_[id.value - 1u];
}

Node& Environment::node(NodeId id) {
  Node& node = node_or_its_remains(id);
  if (node.is_down) throw BadCommand(absl::StrCat("node ", id.value, " is down"));
  return node;
}

absl::Status Environment::add_nodes(std::size_t count, const NodeTemplate& as) {
  if (nodes_.size() + count > kNodesMax) throw BadCommand("there can be 64 nodes");
  raft::Snapshot snapshot = as.snapshot;
  if (as.bootstraps()) {
    if (snapshot.index.value <= 1) {
      return absl::InvalidArgumentError("index must be specified as > 1 due to bootstrap");
    }
    snapshot.term = raft::Term{1};
  }
  for (; count > 0; --count) {
    auto node = std::make_unique<Node>();
    node->config = as.config;
    node->config.id = NodeId{static_cast<std::uint16_t>(nodes_.size() + 1)};
    node->snapshots_have_size = as.snapshots_have_size;
    node->snapshot_bytes_min = as.snapshot_bytes_min;
    node->snapshots_by_hand = as.snapshots_by_hand;
    node->machine_on_disk = as.machine_on_disk;
    node->message_version = as.message_version;
    node->machine = Machine{as.content};
    node->history.push_back(node->save(snapshot));
    if (auto status = node->config.validate(); !status.ok()) return status;
    if (as.bootstraps()) {
      if (auto status = node->storage.apply_snapshot(snapshot); !status.ok()) return status;
    }
    if (auto status = restart(*node); !status.ok()) return status;
    pass_start(*node);
    nodes_.push_back(std::move(node));
  }
  return absl::OkStatus();
}

absl::Status Environment::store_until(Node& node, const AppendWork& work, CrashPoint at) {
  const raft::Index commit = node.storage.hard_state().commit;
  if (work.hard_state) {
    node.storage.set_hard_state({work.hard_state->term, work.hard_state->vote, commit});
  }
  take_pieces(node, work);
  if (at.rename == CrashPoint::Rename::kBefore) return absl::OkStatus();
  if (work.snapshot) {
    if (auto status = rename_snapshot(node, *work.snapshot); !status.ok()) return status;
  }
  const std::span<const HeldEntry> entries = work.entries;
  return node.storage.append(entries.first(std::min(at.entries, entries.size())));
}

absl::Status Environment::crash(Node& node, CrashPoint at) {
  const bool renames = at.rename != CrashPoint::Rename::kNone;
  if (renames && (node.append_work.empty() || !node.append_work.front().snapshot)) {
    throw BadCommand("no snapshot is being written");
  }
  if ((renames || at.entries > 0) && !node.append_work.empty()) {
    if (auto status = store_until(node, node.append_work.front(), at); !status.ok()) return status;
  }
  node.is_down = true;
  node.append_work.clear();
  node.apply_work.clear();
  node.arriving.clear();
  network_.forget_local(node.id());
  return absl::OkStatus();
}

absl::Status Environment::restart(Node& node) {
  if (auto status = crash(node, {}); !status.ok()) return status;
  if (auto status = node.storage.recover(); !status.ok()) return status;
  const SavedMachine base = node.saved(node.storage.base().index);
  if (!node.machine_on_disk) {
    node.machine = Machine::restored(base.bytes);
    node.history = {base};
  }
  node.offered = 1;
  const raft::Index applied = node.history.back().snapshot.index;
  const std::vector<raft::Entry> entries = views(node.storage.entries());
  raft::Restored restored{.hard_state = node.storage.hard_state(),
                          .snapshot = base.snapshot,
                          .entries = entries,
                          .applied = applied};
  restored.hard_state.commit = std::max(restored.hard_state.commit, applied);
  try {
    node.raft = std::make_unique<Raft>(node.config, restored, Prng{node.id().value}, node.now);
  } catch (const std::invalid_argument& e) {
    return absl::DataLossError(absl::StrCat("the node does not start: ", e.what()));
  }
  node.is_down = false;
  return absl::OkStatus();
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
  for (HeldMessage& m : ready.messages) send(node, std::move(m));
  const bool has_append = ready.has_append();
  AppendWork append{node.id(),    ready.hard_state, ready.entries,
                    ready.chunks, ready.snapshot,   std::move(ready.responses)};
  if (!is_async) {
    for (const HeldMessage& m : append.responses) {
      if (m.message.to != node.id()) shown.push_back(describe(m));
    }
    output_.write(describe(ready, shown));
    const absl::StatusOr<bool> stored = store(node, append);
    if (!stored.ok() || !*stored) return stored.status();
    apply(node, ready.committed);
    for (HeldMessage& m : append.responses) {
      if (m.message.to != node.id()) send(node, std::move(m));
    }
    node.raft->advance();
    offer_what_is_applied(node);
    return absl::OkStatus();
  }

  if (has_append) {
    node.append_work.push_back(std::move(append));
    shown.push_back(describe(node.append_work.back(), true));
  }
  if (ready.applied) {
    node.apply_work.push_back({node.id(), ready.committed, *std::move(ready.applied)});
    shown.push_back(describe(node.apply_work.back(), true));
  }
  output_.write(describe(ready, shown));
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
  const absl::StatusOr<bool> stored = store(node, work);
  if (!stored.ok() || !*stored) return stored.status();
  output_.line("Responses:");
  for (HeldMessage& m : work.responses) {
    output_.line(describe(m));
    send(node, std::move(m));
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
  send(node, std::move(work.response));
  return absl::OkStatus();
}

absl::StatusOr<bool> Environment::store(Node& node, const AppendWork& work) {
  const bool writes =
      work.hard_state || !work.entries.empty() || !work.chunks.empty() || work.snapshot;
  if (writes && node.disk_is_full) {
    output_.line(absl::StrCat("the disk of node ", node.id().value, " is full: it goes down"));
    if (auto status = crash(node, {}); !status.ok()) return status;
    return false;
  }
  const CrashPoint behind_all{.entries = work.entries.size()};
  if (auto status = store_until(node, work, behind_all); !status.ok()) return status;
  if (work.hard_state) node.storage.set_hard_state(*work.hard_state);
  return true;
}

absl::Status Environment::rename_snapshot(Node& node, const raft::Snapshot& snapshot) {
  if (auto status = node.storage.apply_snapshot(snapshot); !status.ok()) return status;
  node.machine = Machine::restored(node.arriving);
  // Its core has it already.
  node.history.push_back({snapshot, std::exchange(node.arriving, {})});
  node.offered = node.history.size();
  return absl::OkStatus();
}

void Environment::send(const Node& from, HeldMessage held) {
  raft::Message& m = held.message;
  if (m.type == raft::MessageType::kSnapshot) {
    held.bytes = from.saved(m.snapshot.index).bytes;
    if (m.snapshot.size_bytes > 0) held.bytes = held.bytes.substr(m.chunk_offset, m.chunk_bytes);
  }
  if (!is_local(m) && m.to.value <= nodes_.size()) {
    pass_between(from.message_version, node_or_its_remains(m.to).message_version, held);
  }
  network_.send(std::move(held));
}

absl::Status Environment::step(Node& node, const HeldMessage& held) {
  raft::Message message = held.message;
  const std::vector<raft::Entry> entries = views(held.entries);
  // A report of what was applied holds its entries for printing only.
  if (message.type != raft::MessageType::kStorageApplyResponse) message.entries = entries;
  if (message.chunk_bytes > 0) {
    message.chunk = reinterpret_cast<const std::byte*>(held.bytes.data());
  } else if (message.type == raft::MessageType::kSnapshot) {
    node.arriving = held.bytes;
  }
  const absl::Status status = status_of(node.raft->step(message));
  offer_what_is_applied(node);
  return status;
}

void Environment::apply(Node& node, std::span<const HeldEntry> entries) {
  for (const HeldEntry& entry : entries) {
    if (entry.index <= node.history.back().snapshot.index) continue;  // a snapshot was faster
    raft::Snapshot after = node.history.back().snapshot;
    after.index = entry.index;
    after.term = entry.term;
    if (entry.view().is_conf_change()) {
      const auto change = raft::decode_conf_change(entry.view().payload());
      if (!change)
        throw BadCommand(absl::StrCat("a malformed change is committed: ", describe(entry)));
      if (const auto conf = node.raft->apply_conf_change(entry.index, *change); conf.ok()) {
        after.conf = *conf;
      } else {
        output_.line(conf.status().message());
      }
    } else {
      node.machine.apply(entry.data);
    }
    node.history.push_back(node.save(after));
  }
}

std::size_t Environment::deliver(NodeId to, std::optional<raft::MessageType> type, bool drop) {
  const std::vector<HeldMessage> taken = network_.take({.to = to, .type = type}, !drop);
  for (const HeldMessage& held : taken) {
    const bool is_lost = drop || network_.is_cut(held.message) || node_or_its_remains(to).is_down;
    output_.line(absl::StrCat(is_lost ? "dropped: " : "", describe(held)));
    if (is_lost) continue;
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
    if (node->is_down || !node->raft->has_ready()) continue;
    section(*node, "handling Ready");
    const auto status = output_.indented([this, node] { return process_ready(*node); });
    if (!status.ok()) return status;
  }
  for (const Node* node : nodes) {
    if (!network_.has_message_to(node->id())) continue;
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
  held.message.snapshot = from.history.back().snapshot;
  held.message.chunk_bytes = static_cast<std::uint32_t>(held.message.snapshot.size_bytes);
  output_.write(describe(held));
  send(from, std::move(held));
  return absl::OkStatus();
}

// The core sends what it knows to be applied only.
void Environment::offer_snapshot(Node& node) {
  std::size_t known = node.offered;
  while (known < node.history.size() &&
         node.history[known].snapshot.index <= node.raft->log().applied()) {
    ++known;
  }
  if (known == node.offered) return;
  node.offered = known;
  node.raft->snapshot_made(node.history[known - 1].snapshot);
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
  const raft::Snapshot& at = node.history.back().snapshot;
  const std::string sessions = node.machine.sessions();
  output_.line(absl::StrCat("Index:", at.index.value, " Term:", at.term.value, " ",
                            quoted(node.machine.content()),
                            sessions.empty() ? "" : " Sessions: ", sessions));
}

void Environment::print_states() {
  for (const auto& node : nodes_) {
    if (node->is_down) {
      output_.line(absl::StrCat(node->id().value, ": down"));
      continue;
    }
    const Raft& raft = *node->raft;
    const bool votes = raft.tracker().configuration().all_voters().contains(node->id());
    output_.line(absl::StrCat(node->id().value, ": ", role_name(raft.role()),
                              votes ? " (Voter)" : " (Non-Voter)", " Term:", raft.term().value,
                              " Lead:", raft.leader().value));
  }
}

}  // namespace ringroad::scenarios
