// The commands, described once: the parser, --help, completion in the shell and in bash, and the
// man pages are all made from this. Adding a command is one entry in its noun's file under
// commands/ and one function beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/ringroad/exit_code.h"

namespace ringroad::cli {

class Session;
struct Tree;

// Where the possible values of a word come from, for completion.
enum class Source : std::uint8_t { kNothing, kFile, kNode, kPeer, kPort, kCommand };

struct Argument {
  std::string name;  // "PEER"
  std::string help;
  Source source = Source::kNothing;
  bool is_required = true;
  bool is_many = false;            // the last one only
  std::vector<std::string> words;  // the only ones allowed, when there are any
};

struct Option {
  std::string names;  // "-c,--count", the long name last
  std::string value;  // "N"; empty: a switch
  std::string help;
  Source source = Source::kNothing;
  std::vector<std::string> words = {};  // the only ones allowed, when there are any
  std::string when_bare = {};           // what it stands for without "=VALUE"; empty: not allowed

  std::string long_name() const { return names.substr(names.find("--")); }
  std::vector<std::string> all_names() const;
};

struct Example {
  std::string line;     // "ringroad link reset 3"
  std::string meaning;  // "starts the link to node 3 anew"
};

// What was typed for a command's arguments and options, by their names ("PEER", "--count").
class Given {
 public:
  bool has(const std::string& name) const;
  // The value, or the last of several; empty when there is none.
  const std::string& text(const std::string& name) const;
  const std::vector<std::string>& all(const std::string& name) const;
  // A whole number from `least` to `most`, or `otherwise` when none was given.
  absl::StatusOr<std::uint64_t> whole(const std::string& name, std::uint64_t least,
                                      std::uint64_t most, std::uint64_t otherwise) const;
  // Likewise a number of seconds, written "2", "0.5" or with a unit ("500ms", "2m").
  absl::StatusOr<double> seconds(const std::string& name, double least, double most,
                                 double otherwise) const;

  std::map<std::string, std::vector<std::string>> values;
};

using Run = std::function<absl::StatusOr<ExitCode>(Session&, const Given&)>;

struct Command {
  std::string path;     // "link reset", or "ping"
  std::string summary;  // one sentence: "Starts a link anew."
  std::string details;  // more of them; may be empty
  std::vector<Argument> arguments;
  std::vector<Option> options;
  std::vector<Example> examples;
  Run run;
  bool is_view = false;    // shows what changes: takes --watch
  bool is_hidden = false;  // of no use to people at a prompt

  std::string noun() const { return path.substr(0, path.find(' ')); }
  std::string verb() const;  // empty when the noun is all
};

struct Noun {
  std::string name;
  std::string summary;
};

struct Tree {
  std::vector<Noun> nouns;  // of commands with a verb
  std::vector<Command> commands;
  std::vector<Option> globals;

  const Command* find(std::string_view path) const;
  const Noun* find_noun(std::string_view name) const;
  // The first words people may type, or the verbs of a noun; without hidden ones.
  std::vector<std::string> first_words() const;
  std::vector<std::string> verbs(std::string_view noun) const;
};

// The one tree of this program.
Tree ringroad_tree();

// A node's id, 1 to 64; `name` is the argument's, for the error.
absl::StatusOr<std::uint32_t> node_id_of(const std::string& name, const std::string& text);

}  // namespace ringroad::cli
