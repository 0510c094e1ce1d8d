// raft status, and what changes the members of consensus: cluster add, promote, remove,
// transfer-leader. All of it is asked of the node's consensus itself, as a program of the node, so
// that it works while the control process is away.
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/registry_handle.h"
#include "tools/ringroad/view.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::size_t kNodes = 64;

json nodes_of(std::uint64_t bits) {
  json nodes = json::array();
  for (std::size_t i = 0; i < kNodes; ++i) {
    if ((bits >> i & 1) != 0) nodes.push_back(i + 1);
  }
  return nodes;
}

const char* role_text(dist_consensus_role_t role) {
  switch (role) {
    case DIST_CONSENSUS_LEADER:
      return "leader";
    case DIST_CONSENSUS_CANDIDATE:
      return "candidate";
    case DIST_CONSENSUS_PRE_CANDIDATE:
      return "pre-candidate";
    case DIST_CONSENSUS_FOLLOWER:
      return "follower";
  }
  return "follower";
}

absl::StatusOr<json> fetch_status(Session& session) {
  const auto registry = open_registry(session);
  if (!registry.ok()) return registry.status();
  dist_consensus_status_t s{};
  const auto error = dist_consensus_status(registry->get(),
                                           static_cast<std::uint32_t>(session.timeout() * 1e3), &s);
  if (error != DIST_REGISTRY_OK) return status_of(error);
  json members = json::array();
  const bool leads = s.role == DIST_CONSENSUS_LEADER;
  for (std::size_t i = 0; i < kNodes; ++i) {
    const bool votes = (s.voters >> i & 1) != 0;
    if (!votes && (s.learners >> i & 1) == 0) continue;
    members.push_back(
        {{"node_id", i + 1},
         {"votes", votes},
         {"match_index", leads ? json(s.match[i]) : json(nullptr)},
         {"active", leads ? json(i + 1 == s.node || s.is_active[i]) : json(nullptr)}});
  }
  return json{{"schema_version", 1},
              {"node_id", s.node},
              {"role", role_text(s.role)},
              {"leader_id", s.leader == 0 ? json(nullptr) : json(s.leader)},
              {"term", s.term},
              {"commit_index", s.commit},
              {"applied_index", s.applied},
              {"first_index", s.first},
              {"last_index", s.last},
              {"durable_index", s.durable},
              {"snapshot_index", s.snapshot},
              {"voters", nodes_of(s.voters)},
              {"learners", nodes_of(s.learners)},
              {"joint", s.is_joint},
              {"members", members},
              {"wants_room", s.wants_room},
              {"zone_rule_degraded", s.zone_rule_degraded},
              {"stopped", s.stopped[0] == '\0' ? json(nullptr) : json(printable(s.stopped))},
              {"elections_won_total", s.elections_won},
              {"entries_applied_total", s.entries_applied},
              {"reads_total", s.reads},
              {"snapshots_made_total", s.snapshots_made},
              {"snapshots_installed_total", s.snapshots_installed},
              {"requests_waiting", s.requests_waiting},
              {"requests",
               {{"answered", s.answered},
                {"no_leader", s.no_leader},
                {"no_quorum", s.no_quorum},
                {"log_full", s.log_full},
                {"timed_out", s.timed_out}}},
              {"registry_revision", s.revision},
              {"log_position", s.log_position},
              {"keys", s.keys},
              {"leases", s.leases},
              {"sessions", s.sessions}};
}

std::string ids_text(const json& ids) {
  std::string text;
  for (const json& id : ids) text += cat(text.empty() ? "" : ", ", id.dump());
  return or_dash(text);
}

