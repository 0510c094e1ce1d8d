/* Ringroad's registry, for programs: keys and values that the cluster agrees on, leases, watches,
 * and an ordered log. Every write is decided by consensus and survives the loss of any minority of
 * the nodes; reads are linearizable unless another consistency is asked for.
 *
 * A dist_registry_t is an attachment of its own to the node's dataplane, beside those of
 * dist_net.h. Its functions may be called from any thread, one at a time (a lock sees to that).
 * They BLOCK: until there is an answer, or `timeout_ms` is over. None makes progress in the
 * background.
 *
 * Once. Writes belong to a session, which the library opens with the first one and renews with
 * each. A write is done at most once whatever becomes of leaders and connections meanwhile; within
 * its timeout it is repeated until it is answered. DIST_REGISTRY_TIMED_OUT, and nothing else,
 * leaves open whether it was done, or will be.
 *
 * What is returned by pointer (keys, values, payloads) is the handle's, and lives until its next
 * call. Sizes are in bytes, times in milliseconds. */
#ifndef RINGROAD_DIST_REGISTRY_H
#define RINGROAD_DIST_REGISTRY_H

#include "dist_net.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dist_registry dist_registry_t;

typedef enum {
  DIST_REGISTRY_OK = 0,
  /* What the cluster's state answered. */
  DIST_REGISTRY_NOT_FOUND = 1,       /* no such key */
  DIST_REGISTRY_COMPARE_FAILED = 2,  /* the key is not as was expected */
  DIST_REGISTRY_COMPACTED = 3,       /* asked for what is no longer kept */
  DIST_REGISTRY_LEASE_UNKNOWN = 4,   /* expired, revoked or never granted */
  DIST_REGISTRY_SESSION_UNKNOWN = 5, /* expired while a write was repeated: it may have been done */
  DIST_REGISTRY_TOO_LARGE = 8,       /* a key over 1,024 bytes; more than one message holds */
  DIST_REGISTRY_NO_ROOM = 9,         /* a limit of the state is reached */
  DIST_REGISTRY_BAD_REQUEST = 10,    /* it says what cannot be */
  DIST_REGISTRY_UNSUPPORTED = 11,    /* not all nodes understand it yet */
  /* Why there is no answer. But for TIMED_OUT, STOPPED and DISCONNECTED, nothing was done. */
  DIST_REGISTRY_NO_LEADER = -1,  /* none was elected in time */
  DIST_REGISTRY_NO_QUORUM = -2,  /* this node does not reach a majority */
  DIST_REGISTRY_LOG_FULL = -3,   /* too much waits to be committed, or to be answered */
  DIST_REGISTRY_TIMED_OUT = -4,  /* it may have been done, or still be */
  DIST_REGISTRY_NOT_MEMBER = -5, /* this node is no member of the cluster */
  DIST_REGISTRY_STOPPED = -6,    /* consensus on this node has ended; see dist_consensus_status() */
  DIST_REGISTRY_DISCONNECTED = -7, /* the dataplane is gone */
  DIST_REGISTRY_INVALID_ARGUMENT = -8,
  DIST_REGISTRY_NO_CONSENSUS = -9, /* this node was not configured to take part */
  DIST_REGISTRY_NO_MEMORY = -10
} dist_registry_error_t;

typedef enum {
  DIST_REGISTRY_LINEARIZABLE = 0, /* as of some moment between asking and answer */
  DIST_REGISTRY_LEASE = 1,        /* likewise, as far as clocks drift no more than configured */
  DIST_REGISTRY_STALE = 2         /* what this node knows, be it cut off or behind */
} dist_registry_consistency_t;

/* As dist_net_open(); NULL: the default node. The options' flags and name are not used. */
DIST_NET_API dist_net_error_t dist_registry_open(const dist_net_options_t* options,
                                                 dist_registry_t** registry);
