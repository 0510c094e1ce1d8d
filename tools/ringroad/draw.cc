// The pictures that several commands show: the head and problems of a cluster, its nodes, the loops
// of a node.
//
// Each is a function of an answer and of how it is looked at (width, colour, wide or not): no call,
// no clock, no terminal. What an answer lacks is drawn as "?" or "-", never invented, since an
// older or newer control process may be the one that answers. Whatever came over the socket passes
// printable() before it is drawn, so that no name can move a cursor.
//
// A narrow picture keeps to look.columns: names are shortened, lists are cut and say so.
#include "tools/ringroad/draw.h"

#include <algorithm>
#include <set>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

constexpr std::size_t kUnseenLinesMax = 4;

std::string links_text(const json& node) {
  const auto up = number_of(node, "links_up");
  return cat(up ? std::to_string(count_of(node, "links_up")) : "-", "/",
             count_of(node, "links_total"));
}

std::set<std::uint64_t> numbers_of(const json& list) {
  std::set<std::uint64_t> numbers;
  for (const json& number : list) {
    if (number.is_number_integer()) numbers.insert(number.get<std::uint64_t>());
  }
  return numbers;
}

// "1-3,7"
std::string ranges_text(const std::set<std::uint64_t>& numbers) {
  std::string text;
  for (auto at = numbers.begin(); at != numbers.end();) {
    auto last = at;
    while (std::next(last) != numbers.end() && *std::next(last) == *last + 1) ++last;
    text += cat(text.empty() ? "" : ",", *at, last == at ? "" : cat("-", *last));
    at = std::next(last);
  }
  return text;
}

// A node that is silent sees nobody that we know of: some control processes say that as an empty
// list, but none of them then has a number of links.
bool tells_whom_it_sees(const json& node) {
  return child_of(node, "sees").is_array() && number_of(node, "links_up").has_value();
}

std::string sees_text(const json& node) {
  const std::string seen = ranges_text(numbers_of(list_of(node, "sees")));
  return seen.empty() && tells_whom_it_sees(node) ? "nobody" : or_dash(seen);
}

// What each node misses of the others, as far as it has told.
std::string unseen_text(const json& answer, const Look& look) {
  std::set<std::uint64_t> all;
  for (const json& node : list_of(answer, "nodes")) all.insert(count_of(node, "node_id"));
  std::string text;
  std::size_t lines = 0, silent = 0;
  for (const json& node : list_of(answer, "nodes")) {
    if (!tells_whom_it_sees(node)) {
      ++silent;
      continue;
    }
    std::set<std::uint64_t> missing = all;
    missing.erase(count_of(node, "node_id"));
    for (const std::uint64_t seen : numbers_of(list_of(node, "sees"))) missing.erase(seen);
    if (missing.empty() || ++lines > kUnseenLinesMax) continue;
    text += wrapped(cat("node ", count_of(node, "node_id"), " does not see ",
                        missing.size() == 1 ? "node " : "nodes ", ranges_text(missing)),
                    look.columns, "  ") +
            "\n";
  }
  if (lines > kUnseenLinesMax) {
    text += cat("and ", lines - kUnseenLinesMax, " more nodes do not see all (-o wide)\n");
  }
  if (all.size() > 1 && lines == 0 && silent == 0) text += "all nodes see each other\n";
  return text;
}

Table nodes_table(const json& answer) {
  const json& nodes = list_of(answer, "nodes");
  const bool has_roles = std::any_of(nodes.begin(), nodes.end(),
                                     [](const json& node) { return text_of(node, "role") != "-"; });
  Table table{{{"NODE", true},
               {"NAME", false, 5},
               {"ZONE", false, 4},
               {"STATE"},
               {"ROLE", false, 4, !has_roles},
               {"SENT/s", true},
               {"RECV/s", true},
               {"p99", true},
               {"LINKS", true},
               {"SINCE", true},
               {"TOLD", true, 0, true},
               {"SEES", false, 4, true}}};
  for (const json& node : nodes) {
    const std::string state = text_of(node, "state");
    table.row({std::to_string(count_of(node, "node_id")), text_of(node, "name"),
               or_dash(text_of(node, "zone")), Cell{state, tone_of_state(state)},
               text_of(node, "role"), rate_text(number_of(node, "messages_sent_per_second")),
               rate_text(number_of(node, "messages_received_per_second")),
               latency_text(number_of(node, "round_trip_p99_seconds")), links_text(node),
               age_text(number_of(node, "since_seconds")),
               age_text(number_of(node, "told_seconds")), sees_text(node)});
  }
  return table;
}

