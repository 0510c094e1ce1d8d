// A node's control process, put together: the channel to the dataplane, what is known of node and
// cluster, the interface to people and programs, and the loop they share. Once a second it looks at
// the counters, tells the other nodes' control processes how this one is, and says to systemd that
// it lives.
//
// One thread runs the loop; snapshot() is the metrics server's, from its own threads.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "control/capture.h"
#include "control/config/configuration.h"
#include "control/config_steps.h"
#include "control/dataplane_channel.h"
#include "control/keeper.h"
#include "control/log.h"
#include "control/methods.h"
#include "control/metrics/metrics_server.h"
#include "control/node_model.h"
#include "control/rpc/server.h"

namespace ringroad::control {

class ControlProcess final : public DataplaneListener, public SnapshotSource {
 public:
  struct Options {
    std::string config_file;
    NodeConfig config;
    std::string version;
  };
  ControlProcess(asio::io_context& loop, Options options, Log& log);
  ~ControlProcess();

  // Listens and begins to serve; what cannot be had is the error. The dataplane may come later.
  absl::Status start();
  // The loop ends when all is wound up.
  void stop();
  // Reads the configuration file again.
  void reload();

  void snapshot(MetricsSnapshot& out) override;

  DataplaneChannel& channel() { return channel_; }
  const NodeModel& state() const { return state_; }

  void on_attached() override;
  void on_detached() override;
  void on_message(NodeId from, std::uint32_t type, std::span<const std::byte> payload) override;
  void on_packet(const host::CapturedPacket& packet, std::span<const std::byte> bytes) override;
  void on_away(const std::string& reason) override;

 private:
  asio::awaitable<void> keep_time();
  asio::awaitable<void> feed_watchdog();
  asio::awaitable<void> read_file_again();
  void tick();
  void tell_others(Nanos now);
  void refresh();
  std::string dataplane_fault();
  void note_changes();
  void on_config();
  void maybe_reconcile(Nanos now);
  asio::awaitable<void> reconcile(std::vector<ConfigStep> steps);
  void tell_service_manager();
  ProcessFacts facts() const;

  asio::io_context& loop_;
  Log& log_;
  const std::string version_;
  const Nanos started_;
  RpcInterface interface_;
  NodeModel state_;
  Keeper keeper_;
  DataplaneChannel channel_;
  DataplaneStepper stepper_;
  Configuration configuration_;
  Capture capture_;
  Methods methods_;
  RpcServer server_;
  asio::steady_timer second_, watchdog_;
  bool is_stopping_ = false;
  std::uint64_t told_version_ = 1;  // of the configuration, in the log
  Nanos next_reconcile_;            // not before
  std::uint64_t links_seen_up_ = 0;
  bool port_seen_up_ = false;
  std::string service_status_;  // as last told

  // What other threads read of the state.
  std::mutex mutex_;
  MetricsSnapshot shared_;
  std::unique_ptr<MetricsServer> metrics_;  // last: it ends before what it reads
};

}  // namespace ringroad::control
