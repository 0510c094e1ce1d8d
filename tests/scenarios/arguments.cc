// Reading a command's words as numbers, nodes and truth values. Whatever cannot be read ends the
// scenario with BadCommand, which names what was given and what would have been right: a file with
// a misspelt option must not pass as one that says less.
#include "arguments.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "consensus/core/node_set.h"

namespace ringroad::scenarios {

std::uint64_t number(absl::string_view text, std::uint64_t max) {
  std::uint64_t n = 0;
  if (!absl::SimpleAtoi(text, &n)) throw BadCommand(absl::StrCat("\"", text, "\" is no number"));
  if (n > max) throw BadCommand(absl::StrCat(n, " is more than ", max));
  return n;
}

bool truth(absl::string_view text) {
  bool b = false;
  if (!absl::SimpleAtob(text, &b)) {
    throw BadCommand(absl::StrCat("\"", text, "\" is neither true nor false"));
  }
  return b;
}

NodeId node_id(absl::string_view text) {
  const std::uint64_t n = number(text);
  if (n < 1 || n > kNodesMax) throw BadCommand(absl::StrCat(n, " is no node: they are 1 to 64"));
  return NodeId{static_cast<std::uint16_t>(n)};
}

std::vector<NodeId> nodes_of(const Command& command) {
  std::vector<NodeId> nodes;
  for (const Argument& argument : command.arguments) {
    if (argument.values.empty()) nodes.push_back(node_id(argument.key));
  }
  return nodes;
}

const std::string& word(const Command& command, std::size_t at) {
  if (at >= command.arguments.size() || !command.arguments[at].values.empty()) {
    throw BadCommand(absl::StrCat("argument ", at + 1, " of ", command.name, " is missing"));
  }
  return command.arguments[at].key;
}

const std::string& value(const Command& command, absl::string_view key) {
  for (const Argument& argument : command.arguments) {
    if (argument.key == key && argument.values.size() == 1) return argument.values.front();
  }
  throw BadCommand(absl::StrCat(command.name, " takes ", key, "=, with one value"));
}

void allow_only(const Command& command, std::span<const absl::string_view> known) {
  for (const Argument& argument : command.arguments) {
    if (argument.values.empty() ||
        std::ranges::find(known, absl::string_view(argument.key)) != known.end())
      continue;
    throw BadCommand(absl::StrCat(command.name, " knows no \"", argument.key, "=\", only ",
                                  known.empty() ? "words" : absl::StrJoin(known, ", ")));
  }
}

raft::ConfChange conf_change(absl::string_view text, raft::ConfChangeTransition transition) {
  constexpr absl::string_view kLetters = "vrul";  // in the order of ConfChangeType
  raft::ConfChange change{transition};
  for (const absl::string_view token :
       absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const std::size_t type = kLetters.find(token.front());
    if (type == absl::string_view::npos) {
      throw BadCommand(absl::StrCat("\"", token, "\" is no change: v1, l1, r1 or u1"));
    }
    const std::uint64_t node = number(token.substr(1));
    if (node > kNodesMax || !change.add({static_cast<raft::ConfChangeType>(type),
                                         NodeId{static_cast<std::uint16_t>(node)}})) {
      throw BadCommand(absl::StrCat("\"", text, "\" has too many changes or nodes above 64"));
    }
  }
  return change;
}

}  // namespace ringroad::scenarios
