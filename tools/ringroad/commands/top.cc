// top: the cluster as it moves, redrawn each second on a terminal, sorted by a key that may be
// typed while it runs; a frame after the other into a pipe.
#include <poll.h>
#include <unistd.h>

#include <optional>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/screen.h"
#include "tools/ringroad/session.h"
#include "tools/ringroad/top_frame.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::string_view kNote =
    "sorted by %: n node, s sent, r received, l latency, d down; "
    "q quits";

struct Plan {
  SortKey sort = SortKey::kNode;
  double interval = 1;
  std::uint64_t frames = 0;  // 0: until it is ended
};

absl::StatusOr<Plan> plan_of(const Given& given) {
  Plan plan;
  if (given.has("--sort")) plan.sort = *sort_key_of_word(given.text("--sort"));
  const auto interval = given.seconds("--interval", 0.1, 3'600, 1);
  if (!interval.ok()) return interval.status();
  plan.interval = *interval;
  const auto frames = given.whole("--frames", 0, 1'000'000'000, 0);
  if (!frames.ok()) return frames.status();
  plan.frames = given.has("--once") ? 1 : *frames;
  return plan;
}

absl::StatusOr<json> fetch(Session& session) {
  json answer = {{"schema_version", 1}};
  for (const auto& [key, method] :
       {std::pair{"cluster", "cluster.status"}, {"node", "node.status"}, {"links", "link.list"}}) {
    auto part = session.ask(method);
    if (!part.ok()) return part.status();
    answer[key] = *std::move(part);
  }
  return answer;
}

std::string note_for(SortKey sort) {
  std::string note{kNote};
  return note.replace(note.find('%'), 1, sort_words()[static_cast<std::size_t>(sort)]);
}

enum class Turn { kFetch, kRedraw, kEnd };

// Waits for the next frame's time, a key, or the terminal's new size.
Turn wait_for_turn(Session& session, const Screen* screen, Deadline next, SortKey& sort) {
  const int input = screen != nullptr ? screen->input() : -1;
  const auto wake = session.interrupts.wait(input, POLLIN, next, Interrupts::Resizing::kWakes);
  if (wake == Interrupts::Wake::kStopped) return Turn::kEnd;
  if (wake == Interrupts::Wake::kTimedOut) return Turn::kFetch;
  if (wake == Interrupts::Wake::kResized) {
    session.interrupts.take_resized();
    return Turn::kRedraw;
  }
  char key = 0;
  if (read(input, &key, 1) != 1 || key == 'q') return Turn::kEnd;
  if (const auto chosen = sort_key_of_letter(key)) sort = *chosen;
  return Turn::kRedraw;
}

void draw(Session& session, Screen* screen, const json& answer, SortKey sort,
          const std::string& fault) {
  const Look look = session.look();
  if (screen != nullptr) {
    screen->draw(top_frame(answer, sort, look, session.out.size().rows,
                           fault.empty() ? note_for(sort) : cat("! ", fault)));
  } else if (session.is_json()) {
    session.out.write(answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  } else {
    session.out.write(top_frame(answer, sort, look, 0, "") + "\n");
  }
}

absl::StatusOr<ExitCode> top(Session& session, const Given& given) {
  auto plan = plan_of(given);
  if (!plan.ok()) return plan.status();
  auto answer = fetch(session);
  if (!answer.ok()) return answer.status();
  std::optional<Screen> screen;
  const bool is_live = session.out.is_screen() && !session.is_json() && plan->frames == 0;
  if (is_live) screen.emplace(session.out, STDIN_FILENO, Screen::Keys::kRead);
  std::string fault;
  Deadline next = deadline_in(plan->interval);
  for (std::uint64_t frame = 1;;) {
    draw(session, screen ? &*screen : nullptr, *answer, plan->sort, fault);
    if (frame == plan->frames || session.out.is_closed()) break;
    const Turn turn = wait_for_turn(session, screen ? &*screen : nullptr, next, plan->sort);
    if (turn == Turn::kEnd) break;
    if (turn == Turn::kRedraw) continue;
    next = deadline_in(plan->interval);
    ++frame;
    auto fresh = fetch(session);
    if (absl::IsCancelled(fresh.status())) break;
    // A control process may be restarted under it: the last figures stay, with what is wrong.
    fault = fresh.ok() ? "" : std::string(fabric::message_of(fresh.status()));
    if (fresh.ok()) {
      answer = std::move(fresh);
    } else if (!screen) {
      return fresh.status();
    }
  }
  screen.reset();
  session.interrupts.clear();
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> top_commands() {
  return {{.path = "top",
           .summary = "Shows nodes, links, loops and drops, live.",
           .details = "Keys: n, s, r, l, d sort by node, sent, received, latency, or what is down "
                      "first; q or ctrl-C ends it. Off a terminal, or on a dumb one, a frame after "
                      "the other as text, or with -j as JSON, one object a line.",
           .options =
               {{.names = "--sort",
                 .value = "KEY",
                 .help = "node, sent, received, latency or down (node)",
                 .words = sort_words()},
                {.names = "--interval", .value = "SECONDS", .help = "from frame to frame (1)"},
                {.names = "-n,--frames", .value = "N", .help = "end after so many; 0: never (0)"},
                {.names = "--once", .value = "", .help = "the same as --frames 1"}},
           .examples = {{"ringroad top --sort latency", "the slowest links first"},
                        {"ringroad top --once | less", "one frame, whole"}},
           .run = top}};
}

}  // namespace ringroad::cli
