// What the checks look at: the files of one machine under a root, read when asked for, and what
// follows from them and from the node's configuration, worked out once. Reads only; files are
// bounded, and one that cannot be read is an empty optional, never an error.
//
// Paths are the machine's own ("/proc/stat"); the root is put before them here and nowhere else,
// so that what a mend tells people to type is right.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/keeper.h"
#include "hugepages/cpu_plan.h"
#include "hugepages/memory_plan.h"
#include "hugepages/topology.h"
#include "tools/ringroad/doctor/doctor.h"

namespace ringroad::cli {

struct ProcessName {
  std::uint32_t id = 0;
  std::string name;  // of its program
};

class Machine {
 public:
  explicit Machine(const Examination& examination);

  // ---- files ----
  bool is_this_one() const { return root_.empty(); }
  // The machine's `path` as this process opens it.
  std::string real(const std::string& path) const { return root_ + path; }
  bool exists(const std::string& path) const;
  bool is_writable(const std::string& path) const;
  // Without the newline at its end.
  std::optional<std::string> read(const std::string& path) const;
  std::optional<std::uint64_t> read_number(const std::string& path) const;
  std::vector<std::string> read_lines(const std::string& path) const;
  // What a link points to, its last part.
  std::optional<std::string> read_link_name(const std::string& path) const;
  std::vector<std::string> list(const std::string& folder) const;  // names, ascending
  // Whether what the folder holds is not for this user to see.
  bool is_denied(const std::string& folder) const;
  // The directory itself, or the closest one above that is there.
  std::string closest_folder(const std::string& path) const;

  // ---- the node ----
  const std::optional<NodeConfig>& config() const { return config_; }
  std::optional<std::uint64_t> status_number(const std::string& pointer) const;
  std::string status_text(const std::string& pointer) const;
  const nlohmann::json* status() const { return status_ ? &*status_ : nullptr; }
  const nlohmann::json* links() const { return links_ ? &*links_ : nullptr; }
  const nlohmann::json* programs() const { return programs_ ? &*programs_ : nullptr; }
  bool is_control_missed() const { return is_control_missed_; }
  // The node says that its dataplane is gone, or does not move.
  bool is_dataplane_still() const;
  // Of the running dataplane, else of this program: "/proc/4711".
  std::string process_folder() const;
  // Where its sockets stand.
  std::string runtime_folder() const;
  // What starts one of the node's processes, or its network, or does so anew.
  std::string start_command(control::Restart process) const;
  std::string restart_command(control::Restart process) const;
  // Whether a path is a socket of a node that is kept here, or of its fabric, whose next start
  // replaces it.
  bool is_kept_socket(const std::string& path) const;

  // ---- the CPUs ----
  const std::optional<Topology>& topology() const { return topology_; }
  const std::vector<std::uint32_t>& allowed_cpus() const { return allowed_; }
  // Where the node's loops go; none without a configuration, or with a wrong one (plan_fault()).
  const std::optional<CpuPlan>& plan() const { return plan_; }
  const std::string& plan_fault() const { return plan_fault_; }
  // None as well when loops float over all allowed CPUs.
  std::vector<std::uint32_t> pinned_io_cpus() const;
  std::optional<MemoryPlan> memory_plan() const;
  bool has_cpu_flag(const std::string& flag) const;
  bool is_virtual() const { return has_cpu_flag("hypervisor"); }

  // ---- processes ----
  // Inodes of the listening Unix sockets, by path.
  std::map<std::string, std::uint64_t> listening_sockets() const;
  // Who has the socket with this inode open; none when nobody does that we may look at.
  std::optional<ProcessName> owner_of_socket(std::uint64_t inode) const;

 private:
  void plan_loops();
  NodeId node() const;
  control::Keeper keeper() const;
  std::string name_of_process(const std::string& folder) const;

  std::string root_;  // without the slash at its end: empty for this machine
  std::optional<NodeConfig> config_;
  std::optional<nlohmann::json> status_, links_, programs_;
  bool is_control_missed_;
  std::optional<Topology> topology_;
  std::vector<std::uint32_t> allowed_;
  std::optional<CpuPlan> plan_;
  std::string plan_fault_;
  std::string cpu_flags_;  // " fpu vme ... ": a space before and after each
};

// "0-3,8" as the kernel writes lists of CPUs; what is no list is empty.
std::vector<std::uint32_t> parse_cpu_list(const std::string& text);
// "0,1,2,8"
std::string print_cpu_list(const std::vector<std::uint32_t>& cpus);
// The fields of a line, split at blanks.
std::vector<std::string> words_of(const std::string& line);
std::optional<std::uint64_t> parse_number(const std::string& text, int base = 10);

}  // namespace ringroad::cli
