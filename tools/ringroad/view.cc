#include "tools/ringroad/view.h"

#include <unistd.h>

#include <optional>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/screen.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

void print(Session& session, const View& view, const json& answer) {
  if (session.is_json()) return session.print_json(answer);
  session.out.write(view.draw(answer, session.look()));
}

// A failed answer while watching: in the frame on a terminal; otherwise told once, until another
// one comes.
class Trouble {
 public:
  explicit Trouble(Session& session) : session_(session) {}
  void tell(const std::string& text) {
    if (text != told_) session_.tell(text);
    told_ = text;
  }
  void forget() { told_.clear(); }

 private:
  Session& session_;
  std::string told_;
};

absl::StatusOr<ExitCode> watch(Session& session, const View& view, json answer) {
  const double period = *session.settings.watch_seconds;
  // Into a pipe goes what programs read.
  if (!session.out.is_terminal()) session.settings.format = Format::kJson;
  const bool is_drawn = session.out.is_screen() && !session.is_json();
  std::optional<Screen> screen;
  if (is_drawn) screen.emplace(session.out, STDIN_FILENO, Screen::Keys::kLeftAlone);
  Trouble trouble{session};
  std::string trouble_text;
  ExitCode code = ExitCode::kOk;
  for (Deadline next = deadline_in(period);;) {
    if (view.judge) code = view.judge(answer);
    if (screen) {
      const Look look = session.look();
      const std::string fault =
          trouble_text.empty() ? "" : wrapped("! " + trouble_text, look.columns, "  ") + "\n";
      screen->draw(fault + view.draw(answer, look));
    } else if (trouble_text.empty()) {
      print(session, view, answer);
    }
    const auto wake = session.interrupts.wait(-1, 0, next, Interrupts::Resizing::kWakes);
    if (wake == Interrupts::Wake::kStopped || session.out.is_closed()) break;
    if (session.interrupts.take_resized()) continue;
    next = deadline_in(period);
    auto fresh = view.fetch(session);
    if (absl::IsCancelled(fresh.status())) break;
    trouble_text = fresh.ok() ? "" : std::string(fabric::message_of(fresh.status()));
    if (fresh.ok()) {
      answer = *std::move(fresh);
      trouble.forget();
    } else if (!screen) {
      trouble.tell(trouble_text);
    }
  }
  screen.reset();
  // What was seen last stays to be read.
  if (is_drawn) print(session, view, answer);
  session.interrupts.clear();
  return code;
}

}  // namespace

std::function<absl::StatusOr<json>(Session&)> asking(const char* method) {
  return [method](Session& session) { return session.ask(method); };
}

absl::StatusOr<ExitCode> show(Session& session, const View& view) {
  auto answer = view.fetch(session);
  if (!answer.ok()) return answer.status();
  if (session.settings.watch_seconds) return watch(session, view, *std::move(answer));
  print(session, view, *answer);
  return view.judge ? view.judge(*answer) : ExitCode::kOk;
}

}  // namespace ringroad::cli
