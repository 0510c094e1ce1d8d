/* Ringroad's C API: messages between the programs of a cluster, through the dataplane that runs on
 * this machine.
 *
 * A program attaches to the node's dataplane over a Unix socket and from then on shares memory with
 * it: sending and receiving make no system call while both are awake. The dataplane owns the ports,
 * the links and the keys; this library owns nothing but the attachment.
 *
 * Contexts. One attachment is one dist_net_context_t. The functions without a context parameter use
 * the process's default context, made by dist_net_init() and dist_net_start(); wherever a context
 * is a parameter, NULL stands for the default one. dist_net_open() makes further ones.
 *
 * Threads. Sending (send_message, broadcast_message, send, claim, commit, abandon, poll_outcomes)
 * and dist_net_release() may be called from any thread. dist_net_receive(), dist_net_wait(),
 * dist_net_arm() and dist_net_disarm() may be called by one thread at a time, which may be another
 * than those that send. Each direction of a local channel belongs to one thread at a time. init,
 * start, open, reconnect, stop, shutdown and close must not run beside any other call on the same
 * context. Errors are per thread, like errno. Do not use a context in a child after fork().
 *
 * Outcomes. An accepted message ends in exactly one of: delivered, not sent, no receiver, unknown.
 * The program is told if it asked (DIST_NET_WANT_OUTCOME) and counts are in dist_net_statistics_t
 * otherwise. Acceptance is a promise only to try: when the link to the node goes down before a
 * message has left, its outcome is "not sent".
 *
 * Backpressure. A call that finds no room returns DIST_NET_WOULD_BLOCK at once, without having done
 * anything; dist_net_last_error() and dist_net_error_details() name the node, the priority and what
 * is full. dist_net_wait() returns when that may have changed.
 */
#ifndef RINGROAD_DIST_NET_H
#define RINGROAD_DIST_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DIST_NET_API __attribute__((visibility("default")))
#else
#define DIST_NET_API
#endif

/* 1 to 64; 0 is no node. */
typedef uint32_t raft_node_id_t;
/* As a destination of dist_net_send() and dist_net_commit(): every node but this one. */
#define DIST_NET_BROADCAST ((raft_node_id_t)0xffff)
/* As a node id for dist_net_init(): whichever node the configuration or the socket names. */
#define DIST_NET_ANY_NODE ((raft_node_id_t)0)

/* Of 1 (most urgent) to 7. Priority 0 belongs to consensus and is refused. */
#define DIST_NET_PRIORITY_HIGH 1u
#define DIST_NET_PRIORITY_NORMAL 4u
#define DIST_NET_PRIORITY_LOW 7u

typedef enum {
  DIST_NET_SUCCESS = 0,
  DIST_NET_WOULD_BLOCK = -1,      /* no room now; see dist_net_error_details() */
  DIST_NET_INVALID_ARGUMENT = -2, /* a null pointer, an unknown flag, a claim that is none */
  DIST_NET_NOT_STARTED = -3,      /* dist_net_init() or dist_net_start() was not called */
  DIST_NET_ALREADY_STARTED = -4,  /* stop first */
  DIST_NET_DISCONNECTED = -5,     /* the dataplane, or the other end of a channel, is gone */
  DIST_NET_NO_SUCH_NODE = -6,     /* not in the cluster's configuration */
  DIST_NET_NOT_CONNECTED = -7,    /* the link to that node is down */
  DIST_NET_TOO_LARGE = -8,        /* over the configured maximum */
  DIST_NET_BAD_PRIORITY = -9,     /* not 1 to 7 */
  DIST_NET_TYPE_TAKEN = -10,      /* another program is bound to that type */
  DIST_NET_LIMIT_REACHED = -11,   /* applications of the node; bindings, channels of one */
  DIST_NET_NO_MEMORY = -12,
  DIST_NET_CONFIGURATION = -13, /* the file cannot be read, or contradicts the dataplane */
  DIST_NET_UNAVAILABLE = -14,   /* no dataplane listens at the socket */
  DIST_NET_VERSION = -15,       /* library and dataplane are of different releases */
  DIST_NET_TIMEOUT = -16,
  DIST_NET_NO_CONSENSUS = -17,    /* no consensus here */
  DIST_NET_NO_SUCH_PROGRAM = -18, /* nobody of that name accepts local channels */
  DIST_NET_NAME_TAKEN = -19       /* another program on this node has that name */
} dist_net_error_t;

