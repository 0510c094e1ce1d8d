#include "tools/ringroad-gen/machine.h"

#include <sched.h>
#include <time.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ringroad::gen {
namespace {

// The text after the colon of a "key : value" line, or empty.
std::string value_of(const std::string& line, const char* key) {
  if (line.rfind(key, 0) != 0) return {};
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return {};
  const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
  return begin == std::string::npos ? std::string{} : line.substr(begin);
}

// FNV-1a of the boot id's text: the same for every process of one boot.
std::uint64_t read_boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string text;
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325ULL;
  if (!std::getline(file, text)) return 0;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3ULL;
  return hash;
}

}  // namespace

Machine read_machine() {
  Machine machine;
  std::ifstream cpuinfo{"/proc/cpuinfo"};
  for (std::string line; std::getline(cpuinfo, line) && !line.empty();) {
    if (const auto text = value_of(line, "model name"); !text.empty()) machine.cpu_model = text;
    if (const auto text = value_of(line, "cpu MHz"); !text.empty()) {
      machine.ghz = std::strtod(text.c_str(), nullptr) / 1000;
    }
    if (const auto text = value_of(line, "flags"); !text.empty()) {
      machine.avx512 = (" " + text + " ").find(" avx512f ") != std::string::npos;
    }
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    machine.cpus = static_cast<std::uint32_t>(CPU_COUNT(&set));
  }
  std::ifstream meminfo{"/proc/meminfo"};
  for (std::string line; std::getline(meminfo, line);) {
    if (const auto text = value_of(line, "HugePages_Total"); !text.empty()) {
      machine.hugepages = std::strtoull(text.c_str(), nullptr, 10);
    }
  }
  machine.boot_id = read_boot_id();
  return machine;
}

std::string describe(const Machine& machine) {
  std::string text =
      absl::StrCat(machine.cpu_model, ", ", machine.cpus, machine.cpus == 1 ? " CPU" : " CPUs");
  if (machine.ghz > 0) absl::StrAppend(&text, absl::StrFormat(" %.1f GHz", machine.ghz));
  absl::StrAppend(&text, machine.avx512 ? ", AVX-512" : ", no AVX-512");
  if (machine.hugepages > 0) {
    absl::StrAppend(&text, ", ", machine.hugepages, " hugepages");
  } else {
    absl::StrAppend(&text, ", no hugepages");
  }
  return text;
}

std::uint64_t process_cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace ringroad::gen
