// A registry handle: its attachment, its session, and one question at a time. What dist_registry.h
// promises is kept here: a write has a number in its session and is asked again, under the same
// number, until it is answered or its time is over.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "consensus/machine/answer.h"
#include "dataplane/client/dist_registry.h"
#include "dataplane/host/registry_protocol.h"

struct dist_registry {
 public:
  // Takes the context over.
  explicit dist_registry(dist_net_context_t* context) : context_(context) {}
  ~dist_registry() { dist_net_close(context_); }
  dist_registry(const dist_registry&) = delete;
  dist_registry& operator=(const dist_registry&) = delete;

  // What came of a question. The reader's items point into the handle.
  struct Told {
    dist_registry_error_t error = DIST_REGISTRY_OK;
    ringroad::machine::AnswerReader reader{{}};
  };
  // A write, as the session's next.
  Told write(ringroad::machine::Request request, std::uint32_t timeout_ms);
  Told read(const ringroad::machine::Request& request, std::uint8_t consistency, bool waits,
            std::uint32_t timeout_ms);
  dist_registry_error_t status(std::uint32_t timeout_ms, dist_consensus_status_t& status);
  dist_registry_error_t change(dist_consensus_change_t change, raft_node_id_t node,
                               std::uint32_t timeout_ms);

  std::mutex& mutex() { return mutex_; }

 private:
  struct Question {
    ringroad::host::RegistryVerb verb = ringroad::host::RegistryVerb::kAsk;
    std::uint8_t consistency = 0;
    bool waits = false;
    std::span<const std::byte> bytes;
  };

  Told ask(const ringroad::machine::Request& request, std::uint8_t consistency, bool waits,
           std::int64_t deadline_ns);
  dist_registry_error_t ask(const Question& question, std::int64_t deadline_ns);
  dist_registry_error_t send(const Question& question, std::int64_t deadline_ns);
  dist_registry_error_t await(std::int64_t deadline_ns);
  bool take_reply();
  dist_registry_error_t open_session(std::int64_t deadline_ns);

  std::mutex mutex_;
  dist_net_context_t* context_;
  std::uint64_t token_ = 0;
  std::vector<std::byte> question_;
  std::vector<std::byte> reply_;
  std::uint64_t session_ = 0;
  std::uint64_t number_ = 0;   // of the session's last request
  bool was_repeated_ = false;  // the last question
};