/* What is full when a call would block. */
typedef enum {
  DIST_NET_REASON_NONE = 0,
  DIST_NET_REASON_RING = 1,           /* the dataplane has not taken earlier messages yet */
  DIST_NET_REASON_ARENA = 2,          /* this program's memory for messages without outcome */
  DIST_NET_REASON_UNRESOLVED = 3,     /* messages of this program without outcome */
  DIST_NET_REASON_QUOTA_MESSAGES = 4, /* this program's share of them toward that node */
  DIST_NET_REASON_QUOTA_BYTES = 5,    /* likewise, in bytes */
  DIST_NET_REASON_OUTCOMES = 6,       /* outcomes were asked for and are not collected */
  DIST_NET_REASON_QUEUE = 7,          /* the node's queue toward that node, at that priority */
  DIST_NET_REASON_MESSAGE_CREDIT = 8, /* ... because its application is not reading */
  DIST_NET_REASON_BYTE_CREDIT = 9,    /* ... likewise, in bytes */
  DIST_NET_REASON_FLIGHT = 10,        /* ... because the network has not acknowledged enough */
  DIST_NET_REASON_LOCAL = 11          /* the other end of a local channel is not releasing */
} dist_net_reason_t;

typedef struct {
  dist_net_error_t error;
  dist_net_reason_t reason;
  raft_node_id_t node; /* 0: of no one node */
  uint32_t priority;
  uint64_t used, limit; /* of what is full, where that is known; otherwise 0 */
} dist_net_error_details_t;

typedef enum {
  DIST_NET_DELIVERED = 1,   /* in the ring of the program bound to its type */
  DIST_NET_NOT_SENT = 2,    /* never left this node */
  DIST_NET_NO_RECEIVER = 3, /* arrived; nothing over there is bound to its type */
  DIST_NET_UNKNOWN = 4      /* the link died with it in flight: delivered once, or not at all */
} dist_net_outcome_t;

typedef struct dist_net_context dist_net_context_t;
typedef struct dist_net_local dist_net_local_t;

/* ---- Attaching ------------------------------------------------------------------------------ */

/* Prepares the default context. Attaches nothing yet.
 *   local_node_id        this node, or DIST_NET_ANY_NODE; checked against the configuration here
 *                        and against the dataplane in dist_net_start().
 *   cluster_config_file  the node's configuration (JSON), of which /host/socket and
 *                        /local_node/node_id are read; NULL: the default socket of local_node_id.
 *   cert_file, key_file  may be NULL, and are not read: the dataplane owns the keys. */
DIST_NET_API dist_net_error_t dist_net_init(raft_node_id_t local_node_id,
                                            const char* cluster_config_file, const char* cert_file,
                                            const char* key_file);

/* Attaches the default context. The dataplane owns the ports: bind_address ("10.0.0.1") and
 * bind_port are compared with its own (DIST_NET_CONFIGURATION when they differ); NULL, "0.0.0.0"
 * and 0 match any. After DIST_NET_DISCONNECTED, starts anew (without earlier bindings). */
DIST_NET_API dist_net_error_t dist_net_start(const char* bind_address, uint16_t bind_port);

/* Detaches the default context; dist_net_start() may follow. Messages without outcome end as
 * whatever they are; payloads of received messages are gone. */
DIST_NET_API dist_net_error_t dist_net_stop(void);
/* Detaches and forgets what dist_net_init() was told. */
DIST_NET_API void dist_net_shutdown(void);

#define DIST_NET_ACCEPT_LOCAL 1u /* other programs on this node may open channels to this one */
#define DIST_NET_BY_REFERENCE 2u /* and share memory with it, if of the same user or group */

