// ringroad-log: makes the folder where a node keeps its log, and looks into it. All commands but
// `format` only read.
#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "consensus/log/posix_file_system.h"
#include "tools/ringroad-log/commands.h"

namespace {

using namespace ringroad::log_tool;

constexpr char kAbout[] = R"(Makes the folder where a node keeps its log, and looks into it.

The folder holds the node's identity, segments of the log and snapshots. Every record of
the log carries checksums and tells how much before it was durable: what cannot be read
behind that is a torn tail, left by a crash and never acknowledged; what cannot be read
before it is damage, which the node mends from its peers. Of a node that runs, the last
records may look torn.)";

constexpr char kEnd[] = R"(Examples:
  ringroad-log format --node 1 --members 1,2,3 /var/lib/ringroad/node-1   a new cluster's
  ringroad-log inspect /var/lib/ringroad/node-1          what is there
  ringroad-log inspect --records --json DIR              every record, for programs
  ringroad-log verify DIR && echo intact                 is any byte not as it was written?
  ringroad-log export --from 100 --to 200 DIR | jq .     entries, a JSON object a line

Exit codes:
  0 intact   1 failed   2 wrong usage   3 no such folder, or no log in it   5 damaged)";

using Command = int (*)(ringroad::raft::durable::FileSystem&, const Options&, std::ostream&,
                        std::ostream&);

CLI::App* add(CLI::App& app, const char* name, const char* about, Options& options) {
  CLI::App* command = app.add_subcommand(name, about);
  command->add_option("FOLDER", options.folder, "of one node's log")->required();
  return command;
}

int run(Command command, const Options& options) {
  const auto files = ringroad::raft::durable::PosixFileSystem::open_folder(options.folder);
  if (!files.ok()) return fail(files.status(), std::cerr);
  const int code = command(**files, options, std::cout, std::cerr);
  std::cout.flush();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `| head` is no error
  Options options;
  CLI::App app{kAbout, "ringroad-log"};
  app.footer(kEnd);
  app.require_subcommand(1);
  CLI::App* inspect_command = add(
      app, "inspect", "what is there: identity, hard state, entries, segments, snapshot", options);
  inspect_command->add_flag("--json", options.is_json, "one JSON object");
  inspect_command->add_flag("--records", options.with_records, "each record as well");
  CLI::App* verify_command =
      add(app, "verify", "reads every byte; names file, offset and entries of what is damaged",
          options);
  verify_command->add_flag("--json", options.is_json, "one JSON object");
  CLI::App* export_command =
      add(app, "export", "the entries as JSON lines, payloads in base64; faulty ranges in between",
          options);
  export_command->add_option("--from", options.from, "the first index");
  export_command->add_option("--to", options.to, "the last index");
  FormatOptions format_options;
  CLI::App* format_command = app.add_subcommand(
      "format", "makes the log of a node that never was; touches no log that is there");
  const CLI::Range node_ids(1u, 64u);
  format_command->add_option("FOLDER", format_options.folder, "made if it is not there")
      ->required();
  format_command->add_option("--node", format_options.node, "whose log: 1 to 64")
      ->required()
      ->check(node_ids);
  format_command
      ->add_option("--members", format_options.members,
                   "the cluster's first members, alike on all its nodes, like 1,2,3")
      ->required()
      ->delimiter(',')
      ->check(node_ids);
  format_command->add_option("--cluster", format_options.cluster, "as /cluster/name says")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (format_command->parsed()) return format(format_options, std::cout, std::cerr);
  if (inspect_command->parsed()) return run(inspect, options);
  if (verify_command->parsed()) return run(verify, options);
  return run(export_entries, options);
}
