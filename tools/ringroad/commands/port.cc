// port show: the node's ports and what went through them, with what was dropped or put off, by
// reason.
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

constexpr std::uint64_t kPortsMax = 64;

std::uint64_t sum_of(const json& counts) {
  std::uint64_t sum = 0;
  if (!counts.is_object()) return sum;
  for (const auto& [reason, count] : counts.items()) {
    if (count.is_number_unsigned()) sum += count.get<std::uint64_t>();
  }
  return sum;
}

std::string ports_text(const json& answer, const Look& look) {
  Table table{{{"PORT", true},
               {"KIND"},
               {"STATE"},
               {"SINCE", true},
               {"SENT/s", true},
               {"RECV/s", true},
               {"OUT", true},
               {"IN", true},
               {"DROPPED", true},
               {"MTU", true, 0, true},
               {"ADDRESS", false, 0, true},
               {"SENT", true, 0, true},
               {"RECEIVED", true, 0, true},
               {"LINK CHANGES", true, 0, true}}};
  std::string reasons, problems;
  for (const json& port : list_of(answer, "ports")) {
    const std::string state = flag_of(port, "up") ? "up" : "down";
    const auto rate = [&](const char* key) {
      return number_of(port, key) ? bytes_text(number_of(port, key)) + "/s" : "-";
    };
    table.row({std::to_string(count_of(port, "index")), text_of(port, "kind"),
               Cell{state, tone_of_state(state)}, age_text(number_of(port, "since_seconds")),
               rate_text(number_of(port, "packets_sent_per_second")),
               rate_text(number_of(port, "packets_received_per_second")),
               rate("bytes_sent_per_second"), rate("bytes_received_per_second"),
               child_of(port, "drops").is_object()
                   ? rate_text(static_cast<double>(sum_of(child_of(port, "drops"))))
                   : "-",
               cat(count_of(port, "mtu"), " B"),
               cat(text_of(port, "address"), "/", count_of(port, "prefix_length")),
               figure_text(port, "packets_sent_total"), figure_text(port, "packets_received_total"),
               figure_text(port, "link_changes_total")});
    problems += problems_text(port, look);
    for (const auto& [key, word] : {std::pair{"drops", "dropped: "}, {"waits", "put off: "}}) {
      if (sum_of(child_of(port, key)) == 0) continue;
      reasons += wrapped(cat("port ", count_of(port, "index"), " ", word,
                             counts_text(child_of(port, key))),
                         look.columns, "  ") +
                 "\n";
    }
  }
  return table.text(look) + reasons + problems;
}

absl::StatusOr<json> fetch_port(Session& session, std::uint64_t index) {
  auto answer = session.ask("port.list");
  if (!answer.ok()) return answer;
  json chosen = json::array();
  for (const json& port : list_of(*answer, "ports")) {
    if (count_of(port, "index") == index) chosen.push_back(port);
  }
  if (chosen.empty()) {
    return absl::NotFoundError(cat("port ", index, ": the node has ",
                                   counted(list_of(*answer, "ports").size(), "port"),
                                   ", counted from 0; next: ringroad port show"));
  }
  (*answer)["ports"] = std::move(chosen);
  return answer;
}

absl::StatusOr<ExitCode> show_ports(Session& session, const Given& given) {
  if (!given.has("INDEX")) return show(session, {.fetch = asking("port.list"), .draw = ports_text});
  const auto index = given.whole("INDEX", 0, kPortsMax - 1, 0);
  if (!index.ok()) return index.status();
  const auto fetch = [index = *index](Session& asked) { return fetch_port(asked, index); };
  return show(session, {.fetch = fetch, .draw = ports_text});
}

}  // namespace

std::vector<Command> port_commands() {
  return {{.path = "port show",
           .summary = "Shows the node's ports: packets, bytes, drops by reason.",
           .details = "SENT/s and RECV/s are packets, OUT and IN bytes of the last second; DROPPED "
                      "counts since the node started.",
           .arguments = {{.name = "INDEX",
                          .help = "of one port, counted from 0",
                          .source = Source::kPort,
                          .is_required = false}},
           .examples = {{"ringroad port show", "all ports"},
                        {"ringroad port show 0 -o wide", "everything of the first one"}},
           .run = show_ports,
           .is_view = true}};
}

}  // namespace ringroad::cli