typedef struct {
  const char* config_file; /* as for dist_net_init(), or NULL */
  const char* socket;      /* the node's socket; NULL: as the configuration or the default says */
  const char* name;        /* up to 31 bytes, unique on the node; NULL: the process's */
  raft_node_id_t node_id;  /* or DIST_NET_ANY_NODE, when one of the above says it */
  uint32_t flags;          /* DIST_NET_ACCEPT_LOCAL, DIST_NET_BY_REFERENCE */
} dist_net_options_t;

/* Attaches another context. */
DIST_NET_API dist_net_error_t dist_net_open(const dist_net_options_t* options,
                                            dist_net_context_t** context);
DIST_NET_API void dist_net_close(dist_net_context_t* context);

/* After DIST_NET_DISCONNECTED: attaches again and binds what was bound. Messages without outcome
 * then end as DIST_NET_UNKNOWN; received payloads, claims and local channels are gone. */
DIST_NET_API dist_net_error_t dist_net_reconnect(dist_net_context_t* context);

typedef struct {
  raft_node_id_t node_id;
  uint32_t application_id;
  char bind_address[16];
  uint16_t bind_port;
  uint32_t message_bytes_max;
  uint32_t peer_count;
  raft_node_id_t peers[64];
  bool connected[64]; /* to peers[i], as far as is known now */
} dist_net_node_info_t;
DIST_NET_API dist_net_error_t dist_net_get_node_info(dist_net_context_t* context,
                                                     dist_net_node_info_t* info);
DIST_NET_API bool dist_net_is_connected(dist_net_context_t* context, raft_node_id_t node);

/* ---- Sending -------------------------------------------------------------------------------- */

/* Sends a copy of the payload to one node (this one included). */
DIST_NET_API dist_net_error_t dist_net_send_message(raft_node_id_t dest_node_id,
                                                    uint32_t message_type, const void* payload,
                                                    size_t payload_size, uint32_t priority);

/* Sends a copy to every other node; returns for how many it was accepted. Less than all of them:
 * the others are not connected or have no room; dist_net_last_error() tells of the first. */
DIST_NET_API uint32_t dist_net_broadcast_message(uint32_t message_type, const void* payload,
                                                 size_t payload_size, uint32_t priority);

/* Appends the data to the cluster's ordered log (dist_registry.h reads it). BLOCKS until a majority
 * of the nodes has it on disk, or `timeout_ms` is over: DIST_NET_TIMEOUT, and it may still happen.
 * Else nothing was done: DIST_NET_NOT_CONNECTED, no leader or no majority is reached;
 * DIST_NET_WOULD_BLOCK, too much waits to be agreed on; DIST_NET_NO_CONSENSUS, the node takes no
 * part in any. May be called from any thread; calls wait for each other. */
DIST_NET_API dist_net_error_t dist_net_propose(const void* data, size_t data_size,
                                               uint32_t timeout_ms);

#define DIST_NET_WANT_OUTCOME 1u /* tell how it ended; of a broadcast, for each node */

typedef struct {
  raft_node_id_t node; /* or DIST_NET_BROADCAST */
  uint32_t type;
  uint32_t priority;
  uint32_t flags;
  uint64_t token; /* comes back with the outcome */
  const void* payload;
  size_t size;
  uint32_t accepted; /* out: for how many nodes */
} dist_net_outgoing_t;

/* Sends copies of up to `count` messages and tells the dataplane once. Returns how many were
 * accepted, in order; if not all, dist_net_last_error() says why the next was not. A broadcast
 * counts as accepted when one node's was. */
DIST_NET_API uint32_t dist_net_send(dist_net_context_t* context, dist_net_outgoing_t* messages,
                                    uint32_t count);

/* Zero-copy sending: claim memory, fill it, commit it (or abandon it). */
typedef struct {
  void* data;
  size_t size;
  uint32_t reserved[2];
} dist_net_claim_t;
DIST_NET_API dist_net_error_t dist_net_claim(dist_net_context_t* context, size_t size,
                                             dist_net_claim_t* claim);
/* `message->payload` is ignored; `message->size` is at most the claim's. On success the memory is
 * the dataplane's and `claim` is cleared; on failure it stays claimed. */
