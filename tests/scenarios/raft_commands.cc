// The commands of the published interaction tests (raft_commands.h), in one table: name and
// handler. A handler reads its arguments, does one thing to the Environment and returns a status,
// whose message is what the scenario sees of an error. Several commands in the input of one run one
// after the other.
#include "raft_commands.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "arguments.h"
#include "datadriven.h"
#include "fault_commands.h"
#include "node_options.h"

namespace ringroad::scenarios {
namespace {

using Handler = absl::Status (*)(Environment&, const Command&);

Node& first_node(Environment& env, const Command& c) { return env.node(node_id(word(c, 0))); }

// What any scenario needs, and far from where sums overflow.
constexpr std::uint64_t kTicksMax = 1'000'000'000'000;

absl::Status add_nodes(Environment& env, const Command& c) {
  return env.add_nodes(number(word(c, 0), kNodesMax), node_template(c));
}

// Runs `work` for each node named, under a headline of its own if there are several.
absl::Status for_each_node(Environment& env, const Command& c, absl::string_view doing,
                           absl::Status (Environment::*work)(Node&)) {
  const std::vector<NodeId> ids = nodes_of(c);
  for (const NodeId id : ids) {
    Node& node = env.node(id);
    absl::Status status;
    if (ids.size() > 1) {
      env.output().line(absl::StrCat("> ", id.value, " ", doing));
      status = env.output().indented([&] { return (env.*work)(node); });
    } else {
      status = (env.*work)(node);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status deliver_messages(Environment& env, const Command& c) {
  allow_only(c, std::array<absl::string_view, 2>{"drop", "type"});
  std::optional<raft::MessageType> type;
  std::vector<std::pair<NodeId, bool>> recipients;  // whether dropped
  for (const Argument& argument : c.arguments) {
    if (argument.values.empty()) recipients.emplace_back(node_id(argument.key), false);
    for (const std::string& given : argument.values) {
      if (argument.key == "drop") {
        recipients.emplace_back(node_id(given), true);
      } else {
        type = message_type(given);
        if (!type) throw BadCommand(absl::StrCat("no message is named \"", given, "\""));
      }
    }
  }
  std::size_t count = 0;
  for (const auto& [id, drop] : recipients) count += env.deliver(id, type, drop);
  if (count == 0) env.output().line("no messages");
  return absl::OkStatus();
}

bool is_none(absl::string_view level) {
  constexpr std::array<absl::string_view, 6> kLevels = {"debug", "info",  "warn",
                                                        "error", "fatal", "none"};
  const auto* found = std::ranges::find_if(
      kLevels, [level](absl::string_view known) { return absl::EqualsIgnoreCase(known, level); });
  if (found == kLevels.end()) throw BadCommand(absl::StrCat("\"", level, "\" is no log level"));
  return found == kLevels.end() - 1;
}

absl::Status stabilize(Environment& env, const Command& c) {
  allow_only(c, std::array<absl::string_view, 1>{"log-level"});
  const bool was_quiet = env.output().quiet();
  for (const Argument& argument : c.arguments) {
    if (!argument.values.empty()) env.output().set_quiet(is_none(argument.values.front()));
  }
  const absl::Status status = env.stabilize(nodes_of(c));
  env.output().set_quiet(was_quiet);
  return status;
}

absl::Status propose(Environment& env, const Command& c) {
  const HeldEntry entry{{}, {}, raft::EntryType::kNormal, word(c, 1)};
  const raft::Entry proposal = entry.view();
  return status_of(first_node(env, c).raft->propose(std::span{&proposal, 1}));
}

absl::Status propose_conf_change(Environment& env, const Command& c) {
  allow_only(c, std::array<absl::string_view, 2>{"v1", "transition"});
  bool is_v1 = false;
  auto transition = raft::ConfChangeTransition::kAuto;
  for (const Argument& argument : c.arguments) {
    for (const std::string& given : argument.values) {
      if (argument.key == "v1") {
        is_v1 = truth(given);
      } else if (given == "implicit") {
        transition = raft::ConfChangeTransition::kJointImplicit;
      } else if (given == "explicit") {
        transition = raft::ConfChangeTransition::kJointExplicit;
      } else if (given != "auto") {
        return absl::InvalidArgumentError(absl::StrCat("unknown transition ", given));
      }
    }
  }
  const raft::ConfChange change = conf_change(c.input, transition);
  if (is_v1 && (change.changes().size() != 1 || transition != raft::ConfChangeTransition::kAuto)) {
    return absl::InvalidArgumentError(
        "v1 conf change can only have one operation and no transition");
  }
  return status_of(first_node(env, c).raft->propose_conf_change(
      change, is_v1 ? raft::EntryType::kConfChange : raft::EntryType::kConfChangeV2));
}

absl::Status transfer_leadership(Environment& env, const Command& c) {
  Node& from = env.node(node_id(value(c, "from")));
  const std::string& to = value(c, "to");
  from.raft->transfer_leader(to == "best" ? kNoNode : env.node_or_its_remains(node_id(to)).id());
  return absl::OkStatus();
}

absl::Status report_unreachable(Environment& env, const Command& c) {
  first_node(env, c).raft->report_unreachable(env.node_or_its_remains(node_id(word(c, 1))).id());
  return absl::OkStatus();
}

absl::Status report_snapshot(Environment& env, const Command& c) {
  const NodeId to = env.node_or_its_remains(node_id(word(c, 1))).id();
  first_node(env, c).raft->report_snapshot(to, truth(value(c, "sent")));
  return absl::OkStatus();
}

absl::Status set_timeout(Environment& env, const Command& c) {
  const std::uint64_t ticks = number(value(c, "timeout"), kTicksMax);
  first_node(env, c).raft->set_election_timeout(kTick * static_cast<std::int64_t>(ticks));
  return absl::OkStatus();
}

absl::Status tick_for(Environment& env, const Command& c, Nanos duration) {
  env.tick(first_node(env, c), static_cast<std::uint64_t>(duration.count / kTick.count));
  return absl::OkStatus();
}

struct Known {
  absl::string_view name;
  Handler run;
};

// Sorted by name.
constexpr std::array kCommands = {
    Known{"_breakpoint", [](Environment&, const Command&) { return absl::OkStatus(); }},
    Known{"add-nodes", add_nodes},
    Known{"campaign",
          [](Environment& env, const Command& c) {
            first_node(env, c).raft->campaign();
            return absl::OkStatus();
          }},
    Known{"compact",
          [](Environment& env, const Command& c) {
            return env.compact(first_node(env, c), raft::Index{number(word(c, 1))});
          }},
    Known{"deliver-msgs", deliver_messages},
    Known{"forget-leader",
          [](Environment& env, const Command& c) {
            first_node(env, c).raft->forget_leader();
            return absl::OkStatus();
          }},
    Known{"log-level",
          [](Environment& env, const Command& c) {
            env.output().set_quiet(is_none(word(c, 0)));
            return absl::OkStatus();
          }},
    Known{"machine",
          [](Environment& env, const Command& c) {
            env.print_machine(env.node_or_its_remains(node_id(word(c, 0))));
            return absl::OkStatus();
          }},
    Known{"process-append-thread",
          [](Environment& env, const Command& c) {
            return for_each_node(env, c, "processing append thread",
                                 &Environment::process_append_thread);
          }},
    Known{"process-apply-thread",
          [](Environment& env, const Command& c) {
            return for_each_node(env, c, "processing apply thread",
                                 &Environment::process_apply_thread);
          }},
    Known{"process-ready",
          [](Environment& env, const Command& c) {
            return for_each_node(env, c, "handling Ready", &Environment::process_ready);
          }},
    Known{"propose", propose},
    Known{"propose-conf-change", propose_conf_change},
    Known{"raft-log",
          [](Environment& env, const Command& c) {
            env.print_log(env.node_or_its_remains(node_id(word(c, 0))));
            return absl::OkStatus();
          }},
    Known{"raft-state",
          [](Environment& env, const Command&) {
            env.print_states();
            return absl::OkStatus();
          }},
    Known{"read-index",
          [](Environment& env, const Command& c) {
            return status_of(first_node(env, c).raft->read_index(number(word(c, 1))));
          }},
    Known{"report-snapshot", report_snapshot},
    Known{"report-unreachable", report_unreachable},
    Known{"restart",
          [](Environment& env, const Command& c) {
            return env.restart(env.node_or_its_remains(node_id(word(c, 0))));
          }},
    Known{"send-snapshot",
          [](Environment& env, const Command& c) {
            return env.send_snapshot(first_node(env, c), node_id(word(c, 1)));
          }},
    Known{"set-randomized-election-timeout", set_timeout},
    Known{"stabilize", stabilize},
    Known{"status",
          [](Environment& env, const Command& c) {
            env.print_status(first_node(env, c));
            return absl::OkStatus();
          }},
    Known{"tick",
          [](Environment& env, const Command& c) {
            env.tick(first_node(env, c), number(word(c, 1), kTicksMax));
            return absl::OkStatus();
          }},
    Known{"tick-election",
          [](Environment& env, const Command& c) {
            return tick_for(env, c, first_node(env, c).config.election_timeout);
          }},
    Known{"tick-heartbeat",
          [](Environment& env, const Command& c) {
            return tick_for(env, c, first_node(env, c).config.heartbeat_interval);
          }},
    Known{"transfer-leadership", transfer_leadership},
    Known{"zone-loss",
          [](Environment& env, const Command& c) {
            first_node(env, c).raft->set_zone_loss(zone_loss(word(c, 1)));
            return absl::OkStatus();
          }},
};

constexpr auto kNames = [] {
  std::array<absl::string_view, kCommands.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kCommands[i].name;
  return names;
}();

// Returns what went wrong; errors are printed even when the log level is none.
absl::Status run_one(Environment& env, const Command& c) {
  const auto* known = std::ranges::find(kCommands, absl::string_view(c.name), &Known::name);
  if (known == kCommands.end() && is_fault_command(c.name)) return run_fault_command(env, c);
  if (known == kCommands.end()) {
    throw BadCommand(
        absl::StrCat("unknown command \"", c.name, "\"; known are ", absl::StrJoin(kNames, ", ")));
  }
  return known->run(env, c);
}

}  // namespace

std::string run_raft_command(Environment& env, const Command& command) {
  Output& output = env.output();
  output.take();
  absl::Status status = run_one(env, command);
  if (status.ok() && command.name != "propose-conf-change" && !command.input.empty()) {
    for (const absl::string_view line : absl::StrSplit(command.input, '\n')) {
      if (!status.ok()) output.line(status.message());
      auto further = parse_directive(line);
      if (!further.ok()) throw BadCommand(std::string(further.status().message()));
      if (!further->name.empty()) status = run_one(env, *further);
    }
  }
  if (!status.ok()) {
    if (output.quiet()) return std::string(status.message());
    output.write(status.message());
  }
  std::string text = output.take();
  return text.empty() ? "ok" : text;
}

}  // namespace ringroad::scenarios
