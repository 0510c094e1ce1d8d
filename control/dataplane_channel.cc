// How an attachment lives and dies. run() is its whole life, again and again:
//
//   attach()   connect, say hello, wait for the offer; each failure is a reason, told when it is
//              news, and a pause that doubles up to retry_most
//   adopt()    from here on other threads may read the counters; the listener is told
//   serve()    events and packets in turns of kTurn, so that the loop's other work goes on; asleep
//              on the bell in between
//   detach()   whoever waits for an answer is told "unreachable"; the listener is told
//
// The socket carries nothing after the offer: that it becomes readable is how the end is noticed. A
// Session holds descriptors of its own for the loop to wait on, and is shared by the handlers of
// those waits, which may run after it has been given up.
//
// Invariant: of each request exactly one thing becomes known: its event, "unreachable", or its
// timeout. An event for a request that nobody waits for any more is left aside.
#include "control/dataplane_channel.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/posix/stream_descriptor.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "dataplane/base/limits.h"
#include "dataplane/clock.h"

namespace ringroad::control {
namespace {

using asio::use_awaitable;

// Events and packets taken before the loop's other work has its turn.
constexpr std::size_t kTurn = 64;
// Requests that may wait for their answers: more would not fit the ring either.
constexpr std::size_t kPendingMax = host::kControlRing;

std::chrono::nanoseconds duration(Nanos time) { return std::chrono::nanoseconds(time.count); }

}  // namespace

// One attachment, with descriptors of its own for the loop to wait on.
struct DataplaneChannel::Session {
  Session(asio::io_context& loop, std::shared_ptr<host::ControlAttachment> opened)
      : attachment(std::move(opened)), socket(loop), bell(loop) {}

  static bool watch(asio::posix::stream_descriptor& descriptor, int source) {
    asio::error_code error;
    descriptor.assign(::fcntl(source, F_DUPFD_CLOEXEC, 0), error);
    return !error;
  }

