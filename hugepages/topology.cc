// hwloc's tree flattened into Topology. The tree itself does not leave this file.
//
// The one judgement made here is which cores are E-cores. hwloc ranks kinds of CPU by
// "efficiency", but ranks apart any that differ at all, so the two best-binned cores of an
// otherwise uniform processor (Turbo Boost Max) are a kind of their own. So Intel's own word
// (CoreType) is believed first; without it, the lowest rank counts as E-cores unless its top
// frequency is within a quarter of the best.
#include "hugepages/topology.h"

#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using HwlocTopology = std::unique_ptr<hwloc_topology, TopologyDeleter>;

struct BitmapDeleter {
  void operator()(hwloc_bitmap_s* bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, BitmapDeleter>;

// One of hwloc's kinds of CPU.
struct CpuKind {
  Bitmap cpus{hwloc_bitmap_alloc()};
  int efficiency = -1;  // rank; -1: hwloc cannot tell
  std::string core_type;
  unsigned frequency_max_mhz = 0;
};

std::vector<CpuKind> read_cpu_kinds(hwloc_topology_t topology) {
  const int count = std::max(0, hwloc_cpukinds_get_nr(topology, 0));
  std::vector<CpuKind> kinds(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    CpuKind& kind = kinds[static_cast<std::size_t>(i)];
    unsigned info_count = 0;
    hwloc_info_s* infos = nullptr;
    hwloc_cpukinds_get_info(topology, static_cast<unsigned>(i), kind.cpus.get(), &kind.efficiency,
                            &info_count, &infos, 0);
    for (unsigned k = 0; k < info_count; ++k) {
      const std::string_view name = infos[k].name;
      if (name == "CoreType") kind.core_type = infos[k].value;
      if (name == "FrequencyMaxMHz") {
        kind.frequency_max_mhz = static_cast<unsigned>(std::strtoul(infos[k].value, nullptr, 10));
      }
    }
  }
  return kinds;
}

bool is_efficiency_kind(const CpuKind& kind, const std::vector<CpuKind>& all) {
  if (all.size() < 2) return false;
  const bool told =
      std::any_of(all.begin(), all.end(), [](const CpuKind& k) { return !k.core_type.empty(); });
  if (told) return kind.core_type == "IntelAtom";
  if (kind.efficiency != 0) return false;
  unsigned best_mhz = 0;
  for (const CpuKind& k : all) best_mhz = std::max(best_mhz, k.frequency_max_mhz);
  return kind.frequency_max_mhz == 0 || kind.frequency_max_mhz * 4 < best_mhz * 3;
}

CoreKind core_kind_of(unsigned cpu, const std::vector<CpuKind>& kinds) {
  for (const CpuKind& kind : kinds) {
    if (hwloc_bitmap_isset(kind.cpus.get(), cpu) != 0 && is_efficiency_kind(kind, kinds)) {
      return CoreKind::kEfficiency;
    }
  }
  return CoreKind::kPerformance;
}

std::uint32_t numa_node_of(hwloc_obj_t pu) {
  const int node = hwloc_bitmap_first(pu->nodeset);
  return node < 0 ? 0 : static_cast<std::uint32_t>(node);
}

std::vector<Cpu> flatten_cpus(hwloc_topology_t topology) {
  const std::vector<CpuKind> kinds = read_cpu_kinds(topology);
  std::vector<Cpu> cpus;
  for (hwloc_obj_t pu = nullptr;
       (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != nullptr;) {
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
    const hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, pu);
    Cpu cpu;
    cpu.id = pu->os_index;
    cpu.core = core == nullptr ? pu->logical_index : core->logical_index;
    cpu.package = package == nullptr ? 0 : package->logical_index;
    cpu.numa_node = numa_node_of(pu);
    cpu.kind = core_kind_of(pu->os_index, kinds);
    cpus.push_back(cpu);
  }
  std::sort(cpus.begin(), cpus.end(), [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
  std::map<std::uint32_t, std::uint32_t> threads_seen;  // by core
  for (Cpu& cpu : cpus) cpu.thread = threads_seen[cpu.core]++;
  return cpus;
}

absl::StatusOr<Topology> flatten(hwloc_topology_t topology) {
  Topology out;
  out.cpus = flatten_cpus(topology);
  if (out.cpus.empty()) return absl::NotFoundError("hwloc found no CPU");

  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    out.numa_nodes.push_back({node->os_index, node->attr->numanode.local_memory});
  }
  if (out.numa_nodes.empty()) out.numa_nodes.push_back({});
  std::sort(out.numa_nodes.begin(), out.numa_nodes.end(),
            [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });

  const int packages = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE);
  const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
  out.packages = packages > 0 ? static_cast<std::uint32_t>(packages) : 1;
  out.cores =
      cores > 0 ? static_cast<std::uint32_t>(cores) : static_cast<std::uint32_t>(out.cpus.size());

  if (const hwloc_obj_t l2 = hwloc_get_obj_by_type(topology, HWLOC_OBJ_L2CACHE, 0)) {
    out.l2_bytes = l2->attr->cache.size;
  }
  if (const hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0)) {
    if (const char* model = hwloc_obj_get_info_by_name(package, "CPUModel")) out.cpu_model = model;
  }
  return out;
}

// `configure` says where the topology comes from; 0 is success, as everywhere in hwloc.
template <typename Configure>
absl::StatusOr<Topology> load(const std::string& source, Configure configure) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) {
    return absl::InternalError("hwloc: no memory for a topology");
  }
  const HwlocTopology topology(raw);
  errno = 0;
  if (configure(raw) != 0 || hwloc_topology_load(raw) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("hwloc cannot read ", source, ": ",
                                                   std::strerror(errno == 0 ? EINVAL : errno)));
  }
  return flatten(raw);
}

}  // namespace

