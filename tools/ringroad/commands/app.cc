// app show: the programs attached to the node, with what they sent, received, and what the node
// would not take from them.
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-gen/quantity.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/draw.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/units.h"
#include "tools/ringroad/view.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;

Cell reads(const json& does_read) {
  if (!does_read.is_boolean()) return "-";
  return does_read.get<bool>() ? Cell{"yes"} : Cell{"NO", Tone::kBad};
}

std::string applications_text(const json& answer, const Look& look) {
  Table table{{{"APP", true},
               {"NAME", false, 8},
               {"PROCESS", true},
               {"USER", true, 0, true},
               {"SINCE", true},
               {"TYPES", true},
               {"SENT/s", true},
               {"RECV/s", true},
               {"REFUSED", true},
               {"WAITED", true},
               {"READS"},
               {"BUSY", true, 0, true},
               {"VIOLATIONS", true, 0, true},
               {"OUTCOMES", false, 8, true}}};
  for (const json& app : list_of(answer, "applications")) {
    const auto total = [&](const char* key) { return rate_text(number_of(app, key)); };
    table.row({std::to_string(count_of(app, "application_id")), text_of(app, "name"),
               std::to_string(count_of(app, "process_id")),
               std::to_string(count_of(app, "user_id")),
               age_text(number_of(app, "attached_seconds")),
               std::to_string(count_of(app, "bindings")), total("messages_sent_per_second"),
               total("messages_received_per_second"), total("refused_total"), total("waited_total"),
               reads(child_of(app, "does_read")), total("receive_busy_total"),
               total("violations_total"), counts_text(child_of(app, "outcomes"))});
  }
  const std::string programs = table.is_empty() ? "no program is attached\n" : table.text(look);
  return programs + problems_text(answer, look);
}

absl::StatusOr<ExitCode> show_applications(Session& session, const Given&) {
  return show(session, {.fetch = asking("app.list"), .draw = applications_text});
}

}  // namespace

std::vector<Command> app_commands() {
  return {{.path = "app show",
           .summary = "Shows the programs attached to the node.",
           .details =
               "TYPES counts the message types a program is bound to, REFUSED messages the "
               "node did not take from it, WAITED those that waited for room in its queue. READS "
               "is NO of a program for which messages wait and which takes none.",
           .examples = {{"ringroad app show", "all of them"},
                        {"ringroad app show -o wide",
                         "with outcomes, and deliveries put off "
                         "because a program does not read (BUSY)"}},
           .run = show_applications,
           .is_view = true}};
}

}  // namespace ringroad::cli
