// CLI11 does the taking apart: an app is built from the tree for each parse. What is required,
// which words are allowed and what to say of a fault is decided here, so that all errors speak
// alike.
#include "tools/ringroad/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "dataplane/did_you_mean.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

absl::Status refuse(const std::string& path, std::string_view what) {
  return absl::InvalidArgumentError(
      cat(what, what.ends_with("?") ? " See: ringroad " : "; see: ringroad ", path,
          path.empty() ? "" : " ", "--help"));
}

std::string meant(std::string_view given, const std::vector<std::string>& known) {
  const auto nearest = did_you_mean(given, known);
  return nearest ? cat("; did you mean \"", *nearest, "\"?") : std::string{};
}

std::string one_of(const std::vector<std::string>& words) {
  return cat(" (one of: ", fabric::join(words, ", "), ")");
}

// Takes one word; an option that is bound to a vector would take all that follow.
CLI::Option* add_value(CLI::App& app, const std::string& name, std::vector<std::string>& values) {
  return app.add_option_function<std::string>(
      name, [&values](const std::string& value) { values.assign(1, value); });
}

void add_option(CLI::App& app, const Option& option, Given& given) {
  auto& values = given.values[option.long_name()];
  if (option.value.empty()) {
    app.add_flag_callback(option.names, [&values] { values.assign(1, "1"); });
  } else {
    add_value(app, option.names, values)->take_last();
  }
}

void add_command(CLI::App& app, const Command& command, Given& given) {
  for (const Option& option : command.options) add_option(app, option, given);
  for (const Argument& argument : command.arguments) {
    auto& values = given.values[argument.name];
    if (argument.is_many) {
      app.add_option(argument.name, values);
    } else {
      add_value(app, argument.name, values);
    }
  }
}

// The app of a path, and of its noun before it, made when first asked for.
CLI::App& app_of(std::map<std::string, CLI::App*>& apps, const std::string& path) {
  if (const auto known = apps.find(path); known != apps.end()) return *known->second;
  const std::size_t blank = path.find(' ');
  CLI::App& parent = app_of(apps, blank == std::string::npos ? "" : path.substr(0, blank));
  CLI::App* added =
      parent.add_subcommand(blank == std::string::npos ? path : path.substr(blank + 1));
  added->fallthrough();
  added->set_help_flag("");
  apps[path] = added;
  return *added;
}

// "ringroad --watch link show" must not take "link" for a number of seconds.
void complete_bare_options(const Tree& tree, std::vector<std::string>& words) {
  for (std::string& word : words) {
    if (word == "--") return;
    for (const Option& option : tree.globals) {
      if (!option.when_bare.empty() && word == option.long_name()) {
        word += "=" + option.when_bare;
      }
    }
  }
}

std::vector<std::string> option_names(const Tree& tree, const Command* command) {
  std::vector<std::string> names;
  const auto add = [&](const std::vector<Option>& options) {
    for (const Option& option : options) {
      for (auto& name : option.all_names()) names.push_back(std::move(name));
    }
  };
  if (command != nullptr) add(command->options);
  add(tree.globals);
  return names;
}

absl::Status unexpected(const Tree& tree, const std::string& path, const std::string& word) {
  const Command* command = tree.find(path);
  if (word.size() > 1 && word[0] == '-') {
    const std::string name = word.substr(0, word.find('='));
    return refuse(path, cat("unknown option \"", printable(name), "\"",
                            meant(name, option_names(tree, command))));
  }
  if (command == nullptr) {
    const auto known = path.empty() ? tree.first_words() : tree.verbs(path);
    return refuse(path, cat("unknown command \"", path, path.empty() ? "" : " ", printable(word),
                            "\"", meant(word, known), one_of(known)));
  }
  return refuse(path, cat("\"", printable(word), "\" is one word too many for ", path));
}

absl::Status check_words(const std::string& path, const std::string& name,
                         const std::vector<std::string>& allowed, const Given& given) {
  for (const std::string& value : given.all(name)) {
    if (allowed.empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end()) {
      continue;
    }
    return refuse(path, cat(name, ": \"", printable(value), "\" is not known",
                            meant(value, allowed), one_of(allowed)));
  }
  return absl::OkStatus();
}

absl::Status check(const Tree& tree, const Parsed& parsed) {
  for (const Option& option : tree.globals) {
    const auto status = check_words(parsed.path, option.long_name(), option.words, parsed.globals);
    if (!status.ok()) return status;
  }
  const std::string& format = parsed.globals.text("--output");
  if (parsed.globals.has("--json") && !format.empty() && format != "json") {
    return refuse(parsed.path, cat("--json and --output ", format, " ask for two forms at once"));
  }
  if (parsed.command == nullptr) return absl::OkStatus();
  for (const Option& option : parsed.command->options) {
    const auto status = check_words(parsed.path, option.long_name(), option.words, parsed.given);
    if (!status.ok()) return status;
  }
  for (const Argument& argument : parsed.command->arguments) {
    if (argument.is_required && !parsed.given.has(argument.name)) {
      return refuse(parsed.path, cat(parsed.path, " needs ", argument.name, ": ", argument.help));
    }
    const auto status = check_words(parsed.path, argument.name, argument.words, parsed.given);
    if (!status.ok()) return status;
  }
  if (parsed.globals.has("--watch") && !parsed.command->is_view) {
    return refuse(parsed.path, cat("--watch: ", parsed.path, " shows nothing that changes"));
  }
  return absl::OkStatus();
}

std::string named_path(const CLI::App& app) {
  std::string path;
  const CLI::App* at = &app;
  while (true) {
    const auto parsed = at->get_subcommands();
    if (parsed.empty()) return path;
    at = parsed.front();
    path += (path.empty() ? "" : " ") + at->get_name();
  }
}

}  // namespace

absl::StatusOr<Parsed> parse(const Tree& tree, std::vector<std::string> words) {
  complete_bare_options(tree, words);
  CLI::App app;
  app.set_help_flag("");
  app.allow_extras();
  Parsed parsed;
  std::map<std::string, CLI::App*> apps{{"", &app}};
  std::map<std::string, Given> given;
  for (const Option& option : tree.globals) add_option(app, option, parsed.globals);
  for (const Command& command : tree.commands) {
    add_command(app_of(apps, command.path), command, given[command.path]);
  }
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    // Below: subcommands refuse extras before they are looked at.
  } catch (const CLI::ParseError& error) {
    return refuse(named_path(app), printable(error.what()));
  }
  parsed.path = parsed.globals.has("--version") ? "version" : named_path(app);
  parsed.wants_help = parsed.globals.has("--help");
  for (const std::string& word : app.remaining(true)) {
    // The mark before words that only look like options is no word of its own.
    if (word != "--") return unexpected(tree, parsed.path, word);
  }
  if (parsed.wants_help) return parsed;
  parsed.command = tree.find(parsed.path);
  if (parsed.command == nullptr && !parsed.path.empty()) {
    return refuse(parsed.path, cat(parsed.path, " needs a verb", one_of(tree.verbs(parsed.path))));
  }
  if (parsed.command != nullptr) parsed.given = std::move(given[parsed.path]);
  if (auto status = check(tree, parsed); !status.ok()) return status;
  return parsed;
}

absl::StatusOr<std::vector<std::string>> split_line(std::string_view line) {
  std::vector<std::string> words;
  bool is_in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote == 0 && is_blank) {
      is_in_word = false;
      continue;
    }
    if (!is_in_word) words.emplace_back();
    is_in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      words.back() += line[++i];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return absl::InvalidArgumentError("a quote is opened and not closed");
  return words;
}

}  // namespace ringroad::cli
