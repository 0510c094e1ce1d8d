#include "dataplane/client/context.h"

#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "dataplane/client/error.h"
#include "dataplane/host/process_barrier.h"

using namespace ringroad::client;
namespace host = ringroad::host;

namespace {

// Empty polls between looks at whether the dataplane still lives (a system call).
constexpr std::uint32_t kPollsPerLook = 16'384;

constexpr std::uint32_t kRefusalsPerLook = 256;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string address_text(std::uint32_t address) {
  char text[16];
  std::snprintf(text, sizeof text, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                address >> 8 & 255, address & 255);
  return text;
}

bool watch(int events, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  return ::epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

dist_net_context::dist_net_context(ConfigFile where, std::string name, std::uint32_t flags)
    : where_(std::move(where)), name_(std::move(name)), flags_(flags) {}

dist_net_context::~dist_net_context() = default;

// --- Attaching -----------------------------------------------------------------------------------

dist_net_error_t dist_net_context::attach() {
  auto link = std::make_unique<Link>();
  const dist_net_error_t error = link->attachment.attach(where_.socket, name_, flags_);
  if (error != DIST_NET_SUCCESS) return error;
  const host::Offer& offer = link->attachment.offer();
  if (where_.node_id != DIST_NET_ANY_NODE && where_.node_id != offer.node_id) {
    return fail(DIST_NET_CONFIGURATION, where_.socket + " is the socket of node " +
                                            std::to_string(offer.node_id) + ", not of node " +
                                            std::to_string(where_.node_id));
  }
  link->transmit = std::make_unique<TransmitHalf>(link->attachment);
  link->receive = std::make_unique<ReceiveHalf>(link->attachment);
  link->events = host::Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
  if (!link->events.valid() || !watch(link->events.get(), link->attachment.bell()) ||
      !watch(link->events.get(), link->attachment.socket())) {
    return fail(DIST_NET_NO_MEMORY, std::strerror(errno));
  }
  link_ = std::move(link);
  is_lost_ = false;
  changes_seen_ = 0;
  return DIST_NET_SUCCESS;
}

dist_net_error_t dist_net_context::reconnect() {
  std::unique_ptr<Link> old = std::move(link_);
  channels_.clear();
  // Its name must be free again before it is taken anew, and its memory ours no more.
  old.reset();
  const dist_net_error_t error = attach();
  if (error != DIST_NET_SUCCESS) return error;
  for (const Binding& binding : std::vector<Binding>{std::exchange(bindings_, {})}) {
    const dist_net_error_t bound = bind(binding.type, binding.mode);
    if (bound != DIST_NET_SUCCESS) return bound;
  }
  return DIST_NET_SUCCESS;
}

bool dist_net_context::has_verdict() const {
  return link_->attachment.control().verdict.value.load(std::memory_order_relaxed) !=
         host::Verdict::kAttached;
}

// False once the dataplane is gone or has let us go; asks the kernel, so not for every call.
bool dist_net_context::check_alive() {
  if (!is_lost_ && (has_verdict() || !link_->attachment.listen())) {
    const std::scoped_lock lock{transmit_lock_};
    if (!is_lost_) link_->transmit->end_all();
    is_lost_ = true;
  }
  return !is_lost_;
}

dist_net_error_t dist_net_context::check_address(const char* address, std::uint16_t port) const {
  const host::Offer& offer = link_->attachment.offer();
  const std::string theirs = address_text(offer.bind_address);
  if (address != nullptr && std::strcmp(address, "0.0.0.0") != 0 && theirs != address) {
    return fail(DIST_NET_CONFIGURATION,
                "the node's address is " + theirs + ", not " + std::string{address});
  }
  if (port != 0 && port != offer.bind_port) {
    return fail(DIST_NET_CONFIGURATION, "the node's port is " + std::to_string(offer.bind_port) +
                                            ", not " + std::to_string(port));
  }
  return DIST_NET_SUCCESS;
}

void dist_net_context::node_info(dist_net_node_info_t& info) const {
  const host::Offer& offer = link_->attachment.offer();
  info = {};
  info.node_id = offer.node_id;
  info.application_id = offer.application_id;
  const std::string address = address_text(offer.bind_address);
  std::memcpy(info.bind_address, address.c_str(), address.size() + 1);
  info.bind_port = offer.bind_port;
  info.message_bytes_max = offer.message_bytes_max;
  for (std::uint64_t left = link_->transmit->peers(); left != 0; left &= left - 1) {
    const auto peer = static_cast<raft_node_id_t>(std::countr_zero(left) + 1);
    info.peers[info.peer_count] = peer;
    info.connected[info.peer_count++] = link_->transmit->is_connected(peer);
  }
}

bool dist_net_context::is_connected(raft_node_id_t node) const {
  return !is_lost_ && link_->transmit->is_connected(node);
}

dist_net_error_t dist_net_context::bind(std::uint32_t type, dist_net_bind_mode_t mode) {
  auto request = host::make_message<host::Bind>();
  request.type = type;
  request.mode = static_cast<std::uint32_t>(mode);
  const dist_net_error_t error = link_->attachment.ask(request);
  if (error != DIST_NET_SUCCESS) return error;
  const std::scoped_lock lock{bindings_mutex_};
  bindings_.push_back({type, mode});
  return DIST_NET_SUCCESS;
}

dist_net_error_t dist_net_context::unbind(std::uint32_t type, dist_net_bind_mode_t mode) {
  auto request = host::make_message<host::Unbind>();
  request.type = type;
  request.mode = static_cast<std::uint32_t>(mode);
  const dist_net_error_t error = link_->attachment.ask(request);
  if (error != DIST_NET_SUCCESS) return error;
  const std::scoped_lock lock{bindings_mutex_};
  std::erase_if(bindings_, [&](const Binding& binding) {
    return binding.mode == mode && (binding.type == type || mode == DIST_NET_BIND_CATCH_ALL);
  });
  return DIST_NET_SUCCESS;
}

// --- Messages ------------------------------------------------------------------------------------

std::uint32_t dist_net_context::send(dist_net_outgoing_t* messages, std::uint32_t count) {
  std::uint32_t sent = 0;
  bool looks = false;
  {
    const std::scoped_lock lock{transmit_lock_};
    if (is_lost_ || has_verdict()) {
      looks = true;
    } else {
      do {
        sent += link_->transmit->send(messages + sent, count - sent);
        link_->transmit->flush();
      } while (sent < count && link_->transmit->finds_room());
      // A dataplane that died takes nothing more: look now and then before saying "no room".
      looks = sent < count && ++sends_refused_ % kRefusalsPerLook == 0;
    }
  }
  if (looks && !check_alive()) fail(DIST_NET_DISCONNECTED);
  return sent;
}

dist_net_error_t dist_net_context::claim(std::size_t size, dist_net_claim_t& claim) {
  const std::scoped_lock lock{transmit_lock_};
  if (is_lost_ || has_verdict()) return fail(DIST_NET_DISCONNECTED);
  return link_->transmit->claim(size, claim);
}

dist_net_error_t dist_net_context::commit(dist_net_claim_t& claim, dist_net_outgoing_t& message) {
  const std::scoped_lock lock{transmit_lock_};
  if (is_lost_ || has_verdict()) return fail(DIST_NET_DISCONNECTED);
  dist_net_error_t error = link_->transmit->commit(claim, message);
  if (error == DIST_NET_WOULD_BLOCK && link_->transmit->finds_room()) {
    error = link_->transmit->commit(claim, message);
  }
  link_->transmit->flush();
  return error;
}

dist_net_error_t dist_net_context::abandon(dist_net_claim_t& claim) {
  const std::scoped_lock lock{transmit_lock_};
  return link_->transmit->abandon(claim);
}

std::int32_t dist_net_context::poll_outcomes(dist_net_outcome_report_t* reports,
                                             std::uint32_t count) {
  {
    const std::scoped_lock lock{transmit_lock_};
    if (!is_lost_) link_->transmit->drain();
    const std::uint32_t taken = link_->transmit->take_outcomes(reports, count);
    if (taken != 0 || count == 0) return static_cast<std::int32_t>(taken);
  }
  return is_lost_ || (has_verdict() && !check_alive()) ? fail(DIST_NET_DISCONNECTED) : 0;
}

std::int32_t dist_net_context::receive(dist_net_message_t* messages, std::uint32_t count) {
  const std::uint32_t taken = link_->receive->receive(messages, count);
  if (taken != 0) return static_cast<std::int32_t>(taken);
  const bool looks = has_verdict() || is_lost_ || ++polls_empty_ % kPollsPerLook == 0;
  return looks && !check_alive() ? fail(DIST_NET_DISCONNECTED) : 0;
}

void dist_net_context::release(const dist_net_message_t* messages, std::uint32_t count) {
  const std::scoped_lock lock{release_lock_};
  if (link_->receive->release(messages, count)) bells_.fetch_add(1, std::memory_order_relaxed);
}

// --- Waiting -------------------------------------------------------------------------------------

std::uint32_t dist_net_context::changes() const {
  return link_->attachment.control().dataplane.changes.load(std::memory_order_acquire);
}

bool dist_net_context::is_ready() {
  if (link_->receive->has_messages() || link_->transmit->has_completions() || has_verdict() ||
      changes() != changes_seen_) {
    return true;
  }
  const std::scoped_lock lock{channels_mutex_};
  return std::ranges::any_of(channels_,
                             [](const auto& local) { return local->channel->is_ready(); });
}

bool dist_net_context::arm() {
  if (is_lost_) return false;
  link_->attachment.control().application_asleep.value.store(1, std::memory_order_relaxed);
  bool fences = false;
  {
    const std::scoped_lock lock{channels_mutex_};
    for (const auto& local : channels_) {
      local->channel->arm();
      fences = fences || local->channel->fences();
    }
  }
  // Pairs with the fences of the dataplane and of the other ends between publishing and looking at
  // these flags; where those have none, theirs is issued too.
  host::full_fence();
  if (fences && !host::fence_everywhere()) return false;  // rather look again than sleep on
  return !is_ready() && !link_->attachment.has_incoming();
}

void dist_net_context::disarm() {
  stop_waiting();
  changes_seen_ = changes();
}

void dist_net_context::stop_waiting() {
  link_->attachment.control().application_asleep.value.store(0, std::memory_order_relaxed);
  host::hush_bell(link_->attachment.bell());
  {
    const std::scoped_lock lock{channels_mutex_};
    for (const auto& local : channels_) local->channel->disarm();
  }
  check_alive();
}

dist_net_error_t dist_net_context::wait(std::int64_t timeout_us) {
  if (is_lost_) return fail(DIST_NET_DISCONNECTED);
  const std::int64_t began = now_ns();
  const std::int64_t spin_us =
      timeout_us < 0 ? spin_.us : std::min<std::int64_t>(spin_.us, timeout_us);
  const std::int64_t spin_until = began + spin_us * 1'000;
  bool is_first = true;
  while (is_first || now_ns() < spin_until) {
    is_first = false;
    if (is_ready()) {
      changes_seen_ = changes();
      return check_alive() ? DIST_NET_SUCCESS : fail(DIST_NET_DISCONNECTED);
    }
    spin_.pause();
  }
  int woken = 1;
  if (arm()) {
    sleeps_.fetch_add(1, std::memory_order_relaxed);
    pollfd waiting{link_->events.get(), POLLIN, 0};
    const std::int64_t left = std::max<std::int64_t>(0, timeout_us * 1'000 - (now_ns() - began));
    const timespec limit{static_cast<time_t>(left / 1'000'000'000),
                         static_cast<long>(left % 1'000'000'000)};
    woken = ::ppoll(&waiting, 1, timeout_us < 0 ? nullptr : &limit, nullptr);
  }
  stop_waiting();
  if (is_lost_) return fail(DIST_NET_DISCONNECTED);
  // What changed only just now ends the next wait: this one says that nothing did.
  if (woken == 0) return fail(DIST_NET_TIMEOUT);
  changes_seen_ = changes();
  return DIST_NET_SUCCESS;
}

// --- Local channels ------------------------------------------------------------------------------

dist_net_error_t dist_net_context::adopt(IncomingChannel incoming, bool is_opener,
                                         dist_net_local_t** channel) {
  const std::uint32_t id = incoming.id;
  auto mapped = LocalChannel::map(std::move(incoming), is_opener);
  if (mapped == nullptr || !watch(link_->events.get(), mapped->bell())) {
    link_->attachment.close_channel(id);
    return fail(DIST_NET_NO_MEMORY, "the channel's memory cannot be mapped");
  }
  const std::scoped_lock lock{channels_mutex_};
  channels_.push_back(std::make_unique<dist_net_local>(this, std::move(mapped)));
  *channel = channels_.back().get();
  return DIST_NET_SUCCESS;
}

dist_net_error_t dist_net_context::local_open(const char* name, dist_net_local_t** channel) {
  auto request = host::make_message<host::Open>();
  if (std::strlen(name) >= sizeof request.name) return fail(DIST_NET_INVALID_ARGUMENT);
  std::memcpy(request.name, name, std::strlen(name));
  host::SocketMessage reply;
  const dist_net_error_t error = link_->attachment.request(request, reply);
  if (error != DIST_NET_SUCCESS) return error;
  const auto* opened = reply.as<host::Opened>();
  if (opened == nullptr || reply.descriptor_count != 2) {
    const dist_net_error_t refused = Attachment::read_answer(reply);
    return refused != DIST_NET_SUCCESS ? refused : fail(DIST_NET_VERSION);
  }
  IncomingChannel ours{opened->channel,
                       name,
                       opened->by_reference != 0,
                       opened->arena_bytes,
                       std::move(reply.descriptors[0]),
                       std::move(reply.descriptors[1])};
  return adopt(std::move(ours), true, channel);
}

dist_net_error_t dist_net_context::local_accept(dist_net_local_t** channel) {
  if (!check_alive()) return fail(DIST_NET_DISCONNECTED);
  IncomingChannel incoming;
  if (!link_->attachment.take_incoming(incoming)) return fail(DIST_NET_WOULD_BLOCK);
  return adopt(std::move(incoming), false, channel);
}

void dist_net_context::local_close(dist_net_local_t* channel) {
  link_->attachment.close_channel(channel->channel->id());
  const std::scoped_lock lock{channels_mutex_};
  std::erase_if(channels_, [&](const auto& local) { return local.get() == channel; });
}

// --- Figures -------------------------------------------------------------------------------------

dist_net_error_t dist_net_context::statistics(dist_net_statistics_t& statistics) {
  host::SocketMessage reply;
  const dist_net_error_t error =
      link_->attachment.request(host::make_message<host::Count>(), reply);
  {
    const std::scoped_lock lock{transmit_lock_};
    if (!is_lost_) link_->transmit->drain();
    statistics = link_->transmit->statistics();
  }
  statistics.messages_received = link_->receive->messages_received();
  statistics.bytes_received = link_->receive->bytes_received();
  statistics.sleeps = sleeps_.load(std::memory_order_relaxed);
  statistics.bells_rung += bells_.load(std::memory_order_relaxed);
  if (error != DIST_NET_SUCCESS) return error;
  const auto* counted = reply.as<host::Counted>();
  if (counted == nullptr) return fail(DIST_NET_VERSION);
  statistics.dataplane_waited = counted->counts.messages_waited;
  statistics.dataplane_receive_busy = counted->counts.receive_busy;
  statistics.dataplane_violations = counted->counts.violations;
  return DIST_NET_SUCCESS;
}