  std::shared_ptr<host::ControlAttachment> attachment;
  asio::posix::stream_descriptor socket, bell;
  bool is_late = false;  // with its greeting
  bool is_over = false;
};

struct DataplaneChannel::Pending {
  explicit Pending(asio::io_context& loop) : timer(loop) {}
  asio::steady_timer timer;
  Outcome outcome{.answer = Answer::kTimedOut};
};

DataplaneChannel::DataplaneChannel(asio::io_context& loop, Options options,
                                   DataplaneListener& listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(listener),
      pause_(loop),
      changed_(monotonic_now()) {}

DataplaneChannel::~DataplaneChannel() = default;

asio::awaitable<void> DataplaneChannel::pause(Nanos time) {
  asio::error_code ignored;
  pause_.expires_after(duration(time));
  co_await pause_.async_wait(asio::redirect_error(use_awaitable, ignored));
}

asio::awaitable<void> DataplaneChannel::run() {
  Nanos wait = options_.retry_first;
  while (!is_stopped_) {
    std::shared_ptr<Session> session = co_await attach();
    if (session == nullptr) {
      if (is_stopped_) break;
      co_await pause(wait);
      wait = std::min(wait * 2, options_.retry_most);
      continue;
    }
    wait = options_.retry_first;
    adopt(session);
    co_await serve(session);
    detach(is_stopped_ ? "stopping" : "the dataplane is gone");
  }
}

void DataplaneChannel::stop() {
  is_stopped_ = true;
  pause_.cancel();
  asio::error_code ignored;
  if (greeting_ != nullptr) greeting_->socket.cancel(ignored);
  if (session_ == nullptr) return;
  session_->is_over = true;
  session_->socket.cancel(ignored);
  session_->bell.cancel(ignored);
}

asio::awaitable<std::shared_ptr<DataplaneChannel::Session>> DataplaneChannel::attach() {
  auto opened = host::ControlAttachment::connect(options_.socket);
  if (!opened.ok()) {
    note_away(std::string(opened.status().message()));
    co_return nullptr;
  }
  auto session = std::make_shared<Session>(
      loop_, std::shared_ptr<host::ControlAttachment>(std::move(*opened)));
  if (!Session::watch(session->socket, session->attachment->socket())) {
    note_away("no descriptor is left to attach with");
    co_return nullptr;
  }
  const bool greeted = co_await wait_greeting(session);
  if (!greeted) co_return nullptr;
  if (session->attachment->node() != options_.node) {
    note_away(absl::StrCat(options_.socket, " belongs to node ", session->attachment->node().value,
                           ", not to node ", options_.node.value,
                           "; mend: give each node a /host/socket of its own"));
    co_return nullptr;
  }
  if (!Session::watch(session->bell, session->attachment->bell())) {
    note_away("no descriptor is left to attach with");
    co_return nullptr;
  }
  co_return session;
}

asio::awaitable<bool> DataplaneChannel::wait_greeting(std::shared_ptr<Session> session) {
  using Greeting = host::ControlAttachment::Greeting;
  asio::steady_timer patience(loop_);
  patience.expires_after(duration(options_.greeting_patience));
  patience.async_wait([session](asio::error_code error) {
    if (error) return;
    session->is_late = true;
    asio::error_code ignored;
    session->socket.cancel(ignored);
  });
  Greeting greeting = Greeting::kPending;
  while (greeting == Greeting::kPending && !session->is_late && !is_stopped_) {
    asio::error_code error;
    greeting_ = session;  // for stop() to end the wait
    co_await session->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(use_awaitable, error));
    greeting_.reset();
    if (!error) greeting = session->attachment->greet();
  }
  if (session->is_late) note_away(absl::StrCat(options_.socket, ": the dataplane does not answer"));
  if (greeting == Greeting::kTurnedAway) {
    note_away(absl::StrCat(options_.socket, ": ", session->attachment->refusal()));
  }
  co_return greeting == Greeting::kAttached;
}

void DataplaneChannel::note_away(const std::string& reason) {
  if (reason == away_reason_) return;
  away_reason_ = reason;
  listener_.on_away(reason);
}

void DataplaneChannel::adopt(std::shared_ptr<Session> session) {
  {
    const std::lock_guard lock(mutex_);
    attachment_ = session->attachment;
    ++counts_.attachments;
  }
  session_ = std::move(session);
  away_reason_.clear();
  changed_ = monotonic_now();
  listener_.on_attached();
}

void DataplaneChannel::detach(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    attachment_.reset();
  }
  session_.reset();
  away_reason_ = reason;
  changed_ = monotonic_now();
  for (auto& [unused, pending] : pending_) {
    pending->outcome.answer = Answer::kUnreachable;
    pending->timer.cancel();
  }
  pending_.clear();
  listener_.on_detached();
}

asio::awaitable<void> DataplaneChannel::serve(std::shared_ptr<Session> session) {
  // The socket says nothing more: readable, it has been closed.
  session->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                             [session](asio::error_code) {
                               session->is_over = true;
                               asio::error_code ignored;
                               session->bell.cancel(ignored);
                             });
  while (!session->is_over) {
    session->attachment->hush();
    const bool has_more = drain(*session);
    if (!session->attachment->is_alive()) break;
    if (has_more || !session->attachment->is_idle_after_arming()) {
      co_await asio::post(loop_, use_awaitable);
      continue;
    }
    asio::error_code ignored;
    co_await session->bell.async_wait(asio::posix::stream_descriptor::wait_read,
                                      asio::redirect_error(use_awaitable, ignored));
  }
  asio::error_code ignored;
  session->socket.cancel(ignored);
}

const char* describe(host::ControlResult result) {
  switch (result) {
    case host::ControlResult::kDone:
      return "done";
    case host::ControlResult::kMalformed:
      return "the dataplane does not take such a command: are both of one release?";
    case host::ControlResult::kNoSuchNode:
      return "no such peer is configured there";
    case host::ControlResult::kNotConnected:
      return "the link is not up";
    case host::ControlResult::kBusy:
      return "the dataplane has too much under way; try again";
    case host::ControlResult::kNoReceiver:
      return "nobody there takes it";
    case host::ControlResult::kNotSent:
    case host::ControlResult::kUnknown:
      return "the link went down meanwhile";
    case host::ControlResult::kNoRoom:
      return "memory for another peer was not set aside when the dataplane started: "
             "restart ringroad-dataplane with it in the file";
    case host::ControlResult::kExists:
      return "such a peer is configured already";
    case host::ControlResult::kCount:
      break;
  }
  return "unknown";
}

