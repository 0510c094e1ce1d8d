// A greedy choice: explicit CPUs first, so that nothing automatic lands on them, then each role in
// turn takes the CPU that costs it least. cost_of() is the whole policy; the rest is bookkeeping.
#include "hugepages/cpu_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

bool is_loop(CpuRole role) { return role == CpuRole::kIo || role == CpuRole::kConsensus; }

CoreKind wanted_kind(CpuRole role) {
  return is_loop(role) ? CoreKind::kPerformance : CoreKind::kEfficiency;
}

class Planner {
 public:
  Planner(const Topology& topology, std::span<const std::uint32_t> allowed)
      : topology_(topology), allowed_(allowed.begin(), allowed.end()) {
    for (const Cpu& cpu : topology.cpus) {
      if (allowed_.contains(cpu.id)) candidates_.push_back(&cpu);
    }
  }

  bool has_candidates() const { return !candidates_.empty(); }

  // Takes the CPU the configuration names at `pointer`.
  absl::Status place_at(CpuRole role, std::uint32_t index, std::uint32_t id,
                        const std::string& pointer) {
    const Cpu* cpu = topology_.find(id);
    if (cpu == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(pointer, ": ", id, " is not a CPU of this machine, which has ",
                       list_cpus(topology_.cpus), "; choose one of ", list_candidates()));
    }
    if (!allowed_.contains(id)) {
      return absl::InvalidArgumentError(absl::StrCat(
          pointer, ": CPU ", id, " is not allowed to this process, whose affinity mask has ",
          list_candidates(), "; choose one of these, or widen the mask (taskset, cgroup cpuset)"));
    }
    place(role, index, *cpu);
    return absl::OkStatus();
  }

  void place_anywhere(CpuRole role, std::uint32_t index) {
    if (!home_node_) home_node_ = roomiest_node();
    const auto best = std::min_element(
        candidates_.begin(), candidates_.end(),
        [&](const Cpu* a, const Cpu* b) { return cost_of(role, *a) < cost_of(role, *b); });
    place(role, index, **best);
  }

  std::vector<Placement> take_placements() {
    std::sort(placements_.begin(), placements_.end(), [](const Placement& a, const Placement& b) {
      return std::tie(a.role, a.index) < std::tie(b.role, b.index);
    });
    return std::move(placements_);
  }

 private:
  // Lower is better; the first that differs decides. See the rules in the header.
  using Cost = std::array<std::uint32_t, 7>;
  Cost cost_of(CpuRole role, const Cpu& cpu) const {
    std::uint32_t io_here = 0, here = 0, on_core = 0;
    for (const Placement& p : placements_) {
      here += p.cpu == cpu.id ? 1 : 0;
      io_here += p.cpu == cpu.id && p.role == CpuRole::kIo ? 1 : 0;
      on_core += topology_.find(p.cpu)->core == cpu.core ? 1 : 0;
    }
    return {here == 0 ? 0U : 1U + io_here,
            here,
            cpu.kind == wanted_kind(role) ? 0U : 1U,
            on_core,
            cpu.numa_node == home_node_ ? 0U : 1U,
            is_loop(role) ? housekeeping(cpu) : 0U,
            cpu.id};
  }

  // 2 for CPU 0, 1 for its SMT siblings, 0 for others.
  std::uint32_t housekeeping(const Cpu& cpu) const {
    const Cpu* first = topology_.find(0);
    if (first == nullptr || first->core != cpu.core) return 0;
    return cpu.id == 0 ? 2 : 1;
  }

  void place(CpuRole role, std::uint32_t index, const Cpu& cpu) {
    placements_.push_back({role, index, cpu.id, cpu.numa_node});
    if (role == CpuRole::kIo && !home_node_) home_node_ = cpu.numa_node;
  }

  // The node with the most allowed physical P-cores; the lowest-numbered of equals.
  std::uint32_t roomiest_node() const {
    std::map<std::uint32_t, std::set<std::uint32_t>> cores_by_node;
    for (const Cpu* cpu : candidates_) {
      auto& cores = cores_by_node[cpu->numa_node];
      if (cpu->kind == CoreKind::kPerformance) cores.insert(cpu->core);
    }
    return std::max_element(
               cores_by_node.begin(), cores_by_node.end(),
               [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); })
        ->first;
  }

  static std::string list_cpus(const std::vector<Cpu>& cpus) {
    std::vector<std::uint32_t> ids;
    for (const Cpu& cpu : cpus) ids.push_back(cpu.id);
    return list_ids(ids);
  }
  std::string list_candidates() const {
    std::vector<std::uint32_t> ids;
    for (const Cpu* cpu : candidates_) ids.push_back(cpu->id);
    return list_ids(ids);
  }
  // "0-3,8": as taskset writes it.
  static std::string list_ids(const std::vector<std::uint32_t>& ids) {
    std::string text;
    for (std::size_t i = 0; i < ids.size();) {
      std::size_t end = i + 1;
      while (end < ids.size() && ids[end] == ids[end - 1] + 1) ++end;
      absl::StrAppend(&text, i == 0 ? "" : ",", ids[i]);
      if (end - i > 1) absl::StrAppend(&text, "-", ids[end - 1]);
      i = end;
    }
    return text;
  }

  const Topology& topology_;
  std::set<std::uint32_t> allowed_;
  std::vector<const Cpu*> candidates_;
  std::vector<Placement> placements_;
  std::optional<std::uint32_t> home_node_;
};

