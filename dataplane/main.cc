// ringroad-dataplane: owns a node's port and moves its messages. Reads one configuration file, says
// what it will take, takes it, and runs until it is told to stop.
//
// Exit codes: 0 stopped as asked, 1 failed, 2 the command line or the configuration is wrong.
#include <signal.h>
#include <sys/random.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "consensus/lcore/consensus_lcore.h"
#include "dataplane/clock.h"
#include "dataplane/config.h"
#include "dataplane/notify.h"
#include "dataplane/runtime.h"
#include "drivers/factory.h"
#include "hugepages/eal.h"

namespace {

using namespace ringroad;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// SIGINT, SIGTERM (stop) and SIGUSR1 (print the counters), blocked in every thread started from now
// on, so that one can wait for them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int fail(int code, const absl::Status& status) {
  std::string text(status.message());
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    // A mend stands under what it mends, without the program's name.
    const bool continues = line.rfind("  ", 0) == 0;
    std::cerr << (continues ? "" : "ringroad-dataplane: ") << line << "\n";
    start = end + 1;
  }
  return code;
}

// How the loop spent its time, under what it counted.
void print_end(Runtime& runtime) {
  NodeReport report;
  runtime.node().report(report);
  const IoLoopStatistics& loop = runtime.loop_statistics();
  std::cerr << describe(report) << "loop  " << loop.passes << " passes, " << loop.busy_passes
            << " with work, " << loop.sleeps << " sleeps of " << loop.sleep_ns / 1'000'000
            << " ms in all\n";
}

// "node 1 (demo): 2 of 3 links up", as systemctl status shows it.
std::string status_line(const NodeConfig& config, const NodeReport* report) {
  std::uint64_t up = 0;
  for (std::uint64_t i = 0; report != nullptr && i < report->link_count; ++i) {
    up += report->links[i].state == LinkState::kUp ? 1 : 0;
  }
  return absl::StrCat("node ", config.local_node.node_id.value, " (", config.cluster_name,
                      "): ", up, " of ", config.cluster_nodes.size(), " links up",
                      report != nullptr && !report->port_up ? ", its port is down" : "");
}

// The thread that waits for signals until one says to stop; in between it tells the service manager
// how the node is, and that its loop still turns: only a loop that answers is alive.
void serve_signals(const sigset_t& signals, const NodeConfig& config, Runtime& runtime,
                   ServiceNotifier& manager) {
  const Nanos pause = std::min(manager.ping_interval().value_or(seconds(1)), seconds(1));
  const timespec timeout{pause.count / 1'000'000'000, pause.count % 1'000'000'000};
  NodeReport report;
  for (;;) {
    const int number = sigtimedwait(&signals, nullptr, manager.is_heard() ? &timeout : nullptr);
    if (number < 0 && errno != EAGAIN) continue;
    if (number == SIGINT || number == SIGTERM) break;
    if (!runtime.report(report)) continue;
    if (number == SIGUSR1) std::cerr << describe(report) << std::flush;
    if (manager.ping_interval()) manager.ping();
    manager.status(status_line(config, &report));
  }
  manager.stopping();
  runtime.stop();
}

// The consensus lcore of the node and the thread that writes its log.
struct ConsensusParts {
  std::unique_ptr<raft::durable::WriterThread> writer;
  std::unique_ptr<consensus::ConsensusLcore> lcore;
  std::thread thread;

  ConsensusParts() = default;
  ConsensusParts(const ConsensusParts&) = delete;
  ConsensusParts& operator=(const ConsensusParts&) = delete;
  ~ConsensusParts() { stop(); }
  void stop() {
    if (!thread.joinable()) return;
    lcore->stop();
    thread.join();
  }
};

absl::Status start_consensus(const NodeConfig& config, Runtime& runtime, ConsensusParts& parts) {
  if (config.consensus.directory.empty()) return absl::OkStatus();
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    return absl::ErrnoToStatus(errno, "getrandom");
  }
  parts.writer =
      std::make_unique<raft::durable::WriterThread>(raft::durable::WriterThreadOptions{});
  auto lcore =
      consensus::ConsensusLcore::create(consensus::lcore_config(config), runtime.node(),
                                        runtime.loop(), *parts.writer, seed, monotonic_now());
  if (!lcore.ok()) return lcore.status();
  parts.lcore = *std::move(lcore);
  if (!parts.writer->warning().empty()) {
    std::cerr << "WARNING  consensus: " << parts.writer->warning() << "\n";
  }
  for (const std::string& finding : parts.lcore->findings()) {
    std::cerr << "WARNING  consensus log: " << finding << "\n";
  }
  std::cerr << "log      " << config.consensus.directory << "\n";
  parts.thread = std::thread([raw = parts.lcore.get()] { raw->run(); });
  return absl::OkStatus();
}

int run(const NodeConfig& config) {
  const sigset_t signals = block_signals();
  ServiceNotifier manager;
  auto runtime = Runtime::create(
      config, {.on_event = [](const std::string& text) { std::cerr << text << std::endl; }});
  if (!runtime.ok()) return fail(kFailed, runtime.status());
  ConsensusParts consensus;
  if (auto status = start_consensus(config, **runtime, consensus); !status.ok()) {
    return fail(kFailed, status);
  }
  std::cerr << describe((*runtime)->plan(), config);
  std::cerr << print_capabilities((*runtime)->node().port())
            << "WARNING  plain: frames are NOT encrypted (/security/tls/enabled is false)\n"
            << "ready    node " << config.local_node.node_id.value << " at "
            << to_string(config.local_node.bind_address) << ":" << config.local_node.bind_port
            << ", applications at " << config.host.socket << std::endl;
  manager.ready(status_line(config, nullptr));
  std::jthread signals_thread([&signals, &config, &manager, raw = runtime->get()] {
    serve_signals(signals, config, *raw, manager);
  });
  (*runtime)->run();
  consensus.stop();
  print_end(**runtime);
  std::cerr << "stopped  node " << config.local_node.node_id.value << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs a Ringroad node: owns its port, keeps its links, serves the programs on this machine.\n"
      "\n"
      "  ringroad-dataplane --config node1.json          run until SIGTERM or ctrl-C\n"
      "  ringroad-dataplane --config node1.json --check  is the file right? exit code 0 or 2\n"
      "  ringroad-dataplane --config node1.json --plan   CPUs and memory it would take\n"
      "\n"
      "SIGUSR1 prints what it has counted; so does its end."};
  std::string path;
  bool check = false, print = false, plan_only = false, print_eal = false;
  app.add_option("-c,--config", path, "the node's JSON configuration file")->required();
  auto* modes = app.add_option_group("instead of running");
  modes->add_flag("--check", check, "read and check the configuration");
  modes->add_flag("--print-config", print, "print it whole, defaults filled in");
  modes->add_flag("--plan", plan_only, "print the CPUs and the memory it would take");
  modes->add_flag("--print-eal", print_eal, "print the arguments DPDK would be started with");
  modes->require_option(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  auto config = read_config(path);
  if (!config.ok()) return fail(kUsage, config.status());
  if (check) {
    std::cout << path << ": ok\n";
    return 0;
  }
  if (print) {
    std::cout << print_config(*config) << "\n";
    return 0;
  }
  if (plan_only || print_eal) {
    auto plan = plan_runtime(*config);
    if (!plan.ok()) return fail(kFailed, plan.status());
    std::cout << (print_eal ? print_eal_arguments(plan->eal_arguments) + "\n"
                            : describe(*plan, *config));
    return 0;
  }
  return run(*config);
}
