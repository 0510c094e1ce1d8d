// The generator as a program of a node: plays the io lcore toward a TrafficRole, with libringroad
// behind it. Messages leave in bursts (collected during a poll, handed over at its end); what
// arrives is verified where it lies.
//
// run() belongs to one thread. stop() may come from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/client/dist_net.h"
#include "tools/ringroad-gen/traffic_role.h"

namespace ringroad::gen {

struct NodeFacts {
  NodeId self;
  std::vector<NodeId> peers;
  std::uint32_t message_bytes_max = 0;
};

class ApplicationDriver {
 public:
  // Attaches to a node. Either of `config_file` and `socket`, or neither: then `node` says whose
  // default socket it is. kUnavailable when nothing answers there.
  static absl::StatusOr<std::unique_ptr<ApplicationDriver>> attach(const std::string& config_file,
                                                                   const std::string& socket,
                                                                   NodeId node,
                                                                   std::uint32_t spin_us);
  ~ApplicationDriver();
  ApplicationDriver(const ApplicationDriver&) = delete;
  ApplicationDriver& operator=(const ApplicationDriver&) = delete;

  const NodeFacts& node() const { return facts_; }

  // Until the role is done or stop(). The role's bindings are made first. An error when the
  // dataplane went away or a type is taken.
  absl::Status run(TrafficRole& role);
  void stop() { stop_.store(true, std::memory_order_relaxed); }

 private:
  class Outbox;
  explicit ApplicationDriver(dist_net_context_t* context);
  absl::Status bind(const TrafficRole& role);
  absl::StatusOr<std::uint32_t> receive(TrafficRole& role);
  absl::StatusOr<std::uint32_t> collect_outcomes(TrafficRole& role);
  absl::Status wait(const TrafficRole& role);

  static constexpr std::uint32_t kBurst = 256;

  dist_net_context_t* context_;
  NodeFacts facts_;
  std::uint32_t spin_us_ = 10;
  std::atomic<bool> stop_{false};
  std::vector<dist_net_message_t> received_;  // taken from the node, not all given to the role yet
  std::size_t received_from_ = 0;             // the first of them it has not had
  std::vector<dist_net_outcome_report_t> outcomes_;
};

}  // namespace ringroad::gen
