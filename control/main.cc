// ringroad-control: a node's slow path. Attaches to the node's dataplane, answers the ringroad
// command and the metrics' readers, and tells the other nodes how this one is. It may be stopped
// and started at any time: messages go on without it.
//
// Exit codes: 0 stopped as asked, 1 failed, 2 the command line or the configuration is wrong.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "asio/signal_set.hpp"
#include "control/control_process.h"
#include "dataplane/config.h"

namespace {

using namespace ringroad;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Outlives the wait for each signal.
class Signals {
 public:
  Signals(asio::io_context& loop, control::ControlProcess& process, control::Log& log)
      : set_(loop, SIGINT, SIGTERM, SIGHUP), process_(process), log_(log) {
    wait();
  }

 private:
  void wait() {
    set_.async_wait([this](asio::error_code error, int number) {
      if (error) return;
      if (number == SIGHUP) {
        log_.info("SIGHUP: reading the configuration again");
        process_.reload();
        return wait();
      }
      log_.info("stopping", {{"signal", number == SIGINT ? "SIGINT" : "SIGTERM"}});
      process_.stop();
    });
  }

  asio::signal_set set_;
  control::ControlProcess& process_;
  control::Log& log_;
};

int fail(int code, const absl::Status& status) {
  const std::vector<std::string> lines = absl::StrSplit(std::string(status.message()), '\n');
  for (const std::string& line : lines) {
    std::cerr << "ringroad-control: " << line << "\n";
  }
  return code;
}

int run(const std::string& file, const NodeConfig& config) {
  signal(SIGPIPE, SIG_IGN);
  asio::io_context loop(1);
  const auto log = control::Log::to_stderr(config.control);
  control::ControlProcess process(
      loop, {.config_file = file, .config = config, .version = RINGROAD_VERSION}, *log);
  if (auto status = process.start(); !status.ok()) return fail(kFailed, status);
  const Signals signals(loop, process, *log);
  loop.run();
  log->info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The control process of one Ringroad node: answers the ringroad command at the node's\n"
      "control socket, serves metrics over HTTP, applies configuration while the node runs, and\n"
      "tells the other nodes' control processes how this one is.\n"
      "\n"
      "It starts whether or not the dataplane runs, and attaches as soon as it does. Links and\n"
      "messages go on while it is away.");
  app.footer(
      "Signals: SIGINT, SIGTERM stop it; SIGHUP reads the configuration file again and applies\n"
      "what can change while the node runs.\n"
      "Then ask it:\n"
      "  ringroad cluster status    ringroad node show    ringroad doctor\n"
      "Exit codes: 0 stopped as asked, 1 failed, 2 wrong command line or configuration.");
  std::string file;
  bool check = false;
  app.add_option("-c,--config", file, "the node's configuration, a JSON file; the dataplane's too")
      ->required()
      ->type_name("FILE");
  app.add_flag("--check", check, "only say whether the configuration is right");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  const auto config = read_config(file);
  if (!config.ok()) return fail(kUsage, config.status());
  if (check) {
    std::cout << file << ": right: node " << config->local_node.node_id.value << " of cluster "
              << config->cluster_name << ", control socket " << config->control.socket << "\n";
    return 0;
  }
  try {
    return run(file, *config);
  } catch (const std::exception& error) {
    return fail(kFailed, absl::InternalError(error.what()));
  }
}
