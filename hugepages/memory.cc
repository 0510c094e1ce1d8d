#include "hugepages/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

namespace fs = std::filesystem;

constexpr char kPagesFolder[] = "hugepages/hugepages-2048kB";

std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

std::optional<NodePages> read_pages(std::uint32_t node, const fs::path& folder) {
  const auto total = read_number(folder / "nr_hugepages");
  const auto free = read_number(folder / "free_hugepages");
  if (!total || !free) return std::nullopt;
  return NodePages{node, *total, *free};
}

std::vector<NodePages> read_all_pages(const fs::path& root) {
  std::vector<NodePages> pages;
  std::error_code ignored;  // no such folder: a kernel without NUMA, see below
  for (const auto& entry : fs::directory_iterator(root / "sys/devices/system/node", ignored)) {
    const std::string name = entry.path().filename().string();
    std::uint32_t node = 0;
    if (!absl::StartsWith(name, "node") || !absl::SimpleAtoi(name.substr(4), &node)) continue;
    if (const auto found = read_pages(node, entry.path() / kPagesFolder)) pages.push_back(*found);
  }
  if (pages.empty()) {
    if (const auto found = read_pages(0, root / "sys/kernel/mm" / kPagesFolder)) {
      pages.push_back(*found);
    }
  }
  std::sort(pages.begin(), pages.end(),
            [](const NodePages& a, const NodePages& b) { return a.numa_node < b.numa_node; });
  return pages;
}

// The first hugetlbfs of 2 MB pages: the kernel writes "pagesize=2M" in its options.
std::string find_hugetlbfs(const fs::path& root) {
  std::ifstream mounts(root / "proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, folder, type, options;
    fields >> device >> folder >> type >> options;
    const bool other_size =
        absl::StrContains(options, "pagesize=") && !absl::StrContains(options, "pagesize=2M");
    if (type == "hugetlbfs" && !other_size) return folder;
  }
  return "";
}

std::uint64_t read_available(const fs::path& root) {
  std::ifstream meminfo(root / "proc/meminfo");
  std::string key;
  for (std::uint64_t kilobytes = 0; meminfo >> key >> kilobytes;) {
    if (key == "MemAvailable:") return kilobytes * 1'024;
    meminfo.ignore(256, '\n');
  }
  return 0;
}

const NodePages* find_pages(const MemoryOffer& offer, std::uint32_t node) {
  for (const NodePages& pages : offer.pages) {
    if (pages.numa_node == node) return &pages;
  }
  return nullptr;
}

// Why the demand cannot be met from hugepages, or nothing.
std::optional<std::string> shortage(const MemoryDemand& demand, const MemoryOffer& offer) {
  const std::uint64_t needed = (demand.bytes + kHugepageBytes - 1) / kHugepageBytes;
  if (offer.pages.empty()) return "this kernel offers no 2 MB hugepages";
  const NodePages* pages = find_pages(offer, demand.numa_node);
  const std::uint64_t free = pages == nullptr ? 0 : pages->free;
  if (free >= needed) return std::nullopt;
  return absl::StrCat(with_commas(free), " of ", plural(needed, "page"), " ",
                      needed == 1 ? "is" : "are", " free on NUMA node ", demand.numa_node);
}

std::string reserve_command(const MemoryDemand& demand, const MemoryOffer& offer) {
  const std::uint64_t mb = (demand.bytes + kHugepageBytes - 1) / kHugepageBytes * 2;
  const std::string node = offer.pages.size() > 1 ? absl::StrCat(" --node ", demand.numa_node) : "";
  return absl::StrCat("hugepages/reserve --mb ", mb, node);
}

absl::StatusOr<MemoryChoice> choose_plain(std::uint64_t total, const MemoryOffer& offer,
                                          std::string reason) {
  if (offer.available_bytes != 0 && total > offer.available_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "/memory/buffers: packet buffers need ", megabytes(total), ", this machine has ",
        megabytes(offer.available_bytes), " available\n  mend: set /memory/buffers, ",
        "/limits/held_frames or the ports' mtu lower"));
  }
  return MemoryChoice{MemoryMode::kNone, std::move(reason)};
}

}  // namespace

absl::StatusOr<MemoryOffer> read_memory_offer(const std::string& root) {
  const fs::path base = root.empty() ? fs::path("/") : fs::path(root);
  std::error_code error;
  if (!fs::is_directory(base / "proc", error)) {
    return absl::NotFoundError(
        absl::StrCat((base / "proc").string(), ": not there; mount proc first"));
  }
  MemoryOffer offer;
  offer.pages = read_all_pages(base);
  offer.hugetlbfs = find_hugetlbfs(base);
  if (!offer.hugetlbfs.empty()) {
    const fs::path mounted = base / fs::path(offer.hugetlbfs).relative_path();
    offer.hugetlbfs_writable = access(mounted.c_str(), W_OK) == 0;
  }
  offer.available_bytes = read_available(base);
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) offer.memlock_bytes = limit.rlim_cur;
  return offer;
}

std::vector<MemoryDemand> memory_demands(const MemoryPlan& plan) {
  std::vector<MemoryDemand> demands;
  for (const PoolPlan& pool : plan.pools) {
    const std::uint64_t bytes = pool.bytes + plan.eal_bytes_per_pool_node;
    demands.push_back(
        {pool.numa_node, (bytes + kHugepageBytes - 1) / kHugepageBytes * kHugepageBytes});
  }
  return demands;
}

absl::StatusOr<MemoryChoice> choose_memory_mode(MemoryMode wanted,
                                                std::span<const MemoryDemand> demands,
                                                const MemoryOffer& offer) {
  std::uint64_t total = 0;
  for (const MemoryDemand& demand : demands) total += demand.bytes;
  if (wanted == MemoryMode::kNone) {
    return choose_plain(total, offer, "no-huge: /memory/mode is \"none\"");
  }
  for (const MemoryDemand& demand : demands) {
    const auto lacking = shortage(demand, offer);
    if (!lacking) continue;
    const std::string mend = reserve_command(demand, offer);
    if (wanted == MemoryMode::kAuto) {
      return choose_plain(total, offer,
                          absl::StrCat("no-huge: ", *lacking, "; for hugepages: ", mend));
    }
    return absl::ResourceExhaustedError(
        absl::StrCat("/memory/mode: \"huge\" asked for ", megabytes(demand.bytes), ", ", *lacking,
                     "\n  mend: ", mend, "    or set /memory/mode to \"auto\""));
  }
  return MemoryChoice{MemoryMode::kHuge,
                      absl::StrCat("huge: ", megabytes(total), " in 2 MB pages")};
}

}  // namespace ringroad
