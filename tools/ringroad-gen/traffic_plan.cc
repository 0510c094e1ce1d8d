#include "tools/ringroad-gen/traffic_plan.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/base/prng.h"
#include "dataplane/clock.h"

namespace ringroad::gen {
namespace {

// Two runs must not take each other's messages for their own, nor a sink confuse them.
std::uint32_t run_id(std::uint64_t seed) {
  Prng prng{seed ^ static_cast<std::uint64_t>(monotonic_now().count) ^
            (static_cast<std::uint64_t>(getpid()) << 40)};
  return static_cast<std::uint32_t>(prng.next() | 1);
}

std::string list(const std::vector<NodeId>& nodes) {
  return absl::StrJoin(nodes, ", ",
                       [](std::string* out, NodeId n) { absl::StrAppend(out, n.value); });
}

absl::Status check(const Options& options, const Surroundings& node,
                   const std::vector<NodeId>& to) {
  for (const NodeId peer : to) {
    if (peer != node.self && std::ranges::find(node.peers, peer) == node.peers.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--to: \"", peer.value, "\" is not a peer of node ", node.self.value,
                       "; its /cluster_nodes names: ", list(node.peers)));
    }
  }
  if (options.mode != Mode::kSink && to.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--to: \"all\" is nobody: node ", node.self.value, " has no peers in /cluster_nodes"));
  }
  if (options.mode != Mode::kSink && options.sizes.largest() > node.message_bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--size: \"", options.sizes.largest(), "\" is above this node's ", node.message_bytes_max,
        " bytes; raise /limits/message_bytes_max at both ends, or send less"));
  }
  return absl::OkStatus();
}

// The limit as typed, or as measured for this medium and size; else, given a file, why not.
void add_limit(const Options& options, RunFacts& facts) {
  facts.limit_msgs_per_s = options.limit_msgs;
  facts.limit_source = options.limit_source;
  const Limits& limits = options.limits;
  if (options.limit_msgs > 0 || !limits.have_file()) return;
  const std::uint32_t bytes = facts.sizes.largest();
  if (facts.medium.empty()) {
    facts.limit_unknown = "the medium is not known; name the node's file with --node";
  } else if (!facts.medium.starts_with("memif")) {
    facts.limit_unknown = absl::StrCat(limits.path(), " is looked up for memif only");
  } else if (facts.sizes.parts().size() != 1) {
    facts.limit_unknown = "nothing is measured for a mix of sizes";
  } else if (const double limit = limits.memif_msgs_per_s(bytes); limit > 0) {
    facts.limit_msgs_per_s = limit;
    facts.limit_source = absl::StrCat("perf/run, ", Limits::row_name(bytes), " in ", limits.path());
  } else {
    facts.limit_unknown =
        absl::StrCat(limits.path(), " has no value for ", Limits::row_name(bytes));
  }
}

}  // namespace

absl::StatusOr<TrafficPlan> plan_traffic(const Options& options, const Surroundings& node) {
  const std::vector<NodeId> to = options.to_all ? node.peers : options.to;
  if (auto status = check(options, node, to); !status.ok()) return status;
  const std::uint32_t run = run_id(options.seed);
  const std::uint64_t seed = options.seed != 0 ? options.seed : run;
  const Machine machine = read_machine();

  TrafficPlan plan;
  plan.role = {.self = node.self,
               .type = MessageType{options.type},
               .message_bytes_max = node.message_bytes_max,
               .clock_id = machine.boot_id,
               .clock = &monotonic_now,
               .verify = options.verify};
  const bool to_self = std::ranges::find(to, node.self) != to.end();
  plan.role.sink = options.mode == Mode::kSink || to_self;
  if (options.mode == Mode::kRun) {
    SourceConfig source;
    source.to = to;
    source.broadcast = options.to_all;
    source.priorities = options.priorities;
    source.sizes = options.sizes;
    source.rate_per_s = options.rate_per_s;
    source.messages_max = options.count;
    source.warmup = options.warmup;
    source.duration = options.duration;
    source.seed = seed;
    source.run = run;
    source.verify = options.verify;
    source.arena_bytes = std::size_t{options.arena_kb} * 1024;
    source.outcome_latency = true;
    plan.role.source = std::move(source);
  } else if (options.mode == Mode::kPingpong) {
    plan.role.ping = PingConfig{.to = to.front(),
                                .priority = options.priorities.front(),
                                .bytes = options.sizes.largest(),
                                .messages_max = options.count,
                                .warmup = options.warmup,
                                .duration = options.duration,
                                .run = run};
  }
  plan.facts = {.mode = options.mode,
                .self = node.self,
                .to = to,
                .broadcast = options.to_all,
                .sizes = options.sizes,
                .rate_per_s = options.rate_per_s,
                .verify = options.verify,
                .is_inline = options.is_inline,
                .machine = machine,
                .medium = to_self && to.size() == 1 ? "within the node" : node.medium};
  add_limit(options, plan.facts);
  return plan;
}

}  // namespace ringroad::gen
