// A few Raft cores and the wire between them, for tests that look at one rule: messages are
// delivered in order as soon as settle() is called, unless their path is cut; a write is durable at
// once; the state is the payloads applied, one after the other.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/core/raft.h"

namespace ringroad::raft::test {

inline NodeId id(int n) { return NodeId{static_cast<std::uint16_t>(n)}; }

// Borrows the text.
Entry text_entry(std::string&&) = delete;
inline Entry text_entry(const std::string& text) {
  return {.data = reinterpret_cast<const std::byte*>(text.data()),
          .size_bytes = static_cast<std::uint32_t>(text.size())};
}

class CoreCluster {
 public:
  using Tweak = std::function<void(Config&)>;

  explicit CoreCluster(int count, Tweak tweak = {}, int learners = 0) : tweak_(std::move(tweak)) {
    for (int i = 1; i <= count; ++i) start_.conf.voters.insert(id(i));
    for (int i = count + 1; i <= count + learners; ++i) start_.conf.learners.insert(id(i));
    for (int i = 1; i <= count + learners; ++i) add(i);
  }

  // A node that starts with what the first ones started with.
  void add(int n) {
    Node& node = nodes_[n];
    node.durable = {};
    boot(n, {.snapshot = start_});
  }

  // Everything in memory is lost; term, vote and log are not.
  void restart(int n) {
    Node& node = nodes_[n];
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < node.log.size(); ++i) {
      Entry e = text_entry(node.log[i].second.second);
      e.index = Index{node.snapshot.index.value + i + 1};
      e.term = node.log[i].first;
      e.type = node.log[i].second.first;
      entries.push_back(e);
    }
    const Snapshot snapshot = node.snapshot.empty() ? start_ : node.snapshot;
    node.state = node.snapshot_state;
    node.durable.commit = std::max(node.durable.commit, snapshot.index);
    boot(n, {.hard_state = node.durable, .snapshot = snapshot, .entries = entries});
  }

  Raft& node(int n) { return *nodes_.at(n).core; }
  const std::string& state(int n) { return nodes_.at(n).state; }
  std::vector<ReadState> take_reads(int n) { return std::exchange(nodes_.at(n).reads, {}); }

  void cut(int from, int to) { cut_.insert({from, to}); }
  void isolate(int n) {
    for (const auto& [other, unused] : nodes_) cut(n, other), cut(other, n);
  }
  void heal() { cut_.clear(); }
  // Sees every message before it is delivered; false drops it.
  std::function<bool(const Message&)> filter;

  void propose(int n, const std::string& text) {
    const Entry e = text_entry(text);
    last_result = node(n).propose({&e, 1});
    settle();
  }
  StepResult last_result = StepResult::kOk;

  void settle() {
    for (bool any = true; any;) {
      any = false;
      for (auto& [n, node] : nodes_) {
        while (node.core->has_ready()) {
          drive(n, node);
          any = true;
        }
      }
    }
  }
  void elect(int n) {
    node(n).campaign();
    settle();
  }
  // In steps of a millisecond, each followed by all that it causes.
  void pass(Nanos span) {
    for (const Nanos end = now_ + span; now_ < end;) {
      now_ = now_ + milliseconds(1);
      for (auto& [n, node] : nodes_) node.core->tick(now_);
      settle();
    }
  }
  // A snapshot of what is applied, in a file of that many bytes more than the state has, and the
  // log up to it is forgotten.
  void snapshot(int n, std::uint64_t padding_bytes = 0) {
    Node& node = nodes_.at(n);
    const Index at = node.core->log().applied();
    node.snapshot_state = node.state;
    Snapshot made{.index = at,
                  .term = *node.core->log().term(at),
                  .conf = conf_state(node.core->tracker().configuration()),
                  .size_bytes = node.state.size() + padding_bytes};
    node.log.erase(node.log.begin(), node.log.begin() + static_cast<std::ptrdiff_t>(
                                                            at.value - node.snapshot.index.value));
    node.snapshot = made;
    node.file = node.state + std::string(padding_bytes, '.');
    node.core->snapshot_made(made);
    node.core->compact(at);
  }
  Nanos now() const { return now_; }

 private:
  struct Node {
    std::unique_ptr<Raft> core;
    HardState durable;
    std::vector<std::pair<Term, std::pair<EntryType, std::string>>> log;  // after the snapshot
    Snapshot snapshot;
    std::string snapshot_state, file, incoming, state;
    std::vector<ReadState> reads;
  };

  static std::string text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void boot(int n, const Restored& restored) {
    Config config;
    config.id = id(n);
    if (tweak_) tweak_(config);
    nodes_[n].core = std::make_unique<Raft>(config, restored, Prng{static_cast<unsigned>(n)}, now_);
  }

  void drive(int n, Node& node) {
    const Ready& ready = node.core->ready();
    if (ready.hard_state) node.durable = *ready.hard_state;
    for (const SnapshotChunk& chunk : ready.chunks) {
      if (chunk.is_first) node.incoming.clear();
      if (node.incoming.size() == chunk.offset) node.incoming += text(chunk.bytes);
    }
    if (ready.snapshot != nullptr) {
      node.snapshot = *ready.snapshot;
      node.file = node.incoming;
      node.state = node.snapshot_state = node.file.substr(0, node.file.find('.'));
      node.log.clear();
    }
    for (const Entry& e : ready.entries) {
      node.log.resize(e.index.value - node.snapshot.index.value - 1);
      node.log.push_back({e.term, {e.type, text(e.payload())}});
    }
    for (const Message& m : ready.messages) deliver(node, m);
    for (const Message& m : ready.responses) deliver(node, m);
    node.reads.insert(node.reads.end(), ready.reads.begin(), ready.reads.end());
    std::vector<std::pair<Index, ConfChange>> changes;
    for (const Entry& e : ready.committed) {
      if (e.is_conf_change()) {
        changes.emplace_back(e.index, *decode_conf_change(e.payload()));
      } else {
        node.state += text(e.payload());
      }
    }
    for (const auto& [index, change] : changes) {
      (void)node.core->apply_conf_change(index, change);
    }
    node.core->advance();
    (void)n;
  }

  void deliver(const Node& from, const Message& message) {
    Message m = message;
    if (m.type == MessageType::kSnapshot) {
      m.chunk = reinterpret_cast<const std::byte*>(from.file.data()) + m.chunk_offset;
    }
    if (filter && !filter(m)) return;
    const auto to = nodes_.find(m.to.value);
    if (to == nodes_.end() || cut_.contains({m.from.value, m.to.value})) return;
    (void)to->second.core->step(m);
  }

  Tweak tweak_;
  Snapshot start_;
  Nanos now_ = seconds(1);
  std::map<int, Node> nodes_;
  std::set<std::pair<int, int>> cut_;
};

}  // namespace ringroad::raft::test
