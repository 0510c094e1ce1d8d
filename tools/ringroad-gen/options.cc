#include "tools/ringroad-gen/options.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iostream>

#include "tools/ringroad-gen/quantity.h"

namespace ringroad::gen {
namespace {

constexpr const char* kIntroduction =
    "Sends, receives and verifies messages between Ringroad nodes, and measures them.\n"
    "\n"
    "On the receiving node:\n"
    "  ringroad-gen sink                                    receive, verify, report, answer pings\n"
    "On the sending one:\n"
    "  ringroad-gen run --to 2 --rate 1M --duration 10s     a fixed rate, open loop\n"
    "  ringroad-gen run --to 2 --rate max --size 64         as fast as the node takes them\n"
    "  ringroad-gen run --to all --size 64:70,1024:25,8192:5 --verify full\n"
    "                                                       broadcast, a mix of sizes, every byte\n"
    "  ringroad-gen run --to 2,3 --priority 2,5 --json      two peers, two priorities, for "
    "scripts\n"
    "  ringroad-gen pingpong --to 2 --size 64               round trips, one at a time\n"
    "  ringroad-gen run --inline --config node1.json --to 2 hosts node 1 in this process\n"
    "\n"
    "Latency counts from the time a message was due, so a stall is charged to every message it\n"
    "delayed. Exit codes: 0 ok, 1 failed, 2 wrong usage, 4 node or peer not reachable,\n"
    "5 messages lost, duplicated, reordered or corrupt, 6 no end in time.";

// Options as typed, before they are understood.
struct Typed {
  std::string to, size = "1024", priority = "4", rate = "max", duration, warmup = "0s";
  std::string verify = "stamp", connect_timeout = "10s";
  std::string count, limits;
};

// "field: "value" is wrong; what is right", and out.
struct Fault {
  std::string text;
};
[[noreturn]] void refuse(const std::string& field, const std::string& value,
                         const std::string& expected) {
  throw Fault{field + ": \"" + value + "\" " + expected};
}

std::vector<std::uint32_t> number_list(const std::string& field, const std::string& text,
                                       std::uint32_t least, std::uint32_t most,
                                       const std::string& expected) {
  std::vector<std::uint32_t> numbers;
  const char* at = text.data();
  const char* end = at + text.size();
  while (true) {
    std::uint32_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    const bool good = error == std::errc{} && number >= least && number <= most &&
                      (next == end || *next == ',') &&
                      std::find(numbers.begin(), numbers.end(), number) == numbers.end();
    if (!good) refuse(field, text, expected);
    numbers.push_back(number);
    if (next == end) return numbers;
    at = next + 1;
  }
}

Nanos duration_of(const std::string& field, const std::string& text) {
  const auto value = parse_duration(text);
  if (!value) refuse(field, text, "is not a duration; write 10s, 250ms or 2m");
  return *value;
}

void understand_destination(const Typed& typed, Options& options) {
  if (options.mode == Mode::kSink) return;
  options.to_all = typed.to == "all";
  if (options.to_all && options.mode == Mode::kPingpong) {
    refuse("--to", typed.to, "cannot be played with; name one node");
  }
  if (options.to_all) return;
  const auto nodes = number_list("--to", typed.to, 1, kNodesMax,
                                 "is not a list of different node ids; write 2, or 2,3, or all");
  for (const std::uint32_t node : nodes) {
    options.to.emplace_back(static_cast<std::uint16_t>(node));
  }
  if (options.mode == Mode::kPingpong && options.to.size() != 1) {
    refuse("--to", typed.to, "names several nodes; a ping goes to one");
  }
}

void understand_traffic(const Typed& typed, Options& options) {
  auto sizes = SizeMix::parse(typed.size);
  if (!sizes.ok()) throw Fault{"--size: " + std::string{sizes.status().message()}};
  options.sizes = *std::move(sizes);
  if (options.mode == Mode::kPingpong && options.sizes.parts().size() != 1) {
    refuse("--size", typed.size, "is a mix; a ping has one size");
  }
  options.priorities.clear();
  for (const std::uint32_t priority :
       number_list("--priority", typed.priority, 1, kPriorities - 1,
                   "is not a list of different priorities from 1 (most urgent) to 7; 0 belongs "
                   "to consensus")) {
    options.priorities.emplace_back(static_cast<std::uint8_t>(priority));
  }
  if (typed.rate != "max") {
    const auto rate = parse_quantity(typed.rate, 1000);
    if (!rate || *rate == 0 || *rate > 1'000'000'000) {
      refuse("--rate", typed.rate, "is not a rate; write messages a second (250K, 1.5M) or max");
    }
    options.rate_per_s = *rate;
  }
  if (!typed.count.empty()) {
    const auto count = parse_quantity(typed.count, 1000);
    if (!count || *count == 0) {
      refuse("--count", typed.count,
             "is not a number of messages from 1 up (1000, 10K); leave --count out for no limit");
    }
    options.count = *count;
  }
}

// Found out before the run, not after it.
void open_files(const Typed& typed, Options& options) {
  if (options.mode == Mode::kRun && !typed.limits.empty()) {
    auto limits = Limits::read(typed.limits);
    if (!limits.ok()) throw Fault{"--limits: " + std::string{limits.status().message()}};
    options.limits = *std::move(limits);
  }
  if (options.hdr_path.empty()) return;
  // Appending leaves an earlier run's figures alone until there are new ones.
  options.hdr_file = std::make_shared<std::ofstream>(options.hdr_path, std::ios::app);
  if (!*options.hdr_file) {
    refuse("--hdr", options.hdr_path, std::string{"cannot be written: "} + std::strerror(errno));
  }
}

void understand(const Typed& typed, Options& options) {
  understand_destination(typed, options);
  understand_traffic(typed, options);
  options.has_duration = !typed.duration.empty();
  if (options.has_duration) {
    options.duration = duration_of("--duration", typed.duration);
    if (options.duration <= Nanos{}) refuse("--duration", typed.duration, "leaves no time");
  }
  options.warmup = duration_of("--warmup", typed.warmup);
  options.connect_timeout = duration_of("--connect-timeout", typed.connect_timeout);
  if (typed.verify == "off") options.verify = Verify::kOff;
  if (typed.verify == "full") options.verify = Verify::kFull;
  if (options.is_inline && options.config.empty()) {
    throw Fault{"--inline: needs --config FILE, the configuration of the node to host"};
  }
  if (!options.is_inline && !options.config.empty()) {
    throw Fault{"--config: only together with --inline; for a node that runs already use --node"};
  }
  open_files(typed, options);
}

void add_common(CLI::App& command, Typed& typed, Options& options) {
  command.add_option("--node", options.node,
                     "the running node: its configuration file, socket or id (default: the only "
                     "node on this machine)");
  command.add_flag("--inline", options.is_inline, "host the node in this process instead");
  command.add_option("--config", options.config, "its configuration, with --inline");
  command.add_option("--verify", typed.verify, "off, stamp or full (default stamp)")
      ->check(CLI::IsMember({"off", "stamp", "full"}));
  command.add_option("--duration", typed.duration,
                     "how long to measure: 10s, 250ms, 2m (default 10s; a sink: until ctrl-C)");
  command.add_option("--type", options.type,
                     "message type of the data; the next two are used as well");
  command.add_option(
      "--spin", options.spin_us,
      "microseconds to spin before sleeping when idle (default 50; 200 on two CPUs)");
  command.add_flag("--json", options.json, "one JSON object on stdout, progress on stderr");
  command.add_flag("--quiet", options.quiet, "no line a second");
  command.add_option("--hdr", options.hdr_path, "write latencies as HdrHistogram text (.hgrm)");
}

void add_sending(CLI::App& command, Typed& typed, Options& options) {
  command.add_option("--to", typed.to, "node ids (2 or 2,3); run: or all, a broadcast")->required();
  command.add_option("--size", typed.size, "payload bytes (default 1024; pingpong 64)");
  command.add_option("--warmup", typed.warmup, "sent and verified, not counted (default none)");
  command.add_option("--count", typed.count,
                     "stop after so many messages: 1000, 10K (default: no limit)");
  command.add_option("--priority", typed.priority, "1 (most urgent) to 7, or a list (default 4)");
  command.add_option("--seed", options.seed, "of sizes and of the run's id (default: the clock)");
  command.add_option("--connect-timeout", typed.connect_timeout,
                     "how long to wait for the peers' links (default 10s)");
}

}  // namespace

std::variant<Options, int> read_options(int argc, char** argv) {
  Options options;
  Typed typed;
  CLI::App app{kIntroduction, "ringroad-gen"};
  app.require_subcommand(1);
  auto* run = app.add_subcommand("run", "send at a rate, or as fast as possible");
  auto* pingpong = app.add_subcommand("pingpong", "round trips, one message at a time");
  auto* sink = app.add_subcommand("sink", "receive, verify, report to the senders, answer pings");
  for (CLI::App* command : {run, pingpong, sink}) add_common(*command, typed, options);
  for (CLI::App* command : {run, pingpong}) add_sending(*command, typed, options);
  run->add_option("--rate", typed.rate, "messages a second (250K, 1.5M), or max (default)");
  run->add_option("--arena-kb", options.arena_kb,
                  "payload memory in flight (default 256: fits L2 beside the rings)")
      ->check(CLI::Range(1U, 1U << 20));
  run->add_option("--limits", typed.limits,
                  "what perf/run --json measured here, for the share of it used")
      ->envname("RINGROAD_LIMITS");
  run->add_option("--limit-msgs", options.limit_msgs,
                  "messages a second the medium was measured to carry, for the share used");
  run->add_option("--limit-source", options.limit_source, "the command that measured it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? kExitOk : kExitUsage;
  }
  options.mode = run->parsed() ? Mode::kRun : pingpong->parsed() ? Mode::kPingpong : Mode::kSink;
  if (options.mode == Mode::kPingpong && pingpong->count("--size") == 0) typed.size = "64";
  try {
    understand(typed, options);
  } catch (const Fault& fault) {
    std::cerr << "ringroad-gen: " << fault.text << "\n";
    return kExitUsage;
  }
  return options;
}

}  // namespace ringroad::gen
