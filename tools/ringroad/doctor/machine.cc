// Reads the machine for the checks: once, at the start, from /proc, /sys and a few files, all below
// one root, so that tests hand in a machine made of files.
//
// Nothing here judges and nothing fails: what cannot be read, since it is not there or not ours to
// read, stays empty or "not known", and the check that wanted it says so. Files of the kernel are
// taken as text from outside: numbers are read strictly, lines that are not as expected are passed
// over. Nothing is written, no program is run.
#include "tools/ringroad/doctor/machine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/base/limits.h"

namespace ringroad::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = 8u << 20;
constexpr std::uint32_t kCpuMax = 65'535;  // a list from a file names none beyond

bool is_digits(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::optional<std::uint64_t> parse_number(const std::string& text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::vector<std::uint32_t> parse_cpu_list(const std::string& text) {
  std::vector<std::uint32_t> cpus;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    const std::size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last || *last > kCpuMax) return {};
    for (std::uint64_t cpu = *first; cpu <= *last; ++cpu) {
      cpus.push_back(static_cast<std::uint32_t>(cpu));
    }
  }
  return cpus;
}

std::string print_cpu_list(const std::vector<std::uint32_t>& cpus) {
  return absl::StrJoin(cpus, ",");
}

Machine::Machine(const Examination& examination)
    : root_(examination.root),
      config_(examination.config),
      status_(examination.status),
      links_(examination.links),
      programs_(examination.programs),
      is_control_missed_(examination.is_control_missed) {
  while (!root_.empty() && root_.back() == '/') root_.pop_back();
  for (const std::string& line : read_lines("/proc/cpuinfo")) {
    if (line.rfind("flags", 0) != 0) continue;
    cpu_flags_ =
        absl::StrCat(" ", absl::StrJoin(words_of(line.substr(line.find(':') + 1)), " "), " ");
    break;
  }
  if (auto topology = read_topology(root_); topology.ok()) topology_ = *std::move(topology);
  for (const std::string& line : read_lines("/proc/self/status")) {
    if (line.rfind("Cpus_allowed_list:", 0) == 0) allowed_ = parse_cpu_list(words_of(line).back());
  }
  plan_loops();
}

void Machine::plan_loops() {
  if (!config_ || !topology_ || allowed_.empty()) return;
  // As the dataplane plans them: consensus and log have no loops yet.
  auto plan = plan_cpus(*topology_, allowed_, config_->cpu,
                        {.consensus = false, .control = true, .background = false});
  if (plan.ok()) {
    plan_ = *std::move(plan);
  } else {
    plan_fault_ = std::string(plan.status().message());
  }
}

bool Machine::exists(const std::string& path) const {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(real(path), ignored));
}

bool Machine::is_writable(const std::string& path) const {
  return access(real(path).c_str(), W_OK) == 0;
}

