#include "tools/ringroad/manual.h"

#include <algorithm>

#include "tools/ringroad-fabric/text.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

// Text as roff takes it literally.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if ((c == '.' || c == '\'') && escaped.empty()) {
      escaped += cat("\\&", std::string(1, c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string dashed(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '-');
  return text;
}

std::string head(const std::string& name, std::string_view summary) {
  std::string title = dashed(name);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  // whatis(1) wants no full stop.
  if (summary.ends_with('.')) summary.remove_suffix(1);
  return cat(".TH ", roff(title), " 1 \"\" \"ringroad ", RINGROAD_VERSION,
             "\" \"Ringroad\"\n.SH NAME\n", roff(dashed(name)), " \\- ", roff(summary), "\n");
}

std::string entry(std::string_view bold, std::string_view italic, std::string_view text) {
  return cat(".TP\n\\fB", roff(bold), "\\fR", italic.empty() ? "" : " ",
             italic.empty() ? "" : cat("\\fI", roff(italic), "\\fR"), "\n", roff(text), "\n");
}

std::string options_section(std::string_view title, const std::vector<Option>& options) {
  if (options.empty()) return {};
  std::string text = cat(".SH ", title, "\n");
  for (const Option& option : options) {
    const std::string value =
        option.when_bare.empty() ? option.value : cat("[=", option.value, "]");
    text += entry(fabric::join(option.all_names(), ", "), value, option.help);
  }
  return text;
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n0 ok, 1 failed, 2 wrong usage, 3 not found, 4 unreachable, 5 unhealthy, "
    "6 timed out, 7 denied.\n";

constexpr const char* kEnvironment =
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBRINGROAD_NODE\\fR\nWhom to ask when \\-\\-node is not given.\n"
    ".TP\n\\fBRINGROAD_RUNTIME_DIR\\fR\nWhere the sockets are; otherwise /run/ringroad.\n"
    ".TP\n\\fBNO_COLOR\\fR\nNo colour, when it is set and not empty.\n"
    ".TP\n\\fBTERM\\fR\nNeither colour nor movement, when it is dumb, empty or not set.\n"
    ".TP\n\\fBXDG_STATE_HOME\\fR\nWhere the shell's history is kept, in ringroad/history.\n";

ManualPage command_page(const Tree& tree, const Command& command) {
  std::string text = head(cat("ringroad ", command.path), command.summary);
  text += cat(".SH SYNOPSIS\n\\fBringroad ", roff(command.path), "\\fR [\\fIOPTION\\fR...]");
  for (const Argument& argument : command.arguments) {
    const std::string word = cat("\\fI", argument.name, "\\fR", argument.is_many ? "..." : "");
    text += argument.is_required ? cat(" ", word) : cat(" [", word, "]");
  }
  text += cat("\n.SH DESCRIPTION\n", roff(command.summary), "\n");
  if (!command.details.empty()) text += cat(".PP\n", roff(command.details), "\n");
  for (const Argument& argument : command.arguments)
    text += entry(argument.name, "", argument.help);
  text += options_section("OPTIONS", command.options);
  text += options_section("OPTIONS OF EVERY COMMAND", tree.globals);
  text += ".SH EXAMPLES\n";
  for (const Example& example : command.examples) text += entry(example.line, "", example.meaning);
  text += cat(kExitStatus, ".SH SEE ALSO\n\\fBringroad\\fR(1)\n");
  return {cat("ringroad-", dashed(command.path), ".1"), text};
}

}  // namespace

std::vector<ManualPage> manual_pages(const Tree& tree) {
  std::vector<ManualPage> pages;
  std::string text = head("ringroad", "asks and tells a running Ringroad node");
  text +=
      ".SH SYNOPSIS\n\\fBringroad\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\n"
      "Asks the control process of a node, over its socket, and tells it what to do. Without a "
      "command, on a terminal: a shell with history and completion.\n.SH COMMANDS\n";
  for (const Command& command : tree.commands) {
    if (command.is_hidden) continue;
    text += cat(".TP\n\\fBringroad\\-", roff(dashed(command.path)), "\\fR(1)\n",
                roff(command.summary), "\n");
    pages.push_back(command_page(tree, command));
  }
  text += options_section("OPTIONS OF EVERY COMMAND", tree.globals);
  text += cat(kEnvironment, kExitStatus);
  pages.insert(pages.begin(), {"ringroad.1", text});
  return pages;
}

}  // namespace ringroad::cli