absl::Status check_counts(const CpuConfig& config) {
  if (config.io_lcores < 1 || config.io_lcores > kIoLcoresMax) {
    return absl::InvalidArgumentError(absl::StrCat("/cpu/io_lcores: ", config.io_lcores,
                                                   " is out of range; choose 1 to ", kIoLcoresMax));
  }
  if (config.io.size() > kIoLcoresMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("/cpu/io: names ", config.io.size(), " CPUs; name at most ", kIoLcoresMax));
  }
  // 1 is the default, and so says nothing against a longer list.
  if (!config.io.empty() && config.io_lcores != 1 && config.io_lcores != config.io.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "/cpu/io_lcores: ", config.io_lcores, " contradicts /cpu/io, which names ",
        plural(config.io.size(), "CPU"), "; make them agree, or leave out /cpu/io_lcores"));
  }
  return absl::OkStatus();
}

absl::Status place_all(Planner& planner, const CpuConfig& config, const CpuRoles& roles) {
  for (std::uint32_t i = 0; i < config.io.size(); ++i) {
    const absl::Status placed =
        planner.place_at(CpuRole::kIo, i, config.io[i], absl::StrCat("/cpu/io/", i));
    if (!placed.ok()) return placed;
  }
  if (roles.consensus && config.consensus) {
    const absl::Status placed =
        planner.place_at(CpuRole::kConsensus, 0, *config.consensus, "/cpu/consensus");
    if (!placed.ok()) return placed;
  }
  if (roles.control && config.control) {
    const absl::Status placed =
        planner.place_at(CpuRole::kControl, 0, *config.control, "/cpu/control");
    if (!placed.ok()) return placed;
  }
  if (config.io.empty()) {
    for (std::uint32_t i = 0; i < config.io_lcores; ++i) planner.place_anywhere(CpuRole::kIo, i);
  }
  if (roles.consensus && !config.consensus) planner.place_anywhere(CpuRole::kConsensus, 0);
  if (roles.control && !config.control) planner.place_anywhere(CpuRole::kControl, 0);
  if (roles.background) planner.place_anywhere(CpuRole::kBackground, 0);
  return absl::OkStatus();
}

std::vector<Lcore> gather_lcores(const std::vector<Placement>& placements) {
  std::vector<Lcore> lcores;
  for (const Placement& p : placements) {
    if (!is_loop(p.role)) continue;
    auto lcore =
        std::find_if(lcores.begin(), lcores.end(), [&](const Lcore& l) { return l.cpu == p.cpu; });
    if (lcore == lcores.end()) {
      const auto id = static_cast<std::uint32_t>(lcores.size());
      lcore = lcores.insert(lcores.end(), Lcore{id, p.cpu, p.numa_node, {}});
    }
    lcore->loops.push_back(p);
  }
  return lcores;
}

