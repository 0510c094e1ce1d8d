// HTTP for machines: /metrics in Prometheus' text format, /healthz, /readyz, and / that names them.
// Served by civetweb on two threads of its own, which only read.
//
//   /metrics   200 and every figure of the node (README.md lists them)
//   /healthz   200 while the process lives
//   /readyz    200 when the node is ready, else 503 and why not
//
// Whoever can reach the port is a stranger. Requests are GET or HEAD, of at most kRequestBytesMax;
// one is answered a connection. A client that is slow to ask or to take its answer is hung up on;
// it holds a thread for six seconds at most. kConnectionsWaitingMax wait for a thread, the kernel
// keeps as many again, so that a crowd of silent clients delays the next one by about nine seconds
// and not by minutes. No file is ever served, and nothing is written anywhere.
//
// Starting one makes the process ignore SIGPIPE. Its threads take no signals.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/metrics/metrics_snapshot.h"

namespace ringroad::control {

class MetricsServer {
 public:
  static constexpr int kThreads = 2;
  static constexpr int kConnectionsWaitingMax = 8;
  static constexpr int kSilenceMsMax = 1'000;  // of a client that is expected to say something
  static constexpr std::size_t kRequestBytesMax = 8'192;
  static constexpr int kPortsMax = 64;  // tried, the asked one among them

  // Listens at `listen` ("address:port", as the configuration has it). Where that port is taken,
  // the next ones are tried, so that nodes of one host take consecutive ports; port 0 lets the
  // kernel choose. `source` outlives the server. To be called from one thread at a time.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> start(const std::string& listen,
                                                              SnapshotSource& source);
  // Hangs up on whoever is connected; takes about two seconds at most.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Where it listens in fact: "127.0.0.1:9091".
  const std::string& address() const;
  // That address is not the one asked for: somebody else has it.
  bool has_moved() const;

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringroad::control
