#include "tools/ringroad/run.h"

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/help.h"
#include "tools/ringroad/parse.h"

namespace ringroad::cli {
namespace {

absl::StatusOr<ExitCode> run_parsed(Session& session, const Parsed& parsed) {
  auto settings = read_settings(parsed.globals);
  if (!settings.ok()) return settings.status();
  session.settings = *std::move(settings);
  if (parsed.wants_help) {
    session.out.write(help_text(session.tree, parsed.path));
    return ExitCode::kOk;
  }
  if (parsed.command == nullptr) {
    session.talk.write(help_text(session.tree, ""));
    return ExitCode::kUsage;
  }
  return parsed.command->run(session, parsed.given);
}

}  // namespace

ExitCode run_words(Session& session, std::vector<std::string> words) {
  const auto parsed = parse(session.tree, std::move(words));
  const auto code =
      parsed.ok() ? run_parsed(session, *parsed) : absl::StatusOr<ExitCode>{parsed.status()};
  if (!code.ok()) {
    session.tell(fabric::message_of(code.status()));
    return exit_code_of(code.status());
  }
  if (!session.out.status().ok()) {
    session.tell(fabric::message_of(session.out.status()));
    return ExitCode::kFailed;
  }
  return *code;
}

}  // namespace ringroad::cli