// Names every CPU with several roles, and warns of loops that would starve one another.
void note_sharing(const Topology& topology, IdlePolicy idle, CpuPlan& plan) {
  std::map<std::uint32_t, std::vector<std::string>> names_by_cpu;
  std::map<std::uint32_t, std::vector<std::string>> loops_by_core;
  std::map<std::uint32_t, std::set<std::uint32_t>> loop_cpus_by_core;
  for (const Placement& p : plan.placements) {
    names_by_cpu[p.cpu].push_back(placement_name(p));
    if (!is_loop(p.role)) continue;
    const std::uint32_t core = topology.find(p.cpu)->core;
    loops_by_core[core].push_back(absl::StrCat(placement_name(p), " (CPU ", p.cpu, ")"));
    loop_cpus_by_core[core].insert(p.cpu);
  }
  for (const auto& [cpu, names] : names_by_cpu) {
    if (names.size() < 2) continue;
    plan.shared.push_back(absl::StrCat("CPU ", cpu, ": ", join_and(names),
                                       names.size() == 2 ? " share it" : " all share it"));
    if (idle == IdlePolicy::kPoll) {
      plan.warnings.push_back(absl::StrCat(
          "CPU ", cpu, ": /cpu/idle is \"poll\" and ", join_and(names), " share it: a loop that ",
          "never sleeps starves the others; set /cpu/idle to \"adaptive\", or give each its CPU"));
    }
  }
  for (const auto& [core, loops] : loops_by_core) {
    if (loop_cpus_by_core[core].size() < 2) continue;
    plan.warnings.push_back(
        absl::StrCat(join_and(loops),
                     " are SMT siblings: each gets about half a core; allow more "
                     "cores to this process, or fewer /cpu/io_lcores"));
  }
}

}  // namespace

absl::StatusOr<CpuPlan> plan_cpus(const Topology& topology, std::span<const std::uint32_t> allowed,
                                  const CpuConfig& config, const CpuRoles& roles) {
  Planner planner(topology, allowed);
  if (!planner.has_candidates()) {
    return absl::InvalidArgumentError(
        "/cpu: this process is allowed no CPU of this machine; widen its affinity mask (taskset, "
        "cgroup cpuset)");
  }
  if (const absl::Status counts = check_counts(config); !counts.ok()) return counts;
  if (const absl::Status placed = place_all(planner, config, roles); !placed.ok()) return placed;

  CpuPlan plan;
  plan.placements = planner.take_placements();
  plan.lcores = gather_lcores(plan.placements);
  note_sharing(topology, config.idle, plan);
  return plan;
}

std::string placement_name(const Placement& placement) {
  switch (placement.role) {
    case CpuRole::kIo:
      return absl::StrCat("io ", placement.index);
    case CpuRole::kConsensus:
      return "consensus";
    case CpuRole::kControl:
      return "control";
    case CpuRole::kBackground:
      return "log writer";
  }
  return "?";
}

std::string describe(const CpuPlan& plan, const Topology& topology) {
  std::string text;
  for (const Placement& p : plan.placements) {
    const Cpu* cpu = topology.find(p.cpu);
    absl::StrAppendFormat(&text, "%-10s  CPU %u", placement_name(p), p.cpu);
    if (cpu != nullptr) {
      absl::StrAppend(&text, "  (core ", cpu->core, cpu->thread > 0 ? ", SMT sibling" : "",
                      ", package ", cpu->package, ", NUMA node ", cpu->numa_node,
                      cpu->kind == CoreKind::kEfficiency ? ", E-core)" : ")");
    }
    text += '\n';
  }
  for (const std::string& line : plan.shared) absl::StrAppend(&text, "shared      ", line, "\n");
  for (const std::string& line : plan.warnings) absl::StrAppend(&text, "warning     ", line, "\n");
  return text;
}

}  // namespace ringroad
