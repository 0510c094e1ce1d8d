// What a dist_net_context_t is: one attachment, its two halves, its local channels, and the locks
// that make good the thread rules of dist_net.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/client/attachment.h"
#include "dataplane/client/config_file.h"
#include "dataplane/client/dist_net.h"
#include "dataplane/client/local_channel.h"
#include "dataplane/client/receive_half.h"
#include "dataplane/client/spin_lock.h"
#include "dataplane/client/transmit_half.h"
#include "dataplane/host/spin.h"

struct dist_net_context {
 public:
  // `where` names the socket and the expected node; attach() connects to it.
  dist_net_context(ringroad::client::ConfigFile where, std::string name, std::uint32_t flags);
  ~dist_net_context();

  dist_net_error_t attach();
  // As attach(), after the old attachment was lost; binds again.
  dist_net_error_t reconnect();
  bool is_attached() const { return link_ != nullptr; }

  dist_net_error_t check_address(const char* address, std::uint16_t port) const;
  void node_info(dist_net_node_info_t& info) const;
  bool is_connected(raft_node_id_t node) const;

  dist_net_error_t bind(std::uint32_t type, dist_net_bind_mode_t mode);
  dist_net_error_t unbind(std::uint32_t type, dist_net_bind_mode_t mode);

  std::uint32_t send(dist_net_outgoing_t* messages, std::uint32_t count);
  dist_net_error_t claim(std::size_t size, dist_net_claim_t& claim);
  dist_net_error_t commit(dist_net_claim_t& claim, dist_net_outgoing_t& message);
  dist_net_error_t abandon(dist_net_claim_t& claim);
  std::int32_t poll_outcomes(dist_net_outcome_report_t* reports, std::uint32_t count);
  std::int32_t receive(dist_net_message_t* messages, std::uint32_t count);
  void release(const dist_net_message_t* messages, std::uint32_t count);

  dist_net_error_t wait(std::int64_t timeout_us);
  int event_fd() const { return link_->events.get(); }
  bool arm();
  void disarm();
  void set_spin(std::uint32_t spin_us) { spin_.us = spin_us; }

  dist_net_error_t local_open(const char* name, dist_net_local_t** channel);
  dist_net_error_t local_accept(dist_net_local_t** channel);
  void local_close(dist_net_local_t* channel);

  dist_net_error_t statistics(dist_net_statistics_t& statistics);

 private:
  struct Binding {
    std::uint32_t type;
    dist_net_bind_mode_t mode;
  };
  // One life of the attachment.
  struct Link {
    ringroad::client::Attachment attachment;
    std::unique_ptr<ringroad::client::TransmitHalf> transmit;
    std::unique_ptr<ringroad::client::ReceiveHalf> receive;
    ringroad::host::Descriptor events;  // epoll: bell, socket, bells of local channels
  };

  bool check_alive();
  // Something happened since the waiting thread's last return.
  bool is_ready();
  std::uint32_t changes() const;
  void stop_waiting();
  bool has_verdict() const;
  dist_net_error_t adopt(ringroad::client::IncomingChannel incoming, bool is_opener,
                         dist_net_local_t** channel);

  ringroad::client::ConfigFile where_;
  std::string name_;
  std::uint32_t flags_;
  std::unique_ptr<Link> link_;
  std::atomic<bool> is_lost_{false};
  ringroad::client::SpinLock transmit_lock_, release_lock_;
  std::mutex channels_mutex_;
  std::vector<std::unique_ptr<dist_net_local>> channels_;
  std::mutex bindings_mutex_;
  std::vector<Binding> bindings_;
  ringroad::host::Spin spin_ = ringroad::host::spin_on(std::thread::hardware_concurrency());
  std::uint32_t polls_empty_ = 0;    // the receiving thread's
  std::uint32_t changes_seen_ = 0;   // the waiting thread's, of DataplaneIndices::changes
  std::uint32_t sends_refused_ = 0;  // under transmit_lock_
  std::atomic<std::uint64_t> sleeps_{0}, bells_{0};
};

// A local channel and the context that waits for it.
struct dist_net_local {
  dist_net_context* context;
  std::unique_ptr<ringroad::client::LocalChannel> channel;
};
