#include "tests/unit/replica/replica_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/base/check.h"

namespace ringroad::consensus {

namespace {

constexpr Nanos kFlightTime = microseconds(50);
constexpr Nanos kStep = microseconds(50);
constexpr char kCluster[] = "test";

const durable::LogConfig kLogConfig{.segment_bytes = 256 * 1024};

}  // namespace

void ReplicaCluster::Node::send(const raft::Message& message) {
  if (cluster->is_cut(id, message.to)) return;
  Flight flight{.at = cluster->now_ + kFlightTime, .from = id, .to = message.to, .bytes = {}};
  flight.bytes.resize(raft::encoded_bytes(message));
  raft::encode(message, flight.bytes);
  cluster->flights_.push_back(std::move(flight));
}

bool ReplicaCluster::Node::is_connected(NodeId peer) const {
  return !cluster->is_cut(id, peer) && cluster->nodes_.contains(peer.value) &&
         cluster->runs(peer.value);
}

void ReplicaCluster::Node::on_answer(std::uint64_t client, RequestOutcome outcome,
                                     const machine::Answer& answer,
                                     std::span<const std::byte> bytes) {
  const bool is_first =
      cluster->told_.insert({client, {outcome, answer, {bytes.begin(), bytes.end()}}}).second;
  EXPECT_TRUE(is_first) << "request " << client << " was answered twice";
}

ReplicaCluster::ReplicaCluster(std::uint16_t nodes, const ReplicaConfig& config, std::uint64_t seed)
    : config_(config), prng_(seed) {
  raft::ConfState members;
  for (std::uint16_t i = 1; i <= nodes; ++i) members.voters.insert(NodeId{i});
  for (std::uint16_t i = 1; i <= nodes; ++i) {
    auto node = std::make_unique<Node>();
    node->cluster = this;
    node->id = NodeId{i};
    node->files = std::make_unique<durable::MemoryFileSystem>();
    RR_CHECK(durable::format(*node->files, kLogConfig, {kCluster, node->id, 1}, members).ok());
    nodes_[i] = std::move(node);
  }
  for (std::uint16_t i = 1; i <= nodes; ++i) start(i);
}

ReplicaCluster::~ReplicaCluster() = default;

void ReplicaCluster::start(std::uint16_t id) {
  Node& node = *nodes_.at(id);
  const auto recovered = durable::recover(*node.files);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  auto log = durable::LogWriter::open(*node.files, kLogConfig, *recovered);
  ASSERT_TRUE(log.ok()) << log.status();
  node.log = std::move(*log);
  node.channel = std::make_unique<durable::LogChannel>(Replica::kJobs);
  node.service = std::make_unique<durable::LogService>(*node.log, *node.files, *node.channel);
  ReplicaConfig config = config_;
  config.raft.id = node.id;
  auto replica = Replica::start(config, *node.files, *recovered, *node.channel, node, node,
                                prng_.fork(), now_);
  ASSERT_TRUE(replica.ok()) << replica.status();
  node.replica = std::move(*replica);
}

void ReplicaCluster::kill(std::uint16_t id) {
  Node& node = *nodes_.at(id);
  node.replica.reset();
  node.service.reset();
  node.channel.reset();
  node.log.reset();
}

bool ReplicaCluster::is_cut(NodeId a, NodeId b) const {
  return cut_.contains({std::min(a, b).value, std::max(a, b).value});
}

void ReplicaCluster::cut(std::uint16_t a, std::uint16_t b) {
  cut_.insert({std::min(a, b), std::max(a, b)});
}

void ReplicaCluster::isolate(std::uint16_t node) {
  for (const auto& [other, unused] : nodes_) {
    if (other != node) cut(node, other);
  }
}

void ReplicaCluster::step() {
  now_ = now_ + kStep;
  while (!flights_.empty() && flights_.front().at <= now_) {
    const Flight flight = std::move(flights_.front());
    flights_.pop_front();
    if (!is_cut(flight.from, flight.to) && runs(flight.to.value)) {
      replica(flight.to.value).on_message(flight.from, flight.bytes);
    }
  }
  for (const auto& [id, node] : nodes_) {
    if (node->replica == nullptr) continue;
    node->replica->poll(now_);
    node->service->serve();
    if (prng_.below(64) == 0) node->service->tidy_up();
  }
}

void ReplicaCluster::run_for(Nanos duration) {
  const Nanos end = now_ + duration;
  while (now_ < end) step();
}

bool ReplicaCluster::run_until(const std::function<bool()>& condition, const std::string& what,
                               Nanos limit) {
  const Nanos end = now_ + limit;
  while (!condition()) {
    if (now_ >= end) {
      ADD_FAILURE() << "in vain waited for: " << what;
      return false;
    }
    step();
  }
  return true;
}

std::uint16_t ReplicaCluster::leader() {
  std::uint16_t leader = 0;
  run_until(
      [&] {
        leader = 0;
        Term highest;
        for (const auto& [id, node] : nodes_) {
          if (node->replica == nullptr || node->replica->is_stopped()) continue;
          const raft::Raft& raft = node->replica->raft();
          if (raft.role() == raft::Role::kLeader && raft.term() > highest) {
            leader = id;
            highest = raft.term();
          }
        }
        return leader != 0;
      },
      "a leader");
  return leader;
}

std::uint16_t ReplicaCluster::follower() {
  const std::uint16_t lead = leader();
  for (const auto& [id, node] : nodes_) {
    if (id != lead && node->replica != nullptr && !node->replica->is_stopped()) return id;
  }
  ADD_FAILURE() << "nobody follows";
  return 0;
}

std::uint64_t ReplicaCluster::ask(std::uint16_t node, const machine::Request& request,
                                  Nanos patience, Consistency consistency, bool waits) {
  const std::uint64_t number = ++asked_;
  const auto bytes = machine::encoded(request);
  const bool is_taken = replica(node).submit({.client = number,
                                              .bytes = bytes,
                                              .consistency = consistency,
                                              .waits = waits,
                                              .deadline = now_ + patience},
                                             now_);
  EXPECT_TRUE(is_taken);
  return number;
}

const Told* ReplicaCluster::answer(std::uint64_t number) const {
  const auto at = told_.find(number);
  return at == told_.end() ? nullptr : &at->second;
}

Told ReplicaCluster::told(std::uint16_t node, const machine::Request& request, Nanos patience,
                          Consistency consistency) {
  const std::uint64_t number = ask(node, request, patience, consistency);
  run_until([&] { return answer(number) != nullptr; }, "an answer", patience + seconds(1));
  const Told* const told = answer(number);
  return told == nullptr ? Told{.outcome = RequestOutcome::kTimedOut} : *told;
}

std::string ReplicaCluster::value_of(std::uint16_t node, const std::string& key,
                                     Consistency consistency) {
  const Told answered = told(node, machine::get(key), seconds(5), consistency);
  if (answered.outcome != RequestOutcome::kAnswered) return std::string(name_of(answered.outcome));
  machine::AnswerReader reader(answered.bytes);
  machine::KeyItem item;
  return reader.take(item) ? machine::text_of(item.value) : "-";
}

}  // namespace ringroad::consensus
