#include "tools/ringroad/top_frame.h"

#include <algorithm>
#include <array>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

struct SortWord {
  SortKey key;
  std::string_view word;
};
constexpr std::array kSortWords = {
    SortWord{SortKey::kNode, "node"}, SortWord{SortKey::kSent, "sent"},
    SortWord{SortKey::kReceived, "received"}, SortWord{SortKey::kLatency, "latency"},
    SortWord{SortKey::kDown, "down"}};

int badness(const json& entry) {
  const std::string state = text_of(entry, "state");
  return state == "up" ? 0 : state == "down" || state == "closed" ? 2 : 1;
}

double weight(const json& entry, SortKey key) {
  switch (key) {
    case SortKey::kNode:
      return 0;
    case SortKey::kSent:
      return number_of(entry, "messages_sent_per_second").value_or(-1);
    case SortKey::kReceived:
      return number_of(entry, "messages_received_per_second").value_or(-1);
    case SortKey::kLatency:
      return number_of(entry, "round_trip_p99_seconds").value_or(-1);
    case SortKey::kDown:
      return badness(entry);
  }
  return 0;
}

std::vector<json> sorted(const json& list, SortKey key, const char* id) {
  std::vector<json> entries(list.begin(), list.end());
  std::sort(entries.begin(), entries.end(), [&](const json& a, const json& b) {
    const double left = weight(a, key), right = weight(b, key);
    return left != right ? left > right : count_of(a, id) < count_of(b, id);
  });
  return entries;
}

// Nodes and links have the columns that can be compared in common.
Table entries_table(const char* title, const char* id, const std::vector<json>& entries,
                    std::size_t shown) {
  Table table{{{title, true},
               {"NAME", false, 5},
               {"STATE"},
               {"SENT/s", true},
               {"RECV/s", true},
               {"p99", true},
               {"SINCE", true}}};
  for (const json& entry : entries) {
    if (shown-- == 0) break;
    const std::string state = text_of(entry, "state");
    table.row({std::to_string(count_of(entry, id)), text_of(entry, "name"),
               Cell{state, tone_of_state(state)},
               rate_text(number_of(entry, "messages_sent_per_second")),
               rate_text(number_of(entry, "messages_received_per_second")),
               latency_text(number_of(entry, "round_trip_p99_seconds")),
               age_text(number_of(entry, "since_seconds"))});
  }
  return table;
}

std::string cut_note(std::size_t all, std::size_t shown, std::string_view noun) {
  return all > shown ? cat("(", all - shown, " more ", noun, ")\n") : std::string{};
}

std::size_t line_count(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Of two lists that together have `room` rows, what each may show: half, and what the other leaves.
std::pair<std::size_t, std::size_t> shares(std::size_t first, std::size_t second,
                                           std::size_t room) {
  const std::size_t half = room / 2;
  if (first <= half) return {first, std::min(second, room - first)};
  if (second <= room - half) return {std::min(first, room - second), second};
  return {half, room - half};
}

std::string tail_text(const json& answer, const Look& look) {
  const json& node = child_of(answer, "node");
  const std::string drops = counts_text(child_of(node, "drops"));
  const std::string dropped =
      wrapped(cat("dropped ", drops == "-" ? "nothing" : drops), look.columns, "        ");
  return cat("\n", loops_table(node, look), dropped, "\n",
             problems_text(child_of(answer, "cluster"), look));
}

std::string first_lines(const std::string& text, std::size_t lines) {
  std::size_t end = 0;
  for (; lines > 0 && end < text.size(); --lines) {
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  }
  return text.substr(0, end);
}

}  // namespace

std::vector<std::string> sort_words() {
  std::vector<std::string> words;
  for (const auto& entry : kSortWords) words.emplace_back(entry.word);
  return words;
}

std::optional<SortKey> sort_key_of_word(std::string_view word) {
  for (const auto& entry : kSortWords) {
    if (entry.word == word) return entry.key;
  }
  return std::nullopt;
}

std::optional<SortKey> sort_key_of_letter(char letter) {
  for (const auto& entry : kSortWords) {
    if (entry.word.front() == letter) return entry.key;
  }
  return std::nullopt;
}

std::string top_frame(const json& answer, SortKey sort, const Look& look, std::size_t rows,
                      std::string_view note) {
  const auto nodes = sorted(list_of(child_of(answer, "cluster"), "nodes"), sort, "node_id");
  const auto links = sorted(list_of(child_of(answer, "links"), "links"), sort, "peer_id");
  const std::string head = cat(cluster_head(child_of(answer, "cluster"), look),
                               note.empty() ? "" : cat(shortened(note, look.columns), "\n"));
  std::string tail = tail_text(answer, look);
  std::size_t nodes_shown = nodes.size(), links_shown = links.size();
  if (rows != 0) {
    // A blank line, two lines of titles and two for what was cut; the lists keep three rows each.
    constexpr std::size_t kFrame = 5, kListsMin = 6;
    const std::size_t fixed = line_count(head) + kFrame;
    const std::size_t tail_max = rows > fixed + kListsMin ? rows - fixed - kListsMin : 0;
    tail = first_lines(tail, tail_max);
    const std::size_t used = fixed + line_count(tail);
    const auto [first, second] = shares(nodes.size(), links.size(), rows > used ? rows - used : 2);
    nodes_shown = first;
    links_shown = second;
  }
  const std::string of_node = cat("of node ", count_of(child_of(answer, "links"), "node_id"));
  return cat(head, entries_table("NODE", "node_id", nodes, nodes_shown).text(look),
             cut_note(nodes.size(), nodes_shown, "nodes"), "\n",
             entries_table("LINK", "peer_id", links, links_shown).text(look),
             cut_note(links.size(), links_shown, cat("links ", of_node)), tail);
}

}  // namespace ringroad::cli
