// Commands that break things (fault_commands.h lists them), each a few lines over Environment and
// Network. They are ours: no published file has them. Each prints what it did to which messages, so
// that a scenario which meant a message that is not there fails where it says so.
#include "fault_commands.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arguments.h"

namespace ringroad::scenarios {
namespace {

// Far from where sums overflow.
constexpr std::uint64_t kJumpTicksMax = 1'000'000'000'000;

Node& first_node(Environment& env, const Command& c) { return env.node(node_id(word(c, 0))); }
Node& first_remains(Environment& env, const Command& c) {
  return env.node_or_its_remains(node_id(word(c, 0)));
}

Selection selection_of(const Command& c) {
  allow_only(c, std::array<absl::string_view, 4>{"to", "from", "type", "nth"});
  Selection meant;
  for (const Argument& argument : c.arguments) {
    if (argument.values.size() != 1) throw BadCommand("to=, from=, type= and nth= take one value");
    const std::string& given = argument.values.front();
    if (argument.key == "to") meant.to = node_id(given);
    if (argument.key == "from") meant.from = node_id(given);
    if (argument.key == "nth") meant.nth = number(given);
    if (argument.key != "type") continue;
    meant.type = message_type(given);
    if (!meant.type) throw BadCommand(absl::StrCat("no message is named \"", given, "\""));
  }
  return meant;
}

void print(Environment& env, const std::vector<HeldMessage>& messages, absl::string_view prefix) {
  for (const HeldMessage& m : messages) env.output().line(absl::StrCat(prefix, describe(m)));
  if (messages.empty()) env.output().line("no messages");
}

absl::Status lose(Environment& env, const Command& c) {
  print(env, env.network().take(selection_of(c), false), "dropped: ");
  return absl::OkStatus();
}

absl::Status duplicate(Environment& env, const Command& c) {
  const std::vector<HeldMessage> taken = env.network().take(selection_of(c), false);
  print(env, taken, "twice: ");
  env.network().duplicate(taken);
  return absl::OkStatus();
}

absl::Status hold(Environment& env, const Command& c) {
  std::vector<HeldMessage> taken = env.network().take(selection_of(c), false);
  print(env, taken, "held: ");
  env.network().hold_back(std::move(taken));
  return absl::OkStatus();
}

absl::Status release(Environment& env, const Command& c) {
  print(env, env.network().release(selection_of(c).to), "released: ");
  return absl::OkStatus();
}

absl::Status cut(Environment& env, const Command& c) {
  allow_only(c, std::array<absl::string_view, 2>{"from", "to"});
  std::vector<NodeId> from, to;
  for (const Argument& argument : c.arguments) {
    for (const std::string& v : argument.values) {
      (argument.key == "from" ? from : to).push_back(node_id(v));
    }
  }
  if (from.empty() || to.empty()) throw BadCommand("cut takes from= and to=");
  for (const NodeId a : from) {
    for (const NodeId b : to) env.network().cut(a, b);
  }
  return absl::OkStatus();
}

absl::Status isolate(Environment& env, const Command& c) {
  for (const NodeId id : nodes_of(c)) {
    for (std::uint16_t other = 1; other <= kNodesMax; ++other) {
      if (NodeId{other} == id) continue;
      env.network().cut(id, NodeId{other});
      env.network().cut(NodeId{other}, id);
    }
  }
  return absl::OkStatus();
}

absl::Status crash(Environment& env, const Command& c) {
  allow_only(c, std::array<absl::string_view, 2>{"torn", "rename"});
  CrashPoint at;
  for (const Argument& argument : c.arguments) {
    if (argument.key == "torn") at.entries = number(value(c, "torn"));
    if (argument.key != "rename") continue;
    const std::string& side = value(c, "rename");
    if (side != "before" && side != "after") throw BadCommand("rename is before or after");
    at.rename = side == "before" ? CrashPoint::Rename::kBefore : CrashPoint::Rename::kAfter;
  }
  return env.crash(first_node(env, c), at);
}

absl::Status wipe(Environment& env, const Command& c) {
  Node& node = first_remains(env, c);
  node.storage = Storage{};
  node.machine = Machine{};
  node.history = {SavedMachine{}};
  return env.restart(node);
}

absl::Status disk(Environment& env, const Command& c) {
  const std::string& state = word(c, 1);
  if (state != "full" && state != "ok") throw BadCommand("a disk is full or ok");
  first_remains(env, c).disk_is_full = state == "full";
  return absl::OkStatus();
}

absl::Status damage(Environment& env, const Command& c) {
  first_remains(env, c).storage.damage(raft::Index{number(word(c, 1))});
  return absl::OkStatus();
}

absl::Status jump(Environment& env, const Command& c) {
  Node& node = first_node(env, c);
  node.now = node.now + kTick * static_cast<std::int64_t>(number(word(c, 1), kJumpTicksMax));
  node.raft->tick(node.now);
  return absl::OkStatus();
}

absl::Status core_state(Environment& env, const Command& c) {
  const Node& node = first_node(env, c);
  const raft::Status s = node.raft->status();
  std::string text = absl::StrCat(describe(s.hard_state), " ", describe(s.soft_state),
                                  " Applied:", s.applied.value, " Log:", s.first.value, "-",
                                  s.last.value, " Stable:", s.stable.value);
  if (s.transfer_to != kNoNode) absl::StrAppend(&text, " TransferTo:", s.transfer_to.value);
  if (s.zone_rule_degraded) absl::StrAppend(&text, " ZoneRule:degraded");
  const Nanos lease = s.lease_until - node.now;
  if (s.lease_until > node.now) absl::StrAppend(&text, " Lease:", lease.count / 1000, "us");
  env.output().line(text);
  return absl::OkStatus();
}

struct Known {
  absl::string_view name;
  absl::Status (*run)(Environment&, const Command&);
};

constexpr std::array kCommands = {
    Known{"core-state", core_state},
    Known{"crash", crash},
    Known{"cut", cut},
    Known{"damage", damage},
    Known{"disk", disk},
    Known{"duplicate", duplicate},
    Known{"heal",
          [](Environment& env, const Command&) {
            env.network().heal();
            return absl::OkStatus();
          }},
    Known{"hold", hold},
    Known{"isolate", isolate},
    Known{"jump", jump},
    Known{"lose", lose},
    Known{"make-snapshot",
          [](Environment& env, const Command& c) {
            Environment::offer_snapshot(first_node(env, c));
            return absl::OkStatus();
          }},
    Known{"release", release},
    Known{"wipe", wipe},
};

}  // namespace

bool is_fault_command(absl::string_view name) {
  return std::ranges::find(kCommands, name, &Known::name) != kCommands.end();
}

absl::Status run_fault_command(Environment& env, const Command& c) {
  const auto* known = std::ranges::find(kCommands, absl::string_view(c.name), &Known::name);
  if (known == kCommands.end()) throw BadCommand(absl::StrCat("unknown command ", c.name));
  return known->run(env, c);
}

}  // namespace ringroad::scenarios
