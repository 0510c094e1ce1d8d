// ringroad: asks and tells a running node. Without a command on a terminal, a shell.
#include <signal.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tools/ringroad/run.h"
#include "tools/ringroad/shell.h"

int main(int argc, char** argv) {
  using namespace ringroad::cli;
  if (!open_standard_streams()) return static_cast<int>(ExitCode::kFailed);
  signal(SIGPIPE, SIG_IGN);
  int stopped_by = 0;
  ExitCode code = ExitCode::kOk;
  {
    Interrupts interrupts;
    Output out{STDOUT_FILENO, interrupts};
    Output talk{STDERR_FILENO, interrupts};
    const Tree tree = ringroad_tree();
    Session session{tree, out, talk, interrupts};
    if (argc == 1 && isatty(STDIN_FILENO) == 1 && out.is_terminal()) {
      code = run_shell(session);
    } else {
      code = run_words(session, {argv + 1, argv + argc});
      stopped_by = interrupts.stop_signal();
    }
  }
  // A command that a signal cut short ends by it, as its caller expects.
  if (stopped_by != 0) raise(stopped_by);
  return static_cast<int>(code);
}
