// What was left behind: packet buffers nobody gives back, hugepages of programs that are gone,
// sockets nobody listens at. Only what is certain is called left: what another user's program may
// use, and we may not look at, is told as unknown.
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

constexpr double kIdleShareMax = 0.01;
constexpr std::size_t kNamesMax = 3;

double busy_share(const Machine& machine) {
  double busiest = 0;
  const auto* status = machine.status();
  if (status == nullptr || !status->contains("loops") || !(*status)["loops"].is_array()) return 0;
  for (const auto& loop : (*status)["loops"]) {
    if (loop.is_object() && loop.contains("busy_share") && loop["busy_share"].is_number()) {
      busiest = std::max(busiest, loop["busy_share"].get<double>());
    }
  }
  return busiest;
}

// How many buffers a node without traffic may have out: those of the port's rings and of caches,
// not the shares of the links, whose held frames are gone when nothing comes.
std::uint64_t idle_buffers_max(const Machine& machine, std::uint64_t total) {
  if (!machine.config()) return total / 4 * 3;
  const std::uint64_t held =
      std::uint64_t{machine.config()->limits.held_frames} * machine.config()->cluster_nodes.size();
  return held < total ? total - held : total / 4 * 3;
}

// "a, b, c and 4 more"
std::string some_of(const std::vector<std::string>& names) {
  if (names.size() <= kNamesMax) return join_and(names);
  const std::vector<std::string> first(names.begin(), names.begin() + kNamesMax);
  return absl::StrCat(absl::StrJoin(first, ", "), " and ", names.size() - kNamesMax, " more");
}

std::string remove_command(const std::string& program, const std::vector<std::string>& paths) {
  std::string command = program;
  for (const std::string& path : paths) absl::StrAppend(&command, " ", shell_word(path));
  return command;
}

// Folders where hugetlbfs is mounted, of whatever page size.
std::vector<std::string> hugepage_folders(const Machine& machine) {
  std::vector<std::string> folders;
  for (const std::string& line : machine.read_lines("/proc/mounts")) {
    const auto fields = words_of(line);
    if (fields.size() >= 3 && fields[2] == "hugetlbfs") folders.push_back(fields[1]);
  }
  return folders;
}

// Whether a process whose maps cannot be read may have some: those of another user, not kernel
// threads and those that have ended.
bool may_map_files(const Machine& machine, const std::string& process) {
  if (!machine.exists(process)) return false;
  const auto status = machine.read(process + "/status");
  return !status || absl::StrContains(*status, "VmSize");
}

// Whether other users' processes are not even listed.
bool hides_processes(const Machine& machine) {
  for (const std::string& line : machine.read_lines("/proc/mounts")) {
    const auto fields = words_of(line);
    const bool is_proc = fields.size() >= 4 && fields[1] == "/proc";
    if (is_proc && absl::StrContains(fields[3], "hidepid=")) return !machine.exists("/proc/1");
  }
  return false;
}

struct Mapped {
  std::set<std::string> files;  // all that processes have mapped
  bool is_all = true;           // false: there are processes that we may not look at
};

Mapped mapped_files(const Machine& machine) {
  Mapped mapped;
  mapped.is_all = !hides_processes(machine);
  for (const std::string& id : machine.list("/proc")) {
    if (!parse_number(id)) continue;
    const std::string process = "/proc/" + id;
    const auto maps = machine.read(process + "/maps");
    if (!maps) {
      if (may_map_files(machine, process)) mapped.is_all = false;
      continue;
    }
    std::istringstream lines(*maps);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t path = line.find('/');  // the last field; none before it has a slash
      if (path != std::string::npos) mapped.files.insert(line.substr(path));
    }
  }
  return mapped;
}

void say_denied(const std::string& folder, Findings& findings) {
  findings.warning(absl::StrCat("not known: this user may not look into ", folder),
                   "sudo ringroad doctor");
}

}  // namespace

void check_leaked_buffers(const Machine& machine, Findings& findings) {
  if (!is_told(machine, findings)) return;
  const auto total = machine.status_number("/buffers_total");
  const auto free = machine.status_number("/buffers_free");
  if (!total || !free || *total == 0 || *free > *total) {
    return findings.warning("not known: the node does not tell of its packet buffers",
                            "ringroad node show");
  }
  const std::uint64_t used = *total - *free;
  const std::string text =
      absl::StrCat(with_commas(*free), " of ", with_commas(*total), " packet buffers free");
  const std::string restart = machine.restart_command(control::Restart::kDataplane);
  const bool is_idle = busy_share(machine) < kIdleShareMax;
  if (is_idle && used > idle_buffers_max(machine, *total)) {
    return findings.wrong(
        absl::StrCat(text, " while nothing moves: ", with_commas(used), " are not given back"),
        restart);
  }
  if (*free == 0) {
    return findings.warning(
        absl::StrCat(text, ": packets are refused"),
        absl::StrCat("set /memory/buffers to more than ", *total, ", then: ", restart));
  }
  findings.ok(text);
}

void check_left_hugepages(const Machine& machine, Findings& findings) {
  std::vector<std::string> left;
  for (const std::string& folder : hugepage_folders(machine)) {
    if (machine.is_denied(folder)) return say_denied(folder, findings);
    for (const std::string& name : machine.list(folder)) {
      // DPDK's names: <prefix>map_<number>. Ringroad itself makes none.
      if (absl::StrContains(name, "map_")) left.push_back(absl::StrCat(folder, "/", name));
    }
  }
  Mapped mapped;
  if (!left.empty()) mapped = mapped_files(machine);
  std::erase_if(left, [&](const std::string& path) { return mapped.files.contains(path); });
  if (left.empty()) return findings.ok("no hugepages of programs that are gone");
  // Another user's program may use them: no reason to remove them, nor to be alarmed.
  if (!mapped.is_all) {
    return findings.ok(absl::StrCat("unknown whether a program uses ", some_of(left),
                                    ": those of other users cannot be looked at; run it as root"));
  }
  findings.warning(
      absl::StrCat("hugepages of a program that is gone: ", some_of(left)),
      remove_command("sudo rm", left.size() <= kNamesMax ? left : std::vector{left.front()}) +
          (left.size() <= kNamesMax ? "" : "    and so on"));
}

void check_left_sockets(const Machine& machine, Findings& findings) {
  const std::string folder = machine.runtime_folder();
  if (machine.is_denied(folder)) return say_denied(folder, findings);
  if (!machine.read("/proc/net/unix")) {
    return findings.ok("sockets not readable here: no /proc/net/unix");
  }
  const auto sockets = machine.listening_sockets();
  std::vector<std::string> left;
  for (const std::string& name : machine.list(folder)) {
    const std::string path = absl::StrCat(folder, "/", name);
    struct stat status{};
    const bool is_socket =
        lstat(machine.real(path).c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
    // A node's that died are replaced when it starts again.
    if (is_socket && !sockets.contains(path) && !machine.is_kept_socket(path)) left.push_back(path);
  }
  if (left.empty())
    return findings.ok(absl::StrCat("no sockets of programs that are gone in ", folder));
  findings.warning(
      absl::StrCat(some_of(left), left.size() == 1 ? " is" : " are", " there and nobody listens"),
      remove_command("rm", left));
}

}  // namespace ringroad::cli
