#include "tools/distributed_network_demo/demo.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void stop_signals(sigset_t* signals) {
  sigemptyset(signals);
  sigaddset(signals, SIGINT);
  sigaddset(signals, SIGTERM);
}

void block_signals(void) {
  sigset_t signals;
  stop_signals(&signals);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
}

bool is_interrupted(Demo* demo) {
  const struct timespec at_once = {0, 0};
  sigset_t signals;
  stop_signals(&signals);
  if (sigtimedwait(&signals, NULL, &at_once) > 0) demo->interrupted = true;
  return demo->interrupted;
}

static void print_peers(const dist_net_node_info_t* node) {
  if (node->peer_count == 0) printf("; a cluster of this node alone");
  for (uint32_t i = 0; i < node->peer_count; ++i) {
    printf("%s node %u %s", i == 0 ? "; its links:" : ",", node->peers[i],
           node->connected[i] ? "up" : "down");
  }
  printf("\n");
}

int attach(Demo* demo) {
  const char* config = demo->options.config[0] != '\0' ? demo->options.config : NULL;
  dist_net_error_t error = dist_net_init(demo->options.node_id, config, NULL, NULL);
  /* NULL and 0: whichever address the node has. Programs that expect a certain one name it. */
  if (error == DIST_NET_SUCCESS) error = dist_net_start(NULL, 0);
  if (error != DIST_NET_SUCCESS) {
    fprintf(stderr,
            "distributed_network_demo: %s\n"
            "  mend: tools/deploy_distributed.sh deploy --cluster-size 3    or name a running node "
            "with --config FILE\n",
            dist_net_last_error());
    return error == DIST_NET_CONFIGURATION ? kExitUsage : kExitUnreachable;
  }
  error = dist_net_get_node_info(NULL, &demo->node);
  if (error != DIST_NET_SUCCESS) {
    fprintf(stderr, "distributed_network_demo: %s\n", dist_net_last_error());
    return kExitFailed;
  }
  printf("dist_net_init, dist_net_start  attached to node %u at %s:%u", demo->node.node_id,
         demo->node.bind_address, demo->node.bind_port);
  print_peers(&demo->node);
  printf(
      "                               from here on this program and the node share memory:\n"
      "                               sending and receiving need no system call\n");
  return -1;
}

int bind_type(uint32_t type, const char* what) {
  const dist_net_error_t error = dist_net_bind(NULL, type, DIST_NET_BIND_EXCLUSIVE);
  if (error == DIST_NET_SUCCESS) {
    printf("dist_net_bind                  type 0x%x, %s, comes to this program\n", type, what);
    return -1;
  }
  fprintf(stderr, "distributed_network_demo: type 0x%x: %s\n", type, dist_net_last_error());
  if (error == DIST_NET_TYPE_TAKEN) {
    fputs("  mend: another demo runs on this node; wait for its end, or take another node\n",
          stderr);
  }
  return kExitFailed;
}

const char* grouped(uint64_t value, NumberText* buffer) {
  char digits[21];
  const int count = snprintf(digits, sizeof digits, "%" PRIu64, value);
  char* out = buffer->text;
  for (int i = 0; i < count; ++i) {
    if (i > 0 && (count - i) % 3 == 0) *out++ = ',';
    *out++ = digits[i];
  }
  *out = '\0';
  return buffer->text;
}