DIST_NET_API dist_net_error_t dist_net_commit(dist_net_context_t* context, dist_net_claim_t* claim,
                                              dist_net_outgoing_t* message);
DIST_NET_API void dist_net_abandon(dist_net_context_t* context, dist_net_claim_t* claim);

typedef struct {
  uint64_t token;
  raft_node_id_t node;
  dist_net_outcome_t outcome;
  dist_net_error_t error; /* why, when it was not sent for a reason known here; otherwise success */
} dist_net_outcome_report_t;
/* Returns how many of up to `count` outcomes were written to `reports`, or an error. */
DIST_NET_API int32_t dist_net_poll_outcomes(dist_net_context_t* context,
                                            dist_net_outcome_report_t* reports, uint32_t count);

/* ---- Receiving ------------------------------------------------------------------------------ */

typedef enum {
  DIST_NET_BIND_EXCLUSIVE = 0, /* this program alone */
  DIST_NET_BIND_SHARED = 1,    /* each program bound this way gets every message of the type */
  DIST_NET_BIND_CATCH_ALL = 2  /* all types nobody is bound to; `message_type` is ignored */
} dist_net_bind_mode_t;
/* Messages of a type nobody is bound to end as DIST_NET_NO_RECEIVER. A program may be bound to its
 * share of the node's 1,024 types: 1,024 / limits.applications_max, which is at least 16 (and 64
 * unless configured); DIST_NET_LIMIT_REACHED beyond. The catch-all does not count. */
DIST_NET_API dist_net_error_t dist_net_bind(dist_net_context_t* context, uint32_t message_type,
                                            dist_net_bind_mode_t mode);
DIST_NET_API dist_net_error_t dist_net_unbind(dist_net_context_t* context, uint32_t message_type,
                                              dist_net_bind_mode_t mode);

typedef struct {
  const void* payload; /* valid until released */
  size_t size;
  raft_node_id_t from;
  uint32_t type;
  uint32_t priority;
  uint32_t handle;
} dist_net_message_t;
/* Never blocks. Returns how many of up to `count` messages were written to `messages`, or an error.
 * Each must be released; at most 2,048 can be held, and the dataplane stops delivering then. */
DIST_NET_API int32_t dist_net_receive(dist_net_context_t* context, dist_net_message_t* messages,
                                      uint32_t count);
DIST_NET_API void dist_net_release(dist_net_context_t* context, const dist_net_message_t* messages,
                                   uint32_t count);

/* Waits until there may be something to do: messages here or on local channels, outcomes, room
 * again, links that came or went, a channel to accept; since the last wait or disarm returned, so
 * what changes between a look and the wait ends the wait at once. Spins briefly, then sleeps. A
 * negative timeout waits for ever. DIST_NET_TIMEOUT when nothing happened. */
DIST_NET_API dist_net_error_t dist_net_wait(dist_net_context_t* context, int64_t timeout_us);
/* How long dist_net_wait() spins before it sleeps: 50 us unless set; where this process may use no
 * more than two CPUs 200 us, yielding them all the while. */
DIST_NET_API void dist_net_set_spin(dist_net_context_t* context, uint32_t spin_us);

/* For an event loop of one's own: a descriptor to poll for reading (never read it), or -1.
 * Call dist_net_arm() before sleeping; true: sleep, the descriptor will wake you; false: there is
 * something to do already. Call dist_net_disarm() afterwards in either case. */
DIST_NET_API int dist_net_event_fd(dist_net_context_t* context);
DIST_NET_API bool dist_net_arm(dist_net_context_t* context);
DIST_NET_API void dist_net_disarm(dist_net_context_t* context);

/* ---- Local channels ------------------------------------------------------------------------- */

/* Two programs of one node, directly: the dataplane introduces them and takes no further part.
 * By reference (both asked for DIST_NET_BY_REFERENCE and run as the same user or group), received
 * payloads lie in memory the sender can still change: copy before trusting. Otherwise the library
 * copies first. Either end closing, or dying, disconnects the other. */
DIST_NET_API dist_net_error_t dist_net_local_open(dist_net_context_t* context, const char* name,
                                                  dist_net_local_t** channel);
