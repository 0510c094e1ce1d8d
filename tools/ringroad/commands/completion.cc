// completion bash, and what works behind it: complete (asked by that script) and man (writes the
// man pages, for packages).
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/complete.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/manual.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {
namespace {

absl::StatusOr<ExitCode> print_script(Session& session, const Given&) {
  session.out.write(bash_script());
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> complete_words(Session& session, const Given& given) {
  const auto candidates = complete(session.tree, given.all("WORD"), live_from(session));
  std::string lines = candidates.wants_files ? ":files\n" : "";
  for (const std::string& word : candidates.words) lines += word + "\n";
  session.out.write(lines);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> write_manual(Session& session, const Given& given) {
  const std::filesystem::path folder = given.text("DIRECTORY");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::InternalError(fabric::cat(printable(folder.string()), ": ", error.message()));
  }
  for (const ManualPage& page : manual_pages(session.tree)) {
    std::ofstream file{folder / page.file_name, std::ios::binary};
    file << page.text;
    file.close();
    if (!file) {
      return absl::InternalError(
          fabric::cat(printable((folder / page.file_name).string()), ": ", std::strerror(errno)));
    }
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> completion_commands() {
  return {
      {.path = "completion bash",
       .summary = "Prints a script that completes these commands in bash.",
       .examples = {{"source <(ringroad completion bash)", "in this shell"},
                    {"ringroad completion bash > /etc/bash_completion.d/ringroad",
                     "for everybody, from the next one on"}},
       .run = print_script},
      {.path = "complete",
       .summary = "Prints what may stand for the last of some words.",
       .arguments = {{.name = "WORD",
                      .help = "as typed, the last one perhaps empty",
                      .is_required = false,
                      .is_many = true}},
       .examples = {{"ringroad complete -- link s", "prints show"}},
       .run = complete_words,
       .is_hidden = true},
      {.path = "man",
       .summary = "Writes the man pages into a directory.",
       .arguments = {{.name = "DIRECTORY",
                      .help = "made when there is none",
                      .source = Source::kFile}},
       .examples = {{"ringroad man /usr/local/share/man/man1", "for man ringroad"}},
       .run = write_manual,
       .is_hidden = true},
  };
}

}  // namespace ringroad::cli
