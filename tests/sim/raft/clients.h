// Clients of the replicated machine, and what they were told: each has one request under way, sends
// it to some node, and after a refusal or a silence to another, under the same number of its
// session, so that it takes effect once. Sometimes one gives up; its request may then still happen.
//
// Every invocation and every answer goes into a History, which is judged at the end of the run.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "tests/sim/history/history.h"
#include "tests/sim/raft/node.h"

namespace ringroad::raft::sim {

class Clients {
 public:
  struct Hooks {
    std::function<NodeId()> some_node;  // any, running or not
    std::function<void(NodeId, const Request&)> deliver;
  };

  Clients(const Scenario& scenario, Scheduler& scheduler, Prng prng, Hooks hooks);

  void start();
  void on_reply(const Reply& reply);
  // Each completes what is under way and one more request, then rests.
  void close();
  bool are_resting() const;

  const ::ringroad::sim::History& history() const { return history_; }
  std::uint64_t completed() const { return completed_; }

 private:
  static constexpr std::uint32_t kNoEnd = ~0u;
  struct Client {
    std::uint32_t id = 0;
    std::uint64_t operation = 0;  // counts its attempts' requests; 0: none under way
    ::ringroad::sim::OperationId recorded;
    Command command;
    std::uint64_t sequence = 0;
    std::uint32_t attempt = 0;
    NodeId favourite = kNoNode;  // answered last
    std::array<std::uint64_t, kKeysMax> last_known{};
    std::uint32_t left = kNoEnd;  // requests to begin until it rests
    bool is_resting = false;
  };

  void think(Client& client);
  void begin(Client& client);
  void attempt(Client& client);
  void take_reply(const Reply& reply);
  Nanos some_delay(Nanos most);
  Command draw_command(Client& client);

  const Scenario& scenario_;
  Scheduler& scheduler_;
  Prng prng_;
  Hooks hooks_;
  std::vector<Client> clients_;
  ::ringroad::sim::History history_;
  std::uint64_t last_operation_ = 0;
  std::uint64_t completed_ = 0;
  bool is_closing_ = false;
};

}  // namespace ringroad::raft::sim
