// config check, show, diff, apply, rollback: the node's configuration, in its file and in force.
// A file is checked here first, by the reader the node itself uses, so that faults name the file;
// what it would change, and changing it, is the control process's affair.
#include <cerrno>
#include <cstring>
#include <fstream>

#include "dataplane/config.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/view.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::size_t kFileBytesMax = 1024 * 1024;  // as much as a request may have

absl::StatusOr<std::string> read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) {
    const int error = errno;
    const std::string text = cat(printable(path), ": ", std::strerror(error));
    if (error == ENOENT) return absl::NotFoundError(text);
    return error == EACCES ? absl::PermissionDeniedError(text) : absl::InternalError(text);
  }
  std::string bytes(kFileBytesMax + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return absl::InternalError(cat(printable(path), ": cannot be read"));
  if (bytes.size() > kFileBytesMax) {
    return absl::FailedPreconditionError(
        cat(printable(path), ": larger than 1 MiB, which no configuration is"));
  }
  return bytes;
}

// Faults are told here, where the file is; what the node then makes of it is its own affair.
absl::StatusOr<json> read_document(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  if (const auto config = parse_config(*bytes, path); !config.ok()) {
    return absl::FailedPreconditionError(config.status().message());
  }
  return json::parse(*bytes);
}

json faults_of(const absl::Status& status) {
  json faults = json::array();
  std::string_view text = fabric::message_of(status);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    faults.push_back(std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return faults;
}

absl::StatusOr<ExitCode> check_file(Session& session, const Given& given) {
  const std::string& path = given.text("FILE");
  const auto bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  const auto config = parse_config(*bytes, path);
  if (session.is_json()) {
    session.print_json({{"schema_version", 1},
                        {"ok", config.ok()},
                        {"faults", config.ok() ? json::array() : faults_of(config.status())}});
  } else if (config.ok()) {
    session.out.write(cat(printable(path), ": right, of node ", config->local_node.node_id.value,
                          " with ", counted(config->cluster_nodes.size(), "peer"), "\n"));
  } else {
    for (const json& fault : faults_of(config.status())) {
      session.out.write(printable(fault.get<std::string>()) + "\n");
    }
  }
  return config.ok() ? ExitCode::kOk : ExitCode::kFailed;
}

absl::StatusOr<ExitCode> show_config(Session& session, const Given&) {
  const auto draw = [](const json& answer, const Look&) {
    return child_of(answer, "document").dump(2, ' ', true) + "\n";
  };
  return show(session, {.fetch = asking("config.get"), .draw = draw});
}

std::string value_text(const json& change, const char* key) {
  const json& value = child_of(change, key);
  return value.is_null() ? "-" : value.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string changes_table(const json& answer, const Look& look) {
  Table table{{{"FIELD", false, 16}, {"FROM", false, 8}, {"TO", false, 8}, {"EFFECT", false, 16}}};
  for (const json& change : list_of(answer, "changes")) {
    const bool is_now = text_of(change, "effect") == "now";
    table.row({text_of(change, "pointer"), value_text(change, "from"), value_text(change, "to"),
               is_now ? Cell{"now", Tone::kGood}
                      : Cell{cat("restart ", text_of(change, "restart")), Tone::kWarning}});
  }
  return table.is_empty() ? "nothing would change\n" : table.text(look);
}

absl::StatusOr<ExitCode> show_difference(Session& session, const Given& given) {
  const auto document = read_document(given.text("FILE"));
  if (!document.ok()) return document.status();
  const auto answer = session.ask("config.diff", {{"document", *document}});
  if (!answer.ok()) return answer.status();
  if (session.is_json()) {
    session.print_json(*answer);
  } else {
    session.out.write(changes_table(*answer, session.look()));
  }
  return ExitCode::kOk;
}

std::string applied_text(const json& answer, const Look& look) {
  std::size_t waiting = 0;
  for (const json& change : list_of(answer, "changes")) {
    if (text_of(change, "effect") == "restart") ++waiting;
  }
  const std::size_t now = list_of(answer, "changes").size() - waiting;
  if (now + waiting == 0) return "nothing to change\n";
  const bool is_dry = flag_of(answer, "dry_run");
  return cat(changes_table(answer, look),
             is_dry ? "would do, not done: "
                    : cat("version ", count_of(answer, "version"), " is in force: "),
             counted(now, "change"), is_dry ? " at once, " : " took effect, ",
             std::to_string(waiting), waiting == 1 ? " waits" : " wait", " for a restart\n");
}

absl::StatusOr<ExitCode> tell(Session& session, const char* method, const json& params) {
  const auto answer = session.ask(method, params);
  if (!answer.ok()) return answer.status();
  if (session.is_json()) {
    session.print_json(*answer);
  } else {
    session.out.write(applied_text(*answer, session.look()));
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> apply(Session& session, const Given& given) {
  const auto document = read_document(given.text("FILE"));
  if (!document.ok()) return document.status();
  json params = {{"document", *document}};
  if (given.has("--dry-run")) params["dry_run"] = true;
  if (given.has("--expect-version")) {
    const auto version = given.whole("--expect-version", 0, 1'000'000'000, 0);
    if (!version.ok()) return version.status();
    params["expected_version"] = *version;
  }
  return tell(session, "config.apply", params);
}

absl::StatusOr<ExitCode> roll_back(Session& session, const Given& given) {
  json params = json::object();
  if (given.has("--dry-run")) params["dry_run"] = true;
  return tell(session, "config.rollback", params);
}

}  // namespace

std::vector<Command> config_commands() {
  const Argument file{
      .name = "FILE", .help = "a whole configuration (JSON)", .source = Source::kFile};
  const Option dry_run{
      .names = "--dry-run", .value = "", .help = "say what would change, change nothing"};
  return {
      {.path = "config check",
       .summary = "Says whether a file is a right configuration, and what is wrong with it.",
       .details = "Needs no running node. Ends with 1 when something is wrong.",
       .arguments = {file},
       .examples = {{"ringroad config check node1.json", "each fault with its mend"}},
       .run = check_file},
      {.path = "config show",
       .summary = "Shows the configuration in force, defaults filled in.",
       .examples = {{"ringroad config show", "as a file could hold it"},
                    {"ringroad config show -j | jq .version", "which version that is"}},
       .run = show_config,
       .is_view = true},
      {.path = "config diff",
       .summary = "Shows what applying a file would change, and what needs a restart for it.",
       .arguments = {file},
       .examples = {{"ringroad config diff node1.json", "against what is in force"}},
       .run = show_difference},
      {.path = "config apply",
       .summary = "Applies a file: all that can change while the node runs, or nothing.",
       .details = "What needs a restart is named. The node's file is replaced and the one before "
                  "kept for config rollback.",
       .arguments = {file},
       .options = {dry_run,
                   {.names = "--expect-version",
                    .value = "N",
                    .help = "refuse when another version is in force"}},
       .examples = {{"ringroad config apply node1.json --dry-run", "what it would do"},
                    {"ringroad config apply node1.json --expect-version 3",
                     "unless somebody else was faster"}},
       .run = apply},
      {.path = "config rollback",
       .summary = "Applies the configuration before the last one again.",
       .options = {dry_run},
       .examples = {{"ringroad config rollback", "undoes the last config apply"}},
       .run = roll_back},
  };
}

}  // namespace ringroad::cli
