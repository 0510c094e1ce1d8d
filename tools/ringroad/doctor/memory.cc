// Memory: hugepages against what the node will take, and how much may be locked. The choice between
// hugepages and plain memory is hugepages/memory.h's; here it is only judged.
#include "hugepages/memory.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "hugepages/text.h"
#include "tools/ringroad/doctor/checks.h"

namespace ringroad::cli {
namespace {

// A node that is given CPUs and pages of its own, as one with a NIC is.
bool is_dedicated(const NodeConfig& config) {
  return config.cpu.idle == IdlePolicy::kPoll || config.memory.mode == MemoryMode::kHuge;
}

// A running node has its pages already: they are in use, not lacking.
bool is_running(const Machine& machine) {
  return machine.status_number("/buffers_total").value_or(0) > 0;
}

// "choose_memory_mode" words its refusals "<what is so>\n  mend: <command>".
void say_refused(const std::string& message, Findings& findings) {
  constexpr char kMend[] = "\n  mend: ";
  const std::size_t mend = message.find(kMend);
  findings.wrong(message.substr(0, mend),
                 mend == std::string::npos ? "" : message.substr(mend + sizeof kMend - 1));
}

std::string reserve_mend(const std::vector<MemoryDemand>& demands) {
  std::uint64_t bytes = 0;
  for (const MemoryDemand& demand : demands) bytes = std::max(bytes, demand.bytes);
  return absl::StrCat("sudo hugepages/reserve --mb ", bytes >> 20);
}

// The soft limit of /proc/PID/limits: "Max locked memory   8388608   8388608   bytes".
std::string locked_limit(const Machine& machine) {
  for (const std::string& line : machine.read_lines(machine.process_folder() + "/limits")) {
    if (!absl::StartsWith(line, "Max locked memory")) continue;
    const auto words = words_of(line);
    if (words.size() >= 4) return words[3];
  }
  return "";
}

}  // namespace

void check_hugepages(const Machine& machine, Findings& findings) {
  const auto offer = read_memory_offer(machine.real(""));
  if (!offer.ok()) {
    return findings.warning(std::string(offer.status().message()), "sudo mount -t proc proc /proc");
  }
  std::uint64_t free = 0, total = 0;
  for (const NodePages& pages : offer->pages) {
    free += pages.free;
    total += pages.total;
  }
  const std::string pages_text =
      total == 0
          ? "there are no hugepages"
          : absl::StrCat(with_commas(free), " of ", plural(total, "hugepage"), " of 2 MB free");
  const auto plan = machine.memory_plan();
  if (!plan) {
    if (total > 0) return findings.ok(pages_text);
    return findings.warning("no hugepages: no-huge mode, about 25 % fewer frames a second",
                            "sudo hugepages/reserve --mb 512");
  }
  if (is_running(machine))
    return findings.ok(absl::StrCat("the node has its memory; ", pages_text));
  const auto demands = memory_demands(*plan);
  const auto choice = choose_memory_mode(machine.config()->memory.mode, demands, *offer);
  if (!choice.ok()) return say_refused(std::string(choice.status().message()), findings);
  if (choice->mode == MemoryMode::kHuge) return findings.ok(choice->reason);
  if (machine.config()->memory.mode == MemoryMode::kNone) {
    return findings.ok(absl::StrCat(choice->reason, ", as asked; ", megabytes(plan->buffer_bytes()),
                                    " of plain memory"));
  }
  findings.warning(absl::StrCat("no-huge mode, about 25 % fewer frames a second: ", pages_text),
                   reserve_mend(demands));
}

void check_memlock(const Machine& machine, Findings& findings) {
  const std::string limit = locked_limit(machine);
  if (limit == "unlimited") return findings.ok("any amount may be locked");
  const auto bytes = parse_number(limit);
  if (!bytes) {
    return findings.ok(
        absl::StrCat("not readable here: no limits in ", machine.process_folder(), "/limits"));
  }
  const std::string text = absl::StrCat(megabytes(*bytes), " may be locked");
  const auto plan = machine.memory_plan();
  if (!plan || *bytes >= plan->buffer_bytes()) return findings.ok(text);
  if (!is_dedicated(*machine.config())) {
    return findings.ok(text + "; ports of the kernel or of shared memory need no more");
  }
  findings.warning(absl::StrCat(text, ", packet buffers take ", megabytes(plan->buffer_bytes()),
                                ": not enough for a NIC behind VFIO"),
                   "sudo prlimit --pid $$ --memlock=unlimited    in this shell; the systemd units "
                   "do it");
}

}  // namespace ringroad::cli
