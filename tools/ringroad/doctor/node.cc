// The running node's own word on itself: whether its dataplane moves, what it calls wrong with its
// links, programs and configuration. What a node calls a problem is wrong here, whatever its weight
// there: doctor is asked why something does not go. Of a process that is halted, its state in /proc
// names the way to let it go on.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/core/frame.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kIpv4AndUdpBytes = 28;  // of a packet, around a frame

const json& list_in(const json* object, const char* key) {
  static const json empty = json::array();
  if (object == nullptr || !object->is_object()) return empty;
  const auto found = object->find(key);
  return found == object->end() || !found->is_array() ? empty : *found;
}

std::string text_in(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

std::uint64_t number_in(const json& object, const char* key) {  // or 0
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  const bool is_count = found != object.end() && found->is_number_integer() && *found > 0;
  return is_count ? found->get<std::uint64_t>() : 0;
}

// What the problem says mends it, else what shows more of it.
std::string mend_of(const json& problem) {
  std::string mend = text_in(problem, "mend");
  if (!mend.empty()) return mend;
  for (const json& next : list_in(&problem, "next")) {
    if (!next.is_string()) continue;
    const std::string command = next.get<std::string>();
    // Which is being run.
    if (absl::StrContains(command, "ringroad doctor")) continue;
    return command;
  }
  return "ringroad cluster status";
}

// Whether the process is stopped by a signal or a debugger: "4711 (name) T ...".
bool is_halted(const Machine& machine, std::uint64_t process) {
  const auto text = machine.read(absl::StrCat("/proc/", process, "/stat"));
  if (!text) return false;
  const std::size_t name_end = text->rfind(") ");
  if (name_end == std::string::npos || name_end + 2 >= text->size()) return false;
  const char state = (*text)[name_end + 2];
  return state == 'T' || state == 't';
}

bool say_problems(const Machine& machine, const std::string& subject, Findings& findings) {
  bool any = false;
  for (const json& problem : list_in(machine.status(), "problems")) {
    if (text_in(problem, "subject") != subject) continue;
    findings.wrong(text_in(problem, "text"), mend_of(problem));
    any = true;
  }
  return any;
}

bool has_status(const Machine& machine, Findings& findings) {
  if (machine.status() != nullptr) return true;
  // Which another line calls wrong.
  findings.ok(machine.is_control_missed() ? "not known: the node's control process does not answer"
                                          : "no running node tells");
  return false;
}

// Of this node's frames, as its port is configured; 0: not known.
std::uint64_t own_frame_bytes(const Machine& machine) {
  if (!machine.config()) return 0;
  const std::uint64_t mtu = machine.config()->ports.front().mtu;
  return std::min<std::uint64_t>(mtu - std::min(mtu, kIpv4AndUdpBytes), kFrameBytesMax);
}

}  // namespace

bool say_halted(const Machine& machine, const std::string& what, std::uint64_t process,
                Findings& findings) {
  if (!is_halted(machine, process)) return false;
  findings.wrong(absl::StrCat(what, " (process ", process,
                              ") is halted: by SIGSTOP, ctrl-Z or a "
                              "debugger"),
                 absl::StrCat("kill -CONT ", process));
  return true;
}

bool is_told(const Machine& machine, Findings& findings) {
  if (!has_status(machine, findings)) return false;
  const auto process = machine.status_number("/dataplane/process_id");
  const bool is_stopped = process && is_halted(machine, *process);
  if (!is_stopped && !machine.is_dataplane_still()) return true;
  const std::string mend = machine.status_text("/dataplane/mend");
  findings.warning("not known: no dataplane that moves tells of it",
                   is_stopped     ? absl::StrCat("kill -CONT ", *process)
                   : mend.empty() ? machine.restart_command(control::Restart::kDataplane)
                                  : mend);
  return false;
}

void check_node(const Machine& machine, Findings& findings) {
  if (!has_status(machine, findings)) return;
  const auto process = machine.status_number("/dataplane/process_id");
  if (process && say_halted(machine, "the dataplane", *process, findings)) return;
  if (say_problems(machine, "node", findings)) return;
  findings.ok(absl::StrCat("node ", machine.status_number("/node_id").value_or(0),
                           ": its dataplane moves"));
}

void check_config_in_force(const Machine& machine, Findings& findings) {
  if (say_problems(machine, "config", findings) || !is_told(machine, findings)) return;
  findings.ok("the node runs as configured");
}

void check_port_state(const Machine& machine, Findings& findings) {
  if (say_problems(machine, "port", findings) || !is_told(machine, findings)) return;
  findings.ok("the node finds nothing wrong with it");
}

void check_links(const Machine& machine, Findings& findings) {
  if (say_problems(machine, "link", findings) || !is_told(machine, findings)) return;
  findings.ok(absl::StrCat(machine.status_number("/links_up").value_or(0), " of ",
                           machine.status_number("/links_total").value_or(0), " up"));
}

void check_programs(const Machine& machine, Findings& findings) {
  bool any = false;
  for (const json& program : list_in(machine.programs(), "applications")) {
    if (!program.is_object() || program.value("does_read", json(true)) != json(false)) continue;
    const std::uint64_t process = number_in(program, "process_id");
    if (process == 0) continue;
    any |=
        say_halted(machine, absl::StrCat("program ", text_in(program, "name")), process, findings);
  }
  if (any || say_problems(machine, "program", findings) || !is_told(machine, findings)) return;
  findings.ok("all that are attached read what comes for them");
}

// The smaller end's MTU rules a link: what the larger end's port could carry more is left unused.
// Only what the two ends said of themselves is compared; nothing between them is measured.
void check_link_mtu(const Machine& machine, Findings& findings) {
  if (!is_told(machine, findings)) return;
  std::vector<std::string> agreed;
  bool any = false;
  for (const json& link : list_in(machine.links(), "links")) {
    const std::uint64_t peer = number_in(link, "peer_id");
    const std::uint64_t frame = number_in(link, "frame_bytes_max"),
                        theirs = number_in(link, "peer_frame_bytes_max");
    const std::uint64_t ours = theirs > frame ? frame : std::max(frame, own_frame_bytes(machine));
    if (frame == 0 || theirs == 0) continue;  // not up: another line says so
    if (theirs == ours) {
      agreed.push_back(absl::StrCat(peer));
      continue;
    }
    any = true;
    const bool is_theirs = theirs < ours;
    const std::uint64_t mtu = std::max(theirs, ours) + kIpv4AndUdpBytes;
    const std::uint64_t self = machine.status_number("/node_id").value_or(0);
    findings.warning(
        absl::StrCat("node ", peer, " takes frames of ", theirs, " bytes, this node of ", ours,
                     ": the link uses the smaller ones, of ",
                     is_theirs ? absl::StrCat("node ", peer) : "this node"),
        absl::StrCat("set /ports/0/mtu to ", mtu, " at node ", is_theirs ? peer : self,
                     ", if its network carries that"));
  }
  if (any) return;
  findings.ok(agreed.empty()
                  ? "no link is up whose ends could be compared"
                  : absl::StrCat("both ends are alike with node", agreed.size() == 1 ? " " : "s ",
                                 absl::StrJoin(agreed, ", "), "; what is between is not measured"));
}

}  // namespace ringroad::cli
