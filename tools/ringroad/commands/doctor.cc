// doctor: what is wrong with the machine a node runs on, or could be. Works without any node; with
// one, its configuration and its own word on itself are examined too. What is examined, and how, is
// doctor/; here is whom to ask, and how findings look.
#include "tools/ringroad/doctor/doctor.h"
#include "control/keeper.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad/commands/commands.h"
#include "tools/ringroad/fields.h"
#include "tools/ringroad/session.h"

namespace ringroad::cli {
namespace {

using fabric::cat;
using nlohmann::json;

const char* word_of_severity(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kWrong:
      return "wrong";
  }
  return "wrong";
}

Tone tone_of(Severity severity) {
  if (severity == Severity::kOk) return Tone::kGood;
  return severity == Severity::kWarning ? Tone::kWarning : Tone::kBad;
}

// Commands are kept whole, to be copied, each way to mend it on a line of its own; one that is too
// long goes on after an "&&", where a shell waits for more.
std::string mend_text(std::string mend, const Look& look) {
  constexpr std::string_view kOr = "    or", kAnd = " && ", kFront = "         mend: ";
  const std::string indent(kFront.size(), ' ');
  std::string text;
  for (std::string_view front = kFront; !mend.empty(); front = "           or: ") {
    const std::size_t end = std::min(mend.find(kOr), mend.size());
    std::string way = mend.substr(0, end);
    const std::size_t joint = way.find(kAnd);
    const bool is_too_long = front.size() + width_of(way) > look.columns;
    if (is_too_long && joint != std::string::npos) {
      way.replace(joint, kAnd.size(), cat(" &&\n", indent));
    }
    text += cat(front, way, "\n");
    mend.erase(0, end == mend.size() ? end : end + kOr.size());
    mend.erase(0, std::min(mend.find_first_not_of(": "), mend.size()));
  }
  return text;
}

// "wrong    port 0     what is so", and the mend below it.
std::string finding_text(const Finding& finding, const Look& look) {
  constexpr std::size_t kSeverityColumns = 9, kSubjectColumns = 11;
  const std::string indent(kSeverityColumns + kSubjectColumns, ' ');
  const std::string front = padded(word_of_severity(finding.severity), kSeverityColumns);
  std::string subject = padded(printable(finding.subject), kSubjectColumns);
  if (!subject.ends_with(' ')) subject += ' ';
  std::string what = wrapped(printable(finding.text), look.columns - indent.size(), "");
  for (std::size_t at = what.find('\n'); at != std::string::npos; at = what.find('\n', at + 1)) {
    what.insert(at + 1, indent);
  }
  std::string text = toned(look, tone_of(finding.severity), front) + subject + what + "\n";
  text += mend_text(printable(finding.mend), look);
  return text;
}

std::string folder_of(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
}

// Its control process does not answer: said once, with what starts it, or one that hangs anew.
Finding missed(const absl::Status& status, const std::optional<Target>& target) {
  constexpr std::string_view kMend = "; mend: ";
  const std::string text(fabric::message_of(status));
  const std::size_t end = std::min(text.find(kMend), text.size());
  Finding finding{Severity::kWrong, "control", text.substr(0, end),
                  end == text.size() ? "" : text.substr(end + kMend.size())};
  if (!target || !target->node_id) return finding;
  const NodeId node{static_cast<std::uint16_t>(*target->node_id)};
  const control::Keeper keeper(folder_of(target->socket));
  if (absl::IsDeadlineExceeded(status)) {
    finding.mend = keeper.restart_command(node, control::Restart::kControl);
  } else if (absl::IsUnavailable(status)) {
    finding.mend = keeper.start_command(node, control::Restart::kControl);
    if (!keeper.config_file(node)) finding.mend += "    or: ringroad-control --config FILE";
  }
  return finding;
}

// What can be known of the node: from its control process, or from the file alone.
absl::Status know_the_node(Session& session, const Given& given, Examination& examination,
                           std::vector<Finding>& findings) {
  std::string file = given.text("--config");
  const auto chosen = session.target();
  const auto status =
      chosen.ok() ? session.ask("node.status") : absl::StatusOr<json>(chosen.status());
  if (status.ok()) {
    examination.status = *status;
    if (auto links = session.ask("link.list"); links.ok()) examination.links = *links;
    if (auto programs = session.ask("app.list"); programs.ok()) {
      examination.programs = *programs;
    }
    if (file.empty()) file = text_of(*status, "config_file");
  } else if (absl::IsCancelled(status.status())) {
    return status.status();
  } else if (!session.settings.node.empty() || !control_sockets_here().empty()) {
    const auto target = chosen.ok() ? std::optional(*chosen) : std::nullopt;
    findings.push_back(missed(status.status(), target));
    examination.is_control_missed = target.has_value();
    if (file.empty() && target && target->node_id) {
      const control::Keeper keeper(folder_of(target->socket));
      file = keeper.config_file(NodeId{static_cast<std::uint16_t>(*target->node_id)}).value_or("");
    }
  }
  if (file.empty()) return absl::OkStatus();
  auto config = read_config(file);
  if (config.ok()) {
    examination.config = *std::move(config);
  } else if (given.has("--config")) {
    return absl::FailedPreconditionError(config.status().message());
  } else {
    findings.push_back({Severity::kWrong, "config", std::string(config.status().message()),
                        cat("ringroad config check ", file)});
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> doctor(Session& session, const Given& given) {
  Examination examination;
  std::vector<Finding> findings;
  const auto known = know_the_node(session, given, examination, findings);
  if (!known.ok()) return known;
  for (Finding& finding : examine(examination)) findings.push_back(std::move(finding));
  json listed = json::array();
  std::string text;
  bool is_wrong = false;
  for (const Finding& finding : findings) {
    is_wrong = is_wrong || finding.severity == Severity::kWrong;
    listed.push_back({{"severity", word_of_severity(finding.severity)},
                      {"subject", finding.subject},
                      {"text", finding.text},
                      {"mend", finding.mend}});
    text += finding_text(finding, session.look());
  }
  if (session.is_json()) {
    session.print_json({{"schema_version", 1}, {"findings", listed}});
  } else {
    session.out.write(text);
  }
  return is_wrong ? ExitCode::kUnhealthy : ExitCode::kOk;
}

}  // namespace

std::vector<Command> doctor_commands() {
  return {{.path = "doctor",
           .summary = "Examines this machine for what slows or stops a node, and says how to mend "
                      "it.",
           .details = "Changes nothing. Needs no running node; with one, or its configuration, it "
                      "looks at more: whatever the node itself calls a problem is wrong. Ends with "
                      "5 when a line is wrong, and with 0 when there are only warnings, which are "
                      "about what could go better.",
           .options = {{.names = "--config",
                        .value = "FILE",
                        .help = "the node's configuration; default: what the node says",
                        .source = Source::kFile}},
           .examples = {{"ringroad doctor", "this machine, and the node on it"},
                        {"ringroad doctor --config node1.json", "before a node is started"}},
           .run = doctor}};
}

}  // namespace ringroad::cli
