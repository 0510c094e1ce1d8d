// libedit does the editing. It reads keys through us, so that ctrl-C and the terminal's size come
// from Interrupts here as everywhere; what it keeps of its own is one EditLine and one History.
#include "tools/ringroad/shell.h"

#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <memory>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/complete.h"
#include "tools/ringroad/help.h"
#include "tools/ringroad/history.h"
#include "tools/ringroad/parse.h"
#include "tools/ringroad/run.h"

namespace ringroad::cli {
namespace {

constexpr int kHistoryLines = 1'000;
constexpr std::size_t kListColumnsMax = 80;

struct EndEdit {
  void operator()(EditLine* edit) const { el_end(edit); }
};
struct EndHistory {
  void operator()(History* history) const { history_end(history); }
};

std::string common_front(const std::vector<std::string>& words) {
  std::string front = words.front();
  for (const std::string& word : words) {
    const auto differ = std::mismatch(front.begin(), front.end(), word.begin(), word.end()).first;
    front.erase(differ, front.end());
  }
  return front;
}

class Shell {
 public:
  explicit Shell(Session& session);
  ExitCode run();

 private:
  static char* prompt(EditLine*) {
    static char text[] = "ringroad> ";
    return text;
  }
  static Shell& of(EditLine* edit) {
    void* shell = nullptr;
    el_get(edit, EL_CLIENTDATA, &shell);
    return *static_cast<Shell*>(shell);
  }
  static int read_key(EditLine* edit, wchar_t* key) { return of(edit).read_key(key); }
  static unsigned char complete_key(EditLine* edit, int) { return of(edit).complete_line(); }

  int read_key(wchar_t* key);
  void take_terminal_back();
  unsigned char complete_line();
  Candidates candidates_for(const std::vector<std::string>& words);
  void list(const std::vector<std::string>& words);
  void remember(const char* line);
  bool run_line(const std::string& line);  // whether to go on

  Session& session_;
  std::string history_file_;
  std::unique_ptr<EditLine, EndEdit> edit_;
  std::unique_ptr<History, EndHistory> history_;
  ExitCode last_ = ExitCode::kOk;
};

Shell::Shell(Session& session) : session_(session), history_file_(history_file()) {
  std::setlocale(LC_CTYPE, "");
  edit_.reset(el_init("ringroad", stdin, stdout, stderr));
  history_.reset(history_init());
  EditLine* edit = edit_.get();
  el_set(edit, EL_CLIENTDATA, this);
  el_set(edit, EL_SIGNAL, 0);
  el_set(edit, EL_PROMPT, &Shell::prompt);
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_GETCFN, static_cast<int (*)(EditLine*, wchar_t*)>(&Shell::read_key));
  el_set(edit, EL_HIST, history, history_.get());
  el_set(edit, EL_ADDFN, "ringroad-complete", "completes the word", &Shell::complete_key);
  el_set(edit, EL_BIND, "^I", "ringroad-complete", nullptr);
  el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  HistEvent event;
  history(history_.get(), &event, H_SETSIZE, kHistoryLines);
  history(history_.get(), &event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) history(history_.get(), &event, H_LOAD, history_file_.c_str());
}

// One character from the terminal; -1: a signal, or its end.
int Shell::read_key(wchar_t* key) {
  std::mbstate_t state{};
  for (;;) {
    const auto wake =
        session_.interrupts.wait(STDIN_FILENO, POLLIN, kForever, Interrupts::Resizing::kWakes);
    if (wake == Interrupts::Wake::kStopped) return -1;
    if (wake == Interrupts::Wake::kResized) {
      session_.interrupts.take_resized();
      el_resize(edit_.get());
      if (session_.interrupts.take_continued()) take_terminal_back();
      continue;
    }
    char byte = 0;
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n <= 0) return n == 0 ? 0 : -1;
    const std::size_t used = std::mbrtowc(key, &byte, 1, &state);
    if (used == static_cast<std::size_t>(-2)) continue;  // more bytes of it follow
    if (used == static_cast<std::size_t>(-1)) {
      state = {};
      *key = L'?';
    }
    return 1;
  }
}

