/* What the scenarios share: the attachment, time, signals and words. One thread; everything a run
 * knows is in one struct on main's stack. */
#ifndef RINGROAD_DEMO_DEMO_H
#define RINGROAD_DEMO_DEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/client/dist_net.h"
#include "tools/distributed_network_demo/options.h"

/* The demo's message types. A program is handed messages only of the types it has bound; numbers
 * mean nothing to Ringroad. */
enum { kQuestion = 0xd401, kAnswer = 0xd402, kNews = 0xd403, kReceipt = 0xd404 };

/* The payload of all four. A real program would say in which byte order; here both ends are the
 * same program on the same kind of machine. */
typedef struct {
  uint64_t number; /* from 0, of this sender */
} DemoMessage;

typedef struct {
  Options options;
  dist_net_node_info_t node;
  bool interrupted;
} Demo;

int64_t now_ns(void);
/* SIGINT and SIGTERM end the run early, with its summary. They are blocked, and looked for. */
void block_signals(void);
bool is_interrupted(Demo* demo);

/* Attaches the default context and explains it. An exit code, or -1. */
int attach(Demo* demo);
/* Binds a type for this program alone. An exit code, or -1. */
int bind_type(uint32_t type, const char* what);

/* "12,345", in one of the caller's buffers. */
typedef struct {
  char text[28];
} NumberText;
const char* grouped(uint64_t value, NumberText* buffer);

int run_point_to_point(Demo* demo);
int run_broadcast(Demo* demo);

#endif
