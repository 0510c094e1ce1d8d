#include "raft_commands.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "arguments.h"
#include "datadriven.h"

namespace ringroad::scenarios {
namespace {

using Handler = absl::Status (*)(Environment&, const Command&);

Node& first_node(Environment& env, const Command& c) { return env.node(node_id(word(c, 0))); }

// The defaults of etcd's interaction tests: no limits, and none of what is optional.
raft::Config plain_config() {
  raft::Config config;
  config.timeout_step = kTick;
  config.election_timeout = kTick * 3;
  config.heartbeat_interval = kTick;
  config.pre_vote = false;
  config.check_quorum = false;
  config.step_down_on_removal = false;
  config.hand_over_on_removal = false;
  config.append_bytes_max = raft::kNoLimit;
  config.append_entries_max = ~std::uint32_t{0};
  config.inflight_messages_max = 1024;
  return config;
}

raft::ReadMode read_mode(absl::string_view text) {
  if (text == "safe") return raft::ReadMode::kSafe;
  if (text == "lease-based" || text == "lease") return raft::ReadMode::kLease;
  throw BadCommand(absl::StrCat("read-only is safe or lease-based, not \"", text, "\""));
}

raft::ZoneLossPolicy zone_loss(absl::string_view text) {
  if (text == "wait") return raft::ZoneLossPolicy::kWait;
  if (text == "degrade") return raft::ZoneLossPolicy::kDegrade;
  throw BadCommand(absl::StrCat("zone-loss is wait or degrade, not \"", text, "\""));
}

// The i-th value is node i + 1's.
template <typename Array>
void assign(Array& array, const std::vector<std::string>& values) {
  if (values.size() >= array.size()) throw BadCommand("there can be 64 nodes");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t n = number(values[i]);
    if (n > 255) throw BadCommand("zones and priorities go up to 255");
    array[i + 1] = typename Array::value_type{static_cast<std::uint8_t>(n)};
  }
}

struct Option {
  absl::string_view key;
  void (*set)(NodeTemplate&, const std::vector<std::string>& values);
};

// `values` has at least one, and the first is the only one where one is meant.
constexpr std::array kOptions = {
    Option{"voters",
           [](NodeTemplate& t, const auto& values) {
             for (const auto& v : values) t.machine.snapshot.conf.voters.insert(node_id(v));
           }},
    Option{"learners",
           [](NodeTemplate& t, const auto& values) {
             for (const auto& v : values) t.machine.snapshot.conf.learners.insert(node_id(v));
           }},
    Option{"index",
           [](NodeTemplate& t, const auto& values) {
             t.machine.snapshot.index = raft::Index{number(values[0])};
           }},
    Option{"content", [](NodeTemplate& t, const auto& values) { t.machine.content = values[0]; }},
    Option{"inflight",
           [](NodeTemplate& t, const auto& values) {
             t.config.inflight_messages_max = static_cast<std::uint32_t>(number(values[0]));
           }},
    Option{"max-inflight-bytes",
           [](NodeTemplate& t, const auto& values) {
             t.config.inflight_bytes_max = number(values[0]);
           }},
    Option{"max-committed-size-per-ready",
           [](NodeTemplate& t, const auto& values) {
             t.config.applying_bytes_max = number(values[0]);
           }},
    Option{"async-storage-writes",
           [](NodeTemplate& t, const auto& values) {
             t.config.async_storage_writes = truth(values[0]);
           }},
    Option{"prevote",
           [](NodeTemplate& t, const auto& values) { t.config.pre_vote = truth(values[0]); }},
    Option{"checkquorum",
           [](NodeTemplate& t, const auto& values) { t.config.check_quorum = truth(values[0]); }},
    Option{"read-only",
           [](NodeTemplate& t, const auto& values) { t.config.read_mode = read_mode(values[0]); }},
    Option{"disable-conf-change-validation",
           [](NodeTemplate& t, const auto& values) {
             t.config.validate_conf_changes = !truth(values[0]);
           }},
    Option{"step-down-on-removal",
           [](NodeTemplate& t, const auto& values) {
             t.config.step_down_on_removal = truth(values[0]);
           }},
    Option{"election-tick",
           [](NodeTemplate& t, const auto& values) {
             t.config.election_timeout = kTick * static_cast<std::int64_t>(number(values[0]));
           }},
    Option{"heartbeat-tick",
           [](NodeTemplate& t, const auto& values) {
             t.config.heartbeat_interval = kTick * static_cast<std::int64_t>(number(values[0]));
           }},
    Option{"hand-over-on-removal",
           [](NodeTemplate& t, const auto& values) {
             t.config.hand_over_on_removal = truth(values[0]);
           }},
    Option{
        "forward-proposals",
        [](NodeTemplate& t, const auto& values) { t.config.forward_proposals = truth(values[0]); }},
    Option{"append-entries",
           [](NodeTemplate& t, const auto& values) {
             t.config.append_entries_max = static_cast<std::uint32_t>(number(values[0]));
           }},
    Option{
        "append-bytes",
        [](NodeTemplate& t, const auto& values) { t.config.append_bytes_max = number(values[0]); }},
    Option{"uncommitted-bytes",
           [](NodeTemplate& t, const auto& values) {
             t.config.uncommitted_bytes_max = number(values[0]);
           }},
    Option{"snapshot-bytes",
           [](NodeTemplate& t, const auto& values) { t.snapshot_bytes = number(values[0]); }},
    Option{"snapshot-chunk-bytes",
           [](NodeTemplate& t, const auto& values) {
             t.config.snapshot_chunk_bytes_max = static_cast<std::uint32_t>(number(values[0]));
           }},
    Option{"zones", [](NodeTemplate& t, const auto& values) { assign(t.config.zones, values); }},
    Option{"zone-loss",
           [](NodeTemplate& t, const auto& values) { t.config.zone_loss = zone_loss(values[0]); }},
    Option{"priorities",
           [](NodeTemplate& t, const auto& values) { assign(t.config.priorities, values); }},
};

absl::Status add_nodes(Environment& env, const Command& c) {
  NodeTemplate as{.config = plain_config(), .machine = {}, .snapshot_bytes = 0};
  for (const Argument& argument : c.arguments) {
    if (argument.values.empty()) continue;
    const auto* option = std::ranges::find(kOptions, absl::string_view(argument.key), &Option::key);
    if (option == kOptions.end()) {
      throw BadCommand(absl::StrCat(
          "add-nodes knows no \"", argument.key, "=\", only ",
          absl::StrJoin(kOptions, ", ",
                        [](std::string* out, const Option& o) { absl::StrAppend(out, o.key); })));
    }
    option->set(as, argument.values);
  }
  return env.add_nodes(number(word(c, 0)), as);
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
  from.raft->transfer_leader(to == "best" ? kNoNode : env.node(node_id(to)).id());
  return absl::OkStatus();
}

absl::Status report_unreachable(Environment& env, const Command& c) {
  env.node(node_id(word(c, 0))).raft->report_unreachable(env.node(node_id(word(c, 1))).id());
  return absl::OkStatus();
}

absl::Status report_snapshot(Environment& env, const Command& c) {
  env.node(node_id(word(c, 0)))
      .raft->report_snapshot(env.node(node_id(word(c, 1))).id(), truth(value(c, "sent")));
  return absl::OkStatus();
}

absl::Status set_timeout(Environment& env, const Command& c) {
  const auto ticks = static_cast<std::int64_t>(number(value(c, "timeout")));
  first_node(env, c).raft->set_election_timeout(kTick * ticks);
  return absl::OkStatus();
}

absl::Status tick(Environment& env, const Command& c, Nanos duration) {
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
            env.print_machine(first_node(env, c));
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
            env.print_log(first_node(env, c));
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
            env.restart(first_node(env, c));
            return absl::OkStatus();
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
            return tick(env, c, kTick * static_cast<std::int64_t>(number(word(c, 1))));
          }},
    Known{"tick-election",
          [](Environment& env, const Command& c) {
            return tick(env, c, first_node(env, c).config.election_timeout);
          }},
    Known{"tick-heartbeat",
          [](Environment& env, const Command& c) {
            return tick(env, c, first_node(env, c).config.heartbeat_interval);
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
