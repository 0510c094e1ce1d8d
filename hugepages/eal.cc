// What was found by trying Debian's DPDK 22.11, and is relied on here:
//
//   - `-d` adds to the plug-ins of the default folder, it does not replace them, and all 96 load in
//     about 40 ms. So nothing is gained by naming those we need.
//   - --no-huge refuses --in-memory, but takes --no-shconf, which leaves no file behind either:
//     only an empty directory <runtime>/dpdk/<prefix>.
//   - As root EAL ignores XDG_RUNTIME_DIR and uses /var/run; RUNTIME_DIRECTORY is obeyed for all.
//   - --in-memory takes hugepages as anonymous memory: no hugetlbfs mount, no right to one.
#include "hugepages/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hugepages/text.h"

namespace ringroad {
namespace {

// "0@3,1@5": lcore 0 on CPU 3, lcore 1 on CPU 5. Lcores are numbered apart from CPUs because EAL
// knows no lcore beyond 127, and machines have more CPUs.
std::string lcore_map(const CpuPlan& cpus) {
  return absl::StrJoin(cpus.lcores, ",", [](std::string* out, const Lcore& lcore) {
    absl::StrAppend(out, lcore.id, "@", lcore.cpu);
  });
}

std::uint64_t whole_mb(std::uint64_t bytes) { return (bytes + (1u << 20) - 1) >> 20; }

// Megabytes for each NUMA node from 0 to the last one that wants some: "0,512".
std::string socket_memory(std::span<const MemoryDemand> demands) {
  std::vector<std::uint64_t> mb;
  for (const MemoryDemand& demand : demands) {
    if (mb.size() <= demand.numa_node) mb.resize(demand.numa_node + 1);
    mb[demand.numa_node] += whole_mb(demand.bytes);
  }
  return absl::StrJoin(mb, ",");
}

// A fresh directory for EAL's runtime files, and RUNTIME_DIRECTORY naming it, while this lives.
class RuntimeDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<RuntimeDirectory>> make() {
    std::error_code error;
    std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    if (error) parent = "/tmp";
    std::string path = (parent / "ringroad-eal-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      return absl::ErrnoToStatus(
          errno, absl::StrCat("cannot make ", path, " for EAL; set TMPDIR to a writable folder"));
    }
    return std::unique_ptr<RuntimeDirectory>(new RuntimeDirectory(std::move(path)));
  }

  ~RuntimeDirectory() {
    if (earlier_) {
      setenv(kVariable, earlier_->c_str(), 1);
    } else {
      unsetenv(kVariable);
    }
    std::error_code ignored;  // an empty directory left in /tmp harms nobody
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  static constexpr char kVariable[] = "RUNTIME_DIRECTORY";

  explicit RuntimeDirectory(std::string path) : path_(std::move(path)) {
    if (const char* value = std::getenv(kVariable)) earlier_ = value;
    setenv(kVariable, path_.c_str(), 1);
  }

  std::string path_;
  std::optional<std::string> earlier_;
};

// Runs rte_eal_init with its log collected in `log`. Negative on failure.
int start_logged(std::span<const std::string> arguments, std::string& log) {
  std::vector<std::string> copies{"ringroad"};  // EAL writes into its arguments
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);

  char* text = nullptr;
  std::size_t text_bytes = 0;
  FILE* stream = open_memstream(&text, &text_bytes);
  if (stream != nullptr) rte_openlog_stream(stream);
  const int result = rte_eal_init(static_cast<int>(copies.size()), argv.data());
  if (stream != nullptr) {
    rte_openlog_stream(nullptr);
    std::fclose(stream);
    log.assign(text, text_bytes);
    std::free(text);
  }
  return result;
}

}  // namespace

struct Eal::Impl {
  cpu_set_t affinity_before{};
  bool has_affinity = false;
};

std::vector<std::string> derive_eal_arguments(const CpuPlan& cpus, MemoryMode mode,
                                              std::span<const MemoryDemand> demands,
                                              std::span<const std::string> eal_extra) {
  std::vector<std::string> arguments{
      "--lcores",
      lcore_map(cpus),
      "--main-lcore",
      "0",
      // No physical NIC yet, so no scan of the PCI bus.
      "--no-pci",
      // Its socket would be one more thing anyone may connect to.
      "--no-telemetry",
      // Virtual addresses: physical ones take root to learn, and no port here needs them.
      "--iova-mode",
      "va",
      // EAL warns of every size of hugepage the machine could have and has not.
      "--log-level",
      "warning",
      "--log-level",
      "lib.eal:error",
  };
  const auto append = [&](std::initializer_list<std::string> words) {
    arguments.insert(arguments.end(), words);
  };
  if (mode == MemoryMode::kHuge) {
    append({"--in-memory", "--socket-mem", socket_memory(demands)});
  } else {
    std::uint64_t mb = 0;
    for (const MemoryDemand& demand : demands) mb += whole_mb(demand.bytes);
    append({"--no-huge", "--no-shconf", "-m", absl::StrCat(mb)});
  }
  arguments.insert(arguments.end(), eal_extra.begin(), eal_extra.end());
  return arguments;
}

std::string print_eal_arguments(std::span<const std::string> arguments) {
  return absl::StrJoin(arguments, " ", [](std::string* out, const std::string& word) {
    out->append(shell_word(word));
  });
}

absl::StatusOr<std::unique_ptr<Eal>> Eal::start(std::span<const std::string> arguments) {
  auto impl = std::make_unique<Impl>();
  impl->has_affinity =
      sched_getaffinity(0, sizeof impl->affinity_before, &impl->affinity_before) == 0;

  auto directory = RuntimeDirectory::make();
  if (!directory.ok()) return directory.status();

  std::string log;
  if (start_logged(arguments, log) < 0) {
    const int error = rte_errno;
    return absl::FailedPreconditionError(absl::StrCat("EAL does not start (", rte_strerror(error),
                                                      ") with: ", print_eal_arguments(arguments),
                                                      "\n", absl::StripAsciiWhitespace(log)));
  }
  std::fputs(log.c_str(), stderr);  // warnings
  return std::unique_ptr<Eal>(new Eal(std::move(impl)));
}

Eal::Eal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Eal::~Eal() {
  rte_eal_cleanup();
  if (impl_->has_affinity) {
    sched_setaffinity(0, sizeof impl_->affinity_before, &impl_->affinity_before);
  }
}

}  // namespace ringroad
