// What ringroad-log does with a node's folder. Each command reads, prints to the streams given and
// returns an exit code; none but format writes to the folder.
//
//   0  done, and what was read is intact
//   1  could not be done: no permission, an I/O error of the folder itself
//   2  wrong usage
//   3  there is no such folder, or no log in it
//   5  done, and something is damaged
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "consensus/log/file_system.h"

namespace ringroad::log_tool {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitDamaged = 5;

struct Options {
  std::string folder;
  bool is_json = false;
  bool with_records = false;  // inspect
  std::uint64_t from = 0;     // export: indexes, both included; 0: no limit
  std::uint64_t to = 0;
};

// Makes the log of a node that never was; changes nothing where there is one.
struct FormatOptions {
  std::string folder;
  std::string cluster = "ringroad";
  std::uint32_t node = 0;
  std::vector<std::uint32_t> members;  // the first, the same for all nodes
};
int format(const FormatOptions& options, std::ostream& out, std::ostream& err);

int inspect(raft::durable::FileSystem& files, const Options& options, std::ostream& out,
            std::ostream& err);
int verify(raft::durable::FileSystem& files, const Options& options, std::ostream& out,
           std::ostream& err);
int export_entries(raft::durable::FileSystem& files, const Options& options, std::ostream& out,
                   std::ostream& err);

// Says it and returns the code that goes with it.
int fail(const absl::Status& status, std::ostream& err);

}  // namespace ringroad::log_tool
