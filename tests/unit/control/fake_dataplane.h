// A dataplane's side of the control channel on a thread of its own, made of the real
// ControlChannel: it answers control's hello, takes commands, and shows the report it was given,
// with the peers and settings that commands have changed. Destroyed and made again, it is a
// dataplane that died and restarted.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/check.h"
#include "dataplane/clock.h"
#include "dataplane/host/control_channel.h"
#include "dataplane/host/listener.h"
#include "dataplane/host/socket.h"

namespace ringroad::control::test {

class FakeDataplane {
 public:
  struct Reply {
    bool answered = true;
    host::ControlResult result = host::ControlResult::kDone;
    std::uint64_t value = 0;
  };
  using Handler = std::function<Reply(const host::ControlCommand&)>;

  explicit FakeDataplane(const std::string& socket, NodeId node = NodeId{1},
                         std::string started_config = "")
      : node_(node), started_config_(std::move(started_config)) {
    auto listener = host::listen_at(socket, "");
    RR_CHECK(listener.ok());
    listener_ = std::move(*listener);
    stop_ = host::Descriptor{::eventfd(0, EFD_CLOEXEC)};
    thread_ = std::thread([this] { run(); });
  }
  ~FakeDataplane() {
    is_stopped_ = true;
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }

  void on_command(Handler handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
  }
  void set_report(const NodeReport& report) {
    const std::lock_guard lock(mutex_);
    *report_ = report;
    has_report_ = true;
    ::eventfd_write(stop_.get(), 1);
  }
  // Whether its reports are of now, ten a second; otherwise they stay as they were set, as those of
  // a dataplane that is stopped do.
  void keep_time(bool does) {
    const std::lock_guard lock(mutex_);
    keeps_time_ = does;
    ::eventfd_write(stop_.get(), 1);
  }
  void set_applications(const host::ApplicationsReport& applications) {
    const std::lock_guard lock(mutex_);
    *applications_ = applications;
    ::eventfd_write(stop_.get(), 1);
  }
  void post(const host::ControlEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    ::eventfd_write(stop_.get(), 1);
  }
  void capture(const host::CapturedPacket& packet, std::vector<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    packets_.emplace_back(packet, std::move(bytes));
    ::eventfd_write(stop_.get(), 1);
  }
  std::vector<host::ControlCommand> commands() {
    const std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  void run() {
    while (!is_stopped_) {
      if (channel_ != nullptr) serve();
      pollfd waits[] = {{stop_.get(), POLLIN, 0},
                        {client_.valid() ? client_.get() : listener_.get(), POLLIN, 0},
                        {notice_.get(), POLLIN, 0}};
      if (channel_ == nullptr || channel_->arm()) (void)::poll(waits, 3, 100);
      if (channel_ != nullptr) channel_->disarm();
      std::uint64_t rung = 0;
      if ((waits[0].revents & POLLIN) != 0) (void)::eventfd_read(stop_.get(), &rung);
      if ((waits[2].revents & POLLIN) != 0) (void)::eventfd_read(notice_.get(), &rung);
      if ((waits[1].revents & (POLLIN | POLLHUP)) != 0) client_.valid() ? hear() : accept();
    }
  }

  void accept() {
    client_ = host::Descriptor{
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  }

  // A hello, or the end of it.
  void hear() {
    host::SocketMessage message;
    const auto result = host::receive_message(client_.get(), message);
    if (result == host::SocketResult::kAgain) return;
    if (result != host::SocketResult::kDone || message.as<host::ControlHello>() == nullptr) {
      channel_.reset();
      client_.reset();
      return;
    }
    host::BellPair bell;
    RR_CHECK(host::make_bell(bell));
    notice_ = host::Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    auto channel = host::ControlChannel::create(std::move(bell.ringer), started_config_);
    RR_CHECK(channel.ok());
    auto offer = host::make_message<host::ControlOffer>();
    offer.version = host::kControlVersion;
    offer.node_id = node_.value;
    offer.process_id = 4'242;
    offer.segment_bytes = (*channel)->segment_bytes();
    const int descriptors[] = {(*channel)->segment_descriptor(), notice_.get(),
                               bell.listener.get()};
    (void)host::send_message(client_.get(), offer, descriptors);
    channel_ = std::move(*channel);
  }

  // As a dataplane that does what it is told.
  void apply(const host::ControlCommand& command) {
    using host::ControlCommandKind;
    const auto rows = std::span{report_->links}.first(report_->link_count);
    if (command.kind == ControlCommandKind::kRemovePeer) {
      const auto kept = std::remove_if(rows.begin(), rows.end(), [&](const auto& row) {
        return row.peer == NodeId{command.node};
      });
      report_->link_count = static_cast<std::uint64_t>(kept - rows.begin());
    } else if (command.kind == ControlCommandKind::kAddPeer) {
      host::PeerParameters parameters;
      std::memcpy(&parameters, command.payload, sizeof parameters);
      NodeReport::LinkRow& row = report_->links[report_->link_count++];
      row = {};
      row.peer = NodeId{command.node};
      row.address = Ipv4Address{parameters.address};
      row.port = parameters.port;
    } else if (command.kind == ControlCommandKind::kSetDeadAfter) {
      report_->dead_after = milliseconds(static_cast<std::int64_t>(command.value));
    } else if (command.kind == ControlCommandKind::kSetIdle) {
      report_->idle = static_cast<IdlePolicy>(command.value);
    }
  }

  void serve() {
    const std::lock_guard lock(mutex_);
    if (keeps_time_) report_->time = monotonic_now();
    channel_->write_applications(*applications_);
    host::ControlCommand command;
    while (channel_->poll_command(command)) {
      commands_.push_back(command);
      const Reply reply = handler_ ? handler_(command) : Reply{};
      if (!reply.answered) continue;
      if (reply.result == host::ControlResult::kDone) apply(command);
      host::ControlEvent event{};
      event.kind = host::ControlEventKind::kResult;
      event.request = command.request;
      event.result = reply.result;
      event.value = reply.value;
      RR_CHECK(channel_->post_event(event));
    }
    if (has_report_) channel_->write_report(*report_);
    for (const auto& event : events_) RR_CHECK(channel_->post_event(event));
    events_.clear();
    for (const auto& [packet, bytes] : packets_) channel_->capture(packet, bytes);
    packets_.clear();
    channel_->publish();
  }

  NodeId node_;
  std::string started_config_;
  host::Descriptor listener_, client_, stop_, notice_;
  std::unique_ptr<host::ControlChannel> channel_;
  std::atomic<bool> is_stopped_{false};
  std::mutex mutex_;
  Handler handler_;
  bool has_report_ = false, keeps_time_ = false;
  std::unique_ptr<NodeReport> report_ = std::make_unique<NodeReport>();
  std::unique_ptr<host::ApplicationsReport> applications_ =
      std::make_unique<host::ApplicationsReport>();
  std::vector<host::ControlEvent> events_;
  std::vector<std::pair<host::CapturedPacket, std::vector<std::byte>>> packets_;
  std::vector<host::ControlCommand> commands_;
  std::thread thread_;
};

}  // namespace ringroad::control::test
