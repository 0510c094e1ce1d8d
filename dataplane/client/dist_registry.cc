// The C functions of dist_registry.h: check the arguments, ask, and lay out what came back. No
// exception leaves them.
#include "dataplane/client/dist_registry.h"

#include <memory>
#include <mutex>
#include <new>

#include "dataplane/client/registry.h"

namespace machine = ringroad::machine;
using ringroad::Nanos;

namespace {

machine::Bytes bytes_of(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

bool is_given(const void* data, std::size_t size) { return data != nullptr || size == 0; }

template <typename Function>
dist_registry_error_t guarded(dist_registry_t* registry, Function function) noexcept {
  if (registry == nullptr) return DIST_REGISTRY_INVALID_ARGUMENT;
  try {
    const std::scoped_lock lock{registry->mutex()};
    return function();
  } catch (const std::bad_alloc&) {
    return DIST_REGISTRY_NO_MEMORY;
  } catch (...) {
    return DIST_REGISTRY_DISCONNECTED;
  }
}

// What a format bound would refuse is refused here: a request's encoding has no place for it.
bool fits(std::size_t key_size, std::size_t value_size) {
  return key_size <= machine::kKeyBytesMax && value_size <= machine::kValueBytesMax;
}

dist_registry_error_t finish(const dist_registry::Told& told, dist_registry_result_t* result) {
  if (result == nullptr) return told.error;
  const machine::Answer& answer = told.reader.answer();
  *result = {.revision = answer.revision.value,
             .version = answer.value,
             .deleted = answer.count,
             .more = answer.more};
  return told.error;
}

dist_registry_item_t item_of(const machine::KeyItem& key) {
  return {.key = key.key.data(),
          .key_size = key.key.size(),
          .value = key.value.data(),
          .value_size = key.value.size(),
          .created = key.created.value,
          .modified = key.modified.value,
          .version = key.version,
          .lease = key.lease.value};
}

Nanos time_of(std::uint64_t ms) {
  constexpr std::uint64_t kMost = 1ull << 40;
  return ringroad::milliseconds(static_cast<std::int64_t>(std::min(ms, kMost)));
}

}  // namespace

extern "C" {

dist_net_error_t dist_registry_open(const dist_net_options_t* options, dist_registry_t** registry) {
  if (registry == nullptr) return DIST_NET_INVALID_ARGUMENT;
  dist_net_options_t own{};
  if (options != nullptr) own = *options;
  own.name = nullptr;
  own.flags = 0;
  dist_net_context_t* context = nullptr;
  const dist_net_error_t error = dist_net_open(&own, &context);
  if (error != DIST_NET_SUCCESS) return error;
  *registry = new (std::nothrow) dist_registry(context);
  if (*registry != nullptr) return DIST_NET_SUCCESS;
  dist_net_close(context);
  return DIST_NET_NO_MEMORY;
}

void dist_registry_close(dist_registry_t* registry) { delete registry; }

const char* dist_registry_strerror(dist_registry_error_t error) {
  switch (error) {
    case DIST_REGISTRY_OK:
      return "ok";
    case DIST_REGISTRY_NOT_FOUND:
      return "no such key";
    case DIST_REGISTRY_COMPARE_FAILED:
      return "the key is not as expected";
    case DIST_REGISTRY_COMPACTED:
      return "asked for what is no longer kept";
    case DIST_REGISTRY_LEASE_UNKNOWN:
      return "no such lease: it expired, was revoked, or never was";
    case DIST_REGISTRY_SESSION_UNKNOWN:
      return "the session expired while a write was repeated: it may have been done";
    case DIST_REGISTRY_TOO_LARGE:
      return "too large: a key over 1024 bytes, or more than one message holds";
    case DIST_REGISTRY_NO_ROOM:
      return "a limit of the cluster's state is reached";
    case DIST_REGISTRY_BAD_REQUEST:
      return "the request says what cannot be";
    case DIST_REGISTRY_UNSUPPORTED:
      return "not all nodes of the cluster understand this yet";
    case DIST_REGISTRY_NO_LEADER:
      return "no leader was elected in time";
    case DIST_REGISTRY_NO_QUORUM:
      return "this node does not reach a majority of the cluster";
    case DIST_REGISTRY_LOG_FULL:
      return "too much waits to be committed";
    case DIST_REGISTRY_TIMED_OUT:
      return "no answer in time: it may have been done, or still be";
    case DIST_REGISTRY_NOT_MEMBER:
      return "this node is no member of the cluster";
    case DIST_REGISTRY_STOPPED:
      return "consensus on this node has ended";
    case DIST_REGISTRY_DISCONNECTED:
      return "the dataplane is gone";
    case DIST_REGISTRY_INVALID_ARGUMENT:
      return "an argument is none";
    case DIST_REGISTRY_NO_CONSENSUS:
      return "this node takes no part in consensus: /consensus/directory is not set";
    case DIST_REGISTRY_NO_MEMORY:
      return "no memory";
  }
  return "unknown";
}

dist_registry_error_t dist_registry_put(dist_registry_t* registry, const void* key, size_t key_size,
                                        const void* value, size_t value_size, uint64_t lease,
                                        uint32_t timeout_ms, dist_registry_result_t* result) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || !is_given(value, value_size)) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    if (!fits(key_size, value_size)) return DIST_REGISTRY_TOO_LARGE;
    return finish(registry->write({.kind = machine::Kind::kPut,
                                   .key = bytes_of(key, key_size),
                                   .value = bytes_of(value, value_size),
                                   .lease = machine::LeaseId{lease}},
                                  timeout_ms),
                  result);
  });
}

