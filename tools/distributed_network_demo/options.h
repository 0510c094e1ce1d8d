/* The demo's command line. */
#ifndef RINGROAD_DEMO_OPTIONS_H
#define RINGROAD_DEMO_OPTIONS_H

#include <stdint.h>

typedef struct {
  uint32_t node_id;  /* 1 to 64 */
  uint32_t scenario; /* one that exists */
  uint32_t duration_s;
  char config[4096]; /* the node's configuration; empty: by the node's default socket */
} Options;

typedef enum { kExitOk = 0, kExitFailed = 1, kExitUsage = 2, kExitUnreachable = 4 } ExitCode;

/* Returns -1 when the demo is to run, and otherwise the exit code, everything having been said. */
int read_options(int argc, char** argv, Options* options);

#endif
