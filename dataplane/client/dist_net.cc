// The C functions of dist_net.h: check the arguments, find the context, and hand over. No exception
// leaves them.
#include "dataplane/client/dist_net.h"

#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "dataplane/client/config_file.h"
#include "dataplane/client/context.h"
#include "dataplane/client/dist_registry.h"
#include "dataplane/client/error.h"

using namespace ringroad::client;

namespace {

// The context of the functions that name none, as the original API has it: the one piece of state
// that the whole process shares.
struct Default {
  bool is_initialised = false;
  ConfigFile where;
  std::unique_ptr<dist_net_context> context;
  // Of dist_net_propose(), from its first call on.
  std::mutex registry_mutex;
  std::unique_ptr<dist_registry_t, decltype(&dist_registry_close)> registry{nullptr,
                                                                            &dist_registry_close};
};

Default& default_state() {
  static Default state;
  return state;
}

// The context meant by `context`, attached; or null, and the error is recorded.
dist_net_context* find(dist_net_context_t* context) {
  dist_net_context* found = context != nullptr ? context : default_state().context.get();
  if (found == nullptr) {
    fail(DIST_NET_NOT_STARTED);
  } else if (!found->is_attached()) {
    fail(DIST_NET_DISCONNECTED);
    found = nullptr;
  }
  return found;
}

dist_net_error_t last() { return dist_net_error_details().error; }

template <typename Function>
dist_net_error_t guarded(Function function) noexcept {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return fail(DIST_NET_NO_MEMORY);
  } catch (...) {
    return fail(DIST_NET_CONFIGURATION);
  }
}

dist_net_error_t propose(dist_registry_t* registry, const void* data, std::size_t size,
                         std::uint32_t timeout_ms) {
  const dist_registry_error_t error =
      dist_registry_append(registry, data, size, timeout_ms, nullptr);
  const char* const text = dist_registry_strerror(error);
  switch (error) {
    case DIST_REGISTRY_OK:
      return DIST_NET_SUCCESS;
    case DIST_REGISTRY_TIMED_OUT:
    case DIST_REGISTRY_SESSION_UNKNOWN:
      return fail(DIST_NET_TIMEOUT, text);
    case DIST_REGISTRY_NO_LEADER:
    case DIST_REGISTRY_NO_QUORUM:
    case DIST_REGISTRY_NOT_MEMBER:
      return fail(DIST_NET_NOT_CONNECTED, text);
    case DIST_REGISTRY_LOG_FULL:
    case DIST_REGISTRY_NO_ROOM:
      return fail(DIST_NET_WOULD_BLOCK, text);
    case DIST_REGISTRY_TOO_LARGE:
      return fail(DIST_NET_TOO_LARGE, text);
    case DIST_REGISTRY_DISCONNECTED:
      return fail(DIST_NET_DISCONNECTED, text);
    case DIST_REGISTRY_NO_MEMORY:
      return fail(DIST_NET_NO_MEMORY, text);
    default:
      return fail(DIST_NET_NO_CONSENSUS, text);
  }
}

std::uint32_t commit_local(dist_net_local_t* channel, dist_net_claim_t* claims,
                           const std::uint32_t* types, std::uint32_t count, std::uint32_t flags) {
  return channel->channel->commit(claims, types, count, (flags & DIST_NET_MORE) != 0);
}

}  // namespace