dist_registry_error_t dist_registry_get(dist_registry_t* registry, const void* key, size_t key_size,
                                        dist_registry_consistency_t consistency,
                                        uint32_t timeout_ms, dist_registry_item_t* item) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || item == nullptr) return DIST_REGISTRY_INVALID_ARGUMENT;
    if (!fits(key_size, 0)) return DIST_REGISTRY_TOO_LARGE;
    dist_registry::Told told =
        registry->read({.kind = machine::Kind::kGet, .key = bytes_of(key, key_size)},
                       static_cast<std::uint8_t>(consistency), false, timeout_ms);
    machine::KeyItem found;
    if (told.error == DIST_REGISTRY_OK && told.reader.take(found)) *item = item_of(found);
    return told.error;
  });
}

dist_registry_error_t dist_registry_delete(dist_registry_t* registry, const void* key,
                                           size_t key_size, uint32_t timeout_ms,
                                           dist_registry_result_t* result) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size)) return DIST_REGISTRY_INVALID_ARGUMENT;
    if (!fits(key_size, 0)) return DIST_REGISTRY_TOO_LARGE;
    return finish(registry->write({.kind = machine::Kind::kDelete, .key = bytes_of(key, key_size)},
                                  timeout_ms),
                  result);
  });
}

dist_registry_error_t dist_registry_delete_range(dist_registry_t* registry, const void* key,
                                                 size_t key_size, const void* end, size_t end_size,
                                                 uint32_t timeout_ms,
                                                 dist_registry_result_t* result) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || !is_given(end, end_size)) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    if (!fits(key_size, 0) || !fits(end_size, 0)) return DIST_REGISTRY_TOO_LARGE;
    return finish(registry->write({.kind = machine::Kind::kDelete,
                                   .flags = machine::kOfRange,
                                   .key = bytes_of(key, key_size),
                                   .end = bytes_of(end, end_size)},
                                  timeout_ms),
                  result);
  });
}

