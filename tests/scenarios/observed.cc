#include "observed.h"

#include <algorithm>
#include <array>
#include <deque>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "datadriven.h"

namespace ringroad::scenarios {
namespace {

constexpr absl::string_view kBlanks = " \t";

// Reads a text from its front. Declines, taking nothing, what is not there.
class Reader {
 public:
  explicit Reader(absl::string_view rest) : rest_(rest) {}

  bool done() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool take(absl::string_view word) {
    if (!absl::StartsWith(rest_, word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_number(std::uint64_t& n) {
    const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (digits == 0 || !absl::SimpleAtoi(rest_.substr(0, digits), &n)) return false;
    rest_.remove_prefix(digits);
    return true;
  }
  // Up to the first of `stops`.
  absl::string_view take_until(absl::string_view stops) {
    const absl::string_view taken = rest_.substr(0, rest_.find_first_of(stops));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  void skip(absl::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  // A line, without its end.
  absl::string_view take_line() {
    const absl::string_view line = take_until("\n");
    take("\n");
    return line;
  }

 private:
  absl::string_view rest_;
};

struct EntryText {
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  std::string text;  // "1/3 EntryNormal \"foo\""
};

// The payload stands in quotes, where any character may occur; changes of membership are words.
bool take_entry(Reader& in, EntryText& entry) {
  Reader at = in;
  if (!at.take_number(entry.term) || !at.take("/") || !at.take_number(entry.index) ||
      !at.take(" Entry")) {
    return false;
  }
  entry.text = absl::StrCat(entry.term, "/", entry.index, " Entry", at.take_until(" ,]\n"));
  for (Reader ahead = at; ahead.take(" "); at = ahead) {
    if (ahead.front() == '"') {
      const absl::string_view begin = ahead.rest();
      ahead.take("\"");
      while (!ahead.done() && ahead.front() != '"' && ahead.front() != '\n') {
        const bool is_escape = ahead.take("\\");
        ahead = Reader(ahead.rest().substr(is_escape && ahead.done() ? 0 : 1));
      }
      ahead.take("\"");
      absl::StrAppend(&entry.text, " ", begin.substr(0, begin.size() - ahead.rest().size()));
    } else {
      const absl::string_view word = ahead.take_until(" ,]\n");
      if (word.empty()) break;
      absl::StrAppend(&entry.text, " ", word);
    }
  }
  in = at;
  return true;
}

bool is_log_line(absl::string_view line) {
  constexpr std::array<absl::string_view, 6> kLevels = {"DEBUG ", "INFO ",  "WARN ",
                                                        "ERROR ", "FATAL ", "NONE "};
  return std::ranges::any_of(
      kLevels, [line](absl::string_view level) { return absl::StartsWith(line, level); });
}

// Responses have none of their own.
enum class Depth { kMessage, kResponse };

bool take_message(Reader& in, std::string& text, Depth depth);

// Behind the opening bracket.
bool take_entries(Reader& in, std::string& text) {
  std::vector<std::string> entries;
  for (in.skip(" ,\n"); !in.take("]"); in.skip(" ,\n")) {
    EntryText entry;
    if (!take_entry(in, entry)) return false;
    entries.push_back(entry.text);
  }
  absl::StrAppend(&text, " Entries:[", absl::StrJoin(entries, ", "), "]");
  return true;
}

bool take_responses(Reader& in, std::string& text) {
  std::vector<std::string> responses;
  for (in.skip(" \n"); !in.take("]"); in.skip(" \n")) {
    if (!take_message(in, responses.emplace_back(), Depth::kResponse)) return false;
  }
  absl::StrAppend(&text, " Responses:[", absl::StrJoin(responses, ", "), "]");
  return true;
}

bool take_rejection(Reader& in, std::string& text) {
  std::uint64_t hint = 0;
  in.skip(kBlanks);
  if (!in.take("(Hint: ") || !in.take_number(hint) || !in.take(")")) return false;
  absl::StrAppend(&text, " Rejected:", hint);
  return true;
}

// A snapshot stands on the line of its message or on the next one.
bool take_snapshot(Reader& in, std::string& text) {
  Reader at = in;
  at.skip(" \n");
  if (!at.take("Snapshot: ")) return false;
  absl::string_view told = at.rest().substr(0, at.rest().find('\n'));
  told = told.substr(0, told.find(" Responses:["));
  absl::StrAppend(&text, " Snapshot:", told);
  at.take(told);
  in = at;
  return true;
}

// Whether acknowledgements tell the sender's commit index differs between versions; it says nothing
// that another line does not.
bool tells_commit(absl::string_view type) { return !absl::EndsWith(type, "Resp"); }

bool take_message(Reader& in, std::string& text, Depth depth) {
  Reader at = in;
  if (at.take("dropped: ")) text = "dropped ";
  const absl::string_view from = at.take_until(" -\n");
  if (from.empty() || !at.take("->")) return false;
  const absl::string_view to = at.take_until(" \n");
  if (!at.take(" Msg")) return false;
  const absl::string_view type = at.take_until(" \n");
  absl::StrAppend(&text, from, "->", to, " Msg", type);
  in = at;
  while (true) {
    Reader ahead = in;
    ahead.skip(kBlanks);
    std::uint64_t n = 0, m = 0;
    if (ahead.take("Term:") && ahead.take_number(n)) {
      absl::StrAppend(&text, " Term:", n);
    } else if (ahead.take("Log:") && ahead.take_number(n) && ahead.take("/") &&
               ahead.take_number(m)) {
      absl::StrAppend(&text, " Log:", n, "/", m);
    } else if (ahead.take("Commit:") && ahead.take_number(n)) {
      if (tells_commit(type)) absl::StrAppend(&text, " Commit:", n);
    } else if (ahead.take("Vote:") && ahead.take_number(n)) {
      absl::StrAppend(&text, " Vote:", n);
    } else if (ahead.take("Chunk:")) {
      absl::StrAppend(&text, " Chunk:", ahead.take_until(" \n"));
    } else if (!(ahead.take("Rejected") && take_rejection(ahead, text)) &&
               !(ahead.take("Entries:[") && take_entries(ahead, text)) &&
               !(depth == Depth::kMessage && ahead.take("Responses:[") &&
                 take_responses(ahead, text)) &&
               !take_snapshot(ahead, text)) {
      return true;
    }
    in = ahead;
  }
}

bool is_state_line(absl::string_view line) {
  return absl::StrContains(line, ": State") && absl::StrContains(line, "Voter)");
}

// Of `core-state` and `machine`, which only our files have.
bool is_own_state_line(absl::string_view line) {
  return (absl::StartsWith(line, "Term:") && absl::StrContains(line, " Applied:")) ||
         (absl::StartsWith(line, "Index:") && absl::StrContains(line, " Term:"));
}

// The nodes whose batches are printed without a headline, in order: those of commands that name one
// node. Further commands stand in the input.
std::deque<std::string> unnamed_nodes(const Command& command) {
  std::deque<std::string> nodes;
  std::vector<Command> commands = {command};
  for (const absl::string_view line : absl::StrSplit(command.input, '\n')) {
    if (auto further = parse_directive(line); further.ok()) commands.push_back(*further);
  }
  for (const Command& c : commands) {
    if (c.name == "process-ready" && c.arguments.size() == 1) nodes.push_back(c.arguments[0].key);
  }
  return nodes;
}

std::string without_log_lines(absl::string_view output) {
  std::string text;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    const absl::string_view trimmed = absl::StripAsciiWhitespace(line);
    if (!trimmed.empty() && !is_log_line(trimmed)) absl::StrAppend(&text, trimmed, "\n");
  }
  return text;
}

// Reads one output line by line; where it stands decides what an entry means.
class OutputReader {
 public:
  OutputReader(const Command& command, absl::string_view text,
               std::map<std::string, NodeView>& nodes)
      : in_(text), unnamed_(unnamed_nodes(command)), nodes_(nodes) {}

  Observed read() {
    while (!in_.done()) read_line();
    return std::move(observed_);
  }

 private:
  enum class Section { kNone, kReady, kEntries, kCommitted };

  NodeView* view() { return section_ == Section::kNone ? nullptr : &nodes_[node_]; }

  void read_line() {
    std::string message;
    EntryText entry;
    if (take_message(in_, message, Depth::kMessage)) {
      observed_.messages.push_back(std::move(message));
      if (section_ != Section::kNone) section_ = Section::kReady;
      in_.take_line();
    } else if (take_entry(in_, entry)) {
      on_entry(entry);
      in_.take_line();
    } else {
      on_line(in_.take_line());
    }
  }

  void on_entry(const EntryText& entry) {
    NodeView* const node = view();
    if (section_ == Section::kEntries) {
      node->log.erase(node->log.lower_bound(entry.index), node->log.end());
      node->log[entry.index] = entry.text;
    } else if (section_ == Section::kCommitted) {
      node->applied[entry.index] = entry.text;
    } else {
      observed_.prints.push_back(entry.text);
    }
  }

  void on_line(absl::string_view line) {
    if (absl::ConsumePrefix(&line, "> ")) {
      headline_ = std::string(line.substr(0, line.find(' ')));
      section_ = Section::kNone;
    } else if (absl::StartsWith(line, "Ready MustSync=")) {
      start_batch();
    } else if (line == "Entries:" && section_ != Section::kNone) {
      section_ = Section::kEntries;
    } else if (line == "CommittedEntries:" && section_ != Section::kNone) {
      section_ = Section::kCommitted;
    } else if (line == "Processing:" || line == "Messages:" || line == "Responses:" ||
               line == "<empty Ready>") {
      // An empty batch uses up its command too.
      if (line == "<empty Ready>") start_batch();
      section_ = Section::kNone;
    } else if (const auto progress = progress_line(line)) {
      observed_.prints.push_back(*progress);
    } else if (is_state_line(line) || is_own_state_line(line) ||
               absl::StartsWith(line, "log is empty")) {
      observed_.prints.emplace_back(line);
    } else if (NodeView* const node = view()) {
      on_batch_line(line, *node);
    }
  }

  void start_batch() {
    if (!headline_.empty()) {
      node_ = headline_;
    } else if (!unnamed_.empty()) {
      node_ = unnamed_.front();
      unnamed_.pop_front();
    } else {
      node_ = "?";
    }
    section_ = Section::kReady;
  }

  void on_batch_line(absl::string_view line, NodeView& node) {
    if (absl::ConsumePrefix(&line, "HardState ")) {
      node.hard_state = std::string(line);
      observed_.messages.push_back(absl::StrCat(node_, " HardState ", line));
    } else if (absl::StartsWith(line, "Lead:")) {
      node.soft_state = std::string(line);
    } else if (absl::ConsumePrefix(&line, "Snapshot ")) {
      node.snapshot = std::string(line);
      node.log.clear();
      node.applied.clear();
    }
  }

  Reader in_;
  std::deque<std::string> unnamed_;
  std::map<std::string, NodeView>& nodes_;
  Observed observed_;
  std::string headline_;
  std::string node_;
  Section section_ = Section::kNone;
};

}  // namespace

std::optional<std::string> progress_line(absl::string_view line) {
  constexpr std::array<absl::string_view, 4> kNumbers = {
      "match=", "next=", "pendingSnap=", "inflight="};
  constexpr std::array<absl::string_view, 3> kFlags = {"learner", "paused", "inactive"};
  if (!absl::StrContains(line, ": State") || !absl::StrContains(line, " match=")) {
    return std::nullopt;
  }
  const bool is_snapshot = absl::StrContains(line, ": StateSnapshot ");
  std::vector<absl::string_view> kept;
  for (const absl::string_view token : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    const bool is_number = std::ranges::any_of(
        kNumbers, [token](absl::string_view key) { return absl::StartsWith(token, key); });
    if (is_snapshot && absl::StartsWith(token, "next=")) continue;
    if (kept.size() < 2 || is_number || std::ranges::find(kFlags, token) != kFlags.end()) {
      kept.push_back(token);
    }
  }
  return absl::StrJoin(kept, " ");
}

Observed Observer::observe(const Command& command, absl::string_view output) {
  const std::string text = without_log_lines(output);
  return OutputReader(command, text, nodes_).read();
}

}  // namespace ringroad::scenarios
