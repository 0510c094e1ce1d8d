// node show: the node that is asked, in detail; its processes, links, buffers, drops, and how busy
// its loops are.
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

std::string dataplane_text(const json& dataplane) {
  if (flag_of(dataplane, "attached")) {
    const std::string still = flag_of(dataplane, "moves") ? "" : text_of(dataplane, "reason");
    if (!still.empty()) {
      return cat("attached, process ", count_of(dataplane, "process_id"), ", and ", still);
    }
    return cat("attached, process ", count_of(dataplane, "process_id"), ", up ",
               age_text(number_of(dataplane, "uptime_seconds")));
  }
  return cat("NOT attached for ", age_text(number_of(dataplane, "away_seconds")), ": ",
             text_of(dataplane, "reason"));
}

std::string metrics_text(const json& answer) {
  const std::string listen = text_of(answer, "metrics_listen");
  return listen.empty() ? "not served" : cat("http://", listen, "/metrics");
}

// Where the node does not run as its configuration says, a line each.
std::string gaps_text(const json& answer, const Look& look) {
  std::string text;
  for (const json& gap : list_of(answer, "config_gaps")) {
    if (gap.is_string()) text += fact_line(look, "differs", printable(gap.get<std::string>()));
  }
  return text;
}

std::string node_text(const json& answer, const Look& look) {
  const std::string state = text_of(answer, "state");
  const json& control = child_of(answer, "control");
  const auto fact = [&](std::string_view label, std::string_view text) {
    return fact_line(look, label, text);
  };
  const std::string zone = text_of(answer, "zone");
  return cat(
      "node ", count_of(answer, "node_id"), "  ",
      shortened(text_of(answer, "name"), look.is_wide ? 1'000 : look.columns - 24), "  ",
      toned(look, tone_of_state(state), state), "\n",
      fact("cluster", cat(text_of(answer, "cluster"), zone.empty() ? "" : cat(", zone ", zone))),
      fact("address", cat(endpoint_text(answer), flag_of(answer, "plain") ? ", " : "",
                          flag_of(answer, "plain") ? kPlainText : "")),
      fact("version", text_of(answer, "version")),
      fact("dataplane", dataplane_text(child_of(answer, "dataplane"))),
      fact("control",
           cat("process ", count_of(control, "process_id"), ", up ",
               age_text(number_of(control, "uptime_seconds")), ", ", text_of(control, "socket"))),
      fact("programs", cat(number_of(answer, "applications")
                               ? counted(count_of(answer, "applications"), "program")
                               : "-",
                           " at ", text_of(answer, "host_socket"))),
      fact("links",
           cat(count_of(answer, "links_up"), " of ", count_of(answer, "links_total"), " up")),
      fact("messages", cat(figure_text(answer, "messages_delivered_total"), " delivered here, ",
                           figure_text(answer, "messages_local_total"), " of them local")),
      fact("buffers", cat(figure_text(answer, "buffers_free"), " of ",
                          figure_text(answer, "buffers_total"), " free")),
      fact("dropped", counts_text(child_of(answer, "drops"))),
      fact("metrics", metrics_text(answer)),
      fact("config",
           cat(text_of(answer, "config_file"), ", version ", count_of(answer, "config_version"),
               ", idle policy ", text_of(answer, "idle"))),
      gaps_text(answer, look), loops_table(answer, look), problems_text(answer, look));
}

absl::StatusOr<ExitCode> show_node(Session& session, const Given&) {
  return show(session, {.fetch = asking("node.status"), .draw = node_text});
}

}  // namespace

std::vector<Command> node_commands() {
  return {{.path = "node show",
           .summary = "Shows the node that is asked: processes, links, buffers, drops, loops.",
           .details = "Ends with what is wrong with the node and its links, and how to mend it. "
                      "Figures are \"-\" while no dataplane is there that moves.",
           .examples = {{"ringroad node show", "the node on this machine"},
                        {"ringroad node show --node 3 -j | jq .drops", "what node 3 dropped"}},
           .run = show_node,
           .is_view = true}};
}

}  // namespace ringroad::cli