dist_registry_error_t dist_registry_compare_and_swap(dist_registry_t* registry, const void* key,
                                                     size_t key_size,
                                                     const dist_registry_compare_t* compare,
                                                     const void* value, size_t value_size,
                                                     uint64_t lease, uint32_t timeout_ms,
                                                     dist_registry_result_t* result) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || compare == nullptr ||
        !is_given(compare->expected, compare->expected_size) ||
        (compare->condition != dist_registry_compare_t::DIST_REGISTRY_IF_REVISION &&
         compare->condition != dist_registry_compare_t::DIST_REGISTRY_IF_VALUE &&
         compare->condition != dist_registry_compare_t::DIST_REGISTRY_IF_ABSENT)) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    const bool deletes = value == nullptr;
    if (!fits(key_size, deletes ? 0 : value_size) || !fits(0, compare->expected_size)) {
      return DIST_REGISTRY_TOO_LARGE;
    }
    machine::Request request{.kind = machine::Kind::kCompareAndSwap,
                             .flags = static_cast<std::uint16_t>(compare->condition),
                             .key = bytes_of(key, key_size)};
    if (compare->condition == dist_registry_compare_t::DIST_REGISTRY_IF_REVISION) {
      request.revision = machine::Revision{compare->revision};
    } else if (compare->condition == dist_registry_compare_t::DIST_REGISTRY_IF_VALUE) {
      request.expected = bytes_of(compare->expected, compare->expected_size);
    } else if (deletes) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    if (deletes) {
      request.flags |= machine::kThenDelete;
    } else {
      request.value = bytes_of(value, value_size);
      request.lease = machine::LeaseId{lease};
    }
    return finish(registry->write(request, timeout_ms), result);
  });
}

dist_registry_error_t dist_registry_range(dist_registry_t* registry, const void* key,
                                          size_t key_size, const void* end, size_t end_size,
                                          dist_registry_consistency_t consistency,
                                          uint32_t timeout_ms, dist_registry_item_t* items,
                                          uint32_t* count, bool* more) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || !is_given(end, end_size) || count == nullptr ||
        (items == nullptr && *count > 0)) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    if (!fits(key_size, 0) || !fits(end_size, 0)) return DIST_REGISTRY_TOO_LARGE;
    const std::uint32_t most = *count;
    *count = 0;
    dist_registry::Told told =
        registry->read({.kind = machine::Kind::kRange,
                        .key = bytes_of(key, key_size),
                        .end = bytes_of(end, end_size),
                        .limit = std::max(most, 1u)},
                       static_cast<std::uint8_t>(consistency), false, timeout_ms);
    if (told.error != DIST_REGISTRY_OK) return told.error;
    machine::KeyItem found;
    while (*count < most && told.reader.take(found)) items[(*count)++] = item_of(found);
    if (more != nullptr) *more = told.reader.answer().more;
    return DIST_REGISTRY_OK;
  });
}

dist_registry_error_t dist_registry_lease_grant(dist_registry_t* registry, uint64_t ttl_ms,
                                                uint32_t timeout_ms, uint64_t* lease) {
  return guarded(registry, [&] {
    if (lease == nullptr) return DIST_REGISTRY_INVALID_ARGUMENT;
    const dist_registry::Told told =
        registry->write({.kind = machine::Kind::kGrantLease, .time = time_of(ttl_ms)}, timeout_ms);
    if (told.error == DIST_REGISTRY_OK) *lease = told.reader.answer().value;
    return told.error;
  });
}

dist_registry_error_t dist_registry_lease_keep_alive(dist_registry_t* registry, uint64_t lease,
                                                     uint32_t timeout_ms) {
  return guarded(registry, [&] {
    return registry
        ->write({.kind = machine::Kind::kKeepLease, .lease = machine::LeaseId{lease}}, timeout_ms)
        .error;
  });
}

dist_registry_error_t dist_registry_lease_revoke(dist_registry_t* registry, uint64_t lease,
                                                 uint32_t timeout_ms,
                                                 dist_registry_result_t* result) {
  return guarded(registry, [&] {
    return finish(
        registry->write({.kind = machine::Kind::kRevokeLease, .lease = machine::LeaseId{lease}},
                        timeout_ms),
        result);
  });
}

