// The command line of ringroad-gen, read into plain data and checked as a whole: what comes out can
// be run. Errors name the field, its value and the mend.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "dataplane/host/spin.h"
#include "tools/ringroad-gen/measured_limits.h"
#include "tools/ringroad-gen/summary.h"

namespace ringroad::gen {

struct Options {
  Mode mode = Mode::kRun;
  std::string node;  // configuration file, socket or node id; empty: the only one here
  bool is_inline = false;
  std::string config;  // of the node hosted inline

  std::vector<NodeId> to;
  bool to_all = false;
  SizeMix sizes{1024};
  std::vector<Priority> priorities{Priority{4}};
  std::uint64_t rate_per_s = 0;
  std::uint64_t count = 0;  // messages; 0: no limit
  Nanos duration = seconds(10);
  bool has_duration = false;
  Nanos warmup{};
  std::uint64_t seed = 0;  // 0: from time and process
  Verify verify = Verify::kStamp;
  std::uint32_t type = kTypeDefault.value;
  std::uint32_t arena_kb = 256;
  std::uint32_t spin_us = host::spin_on(std::thread::hardware_concurrency()).us;
  Nanos connect_timeout = seconds(10);

  bool json = false;
  bool quiet = false;
  std::string hdr_path;
  std::shared_ptr<std::ofstream> hdr_file;  // open for writing; none without a path
  Limits limits;                            // of --limits
  double limit_msgs = 0;                    // of --limit-msgs, which goes before
  std::string limit_source;
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 4;
inline constexpr int kExitUnverified = 5;
inline constexpr int kExitTimedOut = 6;

// The options, or the exit code of a program that has already said what there was to say.
std::variant<Options, int> read_options(int argc, char** argv);

}  // namespace ringroad::gen
