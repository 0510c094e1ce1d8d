#include "tools/ringroad/shell.h"
namespace ringroad::cli {
ExitCode run_shell(Session&) { return ExitCode::kUsage; }
}  // namespace ringroad::cli