std::string draw_status(const json& answer, const Look& look) {
  const auto fact = [&](std::string_view label, std::string_view text) {
    return fact_line(look, label, text);
  };
  const auto number = [&](const char* key) { return gen::with_commas(count_of(answer, key)); };
  const std::string role = text_of(answer, "role");
  const bool has_leader = child_of(answer, "leader_id").is_number();
  const std::string stopped = text_of(answer, "stopped");
  std::string text =
      cat("node ", count_of(answer, "node_id"), "  ",
          toned(look, !stopped.empty() || !has_leader ? Tone::kBad : Tone::kGood,
                stopped.empty() ? role : std::string("stopped")),
          has_leader ? cat(", node ", count_of(answer, "leader_id"), " leads") : ", no leader",
          ", term ", number("term"), "\n");
  if (!stopped.empty()) text += fact("stopped", stopped);
  if (flag_of(answer, "wants_room")) {
    text += fact("disk", "no room for another segment of the log: it waits until there is");
  }
  text += fact("members", cat("voters ", ids_text(child_of(answer, "voters")), "; learners ",
                              ids_text(child_of(answer, "learners")),
                              flag_of(answer, "joint") ? "; a change is under way" : ""));
  text += fact("log", cat("entries ", number("first_index"), " to ", number("last_index"),
                          ", durable to ", number("durable_index"), ", committed to ",
                          number("commit_index"), ", applied to ", number("applied_index")));
  text += fact("snapshot", count_of(answer, "snapshot_index") == 0
                               ? std::string("none yet")
                               : cat("at ", number("snapshot_index")));
  text += fact("registry", cat("revision ", number("registry_revision"), ", ", number("keys"),
                               " keys, ", number("leases"), " leases, ", number("sessions"),
                               " sessions; the log is at ", number("log_position")));
  text += fact("requests", cat(counts_text(child_of(answer, "requests")), "; ",
                               number("requests_waiting"), " waiting"));
  if (role != "leader") return text;
  Table table{{{"MEMBER", true}, {"VOTES"}, {"HAS LOG TO", true}, {"BEHIND", true}, {"HEARD"}}};
  for (const json& member : list_of(answer, "members")) {
    const std::uint64_t match = count_of(member, "match_index");
    const std::uint64_t last = count_of(answer, "last_index");
    const bool is_active = flag_of(member, "active");
    table.row({std::to_string(count_of(member, "node_id")), flag_of(member, "votes") ? "yes" : "no",
               gen::with_commas(match), gen::with_commas(last > match ? last - match : 0),
               Cell{is_active ? "yes" : "no", is_active ? Tone::kPlain : Tone::kBad}});
  }
  return text + table.text(look);
}

ExitCode judge(const json& answer) {
  const bool is_well = child_of(answer, "leader_id").is_number() &&
                       child_of(answer, "stopped").is_null() && !flag_of(answer, "wants_room");
  return is_well ? ExitCode::kOk : ExitCode::kUnhealthy;
}

absl::StatusOr<ExitCode> status(Session& session, const Given&) {
  return show(session, {.fetch = fetch_status, .draw = draw_status, .judge = judge});
}

Run changing(dist_consensus_change_t change, const char* done) {
  return [change, done](Session& session, const Given& given) -> absl::StatusOr<ExitCode> {
    const auto node = node_id_of("NODE", given.text("NODE"));
    if (!node.ok()) return node.status();
    const auto registry = open_registry(session);
    if (!registry.ok()) return registry.status();
    const auto error = dist_consensus_change(registry->get(), change, *node,
                                             static_cast<std::uint32_t>(session.timeout() * 1e3));
    if (error != DIST_REGISTRY_OK) return status_of(error);
    if (session.is_json()) {
      session.print_json({{"schema_version", 1}, {"node_id", *node}, {"change", done}});
    } else {
      session.out.write(cat("node ", *node, ": ", done, "; next: ringroad raft status\n"));
    }
    return ExitCode::kOk;
  };
}

}  // namespace

std::vector<Command> raft_commands() {
  const Argument node{.name = "NODE", .help = "the node's id", .source = Source::kNode};
  return {
      {.path = "raft status",
       .summary = "Shows this node's part in consensus: leader, members, log, registry.",
       .details = "Ends with 5 when there is no leader, consensus on this node has stopped, or its "
                  "disk has no room. HEARD and BEHIND are known to the leader only.",
       .examples = {{"ringroad raft status", "of the node on this machine"},
                    {"ringroad raft status --node 2 --watch", "of node 2, each second"}},
       .run = status,
       .is_view = true},
      {.path = "cluster add",
       .summary = "Lets a node follow the cluster's log, without a vote.",
       .details = "Its folder is made by ringroad-log format. Once it has caught up: cluster "
                  "promote.",
       .arguments = {node},
       .examples = {{"ringroad cluster add 4", "node 4 begins to catch up"}},
       .run = changing(DIST_CONSENSUS_ADD_LEARNER, "is being added")},
      {.path = "cluster promote",
       .summary = "Gives a node that follows a vote.",
       .arguments = {node},
       .examples = {{"ringroad cluster promote 4", "node 4 votes from then on"}},
       .run = changing(DIST_CONSENSUS_ADD, "is being made a voter")},
      {.path = "cluster remove",
       .summary = "Takes a node out of consensus; a leader hands over first.",
       .arguments = {node},
       .examples = {{"ringroad cluster remove 4", "the others go on without it"}},
       .run = changing(DIST_CONSENSUS_REMOVE, "is being removed")},
      {.path = "cluster transfer-leader",
       .summary = "Makes another node the leader.",
       .arguments = {node},
       .examples = {{"ringroad cluster transfer-leader 2", "before the present one is taken down"}},
       .run = changing(DIST_CONSENSUS_TRANSFER, "is asked to lead")},
  };
}

}  // namespace ringroad::cli
