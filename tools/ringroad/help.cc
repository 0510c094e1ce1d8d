#include "tools/ringroad/help.h"

#include <algorithm>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/table.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLeft = 24;  // up to where explanations begin

constexpr const char* kIntroduction =
    "Asks and tells a running Ringroad node. Without a command, on a terminal: a\n"
    "shell with history and completion.\n";
constexpr const char* kExitCodes =
    "exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 unreachable,\n"
    "5 unhealthy, 6 timed out, 7 denied\n";

std::string entry(std::string_view left, std::string_view right) {
  std::string text = cat("  ", left);
  const std::string indent(kLeft, ' ');
  if (width_of(text) + 2 > kLeft) {
    text += "\n" + indent;
  } else {
    text = padded(text, kLeft);
  }
  const std::string body = wrapped(right, kColumns - kLeft, "");
  for (const char c : body) {
    text += c;
    if (c == '\n') text += indent;
  }
  return text + "\n";
}

std::string option_left(const Option& option) {
  std::string names = fabric::join(option.all_names(), ", ");
  if (!option.names.starts_with("-") || option.names.starts_with("--")) names = "    " + names;
  if (option.value.empty()) return names;
  return option.when_bare.empty() ? cat(names, " ", option.value)
                                  : cat(names, "[=", option.value, "]");
}

std::string options_text(std::string_view title, const std::vector<Option>& options) {
  if (options.empty()) return {};
  std::string text = cat("\n", title, ":\n");
  for (const Option& option : options) text += entry(option_left(option), option.help);
  return text;
}

std::string commands_text(const Tree& tree, std::string_view noun) {
  std::string text;
  for (const Command& command : tree.commands) {
    if (command.is_hidden || (!noun.empty() && command.noun() != noun)) continue;
    text += entry(command.path, command.summary);
  }
  return text;
}

std::string command_help(const Tree& tree, const Command& command) {
  std::string text = cat(wrapped(command.summary, kColumns, ""), "\n");
  if (!command.details.empty()) text += cat("\n", wrapped(command.details, kColumns, ""), "\n");
  text += cat("\nusage: ", usage_text(command), "\n");
  if (!command.arguments.empty()) {
    text += "\narguments:\n";
    for (const Argument& argument : command.arguments) text += entry(argument.name, argument.help);
  }
  text += options_text("options", command.options);
  text += options_text("options of every command", tree.globals);
  text += "\nexamples:\n";
  for (const Example& example : command.examples) {
    text += cat("  ", example.line, "\n", entry("", example.meaning));
  }
  return text;
}

}  // namespace

std::string usage_text(const Command& command) {
  std::string text = cat("ringroad ", command.path, " [OPTION...]");
  for (const Argument& argument : command.arguments) {
    const std::string name = argument.name + (argument.is_many ? "..." : "");
    text += argument.is_required ? cat(" ", name) : cat(" [", name, "]");
  }
  return text;
}

std::string help_text(const Tree& tree, const std::string& path) {
  if (const Command* command = tree.find(path)) return command_help(tree, *command);
  if (const Noun* noun = tree.find_noun(path)) {
    return cat(noun->summary, "\n\nusage: ringroad ", noun->name, " ",
               fabric::join(tree.verbs(noun->name), "|"), "\n\ncommands:\n",
               commands_text(tree, noun->name), "\neach with --help\n");
  }
  return cat(kIntroduction,
             "\nusage: ringroad COMMAND [OPTION...]\n\ncommands, each with --help:\n",
             commands_text(tree, ""), options_text("options of every command", tree.globals), "\n",
             kExitCodes);
}

}  // namespace ringroad::cli