// Whether there may be more.
bool DataplaneChannel::drain(Session& session) {
  host::ControlEvent event;
  std::size_t events = 0;
  for (; events < kTurn && session.attachment->poll_event(event); ++events) on_event(event);
  host::CapturedPacket packet;
  std::span<const std::byte> bytes;
  std::size_t packets = 0;
  for (; packets < kTurn && session.attachment->poll_packet(packet, bytes); ++packets) {
    listener_.on_packet(packet, bytes);
  }
  return events == kTurn || packets == kTurn;
}

bool is_well_formed(const host::ControlEvent& event) {
  if (event.length > host::kControlPayloadMax || event.result >= host::ControlResult::kCount) {
    return false;
  }
  if (event.kind == host::ControlEventKind::kMessage) {
    return event.node >= 1 && event.node <= kNodesMax && event.type >= host::kSystemControl;
  }
  return event.kind == host::ControlEventKind::kResult;
}

void DataplaneChannel::on_event(const host::ControlEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.events;
    if (!is_well_formed(event)) {
      ++counts_.malformed_events;
      return;
    }
  }
  if (event.kind == host::ControlEventKind::kMessage) {
    listener_.on_message(NodeId{event.node}, event.type, {event.payload, event.length});
    return;
  }
  const auto found = pending_.find(event.request);
  if (found == pending_.end()) return;  // nobody waits for it, or any more
  const std::shared_ptr<Pending> pending = found->second;
  pending_.erase(found);
  pending->outcome = {.answer = Answer::kAnswered, .result = event.result, .value = event.value};
  pending->timer.cancel();
}

asio::awaitable<DataplaneChannel::Outcome> DataplaneChannel::request(host::ControlCommand command,
                                                                     Nanos timeout) {
  if (session_ == nullptr) co_return Outcome{.answer = Answer::kUnreachable};
  command.request = next_request_++;
  if (pending_.size() >= kPendingMax || !session_->attachment->post_command(command)) {
    co_return Outcome{.answer = Answer::kBusy};
  }
  auto pending = std::make_shared<Pending>(loop_);
  pending_.emplace(command.request, pending);
  pending->timer.expires_after(duration(timeout));
  asio::error_code ignored;
  co_await pending->timer.async_wait(asio::redirect_error(use_awaitable, ignored));
  pending_.erase(command.request);
  co_return pending->outcome;
}

bool DataplaneChannel::post(host::ControlCommand command) {
  if (session_ == nullptr) return false;
  command.request = next_request_++;
  return session_->attachment->post_command(command);
}

std::uint32_t DataplaneChannel::dataplane_process() const {
  return session_ == nullptr ? 0 : session_->attachment->dataplane_process();
}

std::string DataplaneChannel::started_config() const {
  return session_ == nullptr ? "" : session_->attachment->started_config();
}

std::uint64_t DataplaneChannel::packets_dropped() const {
  return session_ == nullptr ? 0 : session_->attachment->packets_dropped();
}

std::shared_ptr<host::ControlAttachment> DataplaneChannel::shared_attachment() const {
  const std::lock_guard lock(mutex_);
  return attachment_;
}

bool DataplaneChannel::read_report(NodeReport& out) const {
  const auto attachment = shared_attachment();
  return attachment != nullptr && attachment->read_report(out);
}

bool DataplaneChannel::read_applications(host::ApplicationsReport& out) const {
  const auto attachment = shared_attachment();
  return attachment != nullptr && attachment->read_applications(out);
}

DataplaneChannel::Counts DataplaneChannel::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace ringroad::control