const Cpu* Topology::find(std::uint32_t cpu) const {
  const auto it = std::lower_bound(cpus.begin(), cpus.end(), cpu,
                                   [](const Cpu& c, std::uint32_t id) { return c.id < id; });
  return it != cpus.end() && it->id == cpu ? &*it : nullptr;
}

absl::StatusOr<Topology> read_topology(const std::string& root) {
  constexpr char kVariable[] = "HWLOC_FSROOT";  // hwloc takes another root in no other way
  const bool elsewhere = !root.empty() && root != "/";
  if (elsewhere) setenv(kVariable, root.c_str(), 1);
  auto topology = load(
      elsewhere ? "the machine under " + root : "this machine", [elsewhere](hwloc_topology_t t) {
        // This one's own caches, by the cpuid instruction, are not those of another.
        if (elsewhere && hwloc_topology_set_components(t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                                       "x86") != 0) {
          return -1;
        }
        // CPUs outside our cgroup are read too, so that an error can tell "not allowed" from "not
        // there".
        return hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
      });
  if (elsewhere) unsetenv(kVariable);
  return topology;
}

absl::StatusOr<Topology> read_synthetic_topology(const std::string& description) {
  return load(absl::StrCat("\"", description, "\""), [&](hwloc_topology_t t) {
    return hwloc_topology_set_synthetic(t, description.c_str());
  });
}

absl::StatusOr<Topology> read_xml_topology(const std::string& path) {
  return load(path, [&](hwloc_topology_t t) { return hwloc_topology_set_xml(t, path.c_str()); });
}

absl::StatusOr<std::vector<std::uint32_t>> allowed_cpus() {
  // Grown until the kernel's mask fits: its size is fixed at boot and not told.
  for (std::size_t capacity = 1'024; capacity <= 1'048'576; capacity *= 2) {
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(capacity),
                                                               [](cpu_set_t* s) { CPU_FREE(s); });
    if (sched_getaffinity(0, bytes, set.get()) != 0) {
      if (errno == EINVAL) continue;
      return absl::ErrnoToStatus(errno, "sched_getaffinity");
    }
    std::vector<std::uint32_t> cpus;
    for (std::size_t cpu = 0; cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(static_cast<std::uint32_t>(cpu));
    }
    return cpus;
  }
  return absl::ResourceExhaustedError("the affinity mask has more than 1,048,576 CPUs");
}

std::string describe(const Topology& topology) {
  const auto efficient = static_cast<std::size_t>(
      std::count_if(topology.cpus.begin(), topology.cpus.end(),
                    [](const Cpu& c) { return c.kind == CoreKind::kEfficiency; }));
  std::string text = topology.cpu_model.empty() ? "" : topology.cpu_model + ", ";
  absl::StrAppend(&text, plural(topology.cpus.size(), "CPU"));
  if (efficient > 0) {
    absl::StrAppend(&text, " (", topology.cpus.size() - efficient, " on P-cores, ", efficient,
                    " on E-cores)");
  }
  absl::StrAppend(&text, ", ", plural(topology.cores, "core"), ", ",
                  plural(topology.packages, "package"), ", ",
                  plural(topology.numa_nodes.size(), "NUMA node"));
  if (topology.l2_bytes > 0) {
    absl::StrAppend(&text, ", L2 ", with_commas(topology.l2_bytes / 1'024), " KB");
  }
  return text;
}

}  // namespace ringroad