extern "C" {

dist_net_error_t dist_net_init(raft_node_id_t local_node_id, const char* cluster_config_file,
                               const char* /*cert_file*/, const char* /*key_file*/) {
  return guarded([&] {
    Default& state = default_state();
    if (state.context != nullptr) return fail(DIST_NET_ALREADY_STARTED);
    ConfigFile where;
    const dist_net_error_t error = find_socket(local_node_id, cluster_config_file, nullptr, where);
    if (error != DIST_NET_SUCCESS) return error;
    state.where = std::move(where);
    state.is_initialised = true;
    return DIST_NET_SUCCESS;
  });
}

dist_net_error_t dist_net_start(const char* bind_address, uint16_t bind_port) {
  return guarded([&] {
    Default& state = default_state();
    if (!state.is_initialised) return fail(DIST_NET_NOT_STARTED);
    if (state.context != nullptr) {
      dist_net_message_t none;
      if (state.context->is_attached() && state.context->receive(&none, 0) == 0) {
        return fail(DIST_NET_ALREADY_STARTED);
      }
      state.context.reset();
    }
    auto context = std::make_unique<dist_net_context>(state.where, "", 0);
    dist_net_error_t error = context->attach();
    if (error == DIST_NET_SUCCESS) error = context->check_address(bind_address, bind_port);
    if (error == DIST_NET_SUCCESS) state.context = std::move(context);
    return error;
  });
}

dist_net_error_t dist_net_stop(void) {
  Default& state = default_state();
  if (state.context == nullptr) return fail(DIST_NET_NOT_STARTED);
  state.registry.reset();
  state.context.reset();
  return DIST_NET_SUCCESS;
}

void dist_net_shutdown(void) {
  Default& state = default_state();
  state.registry.reset();
  state.context.reset();
  state.where = {};
  state.is_initialised = false;
}

dist_net_error_t dist_net_open(const dist_net_options_t* options, dist_net_context_t** context) {
  return guarded([&] {
    const std::uint32_t known = DIST_NET_ACCEPT_LOCAL | DIST_NET_BY_REFERENCE;
    if (options == nullptr || context == nullptr || (options->flags & ~known) != 0) {
      return fail(DIST_NET_INVALID_ARGUMENT);
    }
    ConfigFile where;
    dist_net_error_t error =
        find_socket(options->node_id, options->config_file, options->socket, where);
    if (error != DIST_NET_SUCCESS) return error;
    auto made = std::make_unique<dist_net_context>(
        std::move(where), options->name != nullptr ? options->name : "", options->flags);
    error = made->attach();
    if (error == DIST_NET_SUCCESS) *context = made.release();
    return error;
  });
}

void dist_net_close(dist_net_context_t* context) { delete context; }

dist_net_error_t dist_net_reconnect(dist_net_context_t* context) {
  return guarded([&] {
    dist_net_context* found = context != nullptr ? context : default_state().context.get();
    return found == nullptr ? fail(DIST_NET_NOT_STARTED) : found->reconnect();
  });
}

dist_net_error_t dist_net_get_node_info(dist_net_context_t* context, dist_net_node_info_t* info) {
  return guarded([&] {
    if (info == nullptr) return fail(DIST_NET_INVALID_ARGUMENT);
    dist_net_context* found = find(context);
    if (found == nullptr) return last();
    found->node_info(*info);
    return DIST_NET_SUCCESS;
  });
}

bool dist_net_is_connected(dist_net_context_t* context, raft_node_id_t node) {
  dist_net_context* found = find(context);
  return found != nullptr && found->is_connected(node);
}

dist_net_error_t dist_net_send_message(raft_node_id_t dest_node_id, uint32_t message_type,
                                       const void* payload, size_t payload_size,
                                       uint32_t priority) {
  dist_net_context* found = find(nullptr);
  if (found == nullptr) return last();
  if (dest_node_id == DIST_NET_BROADCAST) return fail(DIST_NET_INVALID_ARGUMENT);
  dist_net_outgoing_t message{dest_node_id, message_type, priority, 0, 0, payload, payload_size, 0};
  return found->send(&message, 1) == 1 ? DIST_NET_SUCCESS : last();
}

uint32_t dist_net_broadcast_message(uint32_t message_type, const void* payload, size_t payload_size,
                                    uint32_t priority) {
  dist_net_context* found = find(nullptr);
  if (found == nullptr) return 0;
  dist_net_outgoing_t message{
      DIST_NET_BROADCAST, message_type, priority, 0, 0, payload, payload_size, 0};
  found->send(&message, 1);
  return message.accepted;
}

dist_net_error_t dist_net_propose(const void* data, size_t data_size, uint32_t timeout_ms) {
  return guarded([&] {
    if (find(nullptr) == nullptr) return last();
    if (data == nullptr && data_size != 0) return fail(DIST_NET_INVALID_ARGUMENT);
    Default& state = default_state();
    const std::scoped_lock lock{state.registry_mutex};
    if (state.registry == nullptr) {
      dist_net_options_t options{};
      options.socket = state.where.socket.c_str();
      dist_registry_t* registry = nullptr;
      const dist_net_error_t error = dist_registry_open(&options, &registry);
      if (error != DIST_NET_SUCCESS) return error;
      state.registry.reset(registry);
    }
    return propose(state.registry.get(), data, data_size, timeout_ms);
  });
}

uint32_t dist_net_send(dist_net_context_t* context, dist_net_outgoing_t* messages, uint32_t count) {
  dist_net_context* found = find(context);
  if (found == nullptr) return 0;
  if (messages == nullptr && count != 0) {
    fail(DIST_NET_INVALID_ARGUMENT);
    return 0;
  }
  return found->send(messages, count);
}

dist_net_error_t dist_net_claim(dist_net_context_t* context, size_t size, dist_net_claim_t* claim) {
  dist_net_context* found = find(context);
  if (found == nullptr) return last();
  return claim == nullptr ? fail(DIST_NET_INVALID_ARGUMENT) : found->claim(size, *claim);
}

dist_net_error_t dist_net_commit(dist_net_context_t* context, dist_net_claim_t* claim,
                                 dist_net_outgoing_t* message) {
  dist_net_context* found = find(context);
  if (found == nullptr) return last();
  if (claim == nullptr || message == nullptr) return fail(DIST_NET_INVALID_ARGUMENT);
  return found->commit(*claim, *message);
}

void dist_net_abandon(dist_net_context_t* context, dist_net_claim_t* claim) {
  dist_net_context* found = find(context);
  if (found != nullptr && claim != nullptr) found->abandon(*claim);
}

int32_t dist_net_poll_outcomes(dist_net_context_t* context, dist_net_outcome_report_t* reports,
                               uint32_t count) {
  dist_net_context* found = find(context);
  if (found == nullptr) return last();
  if (reports == nullptr && count != 0) return fail(DIST_NET_INVALID_ARGUMENT);
  return found->poll_outcomes(reports, count);
}

dist_net_error_t dist_net_bind(dist_net_context_t* context, uint32_t message_type,
                               dist_net_bind_mode_t mode) {
  return guarded([&] {
    dist_net_context* found = find(context);
    return found == nullptr ? last() : found->bind(message_type, mode);
  });
}

dist_net_error_t dist_net_unbind(dist_net_context_t* context, uint32_t message_type,
                                 dist_net_bind_mode_t mode) {
  return guarded([&] {
    dist_net_context* found = find(context);
    return found == nullptr ? last() : found->unbind(message_type, mode);
  });
}

int32_t dist_net_receive(dist_net_context_t* context, dist_net_message_t* messages,
                         uint32_t count) {
  dist_net_context* found = find(context);
  if (found == nullptr) return last();
  if (messages == nullptr && count != 0) return fail(DIST_NET_INVALID_ARGUMENT);
  return found->receive(messages, count);
}

void dist_net_release(dist_net_context_t* context, const dist_net_message_t* messages,
                      uint32_t count) {
  dist_net_context* found = find(context);
  if (found != nullptr && messages != nullptr) found->release(messages, count);
}

dist_net_error_t dist_net_wait(dist_net_context_t* context, int64_t timeout_us) {
  return guarded([&] {
    dist_net_context* found = find(context);
    return found == nullptr ? last() : found->wait(timeout_us);
  });
}

void dist_net_set_spin(dist_net_context_t* context, uint32_t spin_us) {
  dist_net_context* found = find(context);
  if (found != nullptr) found->set_spin(spin_us);
}

int dist_net_event_fd(dist_net_context_t* context) {
  dist_net_context* found = find(context);
  return found == nullptr ? -1 : found->event_fd();
}

bool dist_net_arm(dist_net_context_t* context) {
  dist_net_context* found = find(context);
  return found != nullptr && found->arm();
}

void dist_net_disarm(dist_net_context_t* context) {
  guarded([&] {
    dist_net_context* found = find(context);
    if (found != nullptr) found->disarm();
    return DIST_NET_SUCCESS;
  });
}

dist_net_error_t dist_net_local_open(dist_net_context_t* context, const char* name,
                                     dist_net_local_t** channel) {
  return guarded([&] {
    dist_net_context* found = find(context);
    if (found == nullptr) return last();
    if (name == nullptr || channel == nullptr) return fail(DIST_NET_INVALID_ARGUMENT);
    return found->local_open(name, channel);
  });
}

dist_net_error_t dist_net_local_accept(dist_net_context_t* context, dist_net_local_t** channel) {
  return guarded([&] {
    dist_net_context* found = find(context);
    if (found == nullptr) return last();
    return channel == nullptr ? fail(DIST_NET_INVALID_ARGUMENT) : found->local_accept(channel);
  });
}

void dist_net_local_close(dist_net_local_t* channel) {
  if (channel != nullptr) channel->context->local_close(channel);
}

const char* dist_net_local_name(const dist_net_local_t* channel) {
  return channel->channel->name().c_str();
}

bool dist_net_local_is_by_reference(const dist_net_local_t* channel) {
  return channel->channel->by_reference();
}

dist_net_error_t dist_net_local_claim(dist_net_local_t* channel, size_t size,
                                      dist_net_claim_t* claim) {
  return channel->channel->claim(size, claim, 1) == 1 ? DIST_NET_SUCCESS : last();
}

int32_t dist_net_local_claim_burst(dist_net_local_t* channel, size_t size, dist_net_claim_t* claims,
                                   uint32_t count) {
  return channel->channel->claim(size, claims, count);
}

dist_net_error_t dist_net_local_commit(dist_net_local_t* channel, dist_net_claim_t* claim,
                                       uint32_t type, size_t size, uint32_t flags) {
  const size_t claimed = claim->size;
  if (size > claimed) return fail(DIST_NET_INVALID_ARGUMENT);
  claim->size = size;
  if (commit_local(channel, claim, &type, 1, flags) == 1) return DIST_NET_SUCCESS;
  claim->size = claimed;
  return last();
}

uint32_t dist_net_local_commit_burst(dist_net_local_t* channel, dist_net_claim_t* claims,
                                     const uint32_t* types, uint32_t count, uint32_t flags) {
  return commit_local(channel, claims, types, count, flags);
}

void dist_net_local_abandon(dist_net_local_t* channel, dist_net_claim_t* claim) {
  channel->channel->abandon(*claim);
}

dist_net_error_t dist_net_local_send(dist_net_local_t* channel, uint32_t type, const void* payload,
                                     size_t size, uint32_t flags) {
  dist_net_claim_t claim;
  const dist_net_error_t error = dist_net_local_claim(channel, size, &claim);
  if (error != DIST_NET_SUCCESS) return error;
  if (size != 0) __builtin_memcpy(claim.data, payload, size);
  return dist_net_local_commit(channel, &claim, type, size, flags);
}

int32_t dist_net_local_receive(dist_net_local_t* channel, dist_net_message_t* messages,
                               uint32_t count) {
  return channel->channel->receive(messages, count);
}

void dist_net_local_release(dist_net_local_t* channel, const dist_net_message_t* messages,
                            uint32_t count) {
  channel->channel->release(messages, count);
}

dist_net_error_t dist_net_get_statistics(dist_net_context_t* context,
                                         dist_net_statistics_t* statistics) {
  return guarded([&] {
    dist_net_context* found = find(context);
    if (found == nullptr) return last();
    return statistics == nullptr ? fail(DIST_NET_INVALID_ARGUMENT) : found->statistics(*statistics);
  });
}

}  // extern "C"