dist_registry_error_t dist_registry_watch(dist_registry_t* registry, const void* key,
                                          size_t key_size, const void* end, size_t end_size,
                                          uint32_t timeout_ms, dist_registry_event_t* events,
                                          uint32_t events_max, dist_registry_watch_t* watch) {
  return guarded(registry, [&] {
    if (!is_given(key, key_size) || watch == nullptr || events == nullptr || events_max == 0) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    if (!fits(key_size, 0) || !fits(end_size, 0)) return DIST_REGISTRY_TOO_LARGE;
    watch->count = 0;
    if (watch->next_revision == 0) {
      // From now on: behind what the registry is at.
      const dist_registry::Told now = registry->read(
          {.kind = machine::Kind::kGet, .key = bytes_of(key, key_size)}, 0, false, timeout_ms);
      if (now.error != DIST_REGISTRY_OK && now.error != DIST_REGISTRY_NOT_FOUND) return now.error;
      watch->next_revision = now.reader.answer().revision.value + 1;
      watch->next_skip = 0;
    }
    machine::Request request{.kind = machine::Kind::kWatch,
                             .key = bytes_of(key, key_size),
                             .revision = machine::Revision{watch->next_revision},
                             .limit = events_max,
                             .skip = watch->next_skip};
    if (end != nullptr) {
      request.flags = machine::kOfRange;
      request.end = bytes_of(end, end_size);
    }
    dist_registry::Told told = registry->read(request, 0, true, timeout_ms);
    if (told.error == DIST_REGISTRY_COMPACTED) watch->compacted = told.reader.answer().value;
    // That nobody answered in time is no news either.
    if (told.error != DIST_REGISTRY_OK) return told.error;
    machine::EventItem found;
    while (watch->count < events_max && told.reader.take(found)) {
      events[watch->count].type = static_cast<decltype(events->type)>(static_cast<int>(found.type));
      events[watch->count++].item = item_of(found.key);
    }
    watch->next_revision = told.reader.next().number;
    watch->next_skip = told.reader.next().skip;
    return DIST_REGISTRY_OK;
  });
}

dist_registry_error_t dist_registry_append(dist_registry_t* registry, const void* data, size_t size,
                                           uint32_t timeout_ms, uint64_t* position) {
  return guarded(registry, [&] {
    if (!is_given(data, size)) return DIST_REGISTRY_INVALID_ARGUMENT;
    if (size > machine::kPayloadBytesMax) return DIST_REGISTRY_TOO_LARGE;
    const dist_registry::Told told = registry->write(
        {.kind = machine::Kind::kAppend, .value = bytes_of(data, size)}, timeout_ms);
    if (told.error == DIST_REGISTRY_OK && position != nullptr) {
      *position = told.reader.answer().value;
    }
    return told.error;
  });
}

dist_registry_error_t dist_registry_read_log(dist_registry_t* registry, uint64_t position,
                                             uint32_t timeout_ms, dist_registry_entry_t* entries,
                                             uint32_t* count, uint64_t* compacted) {
  return guarded(registry, [&] {
    if (entries == nullptr || count == nullptr || *count == 0) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    const std::uint32_t most = *count;
    *count = 0;
    dist_registry::Told told = registry->read({.kind = machine::Kind::kReadLog,
                                               .position = machine::LogPosition{position},
                                               .limit = most},
                                              0, true, timeout_ms);
    if (told.error == DIST_REGISTRY_COMPACTED && compacted != nullptr) {
      *compacted = told.reader.answer().value;
    }
    machine::LogItem found;
    while (told.error == DIST_REGISTRY_OK && *count < most && told.reader.take(found)) {
      entries[(*count)++] = {.position = found.position.value,
                             .data = found.payload.data(),
                             .size = found.payload.size()};
    }
    return told.error;
  });
}

dist_registry_error_t dist_consensus_status(dist_registry_t* registry, uint32_t timeout_ms,
                                            dist_consensus_status_t* status) {
  return guarded(registry, [&] {
    return status == nullptr ? DIST_REGISTRY_INVALID_ARGUMENT
                             : registry->status(timeout_ms, *status);
  });
}

dist_registry_error_t dist_consensus_change(dist_registry_t* registry,
                                            dist_consensus_change_t change, raft_node_id_t node,
                                            uint32_t timeout_ms) {
  return guarded(registry, [&] {
    if (node < 1 || node > 64 || change > DIST_CONSENSUS_TRANSFER) {
      return DIST_REGISTRY_INVALID_ARGUMENT;
    }
    return registry->change(change, node, timeout_ms);
  });
}

}  // extern "C"
