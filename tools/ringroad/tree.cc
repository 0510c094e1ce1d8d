#include "tools/ringroad/tree.h"

#include <algorithm>
#include <charconv>

#include "dataplane/base/limits.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/fields.h"

namespace ringroad::cli {

using fabric::cat;

std::vector<std::string> Option::all_names() const {
  std::vector<std::string> all;
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t comma = std::min(names.find(',', at), names.size());
    all.push_back(names.substr(at, comma - at));
    at = comma + 1;
  }
  return all;
}

bool Given::has(const std::string& name) const { return !all(name).empty(); }

const std::string& Given::text(const std::string& name) const {
  static const std::string nothing;
  return all(name).empty() ? nothing : all(name).back();
}

const std::vector<std::string>& Given::all(const std::string& name) const {
  static const std::vector<std::string> nothing;
  const auto found = values.find(name);
  return found == values.end() ? nothing : found->second;
}

absl::StatusOr<std::uint64_t> Given::whole(const std::string& name, std::uint64_t least,
                                           std::uint64_t most, std::uint64_t otherwise) const {
  if (!has(name)) return otherwise;
  const auto number = gen::parse_quantity(text(name), 1'000);
  if (!number || *number < least || *number > most) {
    return absl::InvalidArgumentError(cat(name, ": \"", printable(text(name)),
                                          "\" is not a whole number from ", least, " to ", most));
  }
  return *number;
}

absl::StatusOr<double> Given::seconds(const std::string& name, double least, double most,
                                      double otherwise) const {
  if (!has(name)) return otherwise;
  const std::string& typed = text(name);
  double number = -1;
  const auto [end, error] = std::from_chars(typed.data(), typed.data() + typed.size(), number);
  if (error != std::errc{} || end != typed.data() + typed.size()) {
    const auto duration = gen::parse_duration(typed);
    number = duration ? static_cast<double>(duration->count) / 1e9 : -1;
  }
  if (!(number >= least && number <= most)) {
    return absl::InvalidArgumentError(cat(name, ": \"", printable(typed),
                                          "\" is not a time; write seconds (2, 0.5) or 500ms, 2m, "
                                          "from ",
                                          least, " s to ", most, " s"));
  }
  return number;
}

std::string Command::verb() const {
  const std::size_t blank = path.find(' ');
  return blank == std::string::npos ? std::string{} : path.substr(blank + 1);
}

const Command* Tree::find(std::string_view path) const {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const Command& command) { return command.path == path; });
  return found == commands.end() ? nullptr : &*found;
}

const Noun* Tree::find_noun(std::string_view name) const {
  const auto found =
      std::find_if(nouns.begin(), nouns.end(), [&](const Noun& noun) { return noun.name == name; });
  return found == nouns.end() ? nullptr : &*found;
}

std::vector<std::string> Tree::first_words() const {
  std::vector<std::string> words;
  for (const Command& command : commands) {
    const bool is_known = std::find(words.begin(), words.end(), command.noun()) != words.end();
    if (!command.is_hidden && !is_known) words.push_back(command.noun());
  }
  return words;
}

std::vector<std::string> Tree::verbs(std::string_view noun) const {
  std::vector<std::string> words;
  for (const Command& command : commands) {
    if (!command.is_hidden && command.noun() == noun && !command.verb().empty()) {
      words.push_back(command.verb());
    }
  }
  return words;
}

absl::StatusOr<std::uint32_t> node_id_of(const std::string& name, const std::string& text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size() || id < 1 || id > kNodesMax) {
    return absl::InvalidArgumentError(
        cat(name, ": \"", printable(text), "\" is not a node's id (1 to ", kNodesMax, ")"));
  }
  return id;
}

}  // namespace ringroad::cli