DIST_NET_API void dist_registry_close(dist_registry_t* registry);
DIST_NET_API const char* dist_registry_strerror(dist_registry_error_t error);

typedef struct {
  uint64_t revision; /* the registry's, after it */
  uint64_t version;  /* put, compare and swap: of the key, counted from its creation */
  uint32_t deleted;  /* keys */
  bool more;         /* of a range: not all of it; call again */
} dist_registry_result_t;

typedef struct {
  const void* key;
  size_t key_size;
  const void* value;
  size_t value_size;
  uint64_t created, modified; /* revisions */
  uint64_t version;
  uint64_t lease; /* 0: none */
} dist_registry_item_t;

/* `lease` 0: none. `result` may be NULL. */
DIST_NET_API dist_registry_error_t dist_registry_put(dist_registry_t* registry, const void* key,
                                                     size_t key_size, const void* value,
                                                     size_t value_size, uint64_t lease,
                                                     uint32_t timeout_ms,
                                                     dist_registry_result_t* result);
DIST_NET_API dist_registry_error_t dist_registry_get(dist_registry_t* registry, const void* key,
                                                     size_t key_size,
                                                     dist_registry_consistency_t consistency,
                                                     uint32_t timeout_ms,
                                                     dist_registry_item_t* item);
DIST_NET_API dist_registry_error_t dist_registry_delete(dist_registry_t* registry, const void* key,
                                                        size_t key_size, uint32_t timeout_ms,
                                                        dist_registry_result_t* result);
/* All of [key, end); an empty end: to the end of everything. */
DIST_NET_API dist_registry_error_t dist_registry_delete_range(dist_registry_t* registry,
                                                              const void* key, size_t key_size,
                                                              const void* end, size_t end_size,
                                                              uint32_t timeout_ms,
                                                              dist_registry_result_t* result);

typedef struct {
  enum {
    DIST_REGISTRY_IF_REVISION = 1, /* the key's last change was at `revision` */
    DIST_REGISTRY_IF_VALUE = 2,    /* its value is `expected` */
    DIST_REGISTRY_IF_ABSENT = 4    /* it is not there */
  } condition;
  uint64_t revision;
  const void* expected;
  size_t expected_size;
} dist_registry_compare_t;
/* `value` NULL: deletes the key instead. */
DIST_NET_API dist_registry_error_t dist_registry_compare_and_swap(
    dist_registry_t* registry, const void* key, size_t key_size,
    const dist_registry_compare_t* compare, const void* value, size_t value_size, uint64_t lease,
    uint32_t timeout_ms, dist_registry_result_t* result);

/* Up to `*count` items of [key, end), in order; `*count` becomes how many. `*more`: there are more,
 * from behind the last one's key on. */
DIST_NET_API dist_registry_error_t
dist_registry_range(dist_registry_t* registry, const void* key, size_t key_size, const void* end,
                    size_t end_size, dist_registry_consistency_t consistency, uint32_t timeout_ms,
                    dist_registry_item_t* items, uint32_t* count, bool* more);

/* Keys put with a lease go when it does. It lives `ttl_ms` from each keep_alive on, at least. */
DIST_NET_API dist_registry_error_t dist_registry_lease_grant(dist_registry_t* registry,
                                                             uint64_t ttl_ms, uint32_t timeout_ms,
                                                             uint64_t* lease);
DIST_NET_API dist_registry_error_t dist_registry_lease_keep_alive(dist_registry_t* registry,
                                                                  uint64_t lease,
                                                                  uint32_t timeout_ms);
DIST_NET_API dist_registry_error_t dist_registry_lease_revoke(dist_registry_t* registry,
                                                              uint64_t lease, uint32_t timeout_ms,
                                                              dist_registry_result_t* result);

