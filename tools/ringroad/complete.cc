#include "tools/ringroad/complete.h"

#include <algorithm>
#include <filesystem>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {
namespace {

using fabric::cat;

constexpr double kLiveSeconds = 0.4;
constexpr std::size_t kFileNamesMax = 1'000;

// bash parts words at "=": puts "--output", "=", "js" together again.
std::vector<std::string> joined(const std::vector<std::string>& words) {
  std::vector<std::string> whole;
  bool is_open = false;
  for (const std::string& word : words) {
    const bool is_equals = word == "=" && !whole.empty() && whole.back().starts_with("--");
    if (is_equals || is_open) {
      whole.back() += word;
    } else {
      whole.push_back(word);
    }
    is_open = is_equals;
  }
  return whole;
}

class Completion {
 public:
  Completion(const Tree& tree, const Live& live) : tree_(tree), live_(live) {}

  Candidates run(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) pass(words[i]);
    const std::string& last = words.back();
    const std::size_t equals = last.find('=');
    if (open_ != nullptr) {
      offer_values(open_->source, open_->words, last);
    } else if (last.starts_with("--") && equals != std::string::npos && !is_plain_) {
      const Option* option = find_option(last.substr(0, equals));
      if (option != nullptr) offer_values(option->source, option->words, last.substr(equals + 1));
    } else if (last.starts_with("-") && !is_plain_) {
      offer_options(last);
    } else {
      offer_next(last);
    }
    return std::move(candidates_);
  }

 private:
  const Command* command() const { return tree_.find(path_); }

  const Option* find_option(const std::string& name) const {
    const auto find = [&](const std::vector<Option>& options) -> const Option* {
      for (const Option& option : options) {
        const auto names = option.all_names();
        if (std::find(names.begin(), names.end(), name) != names.end()) return &option;
      }
      return nullptr;
    };
    const Option* own = command() != nullptr ? find(command()->options) : nullptr;
    return own != nullptr ? own : find(tree_.globals);
  }

  // A word that stands before the one being typed.
  void pass(const std::string& word) {
    if (open_ != nullptr) {
      if (open_->names == "--node") node_ = word;
      open_ = nullptr;
    } else if (word == "--" && !is_plain_) {
      is_plain_ = true;
    } else if (word.size() > 1 && word[0] == '-' && !is_plain_) {
      const std::size_t equals = word.find('=');
      const Option* option = find_option(word.substr(0, equals));
      if (option == nullptr) return;
      if (equals != std::string::npos && option->names == "--node") node_ = word.substr(equals + 1);
      const bool takes_next = !option->value.empty() && option->when_bare.empty();
      if (equals == std::string::npos && takes_next) open_ = option;
    } else if (command() != nullptr) {
      ++arguments_;
    } else {
      path_ += (path_.empty() ? "" : " ") + word;
    }
  }

  void offer(const std::string& word, const std::string& prefix) {
    auto& words = candidates_.words;
    if (word.starts_with(prefix) && std::find(words.begin(), words.end(), word) == words.end()) {
      words.push_back(word);
    }
  }

  void offer_values(Source source, const std::vector<std::string>& words,
                    const std::string& prefix) {
    for (const std::string& word : words) offer(word, prefix);
    if (source == Source::kFile) candidates_.wants_files = true;
    if (source == Source::kCommand) {
      for (const std::string& word : tree_.first_words()) offer(word, prefix);
    }
    if (source != Source::kNothing && source != Source::kFile && live_) {
      for (const std::string& word : live_(source, node_)) offer(word, prefix);
    }
  }

  void offer_options(const std::string& prefix) {
    const auto offer_all = [&](const std::vector<Option>& options) {
      for (const Option& option : options) {
        for (const std::string& name : option.all_names()) {
          // Short ones are for who knows them.
          if (name.starts_with("--") || prefix == name) offer(name, prefix);
        }
      }
    };
    if (command() != nullptr) offer_all(command()->options);
    offer_all(tree_.globals);
  }

  void offer_next(const std::string& prefix) {
    if (command() == nullptr) {
      const auto words = path_.empty() ? tree_.first_words() : tree_.verbs(path_);
      for (const std::string& word : words) offer(word, prefix);
      return;
    }
    const auto& arguments = command()->arguments;
    if (arguments.empty()) return;
    if (arguments_ >= arguments.size() && !arguments.back().is_many) return;
    const Argument& argument = arguments[std::min(arguments_, arguments.size() - 1)];
    offer_values(argument.source, argument.words, prefix);
  }

  const Tree& tree_;
  const Live& live_;
  std::string path_;              // of the command, as far as it has been named
  std::size_t arguments_ = 0;     // that stand before
  const Option* open_ = nullptr;  // whose value comes next
  bool is_plain_ = false;         // behind "--"
  std::string node_;
  Candidates candidates_;
};

void add_ids(const nlohmann::json& answer, const char* list, const char* key,
             std::vector<std::string>& words) {
  for (const auto& entry : list_of(answer, list)) {
    words.push_back(std::to_string(count_of(entry, key)));
  }
}

}  // namespace

Candidates complete(const Tree& tree, const std::vector<std::string>& words, const Live& live) {
  const auto whole = joined(words);
  if (whole.empty()) return {};
  return Completion{tree, live}.run(whole);
}

Live live_from(Session& session) {
  return [&session](Source source, const std::string& node) {
    std::vector<std::string> words;
    if (source == Source::kNode) {
      for (const auto id : control_sockets_here()) words.push_back(std::to_string(id));
      return words;
    }
    const Settings before = session.settings;
    if (!node.empty()) session.settings.node = node;
    session.settings.timeout_seconds = kLiveSeconds;
    const bool is_port = source == Source::kPort;
    // Whom to ask is not chosen aloud in the middle of a line.
    const auto answer = session.ask_quietly(is_port ? "port.list" : "link.list");
    if (answer.ok() && is_port) add_ids(*answer, "ports", "index", words);
    if (answer.ok() && !is_port) add_ids(*answer, "links", "peer_id", words);
    session.settings = before;
    return words;
  };
}

std::vector<std::string> file_names(const std::string& prefix) {
  const std::size_t slash = prefix.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
  const std::string name = prefix.substr(folder.size());
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder.empty() ? "." : folder, error), end;
       !error && at != end && names.size() < kFileNamesMax; at.increment(error)) {
    const std::string found = at->path().filename().string();
    if (!found.starts_with(name) || (name.empty() && found[0] == '.')) continue;
    std::error_code ignored;
    names.push_back(folder + found + (at->is_directory(ignored) ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string bash_script() {
  return R"(# Completion of ringroad in bash. Once: source <(ringroad completion bash)
# For good: ringroad completion bash > ~/.local/share/bash-completion/completions/ringroad
_ringroad() {
  local typed=${COMP_WORDS[COMP_CWORD]} reply=()
  mapfile -t reply < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ ${reply[0]-} == :files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$typed")
  else
    COMPREPLY=("${reply[@]}")
  fi
}
complete -F _ringroad ringroad
)";
}

}  // namespace ringroad::cli
