// ringroad-fabric: `run` is the switch, `ctl` talks to a running one. Options become objects here
// and nowhere else. Nothing is switched in this file: it opens ports, sets the first faults, and
// hands the fabric to its loop.
#include <bit>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/clock.h"
#include "dataplane/config.h"
#include "drivers/memif/interface.h"
#include "tools/ringroad-fabric/commands.h"
#include "tools/ringroad-fabric/control_client.h"
#include "tools/ringroad-fabric/control_server.h"
#include "tools/ringroad-fabric/fabric.h"
#include "tools/ringroad-fabric/fault_words.h"
#include "tools/ringroad-fabric/loop.h"
#include "tools/ringroad-fabric/memif_port.h"
#include "tools/ringroad-fabric/report.h"
#include "tools/ringroad-fabric/text.h"
#include "tools/ringroad-fabric/wall_clock.h"
#include "tools/ringroad-fabric/words.h"

namespace ringroad::fabric {
namespace {

constexpr const char* kExamples = R"(examples:
  ringroad-fabric run --ports 3
      three ports on one socket; node N connects to it with memif id N
  ringroad-fabric run --ports 2 --loss 1% --delay 50us --seed 7
      the same faults, frame by frame, at every run with this seed
  ringroad-fabric run --ports 3 --fault '1->2 loss=5%' --partition '1<->3' --capture /tmp/a.pcap
  ringroad-fabric ctl show ports
  ringroad-fabric ctl set '1->2' delay=10ms jitter=2ms rate=100M     (or 1:2, without quotes)
  ringroad-fabric ctl partition '1<->2'          ringroad-fabric ctl heal
  ringroad-fabric ctl capture /tmp/b.pcap port 2 packets 1000
)";

// Ethernet header and two VLAN tags.
constexpr std::uint32_t kHeaderBytesMax = 22;
constexpr std::uint32_t kMtuMax = 65'000;

struct RunOptions {
  std::uint32_t ports = 0;
  std::string socket;
  std::string socket_directory;
  std::string control;
  std::uint32_t mtu = 9'000;
  std::uint32_t ring_slots = 1'024;
  std::uint32_t buffer_bytes = 0;
  std::uint32_t delayed_frames = 16'384;
  std::uint32_t queued_frames = 512;
  std::uint64_t seed = 1;
  std::vector<std::string> all_pairs_words;  // "loss=1%"
  std::vector<std::string> faults;           // "1->2 loss=1%"
  std::vector<std::string> partitions;       // "1->2"
  std::string capture;
  std::string idle = "adaptive";
  std::string duration;
  bool json = false;
};

struct ControlOptions {
  std::string socket;
  std::vector<std::string> words;
  bool json = false;
};

std::string default_control_socket() { return runtime_directory() + "/fabric-control.sock"; }

constexpr int kUsage = 2;

int fail(const absl::Status& status) {
  std::fprintf(stderr, "ringroad-fabric: %s\n", std::string(message_of(status)).c_str());
  return 1;
}

absl::Status fill_defaults(RunOptions& options) {
  if (options.control.empty()) options.control = default_control_socket();
  if (options.socket.empty() && options.socket_directory.empty()) {
    options.socket = runtime_directory() + "/fabric.sock";
  }
  if (!std::has_single_bit(options.ring_slots)) {
    return absl::InvalidArgumentError(cat("--ring-slots: ", options.ring_slots,
                                          " is not a power of two; did you mean ",
                                          std::bit_ceil(options.ring_slots), "?"));
  }
  if (!std::has_single_bit(options.queued_frames)) {
    return absl::InvalidArgumentError(cat("--queued-frames: ", options.queued_frames,
                                          " is not a power of two; did you mean ",
                                          std::bit_ceil(options.queued_frames), "?"));
  }
  const std::uint32_t needed = options.mtu + kHeaderBytesMax;
  if (options.buffer_bytes == 0) options.buffer_bytes = needed;
  if (options.buffer_bytes < needed) {
    return absl::InvalidArgumentError(cat("--buffer-bytes: ", options.buffer_bytes,
                                          " does not hold a frame of --mtu ", options.mtu,
                                          "; at least ", needed));
  }
  for (const std::string& path :
       {options.control, options.socket, options.socket_directory + "/"}) {
    if (path.empty() || path.front() == '@' || path == "/") continue;
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    // A directory that is still missing is named by whoever binds in it.
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::unique_ptr<Port>>> open_ports(const RunOptions& options) {
  std::vector<std::unique_ptr<Port>> ports;
  for (std::uint32_t number = 1; number <= options.ports; ++number) {
    memif::Config config;
    config.role = memif::Role::kMaster;
    config.socket_path = options.socket_directory.empty()
                             ? options.socket
                             : cat(options.socket_directory, "/port-", number, ".sock");
    config.id = number;
    config.name = "ringroad-fabric";
    config.log2_ring_size = static_cast<std::uint16_t>(std::countr_zero(options.ring_slots));
    config.buffer_bytes = options.buffer_bytes;
    auto interface = memif::Interface::create(config);
    if (!interface.ok()) return interface.status();
    ports.push_back(std::make_unique<MemifPort>(std::move(*interface)));
  }
  return ports;
}

absl::Status set_line(Fabric& fabric, const std::string& option, std::string_view line) {
  const std::vector<std::string_view> words = split_words(line);
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(cat(option, ": ", why));
  };
  if (words.size() < 2) return refuse("wants a direction and faults, as in '1->2 loss=1%'");
  const auto direction = parse_direction(words[0], fabric.ports());
  if (!direction.ok()) return refuse(message_of(direction.status()));
  const absl::Status status =
      set_faults(fabric.faults(), fabric.ports(), *direction, std::span(words).subspan(1));
  return status.ok() ? status : refuse(message_of(status));
}

absl::Status apply_faults(const RunOptions& options, Fabric& fabric) {
  const std::vector<std::string_view> words(options.all_pairs_words.begin(),
                                            options.all_pairs_words.end());
  absl::Status status = set_faults(fabric.faults(), fabric.ports(), Direction{}, words);
  if (!status.ok()) return status;
  for (const std::string& line : options.faults) {
    if (status = set_line(fabric, "--fault", line); !status.ok()) return status;
  }
  for (const std::string& text : options.partitions) {
    const auto direction = parse_direction(text, fabric.ports());
    if (!direction.ok()) {
      return absl::InvalidArgumentError(cat("--partition: ", message_of(direction.status())));
    }
    set_partitioned(fabric.faults(), fabric.ports(), *direction, true);
  }
  return absl::OkStatus();
}

absl::Status start_capture(const RunOptions& options, Fabric& fabric) {
  if (options.capture.empty()) return absl::OkStatus();
  return fabric.capture().start({.path = options.capture, .port = {}},
                                fabric.limits().frame_bytes_max,
                                wall_clock_now() - monotonic_now());
}

absl::Status run(RunOptions options) {
  absl::Status status = fill_defaults(options);
  if (!status.ok()) return status;
  std::optional<Nanos> duration;
  if (!options.duration.empty()) {
    duration = parse_duration(options.duration);
    if (!duration) {
      return absl::InvalidArgumentError(cat("--duration: \"", options.duration,
                                            "\" is not a time up to an hour such as 500ms, 10s"));
    }
  }
  auto ports = open_ports(options);
  if (!ports.ok()) return ports.status();
  auto control = ControlServer::create(options.control);
  if (!control.ok()) return control.status();

  Fabric fabric(std::move(*ports),
                {.frame_bytes_max = options.mtu + kHeaderBytesMax,
                 .buffer_bytes = options.buffer_bytes,
                 .delayed_frames = options.delayed_frames,
                 .queued_frames = options.queued_frames},
                options.seed);
  if (status = apply_faults(options, fabric); !status.ok()) return status;
  if (status = start_capture(options, fabric); !status.ok()) return status;
  auto loop = Loop::create(fabric, **control,
                           {.adaptive = options.idle == "adaptive", .duration = duration});
  if (!loop.ok()) return loop.status();
  std::fprintf(stderr, "ready: %u ports on %s, control on %s\n", options.ports,
               options.socket_directory.empty()
                   ? options.socket.c_str()
                   : cat(options.socket_directory, "/port-N.sock").c_str(),
               options.control.c_str());
  (*loop)->run();
  fabric.capture().stop();
  (*loop)->tell_capture_failure();
  if (options.json) {
    nlohmann::json report = report_ports(fabric);
    report.update(report_faults(fabric));
    report.update(report_capture(fabric));
    std::printf("%s\n", report.dump().c_str());
  }
  return absl::OkStatus();
}

int ctl(const ControlOptions& options) {
  std::vector<std::string> words = options.words;
  // The fabric may live in another directory than the one who asks.
  const bool ends = words.size() == 2 && ends_capture(words[1]);
  if (words.size() >= 2 && words[0] == "capture" && !ends) {
    words[1] = std::filesystem::absolute(words[1]).string();
  }
  const auto answer =
      ask(options.socket.empty() ? default_control_socket() : options.socket, join(words, " "));
  if (!answer.ok()) return fail(answer.status());
  const bool refused = is_refusal(*answer);
  if (options.json) {
    std::printf("%s\n", answer->c_str());
  } else if (refused) {
    return fail(absl::InvalidArgumentError(format_answer(*answer)));
  } else {
    std::printf("%s\n", format_answer(*answer).c_str());
  }
  return refused ? 1 : 0;
}

void declare_run(CLI::App& app, RunOptions& o) {
  app.add_option("--ports", o.ports, "how many ports, with memif ids 1 to N")
      ->required()
      ->check(CLI::Range(1, static_cast<int>(kPortsMax)));
  auto* socket = app.add_option("--socket", o.socket,
                                "one memif socket for all ports (default: <runtime>/fabric.sock)");
  app.add_option("--socket-dir", o.socket_directory, "a socket a port instead: DIR/port-N.sock")
      ->excludes(socket);
  app.add_option("--control", o.control, "control socket (default: <runtime>/fabric-control.sock)");
  app.add_option("--mtu", o.mtu, "largest IP packet, bytes")
      ->check(CLI::Range(68u, kMtuMax))
      ->capture_default_str();
  app.add_option("--ring-slots", o.ring_slots, "slots a ring, a power of two")
      ->check(CLI::Range(2u, 16'384u))
      ->capture_default_str();
  app.add_option("--buffer-bytes", o.buffer_bytes, "bytes a buffer (default: what the MTU needs)")
      ->check(CLI::Range(128u, 65'536u));
  app.add_option("--delayed-frames", o.delayed_frames, "room for frames under way")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  app.add_option("--queued-frames", o.queued_frames,
                 "room for frames before each port's ring, a power of two")
      ->check(CLI::Range(1u, 65'536u))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "the faults' chances")->capture_default_str();
  app.add_option("--capture", o.capture, "write every frame that comes in to this pcap file");
  app.add_option("--idle", o.idle, "adaptive sleeps when idle; poll is for a CPU of its own")
      ->check(CLI::IsMember({"adaptive", "poll"}))
      ->capture_default_str();
  app.add_option("--duration", o.duration, "stop after this long: 500ms, 10s (default: never)");
  app.add_flag("--json", o.json, "print the final counters as JSON on standard output");
  for (const FaultWord& word : fault_words()) {
    const std::string name(word.name);
    app.add_option_function<std::string>(
           "--" + name,
           [&o, name](const std::string& value) {
             o.all_pairs_words.push_back(cat(name, "=", value));
           },
           cat(word.meaning, "; ", word.expected))
        ->group("Faults between all ports");
  }
  app.add_option("--fault", o.faults, "'1->2 loss=1% delay=50us'; may be repeated")
      ->group("Faults between some ports")
      ->allow_extra_args(false);
  app.add_option("--partition", o.partitions, "'1->2' or '1<->2'; may be repeated")
      ->group("Faults between some ports")
      ->allow_extra_args(false);
}

}  // namespace

int main(int argc, char** argv) {
  // Who reads our words or a capture may go; the switch stays.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"A userspace Ethernet switch over memif that loses, delays and damages on demand"};
  app.footer(kExamples);
  app.require_subcommand(1);
  RunOptions run_options;
  ControlOptions control_options;
  auto* run_command = app.add_subcommand("run", "switch frames until SIGINT or SIGTERM");
  run_command->footer(kExamples);
  declare_run(*run_command, run_options);
  auto* ctl_command = app.add_subcommand("ctl", "ask or change a running fabric");
  ctl_command->footer(kExamples);
  ctl_command->add_option("--socket,--control", control_options.socket,
                          "its control socket (default: <runtime>/fabric-control.sock)");
  ctl_command->add_flag("--json", control_options.json, "print the answer as the fabric gave it");
  ctl_command->add_option("command", control_options.words, "a command and its words; try: help")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (ctl_command->parsed()) return ctl(control_options);
  const absl::Status status = run(run_options);
  return status.ok() ? 0 : fail(status);
}

}  // namespace ringroad::fabric

int main(int argc, char** argv) { return ringroad::fabric::main(argc, argv); }
