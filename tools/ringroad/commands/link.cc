// link show, link reset: the node's links to its peers; all of them in a table, or one in detail.
// A link may also be named by both its ends ("1-3"), as problems name it, and is then looked at
// from the end that is asked.
#include <algorithm>

#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"
#include "tools/ringroad/view.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

std::uint64_t queued(const json& link) {
  std::uint64_t messages = 0;
  for (const json& queue : list_of(link, "queues")) messages += count_of(queue, "messages");
  return messages;
}

// "priority 2: 1,024 messages, waits for byte credit"
std::string queues_text(const json& link) {
  std::string text;
  for (const json& queue : list_of(link, "queues")) {
    const std::string waits = text_of(queue, "waits_for");
    if (count_of(queue, "messages") == 0 && waits == "nothing") continue;
    text += cat(text.empty() ? "" : "; ", "priority ", count_of(queue, "priority"), ": ",
                counted(count_of(queue, "messages"), "message"),
                waits == "nothing" ? "" : ", waits for ", waits == "nothing" ? "" : waits);
  }
  return or_dash(text);
}

// Of all links, each once: one cause may be that of several.
json problems_of(const json& answer) {
  json problems = json::array();
  for (const json& link : list_of(answer, "links")) {
    for (const json& problem : list_of(link, "problems")) {
      if (std::find(problems.begin(), problems.end(), problem) == problems.end()) {
        problems.push_back(problem);
      }
    }
  }
  return problems;
}

std::string links_table(const json& answer, const Look& look) {
  Table table{{{"PEER", true},
               {"NAME", false, 5},
               {"ADDRESS", false, 0, true},
               {"STATE"},
               {"SINCE", true},
               {"SENT/s", true},
               {"RECV/s", true},
               {"p50", true, 0, true},
               {"p99", true},
               {"RESENT", true},
               {"QUEUED", true},
               {"SESSIONS", true, 0, true},
               {"LOST", true, 0, true},
               {"PROBES", true, 0, true},
               {"WAITS", false, 5, true},
               {"REFUSED", false, 5, true}}};
  for (const json& link : list_of(answer, "links")) {
    const std::string state = text_of(link, "state");
    table.row(
        {std::to_string(count_of(link, "peer_id")), text_of(link, "name"), endpoint_text(link),
         Cell{state, tone_of_state(state)}, age_text(number_of(link, "since_seconds")),
         rate_text(number_of(link, "messages_sent_per_second")),
         rate_text(number_of(link, "messages_received_per_second")),
         latency_text(number_of(link, "round_trip_p50_seconds")),
         latency_text(number_of(link, "round_trip_p99_seconds")),
         rate_text(number_of(link, "messages_retransmitted_total")),
         rate_text(static_cast<double>(queued(link))), std::to_string(count_of(link, "sessions")),
         gen::with_commas(count_of(link, "frames_lost_total")),
         gen::with_commas(count_of(link, "probes_sent_total")), queues_text(link),
         counts_text(child_of(link, "refused"))});
  }
  if (table.is_empty()) return cat("no links\n", problems_text(answer, look));
  return table.text(look) + problems_text({{"problems", problems_of(answer)}}, look);
}

std::string traffic_text(const json& link, const std::string& verb) {
  const auto key = [&](const std::string& front, const char* back) { return front + verb + back; };
  return cat(rate_text(number_of(link, key("messages_", "_per_second").c_str())), " messages/s, ",
             bytes_text(number_of(link, key("payload_bytes_", "_per_second").c_str())),
             "/s; in all ", counted(count_of(link, key("messages_", "_total").c_str()), "message"),
             ", ", bytes_text(number_of(link, key("payload_bytes_", "_total").c_str())), " in ",
             counted(count_of(link, key("frames_", "_total").c_str()), "frame"));
}

// "up to 1,472 bytes; node 3 takes up to 8,972"
std::string frames_text(const json& link) {
  if (!number_of(link, "frame_bytes_max")) return "-";
  return cat("up to ", figure_text(link, "frame_bytes_max"), " bytes; node ",
             count_of(link, "peer_id"), " takes up to ", figure_text(link, "peer_frame_bytes_max"));
}