std::optional<std::string> Machine::read(const std::string& path) const {
  std::ifstream file(real(path), std::ios::binary);
  if (!file) return std::nullopt;
  std::string text;
  for (std::array<char, 16'384> part; text.size() < kFileBytesMax && file;) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  // Some files of /sys open, and fail when read.
  if (file.bad()) return std::nullopt;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<std::uint64_t> Machine::read_number(const std::string& path) const {
  const auto text = read(path);
  return text ? parse_number(*text) : std::nullopt;
}

std::vector<std::string> Machine::read_lines(const std::string& path) const {
  std::istringstream stream(read(path).value_or(""));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::optional<std::string> Machine::read_link_name(const std::string& path) const {
  std::error_code error;
  const fs::path target = fs::read_symlink(real(path), error);
  if (error) return std::nullopt;
  return target.filename().string();
}

std::vector<std::string> Machine::list(const std::string& folder) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(real(folder), error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool Machine::is_denied(const std::string& folder) const {
  std::error_code error;
  const fs::directory_iterator first(real(folder), error);
  return error == std::errc::permission_denied;
}

std::string Machine::closest_folder(const std::string& path) const {
  fs::path folder = path;
  std::error_code ignored;
  while (folder.has_relative_path() && !fs::is_directory(real(folder.string()), ignored)) {
    folder = folder.parent_path();
  }
  return folder.empty() ? "/" : folder.string();
}

std::optional<std::uint64_t> Machine::status_number(const std::string& pointer) const {
  const nlohmann::json::json_pointer at(pointer);
  if (!status_ || !status_->contains(at)) return std::nullopt;
  const nlohmann::json& value = (*status_)[at];
  if (!value.is_number_integer() || value < 0) return std::nullopt;
  return value.get<std::uint64_t>();
}

std::string Machine::status_text(const std::string& pointer) const {
  const nlohmann::json::json_pointer at(pointer);
  if (!status_ || !status_->contains(at) || !(*status_)[at].is_string()) return "";
  return (*status_)[at].get<std::string>();
}

bool Machine::is_dataplane_still() const {
  const nlohmann::json::json_pointer at("/dataplane/moves");
  return status_ && status_->contains(at) && (*status_)[at] == false;
}

std::string Machine::process_folder() const {
  if (const auto process = status_number("/dataplane/process_id")) {
    const std::string folder = absl::StrCat("/proc/", *process);
    if (exists(folder)) return folder;
  }
  return "/proc/self";
}

std::string Machine::runtime_folder() const {
  if (!config_) return runtime_directory();
  return std::filesystem::path(config_->host.socket).parent_path().string();
}

NodeId Machine::node() const { return config_ ? config_->local_node.node_id : NodeId{1}; }

control::Keeper Machine::keeper() const { return control::Keeper(runtime_folder(), root_); }

std::string Machine::start_command(control::Restart process) const {
  return keeper().start_command(node(), process);
}

std::string Machine::restart_command(control::Restart process) const {
  return keeper().restart_command(node(), process);
}

bool Machine::is_kept_socket(const std::string& path) const {
  if (config_ && (path == config_->host.socket || path == config_->control.socket)) return true;
  const control::Keeper keeper = this->keeper();
  const std::string fabric = absl::StrCat(runtime_folder(), "/fabric");
  if (path == fabric + ".sock" || path == fabric + "-control.sock") {
    return keeper.config_file(node()).has_value();
  }
  for (std::uint16_t id = 1; id <= kNodesMax; ++id) {
    const std::string front = absl::StrCat(runtime_folder(), "/node-", id);
    if (path != front + ".sock" && path != front + "-control.sock") continue;
    return keeper.config_file(NodeId{id}).has_value();
  }
  return false;
}

std::vector<std::uint32_t> Machine::pinned_io_cpus() const {
  std::vector<std::uint32_t> cpus;
  if (!plan_ || (config_->cpu.idle == IdlePolicy::kAdaptive && config_->cpu.io.empty()))
    return cpus;
  for (const Placement& placement : plan_->placements) {
    if (placement.role == CpuRole::kIo) cpus.push_back(placement.cpu);
  }
  return cpus;
}

std::optional<MemoryPlan> Machine::memory_plan() const {
  if (!plan_) return std::nullopt;
  return ringroad::plan_memory(*config_, *plan_);
}

bool Machine::has_cpu_flag(const std::string& flag) const {
  return cpu_flags_.find(" " + flag + " ") != std::string::npos;
}

std::map<std::string, std::uint64_t> Machine::listening_sockets() const {
  // "Num RefCount Protocol Flags Type St Inode Path"; bit 16 of the flags is __SO_ACCEPTCON.
  constexpr std::uint64_t kListening = 1u << 16;
  std::map<std::string, std::uint64_t> inodes;
  for (const std::string& line : read_lines("/proc/net/unix")) {
    const auto fields = words_of(line);
    if (fields.size() < 8) continue;
    const auto flags = parse_number(fields[3], 16), inode = parse_number(fields[6]);
    if (flags && inode && (*flags & kListening) != 0) inodes[fields[7]] = *inode;
  }
  return inodes;
}

std::string Machine::name_of_process(const std::string& folder) const {
  const std::string name = read(folder + "/comm").value_or("a program");
  // The kernel cuts it after 15 bytes; the command line has it whole, unless it was made up.
  const std::string command = read(folder + "/cmdline").value_or("");
  const std::string whole = fs::path(command.substr(0, command.find('\0'))).filename().string();
  return whole.rfind(name, 0) == 0 ? whole : name;
}

std::optional<ProcessName> Machine::owner_of_socket(std::uint64_t inode) const {
  const std::string wanted = absl::StrCat("socket:[", inode, "]");
  for (const std::string& process : list("/proc")) {
    if (!is_digits(process)) continue;
    const std::string folder = absl::StrCat("/proc/", process);
    for (const std::string& descriptor : list(folder + "/fd")) {
      if (read_link_name(absl::StrCat(folder, "/fd/", descriptor)) != wanted) continue;
      return ProcessName{static_cast<std::uint32_t>(parse_number(process).value_or(0)),
                         name_of_process(folder)};
    }
  }
  return std::nullopt;
}

}  // namespace ringroad::cli
