// The control process's end of the host channel, kept up: a coroutine that attaches to the
// dataplane, serves what comes from it, notices when it is gone, and attaches again, with growing
// pauses, for as long as it runs. Why it cannot attach is told once, not at every try.
//
// One event loop's, but for snapshot functions, which any thread may call. Requests are answered by
// the dataplane's event, by "unreachable" when it goes away meanwhile, or by their timeout.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "dataplane/base/ids.h"
#include "dataplane/host/control_attachment.h"

namespace ringroad::control {

// Told in the event loop's thread.
class DataplaneListener {
 public:
  virtual void on_attached() = 0;
  virtual void on_detached() = 0;
  // From the control process of another node.
  virtual void on_message(NodeId from, std::uint32_t type, std::span<const std::byte> payload) = 0;
  virtual void on_packet(const host::CapturedPacket& packet, std::span<const std::byte> bytes) = 0;
  // Why it cannot attach, when that is news.
  virtual void on_away(const std::string& reason) = 0;

 protected:
  ~DataplaneListener() = default;
};

// How long a command may take: the io lcore answers most in its next pass. Less than the 5 s that
// the CLI waits unless told otherwise, so that it hears how a command ended.
inline constexpr Nanos kCommandPatience = seconds(3);

class DataplaneChannel {
 public:
  struct Options {
    std::string socket;
    NodeId node;  // a dataplane of another node is not ours
    Nanos retry_first = milliseconds(50);
    Nanos retry_most = seconds(2);
    Nanos greeting_patience = seconds(5);
  };
  // `listener` outlives the channel, and the channel whatever was spawned of run().
  DataplaneChannel(asio::io_context& loop, Options options, DataplaneListener& listener);
  ~DataplaneChannel();
  DataplaneChannel(const DataplaneChannel&) = delete;
  DataplaneChannel& operator=(const DataplaneChannel&) = delete;

  // Until stop().
  asio::awaitable<void> run();
  void stop();

  enum class Answer : std::uint8_t { kAnswered, kUnreachable, kTimedOut, kBusy };
  struct Outcome {
    Answer answer = Answer::kUnreachable;
    host::ControlResult result = host::ControlResult::kDone;  // when answered
    std::uint64_t value = 0;
  };
  // Fills in `request`. Takes a copy: coroutines' arguments outlive their callers.
  asio::awaitable<Outcome> request(host::ControlCommand command, Nanos timeout);
  // One whose result nobody waits for. False when there is no room, or nobody to take it.
  bool post(host::ControlCommand command);

  bool is_attached() const { return session_ != nullptr; }
  std::uint32_t dataplane_process() const;
  // The configuration it was started with, as text; empty when it does not tell, or is away.
  std::string started_config() const;
  std::uint64_t packets_dropped() const;
  const std::string& away_reason() const { return away_reason_; }
  // Since when it is attached, or is not.
  Nanos changed() const { return changed_; }

  // From any thread. False when there is nothing to read.
  bool read_report(NodeReport& out) const;
  bool read_applications(host::ApplicationsReport& out) const;
  struct Counts {
    std::uint64_t attachments = 0, events = 0, malformed_events = 0;
  };
  Counts counts() const;

 private:
  struct Session;
  struct Pending;

  asio::awaitable<std::shared_ptr<Session>> attach();
  asio::awaitable<bool> wait_greeting(std::shared_ptr<Session> session);
  asio::awaitable<void> serve(std::shared_ptr<Session> session);
  asio::awaitable<void> pause(Nanos time);
  bool drain(Session& session);
  void on_event(const host::ControlEvent& event);
  void adopt(std::shared_ptr<Session> session);
  void detach(const std::string& reason);
  void note_away(const std::string& reason);
  std::shared_ptr<host::ControlAttachment> shared_attachment() const;

  asio::io_context& loop_;
  Options options_;
  DataplaneListener& listener_;
  asio::steady_timer pause_;
  bool is_stopped_ = false;

  std::shared_ptr<Session> greeting_;  // while its greeting is waited for
  std::shared_ptr<Session> session_;   // while attached
  std::string away_reason_ = "not tried yet";
  Nanos changed_;
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, std::shared_ptr<Pending>> pending_;

  mutable std::mutex mutex_;  // guards what other threads read
  std::shared_ptr<host::ControlAttachment> attachment_;
  Counts counts_;
};

// "the link is not up"
const char* describe(host::ControlResult result);

// Whether the event can be what a dataplane of our build posts.
bool is_well_formed(const host::ControlEvent& event);

}  // namespace ringroad::control
