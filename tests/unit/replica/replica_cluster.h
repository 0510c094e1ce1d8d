// A cluster of replicas in one thread, under virtual time: each with its log in a folder in memory,
// messages that arrive after a fixed delay unless a test cuts their way, and a writer that does its
// jobs when it is told to. For tests of what a replica promises its clients.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "consensus/log/log_service.h"
#include "consensus/replica/replica.h"
#include "tests/unit/log/memory_file_system.h"
#include "tests/unit/machine/driven.h"

namespace ringroad::consensus {

struct Told {
  RequestOutcome outcome = RequestOutcome::kAnswered;
  machine::Answer answer;
  std::vector<std::byte> bytes;
};

class ReplicaCluster {
 public:
  explicit ReplicaCluster(std::uint16_t nodes, const ReplicaConfig& config = {},
                          std::uint64_t seed = 1);
  ~ReplicaCluster();
  ReplicaCluster(const ReplicaCluster&) = delete;
  ReplicaCluster& operator=(const ReplicaCluster&) = delete;

  // As after a start of its process: what is on its disk is all it has.
  void start(std::uint16_t node);
  // As kill -9: what was not yet flushed, but written, is still there.
  void kill(std::uint16_t node);
  bool runs(std::uint16_t node) const { return nodes_.at(node)->replica != nullptr; }
  Replica& replica(std::uint16_t node) { return *nodes_.at(node)->replica; }
  durable::MemoryFileSystem& files(std::uint16_t node) { return *nodes_.at(node)->files; }

  // Messages between the two go nowhere, and both know.
  void cut(std::uint16_t a, std::uint16_t b);
  void isolate(std::uint16_t node);
  void heal() { cut_.clear(); }

  void run_for(Nanos duration);
  // Fails the test, and returns false, when that does not come to be within `limit`.
  bool run_until(const std::function<bool()>& condition, const std::string& what,
                 Nanos limit = seconds(10));
  // The node that leads; waited for.
  std::uint16_t leader();
  // Some node that runs and does not lead.
  std::uint16_t follower();

  // Returns the request's number, for answer().
  std::uint64_t ask(std::uint16_t node, const machine::Request& request,
                    Nanos patience = seconds(5),
                    Consistency consistency = Consistency::kLinearizable, bool waits = false);
  const Told* answer(std::uint64_t number) const;
  // Asks and waits.
  Told told(std::uint16_t node, const machine::Request& request, Nanos patience = seconds(5),
            Consistency consistency = Consistency::kLinearizable);
  // The value of a key as that node tells it, or "-".
  std::string value_of(std::uint16_t node, const std::string& key,
                       Consistency consistency = Consistency::kLinearizable);
  Nanos now() const { return now_; }

 private:
  struct Node final : Outbox, RequestSink {
    void send(const raft::Message& message) override;
    bool is_connected(NodeId peer) const override;
    void on_answer(std::uint64_t client, RequestOutcome outcome, const machine::Answer& answer,
                   std::span<const std::byte> bytes) override;

    ReplicaCluster* cluster = nullptr;
    NodeId id;
    std::unique_ptr<durable::MemoryFileSystem> files;
    std::unique_ptr<durable::LogWriter> log;
    std::unique_ptr<durable::LogChannel> channel;
    std::unique_ptr<durable::LogService> service;
    std::unique_ptr<Replica> replica;
  };
  struct Flight {
    Nanos at;
    NodeId from, to;
    std::vector<std::byte> bytes;
  };

  bool is_cut(NodeId a, NodeId b) const;
  void step();

  ReplicaConfig config_;
  Prng prng_;
  Nanos now_ = seconds(1);
  std::map<std::uint16_t, std::unique_ptr<Node>> nodes_;
  std::set<std::pair<std::uint16_t, std::uint16_t>> cut_;
  std::deque<Flight> flights_;
  std::uint64_t asked_ = 0;
  std::map<std::uint64_t, Told> told_;
};

}  // namespace ringroad::consensus