typedef struct {
  enum { DIST_REGISTRY_PUT = 0, DIST_REGISTRY_DELETED = 1, DIST_REGISTRY_EXPIRED = 2 } type;
  dist_registry_item_t item; /* of a deletion: what it was; `modified` is the event's revision */
} dist_registry_event_t;
/* What is told of a watch; `next_revision` and `next_skip` go into the call that continues it. */
typedef struct {
  uint64_t next_revision;
  uint32_t next_skip;
  uint32_t count;     /* events */
  uint64_t compacted; /* DIST_REGISTRY_COMPACTED: up to this revision nothing is kept */
} dist_registry_watch_t;
/* Waits for events of [key, end) (end NULL: of the key) from `watch->next_revision` on, 0 meaning
 * from now on; DIST_REGISTRY_OK with no events when the time is over. */
DIST_NET_API dist_registry_error_t dist_registry_watch(dist_registry_t* registry, const void* key,
                                                       size_t key_size, const void* end,
                                                       size_t end_size, uint32_t timeout_ms,
                                                       dist_registry_event_t* events,
                                                       uint32_t events_max,
                                                       dist_registry_watch_t* watch);

/* ---- The ordered log ------------------------------------------------------------------------ */

/* Appends a payload to the cluster's log of applications; `position`, from 1 on, may be NULL. */
DIST_NET_API dist_registry_error_t dist_registry_append(dist_registry_t* registry, const void* data,
                                                        size_t size, uint32_t timeout_ms,
                                                        uint64_t* position);
typedef struct {
  uint64_t position;
  const void* data;
  size_t size;
} dist_registry_entry_t;
/* Up to `*count` entries from `position` on, waited for; `*count` 0 when there were none in time.
 * DIST_REGISTRY_COMPACTED: `*compacted` (may be NULL) is the last position that is gone. */
DIST_NET_API dist_registry_error_t dist_registry_read_log(dist_registry_t* registry,
                                                          uint64_t position, uint32_t timeout_ms,
                                                          dist_registry_entry_t* entries,
                                                          uint32_t* count, uint64_t* compacted);

/* ---- The cluster ---------------------------------------------------------------------------- */

typedef enum {
  DIST_CONSENSUS_FOLLOWER = 0,
  DIST_CONSENSUS_CANDIDATE = 1,
  DIST_CONSENSUS_LEADER = 2,
  DIST_CONSENSUS_PRE_CANDIDATE = 3
} dist_consensus_role_t;
typedef struct {
  raft_node_id_t node, leader; /* leader 0: none is known here */
  dist_consensus_role_t role;
  uint64_t term, commit, applied, first, last, durable, snapshot;
  uint64_t voters, learners; /* bit n - 1: node n */
  bool is_joint, wants_room, zone_rule_degraded;
  uint64_t elections_won, entries_applied, reads, snapshots_made, snapshots_installed;
  uint64_t requests_waiting, answered, no_leader, no_quorum, log_full, timed_out;
  uint64_t revision, log_position, keys, leases, sessions;
  uint64_t match[64]; /* of a leader: up to where node n + 1 has the log */
  bool is_active[64]; /* of a leader: heard of of late */
  char stopped[160];  /* why it takes no part any more; "" while it does */
} dist_consensus_status_t;
DIST_NET_API dist_registry_error_t dist_consensus_status(dist_registry_t* registry,
                                                         uint32_t timeout_ms,
                                                         dist_consensus_status_t* status);
typedef enum {
  DIST_CONSENSUS_ADD = 0,         /* makes a voter of it */
  DIST_CONSENSUS_ADD_LEARNER = 1, /* it follows and does not vote */
  DIST_CONSENSUS_REMOVE = 2,
  DIST_CONSENSUS_TRANSFER = 3 /* makes it the leader */
} dist_consensus_change_t;
/* DIST_REGISTRY_OK: under way, not done; dist_consensus_status() shows when it is. */
DIST_NET_API dist_registry_error_t dist_consensus_change(dist_registry_t* registry,
                                                         dist_consensus_change_t change,
                                                         raft_node_id_t node, uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
