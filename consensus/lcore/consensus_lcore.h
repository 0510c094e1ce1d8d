// The consensus lcore of a node: a replica, its log's channel, and the loop that turns them. Takes
// in what the io lcore hands over, steps, hands to the log writer, sends after that is durable,
// applies and replies; sleeps when there is nothing to do.
//
// create() recovers the node's folder and opens its log. run() is the loop, on a thread of its own.
// The log writer is another thread, which serves all nodes of a process (WriterThread).
//
// Nothing is sent to another lcore but parcels (parcel.h). Passes are bounded: time, and with it
// heartbeats, comes before what peers and programs ask for.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "consensus/lcore/consensus_endpoint.h"
#include "consensus/log/posix_file_system.h"
#include "consensus/log/writer_thread.h"
#include "consensus/replica/replica.h"
#include "dataplane/config.h"
#include "dataplane/host/registry_protocol.h"
#include "dataplane/io_loop.h"
#include "dataplane/node.h"

namespace ringroad::consensus {

struct LcoreConfig {
  std::string cluster;
  std::string directory;  // of the log
  ReplicaConfig replica;
  durable::LogConfig log;
  bool never_sleeps = false;
};

// What a node's configuration says of it.
LcoreConfig lcore_config(const NodeConfig& config);

class ConsensusLcore final : private Outbox, private RequestSink {
 public:
  // Of a folder that was formatted. The node, its loop and the writer outlive it; the node's io
  // lcore does not run yet.
  static absl::StatusOr<std::unique_ptr<ConsensusLcore>> create(const LcoreConfig& config,
                                                                Node& node, IoLoop& io,
                                                                durable::WriterThread& writer,
                                                                std::uint64_t seed, Nanos now);
  ~ConsensusLcore();

  // Until stop(), from any thread.
  void run();
  void stop();

  // What recovery found worth telling; one line each.
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  ConsensusLcore(const LcoreConfig& config, Node& node, IoLoop& io);

  // Outbox
  void send(const raft::Message& message) override;
  bool is_connected(NodeId peer) const override;
  // RequestSink
  void on_answer(std::uint64_t client, RequestOutcome outcome, const machine::Answer& answer,
                 std::span<const std::byte> bytes) override;

  // Whom an answer goes to, by the replica's name for the request.
  struct Asker {
    std::uint32_t generation = 0;  // of this place
    bool is_used = false;
    std::uint16_t owner = 0;
    std::uint32_t owner_generation = 0;
    std::uint64_t token = 0;
    machine::Kind kind = machine::Kind::kNone;
  };

  std::uint32_t pass(std::size_t taken, Nanos now);
  std::size_t take_parcels();
  void take_request(const Parcel& parcel, Nanos now);
  void ask(const Parcel& parcel, std::span<const std::byte> request, Nanos now);
  void change(const Parcel& parcel, std::span<const std::byte> request);
  void report(const Parcel& parcel, Nanos now);
  host::RegistryReplyHeader reply_header(std::uint64_t token, host::RegistryVerb verb,
                                         std::uint8_t outcome, std::uint8_t refusal) const;
  Parcel* begin_answer(std::uint16_t owner, std::uint32_t generation);
  void finish_answer(Parcel* parcel, std::uint32_t length);
  void publish(Nanos now);
  void sleep(Nanos now);

  LcoreConfig config_;
  Node& node_;
  int bell_ = -1;
  Sleeper loop_;
  Sleeper io_;
  class LogDone final : public durable::Waker {
   public:
    explicit LogDone(Sleeper& loop) : loop_(loop) {}
    void wake() override { loop_.wake(); }

   private:
    Sleeper& loop_;
  } log_done_;
  std::unique_ptr<Parcels> inbound_, outbound_;
  std::unique_ptr<ConsensusEndpoint> endpoint_;
  std::unique_ptr<durable::PosixFileSystem> files_;
  std::unique_ptr<durable::LogWriter> log_;
  durable::LogChannel channel_{Replica::kJobs};
  durable::WriterThread* writer_ = nullptr;
  std::unique_ptr<Replica> replica_;
  std::vector<std::string> findings_;
  std::array<Parcel*, 64> taken_{};  // in this pass
  std::vector<Asker> askers_;
  std::vector<std::uint32_t> free_askers_;
  std::uint64_t outbound_full_ = 0;  // messages to peers lost for want of a parcel
  std::uint64_t unanswered_ = 0;     // answers, likewise
  Nanos published_at_;
  std::atomic<bool> is_stopping_{false};
};

}  // namespace ringroad::consensus
