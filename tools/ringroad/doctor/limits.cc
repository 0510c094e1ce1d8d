// What the control group allows, of the running dataplane or of this program: CPU time, memory. The
// set of CPUs it narrows is in the affinity mask, and so in the CPU plan.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

// Where the second version's hierarchy is mounted; empty: nowhere.
std::string find_hierarchy(const Machine& machine) {
  for (const std::string& line : machine.read_lines("/proc/mounts")) {
    const auto fields = words_of(line);
    if (fields.size() >= 3 && fields[2] == "cgroup2") return fields[1];
  }
  return "";
}

// The group in that hierarchy: the line "0::/system.slice/...".
std::optional<std::string> find_group(const Machine& machine) {
  for (const std::string& line : machine.read_lines(machine.process_folder() + "/cgroup")) {
    if (line.rfind("0::/", 0) == 0) return line.substr(3);
  }
  return std::nullopt;
}

// cpu.max is "max 100000" or "50000 100000": microseconds of each period.
std::optional<double> cpus_of(const std::string& text) {
  const auto words = words_of(text);
  if (words.size() != 2) return std::nullopt;
  const auto quota = parse_number(words[0]), period = parse_number(words[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

struct Limit {
  double value = 0;
  std::string file;
};

// The smallest of a group and those it lies in, each of which holds for it.
template <typename Parse>
std::optional<Limit> tightest(const Machine& machine, const std::string& hierarchy,
                              const std::string& group, const std::string& file, Parse parse) {
  std::optional<Limit> found;
  for (std::filesystem::path at = group;; at = at.parent_path()) {
    const std::string path =
        absl::StrCat(hierarchy, at.string() == "/" ? "" : at.string(), "/", file);
    const auto value = parse(machine.read(path).value_or(""));
    if (value && (!found || *value < found->value)) found = Limit{*value, path};
    if (!at.has_relative_path()) return found;
  }
}

std::optional<double> bytes_of(const std::string& text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  return static_cast<double>(*number);
}

void say_cpu(const Machine& machine, const Limit& limit, Findings& findings) {
  const double loops =
      machine.config() ? static_cast<double>(machine.config()->cpu.io_lcores) : 1.0;
  const std::string text = absl::StrFormat("%.2f CPUs' time is allowed", limit.value);
  // A loop that is out of time stands still until the next period: up to 100 ms.
  if (limit.value >= loops + 1) return findings.ok(text);
  findings.warning(absl::StrFormat("%s, %g io loop%s and the rest want %g: it will be stopped for "
                                   "milliseconds",
                                   text, loops, loops == 1 ? "" : "s", loops + 1),
                   absl::StrCat("echo max | sudo tee ", limit.file));
}

void say_memory(const Machine& machine, const Limit& limit, Findings& findings) {
  const auto plan = machine.memory_plan();
  const auto allowed = static_cast<std::uint64_t>(limit.value);
  const std::string text = absl::StrCat(megabytes(allowed), " of memory are allowed");
  if (!plan || allowed >= plan->most_bytes()) return findings.ok(text);
  const std::string mend = absl::StrCat("echo max | sudo tee ", limit.file);
  if (allowed < plan->start_bytes()) {
    return findings.wrong(
        absl::StrCat(text, ", the node takes ", megabytes(plan->start_bytes()), " to start"), mend);
  }
  findings.warning(absl::StrCat(text, ", the node takes up to ", megabytes(plan->most_bytes()),
                                " when all its applications are there"),
                   mend);
}

}  // namespace

void check_cgroup(const Machine& machine, Findings& findings) {
  const std::string hierarchy = find_hierarchy(machine);
  const auto group = find_group(machine);
  if (hierarchy.empty() || !group) {
    return findings.ok("limits not readable here: no cgroup2 is mounted");
  }
  const auto cpu = tightest(machine, hierarchy, *group, "cpu.max", cpus_of);
  const auto memory = tightest(machine, hierarchy, *group, "memory.max", bytes_of);
  if (!cpu && !memory) return findings.ok("limits neither CPU time nor memory");
  if (cpu) say_cpu(machine, *cpu, findings);
  if (memory) say_memory(machine, *memory, findings);
}

}  // namespace ringroad::cli