// After ctrl-Z and fg: editing again, with the line as it was. libedit believes it still has the
// terminal, and has to give it up first.
void Shell::take_terminal_back() {
  el_set(edit_.get(), EL_PREP_TERM, 0);
  el_set(edit_.get(), EL_PREP_TERM, 1);
  el_set(edit_.get(), EL_REFRESH);
}

Candidates Shell::candidates_for(const std::vector<std::string>& words) {
  Candidates candidates = complete(session_.tree, words, live_from(session_));
  if (words.size() == 1) {
    for (const char* own : {"help", "exit", "quit"}) {
      if (std::string_view{own}.starts_with(words[0])) candidates.words.emplace_back(own);
    }
  }
  if (candidates.wants_files) candidates.words = file_names(words.back());
  return candidates;
}

void Shell::list(const std::vector<std::string>& words) {
  std::string text = "\n";
  std::size_t widest = 0;
  for (const std::string& word : words) widest = std::max(widest, width_of(word) + 2);
  const std::size_t across = std::max<std::size_t>(1, kListColumnsMax / widest);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_last = i + 1 == words.size() || (i + 1) % across == 0;
    text += is_last ? words[i] + "\n" : padded(words[i], widest);
  }
  std::fflush(stdout);
  session_.out.write(text);
}

unsigned char Shell::complete_line() {
  const LineInfo* line = el_line(edit_.get());
  const std::string before{line->buffer, line->cursor};
  auto words = split_line(before);
  if (!words.ok()) return CC_ERROR;
  if (before.empty() || before.back() == ' ') words->emplace_back();
  // A line may be typed as in another shell.
  if (words->size() > 1 && words->front() == "ringroad") words->erase(words->begin());
  const auto candidates = candidates_for(*words);
  if (candidates.words.empty()) return CC_ERROR;
  std::string typed = words->back();
  if (typed.starts_with("--") && typed.find('=') != std::string::npos) {
    typed.erase(0, typed.find('=') + 1);
  }
  const std::string front = common_front(candidates.words);
  if (!front.starts_with(typed)) return CC_ERROR;
  std::string more = front.substr(typed.size());
  const bool is_one = candidates.words.size() == 1;
  if (is_one && !candidates.words.front().ends_with('/')) more += ' ';
  if (more.empty()) {
    list(candidates.words);
    return CC_REDISPLAY;
  }
  return el_insertstr(edit_.get(), more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

void Shell::remember(const char* line) {
  HistEvent event;
  history(history_.get(), &event, H_ENTER, line);
  if (!history_file_.empty()) history(history_.get(), &event, H_SAVE, history_file_.c_str());
}

bool Shell::run_line(const std::string& line) {
  auto words = split_line(line);
  if (!words.ok()) {
    session_.tell(fabric::message_of(words.status()));
    last_ = ExitCode::kUsage;
    return true;
  }
  if (!words->empty() && words->front() == "ringroad") words->erase(words->begin());
  if (words->empty()) return true;
  if (words->front() == "exit" || words->front() == "quit") return false;
  if (words->front() == "help") {
    words->erase(words->begin());
    words->emplace_back("--help");
  }
  last_ = run_words(session_, *std::move(words));
  return true;
}

ExitCode Shell::run() {
  session_.talk.write("help lists the commands, tab completes, ctrl-D leaves\n");
  for (;;) {
    int count = 0;
    session_.interrupts.take_continued();  // while a command ran: editing begins anew anyway
    const char* line = el_gets(edit_.get(), &count);
    const int signal = session_.interrupts.stop_signal();
    if (signal == SIGTERM || signal == SIGHUP) return last_;
    if (signal == SIGINT) {
      session_.interrupts.clear();
      el_reset(edit_.get());
      session_.out.write("^C\r\n");
      continue;
    }
    if (line == nullptr || count <= 0) {
      session_.out.write("\n");
      return last_;
    }
    const std::string text = line;
    if (text.find_first_not_of(" \t\n") != std::string::npos) remember(line);
    if (!run_line(text)) return last_;
    // ctrl-C ended what ran, and no more than that.
    if (session_.interrupts.stop_signal() == SIGINT) session_.interrupts.clear();
    if (session_.interrupts.stop_signal() != 0) return last_;
  }
}

}  // namespace

ExitCode run_shell(Session& session) {
  session.is_shell = true;
  return Shell{session}.run();
}

}  // namespace ringroad::cli