/* A channel another program opened to this one; DIST_NET_WOULD_BLOCK when there is none. */
DIST_NET_API dist_net_error_t dist_net_local_accept(dist_net_context_t* context,
                                                    dist_net_local_t** channel);
/* Must come before its context is closed. */
DIST_NET_API void dist_net_local_close(dist_net_local_t* channel);
/* The other program's name, and whether payloads are by reference. */
DIST_NET_API const char* dist_net_local_name(const dist_net_local_t* channel);
DIST_NET_API bool dist_net_local_is_by_reference(const dist_net_local_t* channel);

DIST_NET_API dist_net_error_t dist_net_local_claim(dist_net_local_t* channel, size_t size,
                                                   dist_net_claim_t* claim);
#define DIST_NET_MORE 1u /* more follows at once: don't look yet whether the receiver sleeps */
DIST_NET_API dist_net_error_t dist_net_local_commit(dist_net_local_t* channel,
                                                    dist_net_claim_t* claim, uint32_t type,
                                                    size_t size, uint32_t flags);
DIST_NET_API void dist_net_local_abandon(dist_net_local_t* channel, dist_net_claim_t* claim);
/* Likewise, several at once: what many small messages want, since the other end then gets whole
 * bursts. Claims up to `count` pieces of `size` bytes; returns how many there was room for, or,
 * when for none, an error. Each is then to be committed or abandoned, in any order and number. */
DIST_NET_API int32_t dist_net_local_claim_burst(dist_net_local_t* channel, size_t size,
                                                dist_net_claim_t* claims, uint32_t count);
/* Commits claims[i] with types[i], in this order; claims[i].size, which may be made less before, is
 * the message's. The receiver sees none before all are there. Returns how many were committed, and
 * clears their claims; fewer than `count`: the others stay claimed, and dist_net_last_error() says
 * why (a claim that is none, or, with more claimed than one burst, DIST_NET_WOULD_BLOCK). */
DIST_NET_API uint32_t dist_net_local_commit_burst(dist_net_local_t* channel,
                                                  dist_net_claim_t* claims, const uint32_t* types,
                                                  uint32_t count, uint32_t flags);
/* claim, copy, commit */
DIST_NET_API dist_net_error_t dist_net_local_send(dist_net_local_t* channel, uint32_t type,
                                                  const void* payload, size_t size, uint32_t flags);
DIST_NET_API int32_t dist_net_local_receive(dist_net_local_t* channel, dist_net_message_t* messages,
                                            uint32_t count);
/* A sender that sleeps for want of room is woken no later than the next receive or wait here. */
DIST_NET_API void dist_net_local_release(dist_net_local_t* channel,
                                         const dist_net_message_t* messages, uint32_t count);

/* ---- Errors and figures --------------------------------------------------------------------- */

/* "DIST_NET_WOULD_BLOCK" and so on. */
DIST_NET_API const char* dist_net_strerror(dist_net_error_t error);
/* What the last failing call of this thread has to say, until its next failing call. */
DIST_NET_API const char* dist_net_last_error(void);
DIST_NET_API dist_net_error_details_t dist_net_error_details(void);

typedef struct {
  uint64_t messages_sent, bytes_sent; /* accepted here; a broadcast counts each node */
  uint64_t would_block;               /* calls refused for want of room */
  uint64_t delivered, not_sent, no_receiver, unknown;
  uint64_t refused_late; /* of not_sent: accepted here, refused by the dataplane */
  uint64_t messages_received, bytes_received;
  uint64_t bells_rung; /* the dataplane was asleep */
  uint64_t sleeps;     /* this program was */
  /* As the dataplane counted: */
  uint64_t dataplane_waited;       /* its queue was full: kept until there was room */
  uint64_t dataplane_receive_busy; /* deliveries put off: this program was not releasing */
  uint64_t dataplane_violations;   /* garbage found in our rings */
} dist_net_statistics_t;
DIST_NET_API dist_net_error_t dist_net_get_statistics(dist_net_context_t* context,
                                                      dist_net_statistics_t* statistics);

#ifdef __cplusplus
}
#endif

#endif
