// version: of this program, and of the node when one answers.
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr double kLookSeconds = 1;

absl::StatusOr<ExitCode> version(Session& session, const Given&) {
  if (!session.settings.timeout_seconds) session.settings.timeout_seconds = kLookSeconds;
  const auto status = session.ask("node.status");
  // Only who named a node is owed its answer.
  if (!status.ok() && !session.settings.node.empty())
    session.tell(fabric::message_of(status.status()));
  json node;
  if (status.ok()) {
    node = {{"node_id", count_of(*status, "node_id")}, {"version", text_of(*status, "version")}};
  }
  if (session.is_json()) {
    session.print_json({{"schema_version", 1}, {"version", RINGROAD_VERSION}, {"node", node}});
  } else {
    session.out.write(cat("ringroad ", RINGROAD_VERSION, "\n"));
    if (status.ok()) {
      session.out.write(
          cat("node ", count_of(node, "node_id"), "   ", text_of(node, "version"), "\n"));
    }
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> version_commands() {
  return {
      {.path = "version",
       .summary = "Shows this program's version, and the node's when it answers.",
       .examples = {{"ringroad version", "both"}, {"ringroad version -j --node 3", "for scripts"}},
       .run = version}};
}

}  // namespace ringroad::cli