std::string link_text(const json& answer, const json& link, const Look& look) {
  const std::string state = text_of(link, "state");
  const auto fact = [&](std::string_view label, std::string_view text) {
    return fact_line(look, label, text);
  };
  return cat(
      "link ", count_of(answer, "node_id"), "-", count_of(link, "peer_id"), "  to ",
      shortened(text_of(link, "name"), look.is_wide ? 1'000 : look.columns - 48), " at ",
      endpoint_text(link), "  ", toned(look, tone_of_state(state), state), "\n",
      fact("since", cat(age_text(number_of(link, "since_seconds")), "; came up ",
                        counted(count_of(link, "sessions"), "time"))),
      fact("round trip",
           cat("p50 ", latency_text(number_of(link, "round_trip_p50_seconds")), ", p99 ",
               latency_text(number_of(link, "round_trip_p99_seconds")), ", smoothed ",
               latency_text(number_of(link, "round_trip_seconds")), ", smallest ",
               latency_text(number_of(link, "round_trip_smallest_seconds")))),
      fact("frames", frames_text(link)), fact("sent", traffic_text(link, "sent")),
      fact("received", traffic_text(link, "received")),
      fact("repaired", cat(counted(count_of(link, "frames_lost_total"), "frame"), " lost, ",
                           counted(count_of(link, "messages_retransmitted_total"), "message"),
                           " sent again, ", counted(count_of(link, "probes_sent_total"), "probe"))),
      fact("queues", queues_text(link)), fact("outcomes", counts_text(child_of(link, "outcomes"))),
      fact("refused", counts_text(child_of(link, "refused"))), problems_text(link, look));
}

std::string draw_links(const json& answer, const Look& look) { return links_table(answer, look); }

std::string draw_one(const json& answer, const Look& look) {
  std::string text;
  for (const json& link : list_of(answer, "links")) text += link_text(answer, link, look);
  return text.empty() ? cat("no links\n", problems_text(answer, look)) : text;
}

// PEER is an id, or a pair "1-3" as problems name links: then the other end of the two.
absl::StatusOr<std::uint32_t> peer_of(Session& session, const std::string& text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string::npos) return node_id_of("PEER", text);
  const auto first = node_id_of("PEER", text.substr(0, dash));
  if (!first.ok()) return first.status();
  const auto second = node_id_of("PEER", text.substr(dash + 1));
  if (!second.ok()) return second.status();
  const auto status = session.ask("node.status");
  if (!status.ok()) return status.status();
  const auto self = count_of(*status, "node_id");
  if (self == *first) return *second;
  if (self == *second) return *first;
  return absl::NotFoundError(cat("node ", self, " is neither end of link ", text,
                                 "; next: ringroad link show ", *second, " --node ", *first));
}

absl::StatusOr<ExitCode> show_links(Session& session, const Given& given) {
  if (!given.has("PEER")) {
    return show(session, {.fetch = asking("link.list"), .draw = draw_links});
  }
  const auto peer = peer_of(session, given.text("PEER"));
  if (!peer.ok()) return peer.status();
  const auto fetch = [peer = *peer](Session& asked) {
    return asked.ask("link.list", {{"peer_id", peer}});
  };
  return show(session, {.fetch = fetch, .draw = draw_one});
}

absl::StatusOr<ExitCode> reset_link(Session& session, const Given& given) {
  const auto peer = peer_of(session, given.text("PEER"));
  if (!peer.ok()) return peer.status();
  const auto answer = session.ask("link.reset", {{"peer_id", *peer}});
  if (!answer.ok()) return answer.status();
  if (session.is_json()) {
    session.print_json(*answer);
  } else {
    session.out.write(
        cat("link to node ", *peer, " starts anew; next: ringroad link show ", *peer, "\n"));
  }
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> link_commands() {
  const Argument peer{.name = "PEER",
                      .help = "the other node's id, or both ends as in 1-3",
                      .source = Source::kPeer};
  Argument maybe_peer = peer;
  maybe_peer.is_required = false;
  return {
      {.path = "link show",
       .summary = "Shows the node's links, or one of them in detail.",
       .details = "SENT/s and RECV/s are messages of the last second, p99 the round trip that 99 "
                  "of 100 stay under, RESENT messages sent again, QUEUED messages not yet "
                  "acknowledged.",
       .arguments = {maybe_peer},
       .examples = {{"ringroad link show", "all links"},
                    {"ringroad link show 3 --watch", "the one to node 3, live"}},
       .run = show_links,
       .is_view = true},
      {.path = "link reset",
       .summary = "Drops a link's session and starts it anew.",
       .details = "Messages in flight end as \"unknown\": delivered once, or not at all.",
       .arguments = {peer},
       .examples = {{"ringroad link reset 3", "starts the link to node 3 anew"}},
       .run = reset_link},
  };
}

}  // namespace ringroad::cli
