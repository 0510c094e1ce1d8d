// cluster status, cluster members: all nodes, who sees whom, and what is wrong.
#include <set>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"
#include "tools/ringroad/view.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

std::string members_table(const json& answer, const Look& look) {
  Table table{{{"NODE", true}, {"NAME", false, 8}, {"ZONE", false, 4}, {"ADDRESS"}, {""}}};
  for (const json& member : list_of(answer, "members")) {
    table.row({std::to_string(count_of(member, "node_id")), text_of(member, "name"),
               or_dash(text_of(member, "zone")), endpoint_text(member),
               flag_of(member, "is_self") ? "this node" : ""});
  }
  return cat("cluster ", text_of(answer, "cluster"), "   ",
             counted(list_of(answer, "members").size(), "node"), " configured\n", table.text(look));
}

absl::StatusOr<ExitCode> status(Session& session, const Given&) {
  return show(session,
              {.fetch = asking("cluster.status"), .draw = cluster_text, .judge = judge_problems});
}

absl::StatusOr<ExitCode> members(Session& session, const Given&) {
  return show(session, {.fetch = asking("cluster.members"), .draw = members_table});
}

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {.path = "cluster status",
       .summary = "Shows all nodes, who sees whom, rates and latency, and what is wrong.",
       .details = "Lines that open with ! name what is wrong, the commands that show more, and the "
                  "one that mends it, to be run where that node is. Ends with 5 as long as there "
                  "is such a line or a node that is not up, and with 0 when all is well.",
       .examples = {{"ringroad cluster status", "all nodes at a glance"},
                    {"ringroad cluster status --watch -j | jq -c .problems",
                     "what is wrong, every second"}},
       .run = status,
       .is_view = true},
      {.path = "cluster members",
       .summary = "Lists the nodes that are configured, whether they are up or not.",
       .examples = {{"ringroad cluster members -o wide", "with whole names"}},
       .run = members,
       .is_view = true},
  };
}

}  // namespace ringroad::cli