std::string next_lines(const json& problem, const Look& look) {
  constexpr std::string_view kFirst = "  next: ", kLater = "        ", kGap = "      ";
  std::string text, line;
  for (const json& next : list_of(problem, "next")) {
    if (!next.is_string()) continue;
    const std::string command = printable(next.get<std::string>());
    const bool fits = width_of(line) + kGap.size() + width_of(command) <= look.columns;
    if (!line.empty() && fits) {
      line += cat(kGap, command);
      continue;
    }
    if (!line.empty()) text += line + "\n";
    line = cat(text.empty() && line.empty() ? kFirst : kLater, command);
  }
  return line.empty() ? text : text + line + "\n";
}

}  // namespace

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string counted(std::uint64_t count, std::string_view noun) {
  return cat(gen::with_commas(count), " ", noun, count == 1 ? "" : "s");
}

std::string figure_text(const json& object, const char* key) {
  return number_of(object, key) ? gen::with_commas(count_of(object, key)) : "-";
}

std::string endpoint_text(const json& object) {
  return cat(text_of(object, "address"), ":", count_of(object, "port"));
}

Tone tone_of_state(std::string_view state) {
  if (state == "up") return Tone::kGood;
  if (state == "down" || state == "closed") return Tone::kBad;
  return Tone::kWarning;
}

std::string cluster_head(const json& answer, const Look& look) {
  const json& nodes = list_of(answer, "nodes");
  const auto count = [&](std::string_view state) {
    return std::count_if(nodes.begin(), nodes.end(),
                         [&](const json& node) { return text_of(node, "state") == state; });
  };
  // A degraded node is up, and not all of it is well.
  const auto degraded = count("degraded"), up = count("up") + degraded;
  const auto leader = count_of(answer, "leader");
  const std::string not_well = degraded == 0 ? "" : cat(" (", degraded, " degraded)");
  const auto rest_with = [&](std::string_view gap, std::string_view beside) {
    return cat(gap, counted(nodes.size(), "node"), ", ", up, " up", beside,
               leader == 0 ? "" : cat(gap, "leader node ", leader),
               flag_of(answer, "plain") ? cat(gap, kPlainText) : "");
  };
  constexpr std::string_view kFront = "cluster ";
  constexpr std::size_t kNameColumnsMin = 12;
  const std::size_t name_columns = std::min(kNameColumnsMin, width_of(text_of(answer, "cluster")));
  const auto fits = [&](const std::string& rest) {
    return kFront.size() + name_columns + width_of(rest) <= look.columns;
  };
  std::string rest = rest_with("   ", not_well);
  if (!fits(rest)) rest = rest_with("  ", not_well);
  if (!fits(rest) && !look.is_wide) rest = rest_with("  ", "");  // the table tells them
  const std::size_t used = kFront.size() + width_of(rest);
  const std::size_t room = look.is_wide ? 1'000 : look.columns > used + 3 ? look.columns - used : 3;
  return cat(kFront, shortened(text_of(answer, "cluster"), room), rest, "\n");
}

std::string problems_text(const json& answer, const Look& look) {
  std::string text;
  for (const json& problem : list_of(answer, "problems")) {
    const bool is_wrong = text_of(problem, "severity") == "wrong";
    text += toned(look, is_wrong ? Tone::kBad : Tone::kWarning, "!");
    text += cat(" ", wrapped(text_of(problem, "text"), look.columns - 2, "  "), "\n");
    text += next_lines(problem, look);
    // Kept whole, to be copied.
    const std::string mend = text_of(problem, "mend");
    if (!mend.empty()) text += cat("  mend: ", mend, "\n");
  }
  return text;
}

std::string cluster_text(const json& answer, const Look& look) {
  return cat(cluster_head(answer, look), nodes_table(answer).text(look),
             look.is_wide ? "" : unseen_text(answer, look), problems_text(answer, look));
}

ExitCode judge_problems(const json& answer) {
  const json& nodes = list_of(answer, "nodes");
  const bool are_up = std::all_of(nodes.begin(), nodes.end(), [](const json& node) {
    const std::string state = text_of(node, "state");
    return state.empty() || state == "up";
  });
  return are_up && list_of(answer, "problems").empty() ? ExitCode::kOk : ExitCode::kUnhealthy;
}

std::string loops_table(const json& answer, const Look& look) {
  Table table{{{"LOOP", false, 6},
               {"BUSY", true},
               {"IDLE", true},
               {"ASLEEP", true},
               {"PASSES/s", true},
               {"SLEEPS", true}}};
  for (const json& loop : list_of(answer, "loops")) {
    const double busy = number_of(loop, "busy_share").value_or(0);
    table.row({text_of(loop, "name"), Cell{share_text(busy), busy > 0.9 ? Tone::kWarning : Tone{}},
               share_text(std::max(0.0, 1 - busy)), share_text(number_of(loop, "asleep_share")),
               rate_text(number_of(loop, "passes_per_second")),
               gen::with_commas(count_of(loop, "sleeps_total"))});
  }
  return table.is_empty() ? std::string{} : table.text(look);
}

}  // namespace ringroad::cli
